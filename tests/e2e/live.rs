//! Routes that learn while they serve: from nothing to a certificate, audits, alarms, restarts.

use std::sync::Arc;

use gateway::learning::{LabelledRequest, load_certificates};
use gateway::ledger::{Draw, Mode, Usd};
use local_engine::scripted::{Script, Scripted};
use local_engine::{Job, Message};
use serde_json::{Value, json};
use support::{Books, Builder, Reply, ScriptedUpstream, TestGateway, chat_with};
use tempfile::TempDir;

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

/// Exact number of accepted answers that the seed draws, of the easy questions in `asked`.
fn draws(books: &Books, draw: Draw) -> usize {
    let decisions = books.exchanges.iter().flat_map(|e| &e.evidence);
    decisions
        .filter(|decision| decision.audit.is_some_and(|(_, found)| found == draw))
        .count()
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
async fn accepted_answers_are_audited_at_the_declared_rate_and_charged() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(
        &upstream,
        "audit: { rate: 25%, near_threshold: 1x, repeat: 0% }",
    )
    .start()
    .await;
    serve(&gateway, &upstream, "local accepted", 200).await;
    for _ in 0..100 {
        let before = upstream.count();
        upstream.then(Reply::completion("yes"));
        assert_eq!(
            gateway.ask(&question("easy")).await.told(),
            "local accepted"
        );
        gateway.learnt().await;
        if upstream.count() == before {
            upstream.forget();
        }
    }
    let report = gateway.report().await;
    let row = &report.rows[0];
    let books = gateway.stop().await;
    let audits = draws(&books, Draw::Drawn);
    // The seed's own number; 25 are expected.
    assert_eq!(audits, AUDITS_OF_SEED_7);
    assert_eq!(audits + draws(&books, Draw::NotDrawn), 101);
    assert_eq!(tries(&books, "audit"), audits);
    assert_eq!(row.lessons.audits, u64::try_from(audits).unwrap());
    assert_eq!(row.lessons.audits_bad, 0);
    assert_eq!(row.cost_audit, books.cost_of("audit"));
    let engines = ["local", "upstream", "audit", "learning"];
    let spent: Usd = engines.iter().map(|engine| books.cost_of(engine)).sum();
    assert_eq!(
        row.net_saving,
        row.cost_baseline.checked_sub(spent).unwrap()
    );
    for evidence in books.exchanges.iter().flat_map(|e| &e.evidence) {
        evidence.recompute().unwrap();
        if let Some((propensity, _)) = evidence.audit {
            assert!((propensity - 0.25).abs() < 1e-12);
        }
    }
}

/// Of 101 accepted answers at 25 %.
const AUDITS_OF_SEED_7: usize = 26;

#[tokio::test]
async fn no_client_waits_for_an_audit() {
    let upstream = ScriptedUpstream::start([Reply::completion("yes").held()]).await;
    let gateway = gateway(&upstream, "audit: { rate: 100%, repeat: 0% }")
        .certified("live", engine(), rows())
        .start()
        .await;
    // The audit's answer is held until the client has both of its own.
    let first = gateway.ask(&question("easy")).await;
    upstream.arrived(1).await;
    upstream.then(Reply::completion("yes"));
    let mut stream = gateway.stream(&question("easy")).await;
    let events = stream.rest().await;
    assert_eq!(first.told(), "local accepted");
    assert!(events.last().is_some_and(support::SseEvent::is_done));
    upstream.release();
    gateway.learnt().await;
    // The client streamed; its audit does not.
    let bodies: Vec<_> = upstream.received().into_iter().map(|r| r.body).collect();
    assert!(bodies.iter().all(|body| body.get("stream").is_none()));
    assert!(bodies.iter().all(|body| body["model"] == "gpt-large"));
    let books = gateway.stop().await;
    for exchange in &books.exchanges {
        assert_eq!(exchange.tries(), ["local accepted", "audit answered"]);
        assert_eq!(
            exchange.lessons(),
            ["answer certified accept, audit good label"]
        );
    }
}

