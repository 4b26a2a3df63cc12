//! What a route may say beyond who answers: chains, teams, trials, prompt additions, budgets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use local_engine::scripted::{Script, Scripted};
use serde_json::{Value, json};
use support::{Reply, ScriptedUpstream, TestGateway, chat, chat_with};

fn unsure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("draft", -3.0))
}

fn sure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("draft", -0.01))
}

fn models(upstream: &ScriptedUpstream) -> Vec<String> {
    let received = upstream.received();
    let model = |body: &Value| body["model"].as_str().unwrap().to_owned();
    received.iter().map(|r| model(&r.body)).collect()
}

const CHAIN: &str = "\
- name: main
  match: { model: auto }
  action: upstream-only
  upstream:
    - { name: large, model: first }
    - { name: large, model: second }
";

async fn chained(replies: impl IntoIterator<Item = Reply>) -> (ScriptedUpstream, TestGateway) {
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .routes(CHAIN)
        .start()
        .await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_failed_model_falls_back_to_the_next_and_both_are_booked() {
    for status in [500, 503, 429, 401, 404] {
        let replies = [Reply::error(status, "no"), Reply::completion("up")];
        let (upstream, gateway) = chained(replies).await;
        let answer = gateway.ask(&chat("auto", "x")).await;
        assert_eq!(answer.content(), "up", "after a {status}");
        assert_eq!(models(&upstream), ["first", "second"]);
        let books = gateway.stop().await;
        let attempts = &books.exchanges[0].attempts;
        let told: Vec<_> = attempts
            .iter()
            .map(|a| format!("{} {}", a.model, a.outcome))
            .collect();
        assert_eq!(told, ["first failed", "second answered"]);
    }
}

#[tokio::test]
async fn what_the_client_got_wrong_does_not_fall_back() {
    let (upstream, gateway) = chained([Reply::error(400, "bad field")]).await;
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(models(&upstream), ["first"]);
    gateway.stop().await;
}

#[tokio::test]
async fn when_all_fail_the_last_failure_is_told() {
    let (upstream, gateway) = chained([Reply::error(500, "no"), Reply::error(503, "no")]).await;
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.error(), "502 upstream_unavailable");
    assert_eq!(models(&upstream), ["first", "second"]);
    gateway.stop().await;
}

const TEAMS: &str = "\
listen: 127.0.0.1:0
keys:
  - { name: team-a, key: file:a.key, team: research }
  - { name: team-b, key: file:b.key }
