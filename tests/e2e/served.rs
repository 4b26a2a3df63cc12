//! A small model behind servers of its own, seen from the client.

use std::sync::Arc;

use futures_util::future::join_all;
use local_engine::Health;
use local_engine::LocalEngine;
use local_engine::served::{Dialect, Served, ServedSettings};
use serde_json::{Value, json};
use support::{Reply, ScriptedUpstream, Step, TestGateway, chat, eventually};

const ROUTES: &str = "\
- name: triage
  match: { model: triage }
  local: { model: small, max_tokens: 8 }
  upstream: { name: large, model: gpt-large }
  threshold: 0.5
- name: house
  match: { model: house }
  action: local-only
  local: { model: small, max_tokens: 8 }
  threshold: 0.5
- name: rest
  action: upstream-only
  upstream: { name: large, model: gpt-large }
";

/// Answers a look at the model list, and every chat with `billing`.
fn server(body: &Value) -> Reply {
    if body.get("messages").is_none() {
        return Reply::json(
            200,
            &json!({"data": [{"id": "small-1", "max_model_len": 4096}]}),
        );
    }
    let entry = json!({"token": "billing", "logprob": -0.01, "top_logprobs": [{"token": "bug", "logprob": -5.0}]});
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "billing"},
        "logprobs": {"content": [entry]}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}});
    Reply::stream([Step::event(&chunk), Step::event(&usage), Step::done()])
}

async fn engine(servers: &[&ScriptedUpstream]) -> Arc<Served> {
    let endpoints = servers.iter();
    let endpoints = endpoints.map(|server| format!("{}/v1", server.url()).parse().unwrap());
    let settings = ServedSettings::new(Dialect::Vllm, endpoints.collect(), "small-1");
    let engine = Arc::new(Served::start(settings).unwrap());
    eventually("the servers", || engine.health() == Health::Ready).await;
    engine
}

#[tokio::test]
async fn its_answer_is_scored_and_booked_as_a_local_one() {
    let (one, large) = (
        ScriptedUpstream::answering(server).await,
        ScriptedUpstream::silent().await,
    );
    let gateway = TestGateway::builder()
        .upstream(&large)
        .engine(engine(&[&one]).await)
        .routes(ROUTES)
        .start()
        .await;
    let answer = gateway.ask(&chat("triage", "My invoice is wrong")).await;
    assert_eq!(answer.content(), "billing");
    assert_eq!(answer.header("x-smallfirst-source"), "local");
    let books = gateway.stop().await;
    let attempt = &books.only().attempts[0];
    assert_eq!(attempt.engine, "local");
    assert_eq!(large.count(), 0);
}

#[tokio::test]
async fn a_server_that_goes_away_under_load_costs_no_request() {
    let (one, two) = (
        ScriptedUpstream::answering(server).await,
        ScriptedUpstream::answering(server).await,
    );
    let large = ScriptedUpstream::answering(|_| Reply::completion("from the large one")).await;
    let gateway = TestGateway::builder()
        .upstream(&large)
        .engine(engine(&[&one, &two]).await)
        .routes(ROUTES)
        .start()
        .await;
    let ask = || async {
        gateway
            .ask(&chat("triage", "My invoice is wrong"))
            .await
            .status
    };
    let before = join_all((0..20).map(|_| ask())).await;
    drop(one);
    let after = join_all((0..40).map(|_| ask())).await;
    for status in before.into_iter().chain(after) {
        assert_eq!(status, 200);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn without_any_server_requests_escalate_and_stay_in_the_house_where_they_must() {
    let one = ScriptedUpstream::answering(server).await;
    let large = ScriptedUpstream::answering(|_| Reply::completion("from the large one")).await;
    let engine = engine(&[&one]).await;
    let gateway = TestGateway::builder()
        .upstream(&large)
        .engine(engine)
        .routes(ROUTES)
        .start()
        .await;
    drop(one);
    let answer = gateway.ask(&chat("triage", "My invoice is wrong")).await;
    assert_eq!(answer.content(), "from the large one");
    let refused = gateway.ask(&chat("house", "My invoice is wrong")).await;
    assert_eq!(refused.error(), "503 local_unavailable");
    assert_eq!(large.count(), 1);
    gateway.stop().await;
}
