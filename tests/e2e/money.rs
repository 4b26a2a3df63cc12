//! The books after a mixed run: every attempt is there, every figure is exact, and the sums agree.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use local_engine::scripted::{Script, Scripted};
use serde_json::{Value, json};
use support::{OTHER_KEY, Reply, ScriptedUpstream, TestGateway, chat, chat_with};

const ROUTES: &str = "\
- name: main
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
  cache: { ttl: 1h }
- name: above
  match: { model: above }
  action: upstream-only
  upstream: { name: large, model: gpt-large }
- name: unpriced
  match: { model: unpriced }
  action: upstream-only
  upstream: { name: large, model: gpt-nobody-priced }
";

/// Two tokens of 5 ms each: 10 ms at 3.60 dollars an hour are 0.00001 dollars. Sure unless the prompt is hard.
fn engine() -> Arc<Scripted> {
    Arc::new(Scripted::new(|job| {
        let hard = job.messages[0].content.contains("hard");
        Script {
            prompt_tokens: 1000,
            per_token: Duration::from_millis(5),
            ..Script::answering("mine", if hard { -3.0 } else { -0.01 })
        }
    }))
}

/// Two local answers, one of them again from memory, one escalated, one refused, one that was never drafted.
async fn mixed_run() -> (TestGateway, ScriptedUpstream) {
    let script = [
        Reply::completion("up"),
        Reply::error(400, "no"),
        Reply::streamed(&["up"]),
    ];
    let upstream = ScriptedUpstream::start(script).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine())
        .routes(ROUTES)
        .start()
        .await;
    for (text, told) in [
        ("one", "local accepted"),
        ("two", "local accepted"),
        ("one", "cache stored"),
        ("hard", "upstream low_confidence"),
        ("hard and refused", " "),
    ] {
        assert_eq!(gateway.ask(&chat("auto", text)).await.told(), told);
    }
    gateway.stream(&chat("above", "three")).await.rest().await;
    (gateway, upstream)
}

#[tokio::test]
async fn a_mixed_run_adds_up() {
    let (gateway, _upstream) = mixed_run().await;
    let report = gateway.report().await;
    gateway.stop().await;

    let groups: Vec<&str> = report.rows.iter().map(|row| row.group.as_str()).collect();
    assert_eq!(groups, ["above", "main"]);
    let main = &report.rows[1];
    let counts = [
        main.requests,
        main.local,
        main.escalated,
        main.cache,
        main.failed,
        main.hung_up,
    ];
    assert_eq!(counts, [5, 2, 1, 1, 1, 0]);
    // Four drafts; the two that nobody got are also among the discarded.
    assert_eq!(main.cost_local.to_string(), "0.00004");
    // 1000 prompt tokens at 2 and 100 answer tokens at 8 dollars a million.
    assert_eq!(main.cost_upstream.to_string(), "0.0028");
    assert_eq!(main.cost_discarded.to_string(), "0.00002");
    assert_eq!(main.cost_actual.to_string(), "0.00284");
    // Three answers of 1000 and 2 tokens, one of 1000 and 100; the refused one was not served.
    assert_eq!(main.cost_baseline.to_string(), "0.008848");
    assert_eq!(main.net_saving.to_string(), "0.006008");
    assert_eq!((main.unpriced, main.uncompared), (0, 0));
    let above = &report.rows[0];
    assert_eq!((above.requests, above.escalated), (1, 1));
    assert_eq!(
        above.net_saving.to_string(),
        "0",
        "what always went above saves nothing"
    );

    let totals = &report.totals;
    assert_eq!(totals.requests, 6);
    let sum = |cost: fn(&gateway::report::Row) -> gateway::ledger::Usd| {
        report.rows.iter().map(cost).sum()
    };
    let figures: [fn(&gateway::report::Row) -> gateway::ledger::Usd; 5] = [
        |row| row.cost_local,
        |row| row.cost_upstream,
        |row| row.cost_actual,
        |row| row.cost_baseline,
        |row| row.net_saving,
    ];
    for figure in figures {
        let added: gateway::ledger::Usd = sum(figure);
        assert_eq!(figure(totals), added);
    }
    assert_eq!(totals.reasons.get("low_confidence"), Some(&1));
}

