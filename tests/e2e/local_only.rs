//! Routes from which nothing leaves: the local model answers or nobody does.

use std::sync::Arc;

use local_engine::scripted::{End, Script, Scripted};
use local_engine::{EngineError, Health};
use serde_json::{Value, json};
use support::{ScriptedUpstream, TestGateway, chat, chat_with};

const ROUTES: &str = "\
- name: private
  match: { model: private }
  action: local-only
  local: { model: small, deadline: 50ms }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
- name: rest
  action: upstream-only
  upstream: { name: large, model: gpt-large }
";

/// Asks whole and streamed; both get a 503, nothing arrives at the upstream.
async fn refuses(engine: Scripted, body: &Value, reason: &str) {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(engine))
        .routes(ROUTES)
        .start()
        .await;

    let whole = gateway.ask(body).await;
    assert_eq!(whole.error(), "503 local_unavailable");
    assert!(whole.text.contains(reason), "it says why: {}", whole.text);
    assert!(
        whole.text.contains("`private`"),
        "it names the route: {}",
        whole.text
    );
    assert_eq!(whole.header("x-smallfirst-reason"), "pinned");
    assert!(!whole.text.contains("DRAFT-CANARY"));
    let mut stream = gateway.stream(body).await;
    assert_eq!(stream.status, 503);
    stream.rest().await;
    assert!(!stream.raw().contains("DRAFT-CANARY"));

    for exchange in gateway.stop().await.exchanges {
        assert_eq!(exchange.ending(), "failed none local_unavailable");
        assert!(
            exchange
                .attempts
                .iter()
                .all(|attempt| attempt.engine == "local")
        );
    }
    assert_eq!(upstream.count(), 0, "nothing may leave");
}

#[tokio::test]
async fn an_engine_that_is_not_there() {
    for health in [Health::Loading, Health::Down("gone".into())] {
        let engine = Scripted::answering("DRAFT-CANARY", -0.01);
        engine.set_health(health);
        refuses(engine, &chat("private", "x"), "engine_down").await;
    }
}

#[tokio::test]
async fn a_draft_that_is_not_good_enough() {
    refuses(
        Scripted::answering("DRAFT-CANARY", -3.0),
        &chat("private", "x"),
        "low_confidence",
    )
    .await;
}

#[tokio::test]
async fn an_engine_that_fails_or_hangs() {
    let died = Scripted::new(|_| Script::failing(EngineError::Died("signal 9".into())));
    refuses(died, &chat("private", "x"), "engine_failed").await;
    let hanging = Scripted::new(|_| Script {
        end: End::Hang,
        ..Script::answering("DRAFT-CANARY", 0.0)
    });
    refuses(hanging, &chat("private", "x"), "slow").await;
}

#[tokio::test]
async fn what_a_text_model_cannot_do() {
    let body = chat_with(
        "private",
        "x",
        &json!({ "tools": [{ "type": "function" }] }),
    );
    refuses(
        Scripted::answering("DRAFT-CANARY", -0.01),
        &body,
        "unsupported",
    )
    .await;
}

#[tokio::test]
async fn a_good_draft_is_answered() {
    let upstream = ScriptedUpstream::silent().await;
    let engine = Arc::new(Scripted::answering("mine", -0.01));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .routes(ROUTES)
        .start()
        .await;
    assert_eq!(
        gateway.ask(&chat("private", "x")).await.told(),
        "local accepted"
    );
    let books = gateway.stop().await;
    assert_eq!(
        books.only().reserved.as_deref(),
        Some("0"),
        "nothing can be spent above"
    );
    assert_eq!(upstream.count(), 0);
}
