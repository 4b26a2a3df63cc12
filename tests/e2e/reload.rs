//! Another configuration without a restart: a whole one or none, and no request sees two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateway::reload::Reloader;
use http::Method;
use local_engine::scripted::Scripted;
use serde_json::{Value, json};
use support::{Reply, ScriptedUpstream, TestGateway, chat};

/// Requests that are under way at the same time.
const CLIENTS: usize = 8;
/// Configurations that are put in force under load, and as many broken ones in between.
const RELOADS: usize = 24;

fn engine() -> Arc<Scripted> {
    Arc::new(Scripted::answering("draft", -3.0))
}

/// A configuration whose one route and the model that it asks for carry `name`.
fn config(upstream: &str, name: &str) -> String {
    format!(
        "\
listen: 127.0.0.1:0
keys:
  - {{ name: team-a, key: file:a.key }}
models:
  small: {{ path: model.gguf, cost_per_hour: \"3.6\" }}
upstreams:
  large: {{ base_url: \"{upstream}/v1\", key: file:upstream.key, retries: 0 }}
unmatched: reject
routes:
  - name: route-{name}
    match: {{ model: auto }}
    local: {{ model: small }}
    upstream: {{ name: large, model: model-{name} }}
    threshold: 0.8
"
    )
}

async fn gateway(upstream: &ScriptedUpstream) -> TestGateway {
    TestGateway::builder()
        .config_yaml(&config(&upstream.url(), "a"))
        .engine(engine())
        .start()
        .await
}

async fn reload(reloader: &Arc<Reloader>) -> Result<(), String> {
    let reloader = Arc::clone(reloader);
    tokio::task::spawn_blocking(move || reloader.reload().map_err(|error| error.to_string()))
        .await
        .unwrap()
}

/// What `/readyz` and `/metrics` say of the configuration.
async fn told(gateway: &TestGateway) -> (Value, Vec<String>) {
    let ready = gateway.send(gateway.request(Method::GET, "/readyz")).await;
    assert_eq!(
        ready.status, 200,
        "an old configuration that works is ready"
    );
    let metrics = gateway.send(gateway.request(Method::GET, "/metrics")).await;
    let lines = metrics.text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.map(str::to_owned).collect();
    (ready.json()["configuration"].clone(), lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_fails_and_none_sees_two_policies() {
    let replies = (0..50_000).map(|_| Reply::completion("up"));
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = gateway(&upstream).await;
    let reloader = Arc::new(gateway.reloader(engine()));
    let enough = AtomicBool::new(false);

    let client = async || {
        let mut answers = 0_usize;
        while !enough.load(Ordering::Relaxed) || answers == 0 {
            let answer = gateway.ask(&chat("auto", "x")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            answers += 1;
        }
        answers
    };
    let operator = async {
        for round in 0..RELOADS {
            let name = if round % 2 == 0 { "b" } else { "a" };
            gateway.write_config(&config(&upstream.url(), name));
            reload(&reloader).await.unwrap();
            gateway.write_config("routes: [");
            reload(&reloader).await.unwrap_err();
        }
        enough.store(true, Ordering::Relaxed);
    };
    let clients = futures_util::future::join_all((0..CLIENTS).map(|_| client()));
    let (answers, ()) = tokio::join!(clients, operator);

    let books = gateway.stop().await;
    assert_eq!(books.exchanges.len(), answers.iter().sum::<usize>());
    for exchange in &books.exchanges {
        let name = exchange.route.strip_prefix("route-").unwrap();
        let asked = exchange.attempts.iter().find(|a| a.engine == "upstream");
        assert_eq!(asked.unwrap().model, format!("model-{name}"));
    }
    let routes: std::collections::BTreeSet<_> = books.exchanges.iter().map(|e| &e.route).collect();
    assert_eq!(routes.len(), 2, "both were in force: {routes:?}");
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_one_in_force_and_says_so() {
    let upstream =
        ScriptedUpstream::start([Reply::completion("up"), Reply::completion("up")]).await;
    let gateway = gateway(&upstream).await;
    let reloader = Arc::new(gateway.reloader(engine()));

    gateway.write_config(&config(&upstream.url(), "b").replace("local:", "lokal:"));
    let error = reload(&reloader).await.unwrap_err();
    assert!(error.contains("lokal"), "{error}");
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.header("x-smallfirst-route"), "route-a");
    let (ready, metrics) = told(&gateway).await;
    let problem = ready["not_reloaded"]["problem"].as_str().unwrap();
    assert!(
        problem.contains("test.yaml") && problem.contains("lokal"),
        "{problem}"
    );
    for line in [
        "smallfirst_config_reloads_total{result=\"refused\"} 1",
        "smallfirst_config_reloads_total{result=\"taken\"} 0",
        "smallfirst_config_last_reload_successful 0",
    ] {
        assert!(metrics.iter().any(|l| l == line), "{line} in {metrics:#?}");
    }

    gateway.write_config(&config(&upstream.url(), "b"));
    reload(&reloader).await.unwrap();
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.header("x-smallfirst-route"), "route-b");
    let (now, metrics) = told(&gateway).await;
    assert_eq!(now["not_reloaded"], Value::Null);
    assert_ne!(now["version"], ready["version"]);
    let good = "smallfirst_config_last_reload_successful 1";
    assert!(metrics.iter().any(|line| line == good), "{metrics:#?}");
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_fixed_at_the_start_is_refused_by_name() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let reloader = Arc::new(gateway.reloader(engine()));
    let yaml = config(&upstream.url(), "b").replace("listen: 127.0.0.1:0", "listen: 127.0.0.1:1");
    gateway.write_config(&yaml);
    let error = reload(&reloader).await.unwrap_err();
    insta::assert_snapshot!(error, @"`listen` is another than at the start; restart the gateway to change it");
    gateway.stop().await;
}

#[tokio::test]
async fn an_engine_goes_on_unless_its_settings_change() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let before = Arc::clone(gateway.app().snapshot().engine("small").unwrap());
    let reloader = Arc::new(gateway.reloader(engine()));
    let small = |settings: &str| {
        let yaml = config(&upstream.url(), "a");
        yaml.replace("cost_per_hour: \"3.6\"", settings)
    };

    gateway.write_config(&small("cost_per_hour: \"7.2\""));
    reload(&reloader).await.unwrap();
    let after = Arc::clone(gateway.app().snapshot().engine("small").unwrap());
    assert!(
        Arc::ptr_eq(&before, &after),
        "another price is no other engine"
    );

    gateway.write_config(&small("cost_per_hour: \"7.2\", threads: 1"));
    reload(&reloader).await.unwrap();
    let after = Arc::clone(gateway.app().snapshot().engine("small").unwrap());
    assert!(!Arc::ptr_eq(&before, &after), "other threads are");

    let before = after;
    let reloader = Arc::new(gateway.reloader(engine()));
    let adapted = "cost_per_hour: \"7.2\", threads: 1, loras: { billing: model.gguf }";
    gateway.write_config(&small(adapted));
    reload(&reloader).await.unwrap();
    let after = Arc::clone(gateway.app().snapshot().engine("small").unwrap());
    assert!(!Arc::ptr_eq(&before, &after), "another adapter is");
    gateway.stop().await;
}

#[tokio::test]
async fn the_file_is_watched() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream).await;
    let reloader = Arc::new(gateway.reloader(engine()));
    let pause = std::time::Duration::from_millis(5);
    let watching = tokio::spawn(gateway::reload::watch(
        reloader,
        gateway::reload::HangUps::listen(),
        pause,
    ));
    let before = gateway.app().snapshot().config().version.clone();
    gateway.write_config(&config(&upstream.url(), "b"));
    let app = Arc::clone(gateway.app());
    support::eventually("the new configuration", || {
        app.snapshot().config().version != before
    })
    .await;
    watching.abort();
    let models = gateway.get("/v1/models").await.json();
    assert_eq!(models["data"][0]["id"], json!("auto"));
    gateway.stop().await;
}
