//! Drafts that are not good enough, or not made: the upstream answers and the client is told why.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use local_engine::queued::{QueueSettings, Queued};
use local_engine::scripted::{End, Script, Scripted, stats};
use local_engine::{EngineError, FinishReason, Health, LocalEngine};
use serde_json::{Value, json};
use support::{Gated, Reply, ScriptedUpstream, TestGateway, chat, chat_with, eventually, guarded};

/// What no client may ever see.
const DRAFT: &str = "DRAFT-CANARY";

fn ending(end: End) -> Script {
    Script {
        tokens: vec![
            (DRAFT.to_owned(), stats(-0.01)),
            (DRAFT.to_owned(), stats(-0.01)),
        ],
        end,
        ..Script::answering("", 0.0)
    }
}

fn playing(script: Script) -> Arc<Scripted> {
    Arc::new(Scripted::new(move |_| script.clone()))
}

/// Asks whole and streamed: the upstream's answer comes, `reason` is told and booked, and nothing of a draft is in
/// the bytes. `attempt` is what the ledger says of the draft; empty if none was made.
async fn escalates(
    engine: Arc<dyn LocalEngine>,
    routes: &str,
    body: &Value,
    reason: &str,
    attempt: &str,
) {
    let script = [
        Reply::completion("from above"),
        Reply::streamed(&["from ", "above"]),
    ];
    let upstream = ScriptedUpstream::start(script).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .routes(routes)
        .start()
        .await;

    let whole = gateway.ask(body).await;
    assert_eq!(whole.told(), format!("upstream {reason}"));
    assert_eq!(
        (whole.status.as_u16(), whole.content().as_str()),
        (200, "from above")
    );
    assert!(!whole.text.contains(DRAFT));

    let mut stream = gateway.stream(body).await;
    assert_eq!(stream.told(), format!("upstream {reason}"));
    let events = stream.rest().await;
    assert!(
        events.last().is_some_and(support::SseEvent::is_done),
        "{events:?}"
    );
    assert!(!stream.raw().contains(DRAFT));

    assert_eq!(upstream.count(), 2);
    let expected: Vec<&str> = [attempt, "upstream answered"]
        .into_iter()
        .filter(|a| !a.is_empty())
        .collect();
    for exchange in gateway.stop().await.exchanges {
        assert_eq!(exchange.ending(), format!("completed upstream {reason}"));
        // Drafts that are made to learn come after the answer, if they come in time.
        let mut tries = exchange.tries();
        tries.retain(|attempt| !attempt.starts_with("learning"));
        assert_eq!(tries, expected, "{reason}");
    }
}

fn route(local: &str, rest: &str) -> String {
    format!(
        "- {{ name: main, match: {{ model: auto }}, local: {{ model: small, {local} }}, \
         upstream: {{ name: large, model: gpt-large }}, {rest} }}\n"
    )
}

fn text_route() -> String {
    route("answer: text", "threshold: 0.8")
}

#[tokio::test]
async fn low_confidence() {
    let engine = Arc::new(Scripted::answering(DRAFT, -1.0));
    escalates(
        engine,
        &text_route(),
        &chat("auto", "x"),
        "low_confidence",
        "local discarded",
    )
    .await;
}

#[tokio::test]
async fn confidence_is_told_where_there_was_a_draft() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let engine = Arc::new(Scripted::answering(DRAFT, -1.0));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .start()
        .await;
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.header("x-smallfirst-confidence"), "0.3679");
    let books = gateway.stop().await;
    assert!((books.only().confidence.unwrap() - 0.3679).abs() < 1e-4);
}

#[tokio::test]
async fn a_label_outside_the_list() {
    let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
    let routes = route("answer: { one_of: [billing, outage] }", "threshold: 0.8");
    escalates(
        engine,
        &routes,
        &chat("auto", "x"),
        "invalid_answer",
        "local discarded",
    )
    .await;
}

#[tokio::test]
async fn text_where_json_was_promised() {
    let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
    let routes = route("answer: json", "threshold: 0.8");
    escalates(
        engine,
        &routes,
        &chat("auto", "x"),
        "invalid_answer",
        "local discarded",
    )
    .await;
}

#[tokio::test]
async fn text_where_the_client_insists_on_json() {
    let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
    let body = chat_with(
        "auto",
        "x",
        &json!({ "response_format": { "type": "json_object" } }),
    );
    escalates(
        engine,
        &text_route(),
        &body,
        "invalid_answer",
        "local discarded",
    )
    .await;
}

#[tokio::test]
async fn an_empty_draft() {
    let engine = Arc::new(Scripted::answering("", -0.01));
    escalates(
        engine,
        &text_route(),
        &chat("auto", "x"),
        "invalid_answer",
        "local discarded",
    )
    .await;
}

#[tokio::test]
async fn a_draft_that_hits_its_limit() {
    let engine = playing(ending(End::Finished(FinishReason::Length)));
    escalates(
        engine,
        &text_route(),
        &chat("auto", "x"),
        "truncated",
        "local discarded",
    )
    .await;
    let engine = playing(ending(End::Finished(FinishReason::Stop)));
    let body = chat_with("auto", "x", &json!({ "max_tokens": 1 }));
    escalates(engine, &text_route(), &body, "truncated", "local discarded").await;
}

