//! What of a draft counts as its answer.

use std::sync::Arc;

use local_engine::scripted::{Script, Scripted, stats};
use router_policies::Features;
use serde_json::json;
use support::{Reply, ScriptedUpstream, TestGateway, chat};

/// `live` judges drafts for its client, `learner` those that nobody waits for.
const ROUTES: &str = "\
- name: live
  match: { model: auto }
  local: { model: small, answer: json }
  upstream: { name: large, model: gpt-large }
  threshold: 0.1
- name: learner
  match: { model: learner }
  local: { model: small, answer: json }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 2% }
";

#[tokio::test]
async fn values_of_json_are_decisions_and_the_rest_is_its_frame() {
    let token = |text: &str, logprob| (text.to_owned(), stats(logprob));
    let engine = Scripted::new(move |_| Script {
        tokens: vec![
            token("{\"city\":\"", -0.5),
            token("Rome\"", -0.1),
            token("}", -0.2),
            token("", 0.0),
        ],
        ..Script::answering("", 0.0)
    });
    let upstream =
        ScriptedUpstream::start([Reply::completion(&json!({ "city": "Rome" }).to_string())]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .routes(ROUTES)
        .engine(Arc::new(engine))
        .start()
        .await;
    assert_eq!(
        gateway.ask(&chat("auto", "where")).await.told(),
        "local accepted"
    );
    gateway.ask(&chat("learner", "where")).await;
    gateway.learnt().await;

    let books = gateway.stop().await;
    for exchange in &books.exchanges {
        let values = &exchange.evidence[0].features;
        let feature = |name: &str| {
            let index = Features::NAMES.iter().position(|known| *known == name);
            values[index.unwrap()]
        };
        assert!((feature("sum_logprob") + 0.1).abs() < 1e-6);
        assert!((feature("frame_logprob") + 0.7).abs() < 1e-6);
        assert!((feature("min_frame_logprob") + 0.5).abs() < 1e-6);
        assert!(feature("ln_tokens").abs() < 1e-9, "one decision");
    }
}
