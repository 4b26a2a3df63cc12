//! The small endpoints: models, health, readiness.

use std::sync::Arc;

use http::Method;
use local_engine::Health;
use local_engine::scripted::Scripted;
use serde_json::json;
use support::{ScriptedUpstream, TestGateway, stable};

const ROUTES: &str = "\
- name: first
  match: { model: [zeta, \"glob-*\", alpha] }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
- name: second
  match: { model: [vendor/beta, alpha], headers: { x-team: support } }
  action: upstream-only
  upstream: { name: large, model: gpt-large }
";

#[tokio::test]
async fn models_are_listed_in_the_order_of_the_file() {
    let gateway = TestGateway::builder().routes(ROUTES).start().await;
    let list = gateway.get("/v1/models").await.json();
    let cards: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .cloned()
        .map(stable)
        .collect();
    assert_eq!(list["object"], "list");
    insta::assert_snapshot!(json!(cards).to_string(), @r#"[{"id":"zeta","object":"model","created":"[created]","owned_by":"smallfirst"},{"id":"alpha","object":"model","created":"[created]","owned_by":"smallfirst"},{"id":"vendor/beta","object":"model","created":"[created]","owned_by":"smallfirst"}]"#);
    gateway.stop().await;
}

#[tokio::test]
async fn one_model() {
    let gateway = TestGateway::builder().routes(ROUTES).start().await;
    let card = gateway.get("/v1/models/vendor/beta").await;
    assert_eq!(
        (card.status.as_u16(), &card.json()["id"]),
        (200, &json!("vendor/beta"))
    );
    for unknown in [
        "/v1/models/gpt-large",
        "/v1/models/glob-*",
        "/v1/models/small",
    ] {
        let answer = gateway.get(unknown).await;
        assert_eq!(answer.error(), "404 model_not_found", "{unknown}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn health_and_readiness_need_no_key() {
    let engine = Arc::new(Scripted::answering("", 0.0));
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;
    let get = |path: &'static str| gateway.send(gateway.request(Method::GET, path));

    let alive = get("/healthz").await;
    assert_eq!(
        (alive.status.as_u16(), alive.json()),
        (200, json!({ "status": "alive" }))
    );
    for (health, shown) in [
        (Health::Ready, "ready"),
        (Health::Loading, "loading"),
        (
            Health::Down("no such file".to_owned()),
            "down: no such file",
        ),
    ] {
        engine.set_health(health);
        let ready = get("/readyz").await;
        assert_eq!(ready.status, 200, "without its model it still escalates");
        let told = ready.json();
        assert_eq!(
            (&told["status"], &told["models"]),
            (&json!("ready"), &json!({ "small": shown }))
        );
    }
    let head = gateway.send(gateway.request(Method::HEAD, "/readyz")).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    gateway.stop().await;
    assert_eq!(upstream.count(), 0);
}
