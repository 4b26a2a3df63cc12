//! What the worker process stands, on a real model: kills under load, cancelled drafts, thousands of requests, and how well
//! first tokens are predicted.
//!
//! ```sh
//! cargo run --release --example endurance -- kills MODEL 100 16
//! cargo run --release --example endurance -- cancel MODEL 200
//! cargo run --release --example endurance -- memory MODEL 10000
//! cargo run --release --example endurance -- prediction MODEL 400
//! cargo run --release --example endurance -- placing MODEL 200
//! cargo run --release --example endurance -- budget 480MiB evict MODEL MODEL+LORA MODEL+LORA MODEL MODEL
//! ```
//!
//! Low-rank adapters need `--features gateway/llama-cpp`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    reason = "a measurement"
)]

#[path = "endurance/budget.rs"]
mod budget;
#[path = "endurance/prediction.rs"]
mod prediction;
#[path = "endurance/process.rs"]
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use local_engine::worker::WorkerSettings;
use local_engine::{EngineSpec, LocalEngine};
use process::{cpu_time, resident};
use support::fire::{Fire, burn};
use support::worker::{self, ready};
use support::{Reply, ScriptedUpstream, TestGateway, chat};

/// Takes whatever the model says: what is measured is not its answers.
const ROUTES: &str = "\
- name: main
  match: { model: auto }
  local: { model: small, max_tokens: 16 }
  upstream: { name: large, model: gpt-large }
  threshold: 0
- name: private
  match: { model: private }
  action: local-only
  local: { model: small, max_tokens: 16 }
  threshold: 0
- name: long
  match: { model: long }
  action: local-only
  local: { model: small, max_tokens: 400, sampling: { temperature: 2 } }
  threshold: 0
";

const TEXT: &str = "how do i change the address that my card is sent to";
/// Room for the bundled model, and not for one that takes whatever it can get.
const MEMORY_LIMIT: u64 = 1 << 30;
/// The gateway's is 250 ms. Kills follow each other faster here than ten pauses of that, and it would wait ever longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Between two kills: more than ten pauses, the second of which is twice the first.
const APART: Duration = Duration::from_millis(1500);

fn main() {
    if worker::is_worker() {
        worker::host(local_engine::load);
        return;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        match arguments[..] {
            ["kills", model, kills, clients] => kills_under_load(model, number(kills), number(clients)).await,
            ["cancel", model, times] => cancelled(model, number(times)).await,
            ["memory", model, requests] => many(model, number(requests)).await,
            ["prediction", model, jobs] => prediction::measure(settings(model), number(jobs)).await,
            ["placing", model, jobs] => prediction::placing(|| settings(model), number(jobs)).await,
            ["budget", budget, when_full, ref models @ ..] => budget::play(budget, when_full, models).await,
            _ => panic!("kills MODEL N CLIENTS | cancel MODEL N | memory MODEL N | prediction MODEL N | placing MODEL N | budget SIZE evict|refuse MODELS"),
        }
    });
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

fn settings(model: &str) -> WorkerSettings {
    let spec = EngineSpec {
        memory_limit: Some(MEMORY_LIMIT),
        ..EngineSpec::new(model)
    };
    WorkerSettings {
        first_pause: FIRST_PAUSE,
        ..worker::settings(&[], spec)
    }
}

async fn start(model: &str) -> (ScriptedUpstream, Arc<dyn LocalEngine>, TestGateway) {
    let upstream = ScriptedUpstream::counting(|_| Reply::completion("up")).await;
    let engine = worker::queued(settings(model), 32);
    ready(&engine).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine))
        .routes(ROUTES)
        .lasting()
        .start()
        .await;
    (upstream, engine, gateway)
}

async fn kills_under_load(model: &str, kills: usize, clients: usize) {
    let (upstream, engine, gateway) = start(model).await;
    let began = Instant::now();
    let fire = Fire {
        kills,
        clients,
        text: TEXT,
        apart: APART,
        watch: |kill, took| eprint!("\rkill {kill}, back after {:.1} s   ", took.as_secs_f64()),
    };
    let burnt = burn(&gateway, &engine, fire).await;
    eprintln!();
    println!(
        "{kills} kills in {:.0} s, {clients} clients",
        began.elapsed().as_secs_f64()
    );
    println!("restarts by cause: {:?}", engine.vitals().restarts);
    println!(
        "{} requests: {} answered here, {} escalated, {} refused cleanly",
        burnt.requests(),
        burnt.local,
        burnt.escalated,
        burnt.refused
    );
    tell(
        "from the kill to the next answer from here",
        &burnt.recoveries,
    );
    let exchanges = gateway.stop().await.exchanges;
    println!(
        "in the ledger: {} exchanges, all settled; the upstream was asked {} times",
        exchanges.len(),
        upstream.count()
    );
    assert_eq!(exchanges.len(), burnt.requests());
}

async fn cancelled(model: &str, times: usize) {
    let (_upstream, engine, gateway) = start(model).await;
    let id = engine.vitals().process_id.unwrap();
    let mut waits = Vec::new();
    for _ in 0..times {
        let idle = process::idle(id, Duration::from_millis(50)).await;
        let asking = tokio::spawn(gateway.post(&chat("long", TEXT)).send());
        // In the middle of a draft, and not of the connection.
        let enough = idle.cpu + Duration::from_millis(8);
        process::busy(id, enough, || asking.is_finished()).await;
        if asking.is_finished() {
            continue;
        }
        let hung_up = Instant::now();
        asking.abort();
        let idle = process::idle(id, Duration::from_millis(50)).await;
        waits.push(idle.since.saturating_duration_since(hung_up));
    }
    waits.sort();
    println!(
        "{} of {times} drafts were cut off in the middle",
        waits.len()
    );
    tell("from the client's hang-up to an idle worker", &waits);
    gateway.stop().await;
}

async fn many(model: &str, requests: usize) {
    let (_upstream, engine, gateway) = start(model).await;
    let id = engine.vitals().process_id.unwrap();
    let own = std::process::id();
    let done = AtomicUsize::new(0);
    println!(
        "{:>8} {:>22} {:>14} {:>12}",
        "requests", "gateway and clients", "worker", "CPU worker"
    );
    let show = |count: usize| {
        let (gateway, worker) = (resident(own), resident(id));
        println!(
            "{count:>8} {gateway:>18} KiB {worker:>10} KiB {:>10.1} s",
            cpu_time(id).as_secs_f64()
        );
    };
    show(0);
    let clients = (0..8).map(|_| async {
        loop {
            let count = done.fetch_add(1, Ordering::AcqRel) + 1;
            if count > requests {
                return;
            }
            gateway.ask(&chat("auto", TEXT)).await;
            if [100, 1_000, 2_000, 5_000, 10_000].contains(&count) {
                show(count);
            }
        }
    });
    join_all(clients).await;
    gateway.stop().await;
}

fn tell(what: &str, sorted: &[Duration]) {
    let at = |share: usize| sorted[(sorted.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!(
        "{what}: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(50),
        at(90),
        at(99),
        at(100)
    );
}