#[tokio::test]
async fn a_draft_past_its_deadline_is_stopped() {
    let engine = playing(ending(End::Hang));
    let routes = route("deadline: 30ms", "threshold: 0.8");
    let body = chat("auto", "x");
    escalates(
        Arc::clone(&engine) as _,
        &routes,
        &body,
        "slow",
        "local failed deadline",
    )
    .await;
    assert_eq!(
        (engine.started(), engine.cancelled()),
        (2, 2),
        "the compute really stops"
    );
}

#[tokio::test]
async fn an_engine_that_fails_or_dies_amid_its_tokens() {
    let failing = playing(ending(End::Failed(EngineError::Internal(
        "out of memory".into(),
    ))));
    escalates(
        failing,
        &text_route(),
        &chat("auto", "x"),
        "engine_failed",
        "local failed failed",
    )
    .await;
    let dying = playing(ending(End::Failed(EngineError::Died("signal 9".into()))));
    escalates(
        dying,
        &text_route(),
        &chat("auto", "x"),
        "engine_failed",
        "local failed died",
    )
    .await;
}

#[tokio::test]
async fn an_engine_that_is_loading_or_down_is_not_asked() {
    for health in [Health::Loading, Health::Down("no such file".into())] {
        let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
        engine.set_health(health);
        escalates(
            Arc::clone(&engine) as _,
            &text_route(),
            &chat("auto", "x"),
            "engine_down",
            "",
        )
        .await;
        assert_eq!(engine.started(), 0);
    }
}

#[tokio::test]
async fn a_prompt_that_does_not_fit() {
    let error = EngineError::PromptTooLong {
        tokens: 9000,
        limit: 2048,
    };
    let engine = playing(Script::failing(error));
    let attempt = "local failed prompt_too_long";
    escalates(
        engine,
        &text_route(),
        &chat("auto", "x"),
        "prompt_too_long",
        attempt,
    )
    .await;
}

#[tokio::test]
async fn a_route_that_asks_the_upstream_only() {
    let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
    let routes = "\
- name: main
  action: upstream-only
  upstream: { name: large, model: gpt-large }
";
    escalates(
        Arc::clone(&engine) as _,
        routes,
        &chat("auto", "x"),
        "policy",
        "",
    )
    .await;
    assert_eq!(engine.started(), 0);
}

#[tokio::test]
async fn a_route_with_a_risk_and_no_certificate_learns() {
    let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
    let routes = route("answer: text", "risk: { max_regret: 2%, assurance: 90% }");
    escalates(engine, &routes, &chat("auto", "x"), "learning", "").await;
}

#[tokio::test]
async fn what_a_text_model_cannot_do_is_not_drafted() {
    let image = json!([{ "role": "user", "content": [
        { "type": "text", "text": "what is this" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
    ]}]);
    let called = json!([
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "c1", "type": "function" }] },
        { "role": "tool", "tool_call_id": "c1", "content": "21 degrees" },
    ]);
    let schema = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": {} } });
    for fields in [
        json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] }),
        json!({ "functions": [{ "name": "f" }] }),
        json!({ "messages": image }),
        json!({ "messages": called }),
        json!({ "n": 2 }),
        json!({ "response_format": schema }),
        json!({ "logprobs": true }),
        json!({ "logit_bias": { "50256": -100 } }),
    ] {
        let engine = Arc::new(Scripted::answering(DRAFT, -0.01));
        let body = chat_with("auto", "x", &fields);
        escalates(
            Arc::clone(&engine) as _,
            &text_route(),
            &body,
            "unsupported",
            "",
        )
        .await;
        assert_eq!(engine.started(), 0, "{fields}");
    }
}

#[tokio::test]
async fn a_full_queue_spills_over_at_once() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let gated = Gated::new(Scripted::answering("mine", -0.01));
    let settings = QueueSettings {
        slots: NonZeroU32::MIN,
        waiting: 0,
        ..QueueSettings::default()
    };
    let queued = Arc::new(Queued::new(Arc::clone(&gated) as _, &settings));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&queued) as _)
        .start()
        .await;

    let first = tokio::spawn(gateway.post(&chat("auto", "first")).send());
    eventually("the first job to take the slot", || queued.present() == 1).await;
    let second = gateway.ask(&chat("auto", "second")).await;
    assert_eq!(second.told(), "upstream busy");
    gated.release();
    let first = guarded("the first answer", first).await.unwrap().unwrap();
    assert_eq!(first.headers()["x-smallfirst-source"], "local");

    let books = gateway.stop().await;
    assert_eq!(
        books.exchange(second.header("x-request-id")).tries(),
        ["local failed busy", "upstream answered"]
    );
}

#[tokio::test]
async fn a_predicted_wait_beyond_the_bound_spills_over_at_once() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let inner = Arc::new(Scripted::answering(DRAFT, -0.01));
    let slow = QueueSettings {
        prefill_rate: Some(1.0),
        ..QueueSettings::default()
    };
    let queued = Arc::new(Queued::new(Arc::clone(&inner) as _, &slow));
    let routes = route("first_token_within: 200ms", "threshold: 0.8");
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(queued)
        .routes(&routes)
        .start()
        .await;

    let started = std::time::Instant::now();
    assert_eq!(
        gateway
            .ask(&chat("auto", "five words make five seconds"))
            .await
            .told(),
        "upstream busy"
    );
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "it waited for what it predicted"
    );
    assert_eq!(inner.started(), 0);
    gateway.stop().await;
}
