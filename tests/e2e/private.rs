//! Private data: where it is looked for, what it does to a request, and that nobody else learns of it.

use std::sync::Arc;

use local_engine::scripted::Scripted;
use serde_json::{Value, json};
use support::{OTHER_KEY, Reply, ScriptedUpstream, TestGateway, chat, chat_with, log};

const ROUTES: &str = "\
listen: 127.0.0.1:0
keys:
  - { name: team-a, key: file:a.key, team: research }
  - { name: team-b, key: file:b.key }
models:
  small: { path: model.gguf, cost_per_hour: \"3.6\" }
upstreams:
  large: { base_url: \"{upstream}/v1\", key: file:upstream.key, retries: 0 }
detectors:
  ticket: { regex: '\\bTCK-[0-9]{6}\\b' }
  customer: { any_of: [email, ticket] }
defaults:
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
unmatched: reject
routes:
  - { name: main, match: { model: auto* }, private: [card, customer] }
  - name: theirs
    match: { model: theirs }
    teams: { research: { private: [ticket] } }
  - { name: kept, match: { model: kept }, private: [ticket], cache: { ttl: 1h } }
";

fn unsure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("draft-canary-4c1f", -3.0))
}

fn sure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("draft-canary-4c1f", -0.01))
}

async fn start(engine: Arc<Scripted>) -> (ScriptedUpstream, TestGateway) {
    let replies = (0..64).map(|_| Reply::completion("up"));
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .config_yaml(ROUTES)
        .ledger_file()
        .start()
        .await;
    (upstream, gateway)
}

/// A request for `auto` with these fields, and a message if they bring none.
fn body(fields: &Value) -> Value {
    chat_with("auto", "x", fields)
}

/// Bodies with `secret` wherever something can be that leaves.
fn places(secret: &str) -> Vec<Value> {
    let message = |message: Value| body(&json!({ "messages": [message] }));
    let call = |arguments: &str| {
        let call = json!({ "name": "send", "arguments": arguments });
        let calls = json!([{ "id": "1", "type": "function", "function": call }]);
        message(json!({ "role": "assistant", "content": null, "tool_calls": calls }))
    };
    let escaped: String = secret
        .chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect();
    let inner = json!({ "to": secret }).to_string();
    vec![
        message(json!({ "role": "user", "content": format!("this: {secret}") })),
        message(json!({ "role": "system", "content": secret })),
        message(json!({ "role": "user", "content": [{ "type": "text", "text": secret }] })),
        message(json!({ "role": "user", "name": secret, "content": "x" })),
        message(json!({ "role": "tool", "tool_call_id": "1", "content": secret })),
        call(&inner),
        call(&format!("{{\"to\": \"{escaped}\"}}")),
        call(&json!({ "inner": inner }).to_string()),
        body(&json!({ "metadata": { "who": secret } })),
        body(&json!({ "metadata": { secret: "x" } })),
        body(&json!({ "user": secret })),
        body(&json!({ "stop": [secret] })),
        body(&json!({ "not_known_to_us": [{ "deep": [secret] }] })),
        body(&json!({ "tools": [{ "type": "function", "function": {
            "name": "send", "description": format!("for example to {secret}"),
        } }] })),
    ]
}

#[tokio::test]
async fn whatever_leaves_is_read() {
    let (upstream, gateway) = start(unsure()).await;
    for (secret, detector) in [
        ("jane@example.org", "email"),
        ("TCK-421177", "ticket"),
        ("4111 1111 1111 1111", "card"),
    ] {
        for body in places(secret) {
            let answer = gateway.ask(&body).await;
            assert_eq!(answer.error(), "503 local_unavailable", "{body}");
            assert_eq!(answer.header("x-smallfirst-reason"), "pinned");
            let named = format!("the detector `{detector}` finds something");
            assert!(answer.text.contains(&named), "{}", answer.text);
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
    }
    assert_eq!(upstream.connections(), 0, "nothing may leave");
    for body in places("nothing of the kind") {
        let answer = gateway.ask(&body).await;
        assert_eq!(answer.header("x-smallfirst-source"), "upstream", "{body}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_stays() {
    let (upstream, gateway) = start(unsure()).await;
    let part = |part: Value| {
        let parts = json!([{ "type": "text", "text": "what is this?" }, part]);
        body(&json!({ "messages": [{ "role": "user", "content": parts }] }))
    };
    let encoded = "SGVsbG8gd29ybGQh0123".repeat(20);
    for body in [
        part(json!({ "type": "image_url", "image_url": { "url": "https://example.org/a.png" } })),
        part(json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } })),
        part(json!({ "type": "file", "file": { "file_id": "f1" } })),
        part(json!({ "type": "something_new", "value": "x" })),
        part(json!({ "type": "text", "text": format!("data:text/plain;base64,{encoded}") })),
        chat("auto", &encoded),
    ] {
        let answer = gateway.ask(&body).await;
        assert_eq!(answer.error(), "503 local_unavailable", "{body}");
        assert!(answer.text.contains("cannot read"), "{}", answer.text);
    }
    assert_eq!(upstream.connections(), 0, "nothing may leave");
    gateway.stop().await;
}