#[tokio::test]
async fn every_attempt_is_a_row_with_its_price() {
    let (gateway, _upstream) = mixed_run().await;
    let books = gateway.stop().await;
    let lines: Vec<String> = books
        .exchanges
        .iter()
        .map(|exchange| {
            let attempts = exchange.attempts.iter().map(|a| {
                let cost = a.cost.as_deref().unwrap_or("unpriced");
                format!(
                    "{} {} {}+{} ${cost}",
                    a.engine, a.outcome, a.input, a.output
                )
            });
            let baseline = exchange.baseline.as_deref().unwrap_or("none");
            let attempts: Vec<String> = attempts.collect();
            format!(
                "{}: [{}] baseline {baseline}",
                exchange.ending(),
                attempts.join(", ")
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    completed local accepted: [local accepted 1000+2 $0.00001] baseline 0.002016
    completed local accepted: [local accepted 1000+2 $0.00001] baseline 0.002016
    completed cache stored: [] baseline 0.002016
    completed upstream low_confidence: [local discarded 1000+2 $0.00001, upstream answered 1000+100 $0.0028] baseline 0.0028
    failed none upstream_rejected: [local discarded 1000+2 $0.00001, upstream failed 0+0 $0] baseline none
    completed upstream policy: [upstream answered 1000+100 $0.0028] baseline 0.0028
    ");
}

#[tokio::test]
async fn the_report_for_programs_has_the_promised_keys_and_decimal_text() {
    let (gateway, _upstream) = mixed_run().await;
    let text = gateway
        .report()
        .await
        .render(gateway::report::Format::Json, None)
        .unwrap();
    gateway.stop().await;
    let report: Value = serde_json::from_str(&text).unwrap();
    let main = &report["rows"][1];
    assert_eq!(main["route"], "main");
    for (key, value) in [
        ("requests", json!(5)),
        ("local", json!(2)),
        ("escalated", json!(1)),
        ("cost_actual_usd", json!("0.00284")),
        ("cost_baseline_usd", json!("0.008848")),
        ("net_saving_usd", json!("0.006008")),
    ] {
        assert_eq!(main[key], value, "{key}");
    }
    assert_eq!(report["totals"]["requests"], 6);
}

#[tokio::test]
async fn the_worst_case_is_reserved() {
    let upstream =
        ScriptedUpstream::start([Reply::completion("up"), Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .routes(ROUTES)
        .start()
        .await;
    let limited = chat_with("above", "x", &json!({ "max_tokens": 50 }));
    gateway.ask(&limited).await;
    gateway.ask(&chat("unpriced", "x")).await;
    let books = gateway.stop().await;
    // At most one token a byte of the body at 2, and 50 tokens at 8 dollars a million: in units of 1e-6 dollars.
    let micros = limited.to_string().len() * 2 + 50 * 8;
    assert_eq!(
        books.exchanges[0].reserved,
        Some(format!("0.{micros:06}").trim_end_matches('0').to_owned())
    );
    assert_eq!(books.exchanges[1].reserved, None);
}

#[tokio::test]
async fn what_has_no_price_is_unpriced_and_never_free() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .routes(ROUTES)
        .start()
        .await;
    gateway.ask(&chat("unpriced", "x")).await;
    let report = gateway.report().await;
    let row = &report.rows[0];
    assert_eq!((row.requests, row.unpriced, row.uncompared), (1, 1, 1));
    assert_eq!(
        (row.cost_baseline.to_string(), row.net_saving.to_string()),
        ("0".into(), "0".into())
    );
    let books = gateway.stop().await;
    assert_eq!(books.only().attempts[0].cost, None);
}

#[tokio::test]
async fn saving_may_be_negative() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine())
        .routes(ROUTES)
        .start()
        .await;
    gateway.ask(&chat("auto", "hard")).await;
    let report = gateway.report().await;
    assert_eq!(
        report.totals.net_saving.to_string(),
        "-0.00001",
        "the draft was for nothing"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn each_key_has_its_own_account() {
    let upstream =
        ScriptedUpstream::start([Reply::completion("up"), Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .routes(ROUTES)
        .start()
        .await;
    gateway.ask(&chat("above", "x")).await;
    let theirs = gateway
        .request(Method::POST, "/v1/chat/completions")
        .bearer_auth(OTHER_KEY);
    gateway.send(theirs.json(&chat("above", "x"))).await;
    let books = gateway.stop().await;
    let payers: Vec<&str> = books
        .exchanges
        .iter()
        .map(|e| e.principal.as_str())
        .collect();
    assert_eq!(payers, ["team-a", "team-b"]);
}
