//! What leaves for the upstream and what comes back: only what must change does.

use std::sync::Arc;

use local_engine::scripted::Scripted;
use serde_json::json;
use support::{CLIENT_KEY, Reply, ScriptedUpstream, TestGateway, UPSTREAM_KEY, chat_with};

fn unsure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("DRAFT-CANARY", -3.0))
}

#[tokio::test]
async fn the_request_leaves_with_another_model_and_another_key_and_is_otherwise_the_same() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;
    let fields = json!({
        "temperature": 0.25, "seed": 7, "verbosity": "low", "service_tier": "flex", "user": "u-1",
        "metadata": { "team": "x" }, "field_of_next_year": [1, { "a": null }],
    });
    let body = chat_with("auto", "what is up", &fields);

    let request = gateway
        .post(&body)
        .header("openai-organization", "org-client")
        .header("cookie", "c=1");
    let answer = gateway.send(request).await;

    let sent = upstream.only();
    assert_eq!(sent.path, "/v1/chat/completions");
    let mut expected = body;
    expected["model"] = json!("gpt-large");
    assert_eq!(
        sent.text,
        expected.to_string(),
        "same fields in the same order"
    );
    assert_eq!(
        sent.headers["authorization"],
        format!("Bearer {UPSTREAM_KEY}")
    );
    assert_eq!(sent.headers["x-request-id"], answer.header("x-request-id"));
    assert_eq!(sent.headers["accept"], "application/json");
    let names: Vec<&str> = sent.headers.keys().map(http::HeaderName::as_str).collect();
    insta::assert_snapshot!(names.join(" "), @"content-type accept x-request-id authorization user-agent host content-length");
    assert!(
        !format!("{sent:?}").contains(CLIENT_KEY),
        "the client's key stays here"
    );
    assert!(
        !format!("{sent:?}").contains("DRAFT-CANARY"),
        "so does the draft"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn the_answer_comes_back_byte_for_byte() {
    let bytes = "{ \"choices\" : [ {\"message\":{\"content\":\"up\"},\"new\":1.50} ],\n \"usage\":{\"prompt_tokens\":1,\
                 \"completion_tokens\":1} }\n";
    let reply = Reply::completion("").with_steps([support::Step::text(bytes)]);
    let upstream = ScriptedUpstream::start([reply]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;
    let answer = gateway.ask(&chat_with("auto", "x", &json!({}))).await;
    assert_eq!(answer.text, bytes);
    gateway.stop().await;
}

#[tokio::test]
async fn a_streaming_client_keeps_its_own_stream_options() {
    let upstream = ScriptedUpstream::start([Reply::streamed(&["up"])]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;
    let fields = json!({ "stream_options": { "include_obfuscation": false } });
    let mut stream = gateway.stream(&chat_with("auto", "x", &fields)).await;
    stream.rest().await;
    let sent = upstream.only();
    assert_eq!(sent.body["stream"], true);
    assert_eq!(
        sent.body["stream_options"],
        json!({ "include_obfuscation": false, "include_usage": true })
    );
    assert_eq!(sent.headers["accept"], "text/event-stream");
    gateway.stop().await;
}

#[tokio::test]
async fn an_upstream_without_a_key_gets_none() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let yaml = "\
listen: 127.0.0.1:0
upstreams: { open: { base_url: \"{upstream}/base/v1/\" } }
routes:
  - { name: all, action: upstream-only, upstream: { name: open, model: m } }
";
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .config_yaml(yaml)
        .start()
        .await;
    let answer = gateway.ask(&chat_with("anything", "x", &json!({}))).await;
    assert_eq!(answer.told(), "upstream policy");
    let sent = upstream.only();
    assert_eq!(sent.path, "/base/v1/chat/completions");
    assert!(
        !sent.headers.contains_key("authorization"),
        "not even the client's"
    );
    assert_eq!(gateway.stop().await.only().principal, "anonymous");
}