models:
  small: { path: model.gguf, cost_per_hour: \"3.6\" }
upstreams:
  large: { base_url: \"{upstream}/v1\", key: file:upstream.key, retries: 0 }
unmatched: reject
routes:
  - name: main
    match: { model: auto }
    local: { model: small }
    upstream: { name: large, model: usual }
    threshold: 0.8
    teams:
      research: { action: upstream-only, upstream: { name: large, model: largest } }
";

#[tokio::test]
async fn a_team_gets_what_the_route_means_for_it() {
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(sure())
        .config_yaml(TEAMS)
        .start()
        .await;
    let theirs = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(theirs.header("x-smallfirst-route"), "main@team=research");
    assert_eq!(models(&upstream), ["largest"]);
    let other = gateway
        .request(http::Method::POST, "/v1/chat/completions")
        .bearer_auth(support::OTHER_KEY)
        .json(&chat("auto", "x"));
    let other = gateway.send(other).await;
    assert_eq!(other.told(), "local accepted");
    assert_eq!(other.header("x-smallfirst-route"), "main");
    let books = gateway.stop().await;
    let routes: Vec<_> = books.exchanges.iter().map(|e| e.route.as_str()).collect();
    assert_eq!(
        routes,
        ["main@team=research", "main"],
        "the report tells them apart"
    );
}

const TRIAL: &str = "\
- name: main
  match: { model: auto }
  action: split
  upstream: { name: large, model: gpt-large }
  split:
    by: user
    arms:
      - { name: small, weight: 50 %, action: local-only, local: { model: small } }
      - { name: large, weight: 50 %, action: upstream-only }
";

#[tokio::test]
async fn a_trial_keeps_a_user_in_one_arm() {
    let replies = (0..80).map(|_| Reply::completion("up"));
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(sure())
        .routes(TRIAL)
        .start()
        .await;
    let mut arms = BTreeMap::<String, usize>::new();
    for user in 0..40 {
        let body = chat_with("auto", "x", &json!({ "user": format!("u-{user}") }));
        let first = gateway.ask(&body).await;
        let again = gateway.ask(&body).await;
        let arm = first.header("x-smallfirst-route");
        assert_eq!(arm, again.header("x-smallfirst-route"), "sticky");
        *arms.entry(arm.to_owned()).or_default() += 1;
    }
    // A fixed hash of fixed names: 40 users always fall the same way.
    assert_eq!(
        arms.keys().collect::<Vec<_>>(),
        ["main@arm=large", "main@arm=small"]
    );
    assert!(arms.values().all(|n| *n >= 10), "{arms:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn additions_reach_the_local_model_and_nobody_else() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let engine = {
        let seen = Arc::clone(&seen);
        Arc::new(Scripted::new(move |job| {
            *seen.lock().unwrap() = job.messages.clone();
            Script::answering("draft", -3.0)
        }))
    };
    let upstream = ScriptedUpstream::start([Reply::completion("up")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .routes(
            "\
- name: main
  match: { model: auto }
  local:
    model: small
    prompt:
      system_prefix: PREFIX-CANARY
      examples: [{ user: EXAMPLE-CANARY, assistant: ok }]
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
",
        )
        .start()
        .await;
    gateway.ask(&chat("auto", "question")).await;
    let told: Vec<String> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|m| format!("{}: {}", m.role, m.content))
        .collect();
    assert_eq!(
        told,
        [
            "system: PREFIX-CANARY",
            "user: EXAMPLE-CANARY",
            "assistant: ok",
            "user: question"
        ]
    );
    let sent = upstream.only().text;
    assert!(!sent.contains("CANARY"), "{sent}");
    gateway.stop().await;
}

/// The scripted upstream charges 1000 prompt and 100 answer tokens, 0.0028 USD; a request of a few hundred bytes with
/// at most 100 answer tokens reserves about 0.001.
fn budgeted(then: &str) -> String {
    format!(
        "\
- name: main
  match: {{ model: auto }}
  local: {{ model: small }}
  upstream: {{ name: large, model: gpt-large }}
  threshold: 0.8
  budget: {{ max: \"0.005\", per: day, then: {then} }}
"
    )
}

#[tokio::test]
async fn a_spent_budget_refuses_and_is_no_invitation_to_try_again() {
    let replies = (0..2).map(|_| Reply::completion("up"));
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .routes(&budgeted("refuse"))
        .start()
        .await;
    let body = chat_with("auto", "x", &json!({ "max_tokens": 100 }));
    assert_eq!(gateway.ask(&body).await.status, 200);
    assert_eq!(gateway.ask(&body).await.status, 200);
    let refused = gateway.ask(&body).await;
    assert_eq!(refused.error(), "429 budget_exceeded");
    assert_eq!(refused.json()["error"]["type"], "insufficient_quota");
    assert_eq!(refused.header("x-should-retry"), "false");
    assert_eq!(upstream.count(), 2);
    let books = gateway.stop().await;
    assert_eq!(
        books.exchanges[2].reason.as_deref(),
        Some("budget_exceeded")
    );
}

#[tokio::test]
async fn without_money_the_local_model_goes_on_alone() {
    let replies = (0..2).map(|_| Reply::completion("up"));
    let upstream = ScriptedUpstream::start(replies).await;
    let engine = Arc::new(Scripted::new(|job| {
        let easy = job.messages.iter().any(|m| m.content == "easy");
        Script::answering("draft", if easy { -0.01 } else { -3.0 })
    }));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .routes(&budgeted("local-only"))
        .start()
        .await;
    let ask = |text: &str| chat_with("auto", text, &json!({ "max_tokens": 100 }));
    for _ in 0..2 {
        assert_eq!(
            gateway.ask(&ask("hard")).await.told(),
            "upstream low_confidence"
        );
    }
    assert_eq!(gateway.ask(&ask("easy")).await.told(), "local accepted");
    assert_eq!(
        gateway.ask(&ask("hard")).await.error(),
        "429 budget_exceeded"
    );
    assert_eq!(upstream.count(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn parallel_requests_cannot_overrun_a_budget() {
    let replies = (0..32).map(|_| Reply::completion("up").held());
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .routes(&budgeted("refuse"))
        .start()
        .await;
    let body = chat_with("auto", "x", &json!({ "max_tokens": 100 }));
    let asking = async {
        let all = (0..32).map(|_| gateway.ask(&body));
        futures_util::future::join_all(all).await
    };
    let releasing = async {
        // Nobody is answered before all that are let through have arrived: reservations alone hold the rest back.
        upstream.arrived(4).await;
        (0..32).for_each(|_| upstream.release());
    };
    let (answers, ()) = tokio::join!(asking, releasing);
    let served = answers.iter().filter(|a| a.status == 200).count();
    let refused = answers.iter().filter(|a| a.status == 429).count();
    assert_eq!(served + refused, 32);
    assert_eq!(served, upstream.count());
    assert!(
        refused >= 16,
        "a reservation each: {served} were let through"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_budget_without_prices_is_refused_when_the_configuration_is_read() {
    let yaml = TEAMS.replace(
        "    teams:",
        "    budget: { max: \"1\", per: day }\n    teams:",
    );
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.key", "b.key", "upstream.key", "model.gguf"] {
        std::fs::write(folder.path().join(name), "some-key").unwrap();
    }
    let yaml = yaml.replace("{upstream}", "http://127.0.0.1:9");
    let error = gateway::config::Config::parse(&yaml, folder.path(), "test.yaml").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`main` has a budget, and `usual` has no price"),
        "{text}"
    );
}
