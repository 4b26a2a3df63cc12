//! Requests that are wrong: refused with the right status, in one shape, without a trace in the books.

use std::sync::Arc;

use futures_util::stream;
use http::Method;
use local_engine::scripted::Scripted;
use serde_json::{Value, json};
use support::{Answer, CLIENT_KEY, OTHER_KEY, ScriptedUpstream, TestGateway, chat, chat_with};

async fn gateway(upstream: &ScriptedUpstream) -> TestGateway {
    let engine = Arc::new(Scripted::answering("fine", -0.01));
    TestGateway::builder()
        .upstream(upstream)
        .engine(engine)
        .start()
        .await
}

/// Ends the test: nothing was booked and nothing reached the upstream.
async fn untouched(gateway: TestGateway, upstream: &ScriptedUpstream) {
    let books = gateway.stop().await;
    assert!(books.exchanges.is_empty(), "{books:?}");
    assert_eq!(upstream.count(), 0);
}

async fn raw(gateway: &TestGateway, body: impl Into<reqwest::Body>) -> Answer {
    let request = gateway
        .request(Method::POST, "/v1/chat/completions")
        .bearer_auth(CLIENT_KEY);
    gateway
        .send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
}

#[tokio::test]
async fn keys() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let post = || {
        gateway
            .request(Method::POST, "/v1/chat/completions")
            .json(&chat("auto", "x"))
    };

    for request in [
        post(),
        post().bearer_auth("sk-wrong-canary"),
        post().header("x-api-key", "sk-wrong-canary"),
        post().header("authorization", format!("Basic {CLIENT_KEY}")),
        gateway.request(Method::GET, "/v1/models"),
        gateway.request(Method::GET, "/v1/models/auto"),
    ] {
        let answer = gateway.send(request).await;
        assert_eq!(answer.error(), "401 invalid_api_key");
        assert_eq!(answer.json()["error"]["type"], "authentication_error");
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(!answer.text.contains("canary"));
    }
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn both_ways_to_send_a_key_work() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let post = || {
        gateway
            .request(Method::POST, "/v1/chat/completions")
            .json(&chat("auto", "x"))
    };
    let first = gateway.send(post().header("x-api-key", OTHER_KEY)).await;
    let second = gateway
        .send(post().header("authorization", format!("bearer {CLIENT_KEY}")))
        .await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    let books = gateway.stop().await;
    let payers: Vec<&str> = books
        .exchanges
        .iter()
        .map(|e| e.principal.as_str())
        .collect();
    assert_eq!(payers, ["team-b", "team-a"]);
}

#[tokio::test]
async fn an_error_has_the_shape_that_clients_understand() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let answer = gateway.ask(&json!({ "model": "auto" })).await;
    insta::assert_snapshot!(format!("{:#}", answer.json()), @r#"
    {
      "error": {
        "message": "`messages` must be a non-empty array",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "invalid_request"
      }
    }
    "#);
    assert_eq!(answer.status, 400);
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn bodies_that_make_no_sense() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    for (body, param) in [
        ("", Value::Null),
        (
            "{\"model\": \"auto\", \"messages\": [{\"role\": \"user\", \"content\": \"prompt-canary\"}",
            Value::Null,
        ),
        ("{\"model\": prompt-canary}", Value::Null),
        ("[\"prompt-canary\"]", Value::Null),
        ("\u{fffd}\0", Value::Null),
    ] {
        let answer = raw(&gateway, body).await;
        assert_eq!(answer.error(), "400 invalid_request", "{body}");
        assert_eq!(answer.json()["error"]["param"], param, "{body}");
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(!answer.text.contains("prompt-canary"), "{}", answer.text);
    }
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn fields_that_make_no_sense() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    for (fields, param) in [
        (json!({ "model": null }), "model"),
        (json!({ "model": "" }), "model"),
        (json!({ "model": ["auto"] }), "model"),
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "prompt-canary" }), "messages"),
        (
            json!({ "messages": [{ "content": "prompt-canary" }] }),
            "messages[0].role",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": "x" }, 3] }),
            "messages[1].role",
        ),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (
            json!({ "max_completion_tokens": -1 }),
            "max_completion_tokens",
        ),
        (json!({ "stop": 7 }), "stop"),
        (json!({ "stop": ["a", 7] }), "stop"),
    ] {
        let answer = gateway
            .ask(&chat_with("auto", "prompt-canary", &fields))
            .await;
        assert_eq!(answer.error(), "400 invalid_request", "{fields}");
        assert_eq!(answer.json()["error"]["param"], param, "{fields}");
        assert!(!answer.text.contains("prompt-canary"), "{}", answer.text);
    }
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn a_model_that_no_route_answers_for() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let answer = gateway.ask(&chat("model-canary", "x")).await;
    assert_eq!(answer.error(), "404 model_not_found");
    assert_eq!(answer.json()["error"]["param"], "model");
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    for path in [
        "/",
        "/v1",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/models/",
        "/v2/chat/completions",
    ] {
        let answer = gateway
            .send(gateway.request(Method::POST, path).bearer_auth(CLIENT_KEY))
            .await;
        assert_eq!(answer.error(), "404 unknown_url", "{path}");
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/chat/completions", "POST"),
        (Method::DELETE, "/v1/chat/completions", "POST"),
        (Method::POST, "/v1/models", "GET, HEAD"),
        (Method::PUT, "/v1/models/auto", "GET, HEAD"),
        (Method::POST, "/healthz", "GET, HEAD"),
    ] {
        let answer = gateway
            .send(gateway.request(method, path).bearer_auth(CLIENT_KEY))
            .await;
        assert_eq!(answer.error(), "405 method_not_allowed", "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
    untouched(gateway, &upstream).await;
}

const TWENTY_MIB: usize = 20 << 20;

#[tokio::test]
async fn a_body_that_is_too_large() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let answer = raw(&gateway, vec![b'x'; TWENTY_MIB]).await;
    assert_eq!(answer.error(), "413 request_too_large");
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("10MiB"),
        "{}",
        answer.text
    );
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn a_body_without_a_length_that_is_too_large() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let pieces = (0..TWENTY_MIB >> 16).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1 << 16]));
    let answer = raw(&gateway, reqwest::Body::wrap_stream(stream::iter(pieces))).await;
    assert_eq!(answer.error(), "413 request_too_large");
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn a_body_that_does_not_come() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .limits("body_timeout: 50ms")
        .start()
        .await;
    let first = stream::iter([Ok::<_, std::io::Error>("{\"model\":")]);
    let silence = futures_util::StreamExt::chain(first, stream::pending());
    let answer = raw(&gateway, reqwest::Body::wrap_stream(silence)).await;
    assert_eq!(answer.error(), "408 request_timeout");
    untouched(gateway, &upstream).await;
}

#[tokio::test]
async fn every_request_gets_its_own_id() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/healthz", "/readyz", "/v1/models", "/nowhere", "/healthz"] {
        let id = gateway.get(path).await.header("x-request-id").to_owned();
        assert_eq!(id.len(), 36, "{path}: {id}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 5);
    untouched(gateway, &upstream).await;
}
