//! Routes that learn while they serve: from nothing to a certificate, audits, alarms, restarts.

use std::sync::Arc;

use gateway::learning::load_certificates;
use gateway::ledger::Mode;
use local_engine::Job;
use local_engine::scripted::{Script, Scripted};
use serde_json::{Value, json};
use support::{Books, Builder, Reply, ScriptedUpstream, TestGateway, chat_with};
use tempfile::TempDir;

mod audits;
mod stops;

/// Loose enough to be proven with tens of requests.
fn routes(audit: &str) -> String {
    format!(
        "\
- name: live
  match: {{ model: auto }}
  local: {{ model: small, answer: {{ one_of: [\"yes\", \"no\"] }} }}
  upstream: {{ name: large, model: gpt-large }}
  risk: {{ max_regret: 20%, assurance: 90% }}
  {audit}
"
    )
}

/// Says yes; sure of it on easy questions, unsure on hard ones.
fn engine() -> Arc<Scripted> {
    Arc::new(Scripted::new(|job: &Job| {
        let hard = job.messages.iter().any(|m| m.content.contains("hard"));
        Script::answering("yes", if hard { -0.7 } else { -0.01 })
    }))
}

fn gateway(upstream: &ScriptedUpstream, audit: &str) -> Builder {
    TestGateway::builder()
        .upstream(upstream)
        .engine(engine())
        .routes(&routes(audit))
        .seed(7)
}

fn question(text: &str) -> Value {
    chat_with("auto", text, &json!({ "max_tokens": 400 }))
}

/// Asks, with every fourth question hard, which the upstream answers with `no`; until told `until`, at most `most` times.
/// Returns how many it took.
async fn serve(
    gateway: &TestGateway,
    upstream: &ScriptedUpstream,
    until: &str,
    most: usize,
) -> usize {
    for n in 1..=most {
        let hard = n % 4 == 0;
        let before = upstream.count();
        upstream.then(Reply::completion(if hard { "no" } else { "yes" }));
        let answer = gateway
            .ask(&question(if hard { "hard" } else { "easy" }))
            .await;
        gateway.learnt().await;
        if upstream.count() == before {
            upstream.forget();
        }
        if answer.told() == until {
            return n;
        }
    }
    panic!("not told `{until}` in {most} requests");
}

fn tries(books: &Books, engine: &str) -> usize {
    let attempts = books.exchanges.iter().flat_map(|e| &e.attempts);
    attempts.filter(|attempt| attempt.engine == engine).count()
}

#[tokio::test]
async fn a_route_goes_from_nothing_to_a_certificate_by_serving() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, "").start().await;
    let needed = serve(&gateway, &upstream, "local accepted", 200).await;
    assert!(needed > 50, "proven with {needed} requests only");

    upstream.then(Reply::completion("no"));
    let hard = gateway.ask(&question("hard")).await;
    assert_eq!(hard.told(), "upstream low_confidence");
    gateway.learnt().await;

    let certificates = load_certificates(&gateway.path("certificates")).unwrap();
    let certificate = &certificates["live"];
    assert!(certificate.holds_for(&certificate.target));
    assert!(certificate.threshold.get() < 0.5 && certificate.threshold.get() > 0.01);
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("phase=\"certified\"} 1"), "{metrics}");
    let turns = gateway.report().await.turns;
    let told: Vec<_> = turns.iter().map(|t| (t.mode, t.cause.as_str())).collect();
    assert_eq!(told, [(Mode::Certified, "proven")]);

    let books = gateway.stop().await;
    for evidence in books.exchanges.iter().flat_map(|e| &e.evidence) {
        evidence.recompute().unwrap();
    }
    let accepted: Vec<_> = books
        .exchanges
        .iter()
        .filter(|e| e.certificate.is_some())
        .collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].tries(), ["local accepted"]);
}

#[tokio::test]
async fn after_a_crash_nothing_is_less_safe() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, "audit: { rate: 100%, repeat: 0% }")
        .start()
        .await;
    serve(&gateway, &upstream, "local accepted", 200).await;
    let proven = copy(&gateway);
    for _ in 0..40 {
        upstream.then(Reply::completion("no"));
        gateway.ask(&question("easy")).await;
        gateway.learnt().await;
    }
    let alarmed = copy(&gateway);
    gateway.stop().await;
    // What lay on the disk at those moments, without a word of farewell.
    let told = async |folder: TempDir| {
        let gateway = self::gateway(&upstream, "").folder(folder).start().await;
        upstream.then(Reply::completion("yes"));
        let told = gateway.ask(&question("easy")).await.told();
        gateway.learnt().await;
        gateway.stop().await;
        upstream.forget();
        told
    };
    assert_eq!(told(proven).await, "local accepted");
    assert_eq!(told(alarmed).await, "upstream learning");
    // A state whose certificate is gone is worth nothing.
    let orphaned = copy_of(&upstream).await;
    std::fs::remove_file(orphaned.path().join("certificates/live.json")).unwrap();
    assert_eq!(told(orphaned).await, "upstream learning");
}

/// The folder of a gateway that was certified by serving.
async fn copy_of(upstream: &ScriptedUpstream) -> TempDir {
    let gateway = gateway(upstream, "").start().await;
    serve(&gateway, upstream, "local accepted", 200).await;
    gateway.stop_and_leave().await.1
}

/// What lies in the gateway's folder now.
fn copy(gateway: &TestGateway) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["certificates", "certificates/live"] {
        let (from, to) = (gateway.path(name), folder.path().join(name));
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }
    folder
}

