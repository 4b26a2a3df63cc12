//! Stored answers: for the same key and the same request, and nobody else.

use std::sync::Arc;

use http::Method;
use local_engine::scripted::Scripted;
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
  cache: { ttl: 1h }
";

async fn start(engine: &Arc<Scripted>, upstream: &ScriptedUpstream) -> TestGateway {
    TestGateway::builder()
        .upstream(upstream)
        .engine(Arc::clone(engine) as _)
        .routes(ROUTES)
        .start()
        .await
}

#[tokio::test]
async fn the_same_request_is_answered_from_memory() {
    let (engine, upstream) = (
        Arc::new(Scripted::answering("mine", -0.01)),
        ScriptedUpstream::silent().await,
    );
    let gateway = start(&engine, &upstream).await;

    let first = gateway.ask(&chat("auto", "x")).await;
    let second = gateway
        .ask(&chat_with(
            "auto",
            "x",
            &json!({ "user": "u", "metadata": { "a": 1 } }),
        ))
        .await;

    assert_eq!(
        (first.told(), second.told()),
        ("local accepted".into(), "cache stored".into())
    );
    assert_eq!(first.json()["choices"], second.json()["choices"]);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(engine.started(), 1);
    let books = gateway.stop().await;
    let hit = books.exchange(second.header("x-request-id"));
    assert_eq!(hit.ending(), "completed cache stored");
    assert!(hit.attempts.is_empty(), "a stored answer costs nothing");
    assert_eq!(hit.baseline_method.as_deref(), Some("same_tokens"));
}

#[tokio::test]
async fn a_streamed_hit() {
    let (engine, upstream) = (
        Arc::new(Scripted::answering("mine", -0.01)),
        ScriptedUpstream::silent().await,
    );
    let gateway = start(&engine, &upstream).await;
    gateway.ask(&chat("auto", "x")).await;
    let wanted = json!({ "stream_options": { "include_usage": true } });

    let mut stream = gateway.stream(&chat_with("auto", "x", &wanted)).await;

    assert_eq!(stream.told(), "cache stored");
    let events = stream.rest().await;
    let text: String = events
        .iter()
        .filter_map(|event| {
            event.json()["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(text, "mine");
    let usage = events
        .iter()
        .map(|event| event.json()["usage"]["total_tokens"].clone());
    assert_eq!(
        usage
            .filter(|total| !total.is_null())
            .collect::<Vec<Value>>(),
        [json!(3)]
    );
    assert!(events.last().unwrap().is_done());
    gateway.stop().await;
}

#[tokio::test]
async fn what_changes_the_answer_is_asked_anew() {
    let (engine, upstream) = (
        Arc::new(Scripted::answering("mine", -0.01)),
        ScriptedUpstream::silent().await,
    );
    let gateway = start(&engine, &upstream).await;
    let bodies = [
        chat("auto", "x"),
        chat("auto", "y"),
        chat_with("auto", "x", &json!({ "temperature": 0.1 })),
        chat_with("auto", "x", &json!({ "field_of_next_year": 1 })),
        chat_with("auto", "x", &json!({ "max_tokens": 9 })),
    ];
    for body in &bodies {
        assert_eq!(gateway.ask(body).await.told(), "local accepted", "{body}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn another_key_does_not_share() {
    let (engine, upstream) = (
        Arc::new(Scripted::answering("mine", -0.01)),
        ScriptedUpstream::silent().await,
    );
    let gateway = start(&engine, &upstream).await;
    gateway.ask(&chat("auto", "x")).await;
    let theirs = gateway
        .request(Method::POST, "/v1/chat/completions")
        .bearer_auth(OTHER_KEY);
    assert_eq!(
        gateway.send(theirs.json(&chat("auto", "x"))).await.told(),
        "local accepted"
    );
    assert_eq!(engine.started(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn whole_upstream_answers_are_stored_and_failures_are_not() {
    let script = [Reply::error(400, "no"), Reply::completion("up")];
    let upstream = ScriptedUpstream::start(script).await;
    let gateway = start(&Arc::new(Scripted::answering("", 0.0)), &upstream).await;
    let told = |n: usize| ["", "upstream policy", "cache stored"][n];
    let first = gateway.ask(&chat("above", "x")).await;
    assert_eq!(first.status, 400);
    for n in [1, 2] {
        let answer = gateway.ask(&chat("above", "x")).await;
        assert_eq!(
            (answer.told().as_str(), answer.content().as_str()),
            (told(n), "up")
        );
    }
    assert_eq!(upstream.count(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn an_error_with_a_status_of_200_is_neither_an_answer_nor_stored() {
    let error = json!({ "error": { "message": "no provider", "code": 502 } });
    let upstream =
        ScriptedUpstream::start([Reply::json(200, &error), Reply::completion("up")]).await;
    let gateway = start(&Arc::new(Scripted::answering("", 0.0)), &upstream).await;
    let failed = gateway.ask(&chat("above", "x")).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.json()["error"]["message"]),
        (502, &json!("no provider"))
    );
    assert_eq!(
        gateway.ask(&chat("above", "x")).await.told(),
        "upstream policy"
    );
    assert_eq!(
        gateway.stop().await.exchanges[0].ending(),
        "failed none upstream_broken"
    );
}

#[tokio::test]
async fn a_streamed_hit_of_a_tool_call() {
    let reply = Reply::json(
        200,
        &json!({
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": null, "tool_calls": [{ "id": "c1", "type": "function" }] },
                "finish_reason": "tool_calls",
            }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 },
        }),
    );
    let upstream = ScriptedUpstream::start([reply]).await;
    let gateway = start(&Arc::new(Scripted::answering("", 0.0)), &upstream).await;
    gateway.ask(&chat("above", "x")).await;
    let mut stream = gateway.stream(&chat("above", "x")).await;
    assert_eq!(stream.told(), "cache stored");
    assert_eq!(
        stream.rest().await[0].json()["choices"][0]["delta"]["tool_calls"][0]["id"],
        "c1"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_route_without_a_cache_stores_nothing() {
    let engine = Arc::new(Scripted::answering("mine", -0.01));
    let gateway = TestGateway::builder()
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;
    for _ in 0..2 {
        assert_eq!(
            gateway.ask(&chat("auto", "x")).await.told(),
            "local accepted"
        );
    }
    assert_eq!(engine.started(), 2);
    gateway.stop().await;
}