#[tokio::test]
async fn the_cap_of_the_day_stops_audits_and_is_told() {
    let upstream = ScriptedUpstream::silent().await;
    // Each costs 0.0028.
    let audit = "audit: { rate: 100%, repeat: 0%, max_cost_per_day: \"0.01\" }";
    let gateway = gateway(&upstream, audit)
        .ledger_file()
        .certified("live", engine(), rows())
        .start()
        .await;
    for _ in 0..3 {
        upstream.then(Reply::completion("yes"));
    }
    for _ in 0..6 {
        assert_eq!(
            gateway.ask(&question("easy")).await.told(),
            "local accepted"
        );
        gateway.learnt().await;
    }
    let metrics = gateway.get("/metrics").await.text;
    assert!(
        metrics.contains("smallfirst_route_audits_open{route=\"live\"} 0"),
        "{metrics}"
    );
    // Another configuration does not make the money come back.
    gateway.reloader(engine()).reload().unwrap();
    gateway.ask(&question("easy")).await;
    let (books, folder) = gateway.stop_and_leave().await;
    assert_eq!(upstream.count(), 3);
    assert_eq!(draws(&books, Draw::Drawn), 3);
    assert_eq!(draws(&books, Draw::Capped), 1, "then it is closed");
    assert_eq!(draws(&books, Draw::NotDrawn), 3);
    assert_eq!(books.cost_of("audit"), "0.0084".parse().unwrap());
    // Nor does a restart.
    let again = self::gateway(&upstream, audit)
        .ledger_file()
        .folder(folder)
        .start()
        .await;
    again.ask(&question("easy")).await;
    again.learnt().await;
    let books = again.stop().await;
    assert_eq!(upstream.count(), 3);
    assert_eq!(draws(&books, Draw::Capped), 2);
}

#[tokio::test]
async fn what_the_upstream_contradicts_itself_in_is_told() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, "audit: { rate: 100%, repeat: 100% }")
        .certified("live", engine(), rows())
        .start()
        .await;
    for n in 0..4 {
        upstream.then(Reply::completion("yes"));
        upstream.then(Reply::completion(if n == 0 { "no" } else { "yes." }));
        gateway.ask(&question("easy")).await;
        gateway.learnt().await;
    }
    let report = gateway.report().await;
    let lessons = report.totals.lessons;
    assert_eq!((lessons.audits, lessons.audits_bad), (4, 0));
    assert_eq!((lessons.repeats, lessons.repeats_differ), (4, 1));
    let books = gateway.stop().await;
    assert_eq!(report.totals.cost_audit, books.cost_of("audit"));
    assert_eq!(tries(&books, "audit"), 8);
}

#[tokio::test]
async fn what_detectors_hold_back_is_never_audited() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(
        &upstream,
        "audit: { rate: 100%, repeat: 0% }\n  private: [email]",
    )
    .certified("live", engine(), rows())
    .start()
    .await;
    let private = question("easy: ada@lovelace.example");
    for _ in 0..5 {
        assert_eq!(gateway.ask(&private).await.told(), "local accepted");
    }
    gateway.learnt().await;
    assert_eq!(upstream.count(), 0);
    upstream.then(Reply::completion("yes"));
    gateway.ask(&question("easy")).await;
    gateway.learnt().await;
    let books = gateway.stop().await;
    assert_eq!((upstream.count(), tries(&books, "audit")), (1, 1));
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
async fn what_must_stay_is_never_audited() {
    let upstream = ScriptedUpstream::silent().await;
    // Nothing can be reserved, so every request stays.
    let audit =
        "audit: { rate: 100%, repeat: 0% }\n  budget: { max: \"0.0000001\", then: local-only }";
    let gateway = gateway(&upstream, audit)
        .certified("live", engine(), rows())
        .start()
        .await;
    for _ in 0..5 {
        assert_eq!(
            gateway.ask(&question("easy")).await.told(),
            "local accepted"
        );
    }
    gateway.learnt().await;
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("smallfirst_route_evidence{"), "{metrics}");
    assert!(
        !metrics.contains("evidence 5"),
        "no sample of what may leave"
    );
    let books = gateway.stop().await;
    assert_eq!(upstream.count(), 0);
    assert!(
        books
            .exchanges
            .iter()
            .all(|e| e.evidence[0].audit.is_none())
    );
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

/// What a calibration of the engine takes.
fn rows() -> Vec<LabelledRequest> {
    let message = |content: &str| Message {
        role: "user".to_owned(),
        content: content.to_owned(),
    };
    let row = |n: u32| {
        let hard = n.is_multiple_of(4);
        LabelledRequest {
            messages: vec![message(if hard { "hard" } else { "easy" })],
            gold: json!(if hard { "no" } else { "yes" }),
        }
    };
    (0..80).map(row).collect()
}
