//! Routes that declare a risk: a certificate opens them, and any change closes them again.

use std::sync::Arc;

use gateway::learning::LabelledRequest;
use local_engine::scripted::{Script, Scripted};
use local_engine::{Job, LocalEngine, Message, ModelInfo};
use serde_json::{Value, json};
use support::{Reply, ScriptedUpstream, TestGateway, chat, chat_with};

const ROUTES: &str = "\
- name: yes-or-no
  match: { model: auto }
  local: { model: small, answer: { one_of: [\"yes\", \"no\"] } }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 2%, assurance: 90% }
";
const SYSTEM: &str = "Answer yes or no.";

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.to_owned(),
        content: content.to_owned(),
    }
}

/// Right and sure of it on easy questions, wrong and unsure on hard ones.
fn engine() -> Scripted {
    Scripted::new(|job: &Job| {
        let hard = job.messages.iter().any(|m| m.content.contains("hard"));
        Script::answering("yes", if hard { -0.7 } else { -0.01 })
    })
}

/// 200 easy questions and 40 hard ones.
fn rows() -> Vec<LabelledRequest> {
    (0..240)
        .map(|n| {
            let (text, gold) = if n % 6 == 5 {
                ("hard", "no")
            } else {
                ("easy", "yes")
            };
            let messages = vec![
                message("system", SYSTEM),
                message("user", &format!("{text} {n}")),
            ];
            LabelledRequest {
                messages,
                gold: json!(gold),
            }
        })
        .collect()
}

fn question(system: &str, text: &str) -> Value {
    let messages =
        json!([{ "role": "system", "content": system }, { "role": "user", "content": text }]);
    chat_with("auto", "", &json!({ "messages": messages }))
}

fn certified(upstream: &ScriptedUpstream, now: Scripted) -> support::Builder {
    TestGateway::builder()
        .upstream(upstream)
        .engine(Arc::new(now))
        .routes(ROUTES)
        .certified("yes-or-no", Arc::new(engine()), rows())
}

#[tokio::test]
async fn a_certificate_lets_sure_drafts_through_and_only_those() {
    let upstream = ScriptedUpstream::start([Reply::completion("no")]).await;
    let gateway = certified(&upstream, engine()).start().await;

    let easy = gateway.ask(&question(SYSTEM, "an easy one")).await;
    assert_eq!(
        (easy.told(), easy.content()),
        ("local accepted".into(), "yes".into())
    );
    assert_eq!(upstream.count(), 0);
    let hard = gateway.ask(&question(SYSTEM, "a hard one")).await;
    assert_eq!(
        (hard.told(), hard.content()),
        ("upstream low_confidence".into(), "no".into())
    );

    let books = gateway.stop().await;
    let certificate = &books.exchange(easy.header("x-request-id")).certificate;
    assert!(
        certificate.as_ref().is_some_and(|id| id.len() == 12),
        "{certificate:?}"
    );
    assert_eq!(
        books.exchange(hard.header("x-request-id")).certificate,
        None
    );
}

/// Asks an easy question of a gateway whose certificate was earned under other circumstances.
async fn learns(gateway: support::Builder, upstream: &ScriptedUpstream, body: &Value) {
    let gateway = gateway.start().await;
    assert_eq!(gateway.ask(body).await.told(), "upstream learning");
    assert_eq!(upstream.count(), 1);
    gateway.learnt().await;
    let books = gateway.stop().await;
    assert_eq!(
        books.only().tries(),
        ["upstream answered", "learning answered"]
    );
}

#[tokio::test]
async fn a_date_in_the_system_prompt_is_not_another_prompt() {
    let dated = |day: &str| format!("{SYSTEM} Today is {day}.");
    let rows = rows()
        .into_iter()
        .enumerate()
        .map(|(n, mut row)| {
            row.messages[0].content = dated(&format!("2026-03-{:02}", 1 + n % 28));
            row
        })
        .collect();
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(engine()))
        .routes(ROUTES)
        .certified("yes-or-no", Arc::new(engine()), rows)
        .start()
        .await;
    let answer = gateway
        .ask(&question(&dated("2027-01-01"), "an easy one"))
        .await;
    assert_eq!(answer.told(), "local accepted");
    gateway.stop().await;
}

#[tokio::test]
async fn another_system_prompt_closes_it() {
    let upstream = ScriptedUpstream::start([Reply::completion("yes")]).await;
    let body = question("Answer yes or no, politely.", "an easy one");
    learns(certified(&upstream, engine()), &upstream, &body).await;
    let upstream = ScriptedUpstream::start([Reply::completion("yes")]).await;
    learns(
        certified(&upstream, engine()),
        &upstream,
        &chat("auto", "an easy one"),
    )
    .await;
}

#[tokio::test]
async fn another_model_closes_it() {
    type Change = fn(&mut ModelInfo);
    let changes: [Change; 4] = [
        |info| info.weights_hash = "f".repeat(64),
        |info| info.quantization = "q4_0".to_owned(),
        |info| info.template_hash = "f".repeat(64),
        |info| info.tokenizer_hash = "f".repeat(64),
    ];
    for change in changes {
        let upstream = ScriptedUpstream::start([Reply::completion("yes")]).await;
        let mut info = ModelInfo::clone(&engine().info().unwrap());
        change(&mut info);
        let gateway = certified(&upstream, engine().with_info(info));
        learns(gateway, &upstream, &question(SYSTEM, "an easy one")).await;
    }
}
