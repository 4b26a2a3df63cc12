//! Low-rank adapters: one model, and each route with its own changes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gateway::learning::LabelledRequest;
use local_engine::scripted::{Script, Scripted};
use local_engine::{Job, LocalEngine, Message, ModelInfo};
use serde_json::json;
use support::{Builder, Reply, ScriptedUpstream, TestGateway, chat};

const CONFIG: &str = "\
listen: 127.0.0.1:0
keys:
  - { name: team-a, key: file:a.key }
models:
  small: { path: model.gguf, loras: { billing: model.gguf, sales: model.gguf }, cost_per_hour: \"3.6\" }
upstreams:
  large: { base_url: \"{upstream}/v1\", key: file:upstream.key, retries: 0 }
defaults:
  local: { model: small }
  upstream: { name: large, model: gpt-large }
routes:
  - { name: plain, match: { model: plain }, threshold: 80% }
  - { name: billing, match: { model: billing }, local: { lora: billing }, threshold: 80% }
  - { name: proven, local: { lora: sales }, risk: { max_regret: 2%, assurance: 90% } }
";

/// Says with which adapter it was asked.
fn engine(sales: &str) -> Arc<Scripted> {
    let engine =
        Scripted::new(|job: &Job| Script::answering(job.lora.as_deref().unwrap_or("none"), -0.01));
    let hashes = [("billing", "b"), ("sales", sales)];
    let hashes = hashes.map(|(name, digit)| (name.to_owned(), digit.repeat(64)));
    let info = ModelInfo {
        loras: BTreeMap::from(hashes),
        ..ModelInfo::clone(&engine.info().unwrap())
    };
    Arc::new(engine.with_info(info))
}

fn gateway(upstream: &ScriptedUpstream, engine: Arc<Scripted>) -> Builder {
    let gateway = TestGateway::builder().config_yaml(CONFIG);
    gateway.upstream(upstream).engine(engine)
}

#[tokio::test]
async fn each_route_answers_with_its_own() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = gateway(&upstream, engine("a")).start().await;
    for (model, said) in [("plain", "none"), ("billing", "billing")] {
        let answer = gateway.ask(&chat(model, "who are you?")).await;
        assert_eq!(
            (answer.told(), answer.content()),
            ("local accepted".into(), said.into())
        );
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_changed_file_closes_what_was_proven_of_the_old_one() {
    let row = |n: u32| LabelledRequest {
        messages: vec![Message::user(format!("question {n}"))],
        gold: json!("sales"),
    };
    for (now, told) in [("a", "local accepted"), ("c", "upstream learning")] {
        let upstream = ScriptedUpstream::start([Reply::completion("sales")]).await;
        let certified = gateway(&upstream, engine(now));
        let certified = certified.certified("proven", engine("a"), (0..240).map(row).collect());
        let gateway = certified.start().await;
        let answer = gateway.ask(&chat("other", "question 7")).await;
        assert_eq!(answer.told(), told, "{now}");
        gateway.learnt().await;
        gateway.stop().await;
    }
}
