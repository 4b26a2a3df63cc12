//! A local model in a real process that dies in every way, seen from outside.

use std::sync::Arc;
use std::time::Duration;

use local_engine::{EngineSpec, Health, LocalEngine};
use support::fire::{Fire, burn};
use support::worker::{self, MEMORY_LIMIT, ready, signal};
use support::{Perilous, Reply, ScriptedUpstream, TestGateway, chat, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;

const ROUTES: &str = "\
- name: main
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
- name: private
  match: { model: private }
  action: local-only
  local: { model: small }
  threshold: 0.8
";

/// Not a test of its own: the worker's main function. Does nothing unless a test started it.
#[test]
fn worker_main() {
    if worker::is_worker() {
        worker::host(worker::load_scripted);
    }
}

/// A pause before the first restart, and what else is asked of the process.
fn start(pause: Duration, spec: EngineSpec) -> Arc<dyn LocalEngine> {
    let arguments = ["--exact", "isolation::worker_main", "--nocapture"];
    let mut settings = worker::settings(&arguments, spec);
    settings.first_pause = pause;
    worker::queued(settings, 32)
}

async fn gateway(upstream: &ScriptedUpstream, engine: &Arc<dyn LocalEngine>) -> TestGateway {
    TestGateway::builder()
        .upstream(upstream)
        .engine(Arc::clone(engine))
        .routes(ROUTES)
        .start()
        .await
}

async fn readiness(gateway: &TestGateway) -> String {
    let ready = gateway.get("/readyz").await;
    assert_eq!(ready.status, 200, "without its model it still escalates");
    let told = ready.json();
    told["models"]["small"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_nothing() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    let limited = EngineSpec {
        memory_limit: Some(MEMORY_LIMIT),
        ..EngineSpec::new("model")
    };
    let engine = start(Duration::from_millis(10), limited);
    ready(&engine).await;
    let gateway = gateway(&upstream, &engine).await;
    let fire = Fire {
        kills: 9,
        clients: 8,
        text: "yes or no?",
        apart: Duration::from_millis(120),
        watch: |_, _| (),
    };
    let burnt = burn(&gateway, &engine, fire).await;

    let restarts = engine.vitals().restarts;
    assert_eq!(restarts.values().sum::<u64>(), 9, "{restarts:?}");
    let metrics = gateway.get("/metrics").await.text;
    for cause in ["killed", "crashed", "memory"] {
        let line =
            format!("smallfirst_engine_restarts_total{{model=\"small\",cause=\"{cause}\"}} 3");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    assert!(burnt.escalated > 0 && burnt.refused > 0, "{burnt:?}");
    let exchanges = gateway.stop().await.exchanges;
    assert_eq!(
        exchanges.len(),
        burnt.requests(),
        "each request is booked once"
    );
    let from = |source: &str| {
        let of = exchanges
            .iter()
            .filter(|e| e.source.as_deref() == Some(source));
        of.count()
    };
    assert_eq!(from("local"), burnt.local);
    assert_eq!(from("upstream"), burnt.escalated);
    assert_eq!(upstream.count(), burnt.escalated);
}

#[tokio::test]
async fn every_way_to_die_is_escalated_told_and_healed() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    for (word, cause) in Perilous::PERILS {
        let limited = EngineSpec {
            memory_limit: Some(MEMORY_LIMIT),
            ..EngineSpec::new("model")
        };
        let engine = start(Duration::from_millis(600), limited);
        ready(&engine).await;
        let gateway = gateway(&upstream, &engine).await;
        let answer = gateway.ask(&chat("auto", word)).await;
        assert_eq!(answer.told(), "upstream engine_failed", "{word}");
        // A job fails a moment before its process is gone.
        eventually("the death", || matches!(engine.health(), Health::Down(_))).await;
        let told = readiness(&gateway).await;
        assert!(told.starts_with("down: "), "{word}: {told}");
        if cause == "memory" {
            assert!(
                told.contains("it passed its memory limit of 192MiB"),
                "{told}"
            );
        }
        let private = gateway.ask(&chat("private", "?")).await;
        assert_eq!(private.error(), "503 local_unavailable", "{word}");
        assert_eq!(private.header("retry-after"), "5", "{word}");
        ready(&engine).await;
        let healed = gateway.ask(&chat("private", "?")).await;
        assert_eq!(healed.told(), "local accepted", "{word}");
        let metrics = gateway.get("/metrics").await.text;
        let line = format!("_restarts_total{{model=\"small\",cause=\"{cause}\"}} 1");
        assert!(metrics.contains(&line), "{word}: {metrics}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_worker_that_stops_is_replaced_and_requests_escalate_meanwhile() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    let spec = EngineSpec {
        stall_after: Duration::from_secs(1),
        ..EngineSpec::new("model")
    };
    let engine = start(Duration::from_millis(10), spec);
    ready(&engine).await;
    let gateway = gateway(&upstream, &engine).await;
    signal(&engine, "-STOP");
    // Without a deadline of its own it waits until the process is given up.
    let caught = gateway.ask(&chat("auto", "?")).await;
    assert_eq!(caught.told(), "upstream engine_failed");
    ready(&engine).await;
    assert_eq!(
        gateway.ask(&chat("auto", "?")).await.told(),
        "local accepted"
    );
    let metrics = gateway.get("/metrics").await.text;
    let line = "smallfirst_engine_restarts_total{model=\"small\",cause=\"hung\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_model_that_loads_slowly_holds_nobody_up() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion("up")).await;
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let listener = UnixListener::bind(&gate).unwrap();
    let engine = start(Duration::from_millis(10), EngineSpec::new(&gate));
    let gateway = gateway(&upstream, &engine).await;
    let (mut loading, _) = listener.accept().await.unwrap();

    assert_eq!(readiness(&gateway).await, "loading");
    let metrics = gateway.get("/metrics").await.text;
    let line = "smallfirst_engine_health{model=\"small\",health=\"loading\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let meanwhile = gateway.ask(&chat("auto", "?")).await;
    assert_eq!(meanwhile.told(), "upstream engine_down");
    let private = gateway.ask(&chat("private", "?")).await;
    assert_eq!(private.error(), "503 local_unavailable");

    loading.write_u8(1).await.unwrap();
    ready(&engine).await;
    assert_eq!(readiness(&gateway).await, "ready");
    assert_eq!(
        gateway.ask(&chat("auto", "?")).await.told(),
        "local accepted"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn first_tokens_are_predicted_and_the_distance_is_told() {
    let upstream = ScriptedUpstream::silent().await;
    let engine = start(Duration::from_millis(10), EngineSpec::new("model"));
    ready(&engine).await;
    let gateway = gateway(&upstream, &engine).await;
    for _ in 0..3 {
        assert_eq!(
            gateway.ask(&chat("auto", "?")).await.told(),
            "local accepted"
        );
    }
    eventually("the last job to leave", || engine.vitals().present == 0).await;
    let metrics = gateway.get("/metrics").await.text;
    for line in [
        "smallfirst_engine_first_tokens_total{model=\"small\"} 3",
        "smallfirst_engine_queue{model=\"small\"} 0",
        "smallfirst_engine_health{model=\"small\",health=\"ready\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let sum = |name: &str| {
        let start =
            format!("smallfirst_engine_first_token_{name}_seconds_total{{model=\"small\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&start));
        value.unwrap().parse::<f64>().unwrap()
    };
    assert!(sum("predicted") > 0.0 && sum("actual") > 0.0);
    assert!(sum("error") < sum("predicted") + sum("actual"));
    gateway.stop().await;
}