#[tokio::test]
async fn audited_losses_raise_an_alarm_and_everything_escalates_again() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, "audit: { rate: 100%, repeat: 0% }")
        .start()
        .await;
    serve(&gateway, &upstream, "local accepted", 200).await;
    // From now on the upstream says something else.
    let mut told = Vec::new();
    for _ in 0..60 {
        upstream.then(Reply::completion("no"));
        told.push(gateway.ask(&question("easy")).await.told());
        gateway.learnt().await;
    }
    let accepted = told
        .iter()
        .take_while(|told| *told == "local accepted")
        .count();
    assert!((3..40).contains(&accepted), "{accepted} until the alarm");
    assert!(
        told[accepted..]
            .iter()
            .all(|told| told == "upstream learning")
    );

    let folder = gateway.path("certificates");
    assert!(load_certificates(&folder).unwrap().is_empty());
    let names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let void = names.iter().find(|name| name.ends_with(".void")).unwrap();
    let text = std::fs::read_to_string(folder.join(void)).unwrap();
    assert!(text.contains("audited_loss"), "{text}");
    let metrics = gateway.get("/metrics").await.text;
    assert!(
        metrics.contains("smallfirst_alarms_total{route=\"live\",cause=\"audited_loss\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("phase=\"alarmed\"} 1"), "{metrics}");
    let turns = gateway.report().await.turns;
    let told: Vec<_> = turns.iter().map(|t| (t.mode, t.cause.as_str())).collect();
    assert_eq!(
        told,
        [
            (Mode::Certified, "proven"),
            (Mode::Learning, "audited_loss")
        ]
    );

    // A void certificate does not come back, not even by hand.
    let certificate: Value = serde_json::from_str(&text).unwrap();
    let put_back = certificate["certificate"].to_string();
    std::fs::write(folder.join("live.json"), put_back).unwrap();
    gateway.reloader(engine()).reload().unwrap();
    upstream.then(Reply::completion("no"));
    let after = gateway.ask(&question("easy")).await;
    assert_eq!(after.told(), "upstream learning");
    gateway.learnt().await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let upstream = ScriptedUpstream::silent().await;
    let alone = gateway(&upstream, "").start().await;
    let needed = serve(&alone, &upstream, "local accepted", 200).await;
    alone.stop().await;

    let first = gateway(&upstream, "").start().await;
    for n in 1..=40 {
        let hard = n % 4 == 0;
        upstream.then(Reply::completion(if hard { "no" } else { "yes" }));
        first
            .ask(&question(if hard { "hard" } else { "easy" }))
            .await;
        first.learnt().await;
    }
    let (_, folder) = first.stop_and_leave().await;
    let second = gateway(&upstream, "").folder(folder).start().await;
    let rest = serve(&second, &upstream, "local accepted", 200).await;
    assert_eq!(40 + rest, needed);
    let (_, folder) = second.stop_and_leave().await;
    let third = gateway(&upstream, "").folder(folder).start().await;
    assert_eq!(third.ask(&question("easy")).await.told(), "local accepted");
    third.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_what_was_learnt() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, "").start().await;
    let needed = {
        let alone = self::gateway(&upstream, "").start().await;
        let needed = serve(&alone, &upstream, "local accepted", 200).await;
        alone.stop().await;
        needed
    };
    for n in 1..=40 {
        let hard = n % 4 == 0;
        upstream.then(Reply::completion(if hard { "no" } else { "yes" }));
        gateway
            .ask(&question(if hard { "hard" } else { "easy" }))
            .await;
        gateway.learnt().await;
    }
    gateway.reloader(engine()).reload().unwrap();
    let rest = serve(&gateway, &upstream, "local accepted", 200).await;
    assert_eq!(40 + rest, needed);
    gateway.reloader(engine()).reload().unwrap();
    assert_eq!(
        gateway.ask(&question("easy")).await.told(),
        "local accepted"
    );

    // Another target is another proof: what was proven is too weak for it.
    let text = std::fs::read_to_string(gateway.path("test.yaml")).unwrap();
    gateway.write_config(&text.replace("max_regret: 20%", "max_regret: 1%"));
    gateway.reloader(engine()).reload().unwrap();
    upstream.then(Reply::completion("yes"));
    let stricter = gateway.ask(&question("easy")).await;
    assert_eq!(stricter.told(), "upstream learning");
    gateway.learnt().await;
    gateway.stop().await;
}

#[tokio::test]
async fn families_of_prompts_learn_apart_and_are_bounded() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, "").start().await;
    let ask = async |system: String, times: usize| {
        let system = json!({ "role": "system", "content": system });
        let body = json!({
            "model": "auto", "messages": [system, { "role": "user", "content": "easy" }],
        });
        for _ in 0..times {
            upstream.then(Reply::completion("yes"));
            gateway.ask(&body).await;
            gateway.learnt().await;
        }
    };
    let evidence = async || -> Vec<String> {
        let metrics = gateway.get("/metrics").await.text;
        let lines = metrics.lines();
        let lines = lines.filter(|line| line.starts_with("smallfirst_route_evidence{"));
        let mut counts: Vec<_> = lines
            .filter_map(|line| line.split(' ').nth(1).map(str::to_owned))
            .collect();
        counts.sort();
        counts
    };
    ask("One.".to_owned(), 5).await;
    ask("Another.".to_owned(), 3).await;
    assert_eq!(evidence().await, ["3", "5"]);
    // Prompts that come once make room for one another; one that comes again keeps its place.
    for n in 0..20_u8 {
        let word = char::from(b'a' + n);
        ask(format!("Prompt {word}."), 1).await;
        ask("One.".to_owned(), 1).await;
    }
    let counts = evidence().await;
    assert_eq!(counts.len(), 16);
    assert!(counts.contains(&"25".to_owned()), "{counts:?}");
    gateway.stop().await;
}