#[tokio::test]
async fn a_pinned_request_is_answered_by_the_local_model() {
    let (upstream, gateway) = start(sure()).await;
    let answer = gateway.ask(&chat("auto", "TCK-421177")).await;
    assert_eq!(answer.told(), "local accepted");
    assert_eq!(answer.header("x-smallfirst-pinned"), "detector:ticket");
    let free = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(free.told(), "local accepted");
    assert_eq!(free.header("x-smallfirst-pinned"), "");
    let books = gateway.stop().await;
    let reserved = books.exchanges[0].reserved.as_deref();
    assert_eq!(reserved, Some("0"), "nothing can be spent outside");
    let pinned: Vec<_> = books
        .exchanges
        .iter()
        .map(|e| e.pinned_by.as_deref())
        .collect();
    assert_eq!(pinned, [Some("detector:ticket"), None]);
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_team_may_pin_what_others_send() {
    let (upstream, gateway) = start(unsure()).await;
    let body = chat("theirs", "TCK-421177");
    let pinned = gateway.ask(&body).await;
    assert_eq!(pinned.error(), "503 local_unavailable");
    assert_eq!(upstream.connections(), 0);
    let other = gateway
        .request(http::Method::POST, "/v1/chat/completions")
        .bearer_auth(OTHER_KEY)
        .json(&body);
    let other = gateway.send(other).await;
    assert_eq!(other.header("x-smallfirst-source"), "upstream");
    gateway.stop().await;
}

#[tokio::test]
async fn stored_answers_do_not_cross_the_border() {
    let (upstream, gateway) = start(unsure()).await;
    // The field does not change the answer, so it is not part of what a stored answer is found by.
    let named = |user: &str| chat_with("kept", "x", &json!({ "user": user }));
    let free = gateway.ask(&named("someone")).await;
    assert_eq!(free.header("x-smallfirst-source"), "upstream");
    assert_eq!(gateway.ask(&named("else")).await.told(), "cache stored");
    let pinned = gateway.ask(&named("TCK-421177")).await;
    assert_eq!(pinned.error(), "503 local_unavailable");
    assert_eq!(upstream.count(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn long_requests_are_read_to_the_end() {
    let (upstream, gateway) = start(unsure()).await;
    let long = "Please sort this ticket, it is a long one. ".repeat(50_000);
    let body = chat("auto", &format!("{long} TCK-421177"));
    let (pinned, also) = tokio::join!(gateway.ask(&body), gateway.ask(&body));
    for answer in [pinned, also] {
        assert_eq!(answer.error(), "503 local_unavailable");
    }
    assert_eq!(upstream.connections(), 0);
    let free = gateway.ask(&chat("auto", &long)).await;
    assert_eq!(free.header("x-smallfirst-source"), "upstream");
    gateway.stop().await;
}

#[tokio::test]
async fn what_was_found_is_written_nowhere() {
    let (upstream, gateway) = start(unsure()).await;
    let secrets = ["canary.5b7d@example.org", "TCK-590317"];
    for secret in secrets {
        for mut body in places(secret) {
            gateway.ask(&body).await;
            body["stream"] = json!(true);
            gateway.stream(&body).await.rest().await;
        }
        // A model is matched by a pattern here, so its name is the client's text as well.
        gateway.ask(&chat(&format!("auto {secret}"), "x")).await;
    }
    let metrics = gateway
        .send(gateway.request(http::Method::GET, "/metrics"))
        .await;
    let before = gateway.ledger_bytes().await;
    let id = gateway
        .ask(&chat("auto", "TCK-590317"))
        .await
        .header("x-request-id")
        .to_owned();
    let after = gateway.ledger_bytes().await;
    let holds = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds(&after, &id), "what is searched is what was written");
    assert!(
        holds(&after, "detector:ticket"),
        "which detector is no secret"
    );
    let counted = "smallfirst_pinned_requests_total{route=\"main\",by=\"detector:ticket\"}";
    assert!(metrics.text.contains(counted), "{}", metrics.text);
    for secret in secrets
        .into_iter()
        .chain(["590317", "canary.5b7d", "draft-canary-4c1f"])
    {
        assert!(
            !holds(&before, secret) && !holds(&after, secret),
            "{secret}"
        );
        assert!(!metrics.text.contains(secret));
        assert!(!log::text().contains(secret), "{secret} is in the log");
    }
    assert_eq!(upstream.connections(), 0);
    gateway.stop().await;
}
