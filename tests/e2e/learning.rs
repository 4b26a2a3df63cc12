//! Learning while serving: drafts that nobody waits for, labels that cost nothing, and the evidence of it all.

use std::sync::Arc;

use gateway::learning::LabelledRequest;
use local_engine::scripted::{Script, Scripted};
use local_engine::{Job, Message};
use serde_json::json;
use support::{Gated, Reply, ScriptedUpstream, Step, TestGateway, chat};

/// `learner` has nothing proven, `main` accepts from a confidence of 0.8 on; both draft with the same model.
const ROUTES: &str = "\
- name: learner
  match: { model: learner }
  local: { model: small, answer: { one_of: [\"yes\", \"no\"] } }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 2% }
- name: main
  match: { model: auto }
  local: { model: small, answer: { one_of: [\"yes\", \"no\"] } }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
";

/// Says yes; unsure on hard questions.
fn engine() -> Scripted {
    Scripted::new(|job: &Job| {
        let hard = job.messages.iter().any(|m| m.content.contains("hard"));
        Script::answering("yes", if hard { -0.7 } else { -0.01 })
    })
}

fn gateway(upstream: &ScriptedUpstream) -> support::Builder {
    TestGateway::builder().upstream(upstream).routes(ROUTES)
}

#[tokio::test]
async fn a_draft_made_to_learn_never_delays_its_client() {
    let upstream =
        ScriptedUpstream::start([Reply::completion("Yes."), Reply::streamed(&["n", "o"])]).await;
    let engine = Gated::new(engine());
    let gateway = gateway(&upstream)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;

    // The gate is closed: whoever waits for a draft, waits for ever.
    let answer = gateway.ask(&chat("learner", "first")).await;
    assert_eq!(
        (answer.told(), answer.content()),
        ("upstream learning".into(), "Yes.".into())
    );
    let mut stream = gateway.stream(&chat("learner", "second")).await;
    assert!(
        stream
            .rest()
            .await
            .last()
            .is_some_and(support::SseEvent::is_done)
    );
    engine.until(1, 1).await;
    engine.release();
    engine.until(2, 1).await;
    engine.release();
    gateway.learnt().await;

    let books = gateway.stop().await;
    let lessons: Vec<_> = books.exchanges.iter().flat_map(|e| e.lessons()).collect();
    assert_eq!(
        lessons,
        [
            "learning learning learning, escalation good label",
            "learning learning learning, escalation bad label"
        ]
    );
    for exchange in &books.exchanges {
        assert_eq!(exchange.tries(), ["upstream answered", "learning answered"]);
        assert!(exchange.evidence[0].recompute().is_ok());
    }
}

#[tokio::test]
async fn a_client_takes_the_model_from_a_draft_made_to_learn() {
    let upstream = ScriptedUpstream::start([Reply::completion("yes")]).await;
    let engine = Gated::new(engine());
    let gateway = Arc::new(
        gateway(&upstream)
            .engine(Arc::clone(&engine) as _)
            .start()
            .await,
    );

    gateway.ask(&chat("learner", "to learn from")).await;
    engine.until(1, 1).await;
    let asking = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("auto", "to answer")).await }
    });
    // The client's draft has come, the other one has gone.
    engine.until(2, 1).await;
    engine.release();
    assert_eq!(asking.await.unwrap().told(), "local accepted");
    engine.until(3, 1).await;
    engine.release();
    gateway.learnt().await;

    let gateway = Arc::into_inner(gateway).unwrap();
    let cost = gateway.report().await.rows[0].cost_learning;
    assert!(!cost.is_zero(), "what was given up is charged too");
    let books = gateway.stop().await;
    assert_eq!(
        books.exchanges[0].tries(),
        [
            "upstream answered",
            "learning cancelled",
            "learning answered"
        ]
    );
    assert_eq!(books.exchanges[1].tries(), ["local accepted"]);
}

#[tokio::test]
async fn a_stopping_gateway_does_not_wait_for_drafts_made_to_learn() {
    let upstream = ScriptedUpstream::start([Reply::completion("yes")]).await;
    let engine = Gated::new(engine());
    let gateway = gateway(&upstream)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;
    gateway.ask(&chat("learner", "to learn from")).await;
    engine.until(1, 1).await;
    let books = gateway.stop().await;
    assert_eq!(
        books.only().tries(),
        ["upstream answered", "learning cancelled"]
    );
    assert_eq!(books.only().lessons(), [""; 0]);
}

#[tokio::test]
async fn discarded_drafts_are_labels_for_free() {
    let streamed = || Reply::streamed(&["n", "o"]);
    let cut = Reply::stream([Step::delta("y"), Step::Break]);
    let limited = Reply::json(
        200,
        &json!({ "choices": [{ "message": { "content": "ye" }, "finish_reason": "length" }] }),
    );
    let upstream =
        ScriptedUpstream::start([Reply::completion("yes"), streamed(), cut, limited]).await;
    let gateway = gateway(&upstream).engine(Arc::new(engine())).start().await;
    let hard = chat("auto", "a hard one");
    gateway.ask(&hard).await;
    gateway.stream(&hard).await.rest().await;
    // Half an answer is no measure, whether the connection or a limit cut it.
    gateway.stream(&hard).await.rest().await;
    gateway.ask(&hard).await;
    gateway.learnt().await;

    let report = gateway.report().await;
    assert_eq!(report.totals.lessons.labels, 2);
    let books = gateway.stop().await;
    let lessons: Vec<_> = books.exchanges.iter().flat_map(|e| e.lessons()).collect();
    let decided = "answer threshold low_confidence";
    assert_eq!(
        lessons,
        [
            &format!("{decided}, escalation good label"),
            &format!("{decided}, escalation bad label"),
            decided,
            decided
        ]
    );
}

const SYSTEM: &str = "Answer yes or no.";

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.to_owned(),
        content: content.to_owned(),
    }
}

