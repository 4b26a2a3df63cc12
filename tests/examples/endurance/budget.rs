//! Several models in one memory budget: all but the last with the gateway, the last when a request asks for it.

use std::path::Path;
use std::time::Instant;

use gateway::engines::StartEngine;
use local_engine::{EngineSpec, Health, machine};
use support::{Reply, ScriptedUpstream, TestGateway, chat, eventually, worker};

use crate::TEXT;

/// Plays it through and prints what is in memory after each step.
pub(crate) async fn play(budget: &str, when_full: &str, models: &[&str]) {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .config_yaml(&configuration(budget, when_full, models))
        .starting_engines(StartEngine::processes(|spec: EngineSpec| {
            worker::settings(&[], spec)
        }))
        .ledger_file()
        .start()
        .await;
    let last = models.len() - 1;
    let began = Instant::now();
    for number in 0..last {
        comes(&gateway, number, true).await;
    }
    show(
        &gateway,
        models,
        &format!("all but the last, {}", since(began)),
    );
    // The first is used last, so the second is the least used.
    for number in (1..last).chain([0]) {
        ask(&gateway, number).await;
    }
    show(&gateway, models, "each has answered");
    let began = Instant::now();
    ask(&gateway, last).await;
    if when_full == "evict" {
        comes(&gateway, last, true).await;
        show(
            &gateway,
            models,
            &format!("the last has come, {}", since(began)),
        );
        ask(&gateway, last).await;
        comes(&gateway, 1, false).await;
    }
    let private = gateway.ask(&chat(&format!("private-m{last}"), TEXT)).await;
    println!("m{last}, must stay: {} {}", private.status, private.text);
    show(&gateway, models, "at the end");
    gateway.stop().await;
}

fn since(began: Instant) -> String {
    format!("{:.2} s", began.elapsed().as_secs_f64())
}

async fn ask(gateway: &TestGateway, number: usize) {
    let answer = gateway.ask(&chat(&format!("m{number}"), TEXT)).await;
    println!("m{number}: {}", answer.told());
}

async fn comes(gateway: &TestGateway, number: usize, comes: bool) {
    let engine = gateway.engine(&format!("m{number}"));
    eventually("a model to come or go", || {
        (engine.health() == Health::Ready) == comes
    })
    .await;
}

fn show(gateway: &TestGateway, models: &[&str], when: &str) {
    println!("\n{when}");
    println!(
        "{:>4} {:>9} {:>14} {:>14} {:>14}",
        "", "", "resident MiB", "held MiB", "expected MiB"
    );
    let (mut resident, mut held) = (0, 0);
    for (number, _) in models.iter().enumerate() {
        let engine = gateway.engine(&format!("m{number}"));
        let vitals = engine.vitals();
        let stays = vitals.stays.unwrap_or_default();
        let taken = vitals.process_id.and_then(machine::occupied).unwrap_or(0);
        resident += taken;
        held += stays.held;
        let health = match engine.health() {
            Health::Ready => "ready",
            Health::Loading => "loading",
            Health::Unloaded => "unloaded",
            Health::Down(_) => "down",
        };
        println!(
            "{:>4} {health:>9} {:>14.1} {:>14.1} {:>14.1}",
            format!("m{number}"),
            mib(taken),
            mib(stays.held),
            mib(stays.expected)
        );
    }
    let budget = gateway.app().snapshot().config().memory.budget.unwrap_or(0);
    println!(
        "{:>4} {:>9} {:>14.1} {:>14.1}   of {:.1}",
        "all",
        "",
        mib(resident),
        mib(held),
        mib(budget)
    );
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn configuration(budget: &str, when_full: &str, models: &[&str]) -> String {
    let (mut entries, mut routes) = (String::new(), String::new());
    for (number, model) in models.iter().enumerate() {
        let (model, lora) = model.split_once('+').unwrap_or((model, ""));
        let path = |file: &str| {
            Path::new(file)
                .canonicalize()
                .unwrap()
                .display()
                .to_string()
        };
        let (loras, uses) = if lora.is_empty() {
            (String::new(), "")
        } else {
            (format!("loras: {{ own: {} }}, ", path(lora)), ", lora: own")
        };
        let path = path(model);
        let load = if number + 1 == models.len() {
            "on-demand"
        } else {
            "start"
        };
        entries += &format!(
            "  m{number}: {{ path: {path}, {loras}load: {load}, cost_per_hour: \"1\" }}\n"
        );
        routes += &format!(
            "  - {{ name: r{number}, match: {{ model: m{number} }}, local: {{ model: m{number}, max_tokens: 16{uses} }}, \
             upstream: {{ name: large, model: big }}, threshold: 0 }}\n  - {{ name: p{number}, match: {{ model: \
             private-m{number} }}, action: local-only, local: {{ model: m{number}, max_tokens: 16 }}, threshold: 0 }}\n"
        );
    }
    format!(
        "listen: 127.0.0.1:0\nkeys: [{{ name: team-a, key: file:a.key }}]\nmemory: {{ budget: {budget}, when_full: \
         {when_full}, least_stay: 1s }}\nmodels:\n{entries}upstreams:\n  large: {{ base_url: \"{{upstream}}/v1\", key: \
         file:upstream.key, retries: 0 }}\nunmatched: reject\nroutes:\n{routes}"
    )
}
