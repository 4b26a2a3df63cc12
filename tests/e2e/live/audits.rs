//! Audits of accepted answers: how many, when, for how much, and of which never.

use gateway::learning::LabelledRequest;
use gateway::ledger::{Draw, Usd};
use local_engine::Message;
use serde_json::json;
use support::{Books, Reply, ScriptedUpstream};

use super::{engine, gateway, question, serve, tries};

/// Number of accepted answers for which the lot came out like this.
fn draws(books: &Books, draw: Draw) -> usize {
    let decisions = books.exchanges.iter().flat_map(|e| &e.evidence);
    decisions
        .filter(|decision| decision.audit.is_some_and(|(_, found)| found == draw))
        .count()
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
const AUDITS_OF_SEED_7: usize = 30;

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