/// 200 easy questions and 40 hard ones.
fn rows() -> Vec<LabelledRequest> {
    (0..240)
        .map(|n| {
            let hard = n % 6 == 5;
            let text = if hard { "hard" } else { "easy" };
            LabelledRequest {
                messages: vec![message("system", SYSTEM), message("user", text)],
                gold: json!(if hard { "no" } else { "yes" }),
            }
        })
        .collect()
}

#[tokio::test]
async fn every_decision_can_be_made_again_after_its_certificate_is_gone() {
    let upstream =
        ScriptedUpstream::start([Reply::completion("no"), Reply::completion("yes")]).await;
    let gateway = gateway(&upstream)
        .engine(Arc::new(engine()))
        .certified("learner", Arc::new(engine()), rows())
        .start()
        .await;
    let ask = |text: &str| {
        let messages =
            json!([{ "role": "system", "content": SYSTEM }, { "role": "user", "content": text }]);
        json!({ "model": "learner", "messages": messages })
    };
    let mut told = Vec::new();
    for text in ["easy", "hard"] {
        told.push(gateway.ask(&ask(text)).await.told());
    }
    gateway.app().certify("learner", None);
    told.push(gateway.ask(&ask("easy")).await.told());
    assert_eq!(
        told,
        [
            "local accepted",
            "upstream low_confidence",
            "upstream learning"
        ]
    );
    gateway.learnt().await;

    let books = gateway.stop().await;
    let lessons: Vec<_> = books.exchanges.iter().flat_map(|e| e.lessons()).collect();
    assert_eq!(
        lessons,
        [
            "answer certified accept",
            "answer certified low_confidence, escalation bad label",
            "learning learning learning, escalation good label"
        ]
    );
    let certificate = books.exchanges[0].certificate.clone();
    for (evidence, id) in
        books
            .exchanges
            .iter()
            .map(|e| &e.evidence[0])
            .zip([&certificate, &certificate, &None])
    {
        let again = evidence.recompute().unwrap();
        assert_eq!(again.p_bad.to_bits(), evidence.p_bad.to_bits());
        assert_eq!(evidence.certificate.as_ref().map(|(id, _)| id), id.as_ref());
    }
}

#[tokio::test]
async fn no_word_of_a_request_or_an_answer_is_evidence() {
    let canary = "canary-5d1f";
    let upstream = ScriptedUpstream::start([
        Reply::completion(&format!("no {canary}")),
        Reply::completion(&format!("yes {canary}")),
    ])
    .await;
    let saying = Scripted::answering(&format!("yes {canary}"), -0.01);
    let routes = ROUTES.replace(", answer: { one_of: [\"yes\", \"no\"] }", "");
    let gateway = gateway(&upstream)
        .routes(&routes)
        .engine(Arc::new(saying))
        .start()
        .await;
    for model in ["learner", "auto"] {
        let messages = json!([
            { "role": "system", "content": format!("system {canary}") },
            { "role": "user", "content": format!("user {canary}") },
        ]);
        gateway
            .ask(&json!({ "model": model, "messages": messages }))
            .await;
    }
    gateway.learnt().await;
    let text = gateway.ledger_text().await;
    assert!(text.contains("escalation"), "there is evidence");
    assert!(!text.contains("canary") && !text.contains("5d1f"), "{text}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_shadow_answers_from_the_upstream_and_learns_beside_it() {
    let upstream = ScriptedUpstream::start([Reply::completion("no")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(engine()))
        .routes(
            "\
- name: trial
  match: { model: auto }
  action: shadow
  local: { model: small, answer: { one_of: [\"yes\", \"no\"] } }
  upstream: { name: large, model: gpt-large }
",
        )
        .start()
        .await;
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(
        (answer.told(), answer.content()),
        ("upstream policy".into(), "no".into())
    );
    gateway.learnt().await;
    let books = gateway.stop().await;
    let exchange = &books.exchanges[0];
    assert_eq!(exchange.tries(), ["upstream answered", "learning answered"]);
    let lessons = exchange.lessons();
    assert!(lessons[0].contains("shadow bad label"), "{lessons:?}");
}
