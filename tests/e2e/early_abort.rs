//! Drafts that are given up before their end: the engine stops, the upstream is asked at once, and the books know why.

use std::sync::Arc;

use gateway::learning::LabelledRequest;
use gateway::ledger::{Draw, Purpose};
use local_engine::scripted::{End, Script, Scripted, stats};
use local_engine::{Job, Message};
use serde_json::{Value, json};
use support::{Gated, Reply, ScriptedUpstream, TestGateway, chat, chat_with};

/// Accepts from 80 % on, and gives up what cannot come to that any more.
const BY_HAND: &str = "\
- name: main
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
  early_abort: true
";

/// Proves its threshold, and gives up what will probably be rejected.
const PROVEN: &str = "\
- name: main
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  risk: { max_regret: 2% }
  early_abort: true
";

const SYSTEM: &str = "Say something.";

/// `count` tokens of log-probability `logprob` that never come to an end.
fn endless(count: usize, logprob: f32) -> Script {
    Script {
        tokens: (0..count)
            .map(|n| (format!("DRAFT-CANARY-{n} "), stats(logprob)))
            .collect(),
        end: End::Hang,
        ..Script::answering("", 0.0)
    }
}

/// After four tokens of 90 % a draft can no longer be one of 80 %.
fn losing() -> Scripted {
    Scripted::new(|_| endless(4, 0.9_f32.ln()))
}

async fn above(
    replies: impl IntoIterator<Item = Reply>,
    engine: &Arc<Scripted>,
) -> (ScriptedUpstream, TestGateway) {
    let upstream = ScriptedUpstream::start(replies).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(engine) as _)
        .routes(BY_HAND)
        .start()
        .await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_draft_that_has_lost_is_given_up_and_the_upstream_asked_at_once() {
    let engine = Arc::new(losing());
    let (upstream, gateway) = above([Reply::completion("from above")], &engine).await;

    // The engine would never end by itself.
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.told(), "upstream stopped_early");
    assert_eq!(answer.content(), "from above");
    assert_eq!(answer.header("x-smallfirst-confidence"), "");
    assert!(!answer.text.contains("DRAFT-CANARY"));
    // The lot may have fallen on it, and then it is being made again by now.
    assert!(engine.cancelled() >= 1 && engine.finished() == 0);
    assert_eq!(upstream.count(), 1);

    let report = gateway.report().await;
    assert_eq!(
        (report.totals.uncompared, report.totals.lessons.stopped),
        (0, 1)
    );
    assert_eq!(report.totals.reasons.get("stopped_early"), Some(&1));
    assert!(!report.totals.cost_discarded.is_zero());
    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.ending(), "completed upstream stopped_early");
    assert_eq!(
        exchange.tries()[..2],
        ["local discarded", "upstream answered"]
    );
    let attempt = &exchange.attempts[0];
    assert!(attempt.complete && attempt.output == 4, "{attempt:?}");
    let evidence = &exchange.evidence[0];
    assert_eq!(exchange.lessons()[0], "answer threshold stopped_early");
    assert_eq!(evidence.stopped, Some((4, 1.0, 1.0)));
    assert_eq!(evidence.audit.map(|(chance, _)| chance), Some(0.1));
    assert!(!evidence.recompute().unwrap().accepted);
}

#[tokio::test]
async fn a_stream_shows_nothing_of_a_draft_that_was_given_up() {
    let engine = Arc::new(losing());
    let (_upstream, gateway) = above([Reply::streamed(&["from ", "above"])], &engine).await;
    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.told(), "upstream stopped_early");
    assert!(stream.rest().await.last().unwrap().is_done());
    assert!(stream.raw().contains("above") && !stream.raw().contains("DRAFT-CANARY"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_draft_that_can_still_win_is_not_given_up() {
    let saying = |logprob: f32| Script {
        end: End::Finished(local_engine::FinishReason::Stop),
        ..endless(4, logprob)
    };
    // 0.95 to the fourth is more than 80 %, though only just.
    let engine = Arc::new(Scripted::new(move |_| saying(0.95_f32.ln())));
    let (upstream, gateway) = above([], &engine).await;
    assert_eq!(
        gateway.ask(&chat("auto", "x")).await.told(),
        "local accepted"
    );
    assert_eq!((engine.finished(), upstream.count()), (1, 0));
    gateway.stop().await;
}

#[tokio::test]
async fn without_the_key_a_draft_runs_to_its_end() {
    let engine = Arc::new(Scripted::new(|_| Script {
        end: End::Finished(local_engine::FinishReason::Stop),
        ..endless(40, -0.7)
    }));
    let upstream = ScriptedUpstream::start([Reply::completion("from above")]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;
    assert_eq!(
        gateway.ask(&chat("auto", "x")).await.told(),
        "upstream low_confidence"
    );
    assert_eq!(engine.tokens_emitted(), 40);
    gateway.stop().await;
}

#[tokio::test]
async fn leaving_after_a_draft_was_given_up_leaves_nothing_running() {
    let engine = Arc::new(losing());
    let (upstream, gateway) = above([Reply::never()], &engine).await;
    let request = tokio::spawn(gateway.post(&chat("auto", "x")).send());
    upstream.arrived(1).await;
    request.abort();
    upstream.abandoned(1).await;
    let books = gateway.stop().await;
    assert_eq!(books.only().outcome.as_deref(), Some("hung_up"));
    assert_eq!(
        books.only().tries(),
        ["local discarded", "upstream cancelled"]
    );
    assert_eq!(engine.cancelled(), 1);
}

#[tokio::test]
async fn one_in_ten_of_them_is_made_again_when_nobody_needs_the_model() {
    let upstream = ScriptedUpstream::start([]).await;
    let engine = Gated::new(losing());
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .routes(&BY_HAND.replace(
            "local: { model: small }",
            "local: { model: small, deadline: 10s, max_tokens: 4 }",
        ))
        .start()
        .await;
    let gateway = Arc::new(gateway);
    let ask = || {
        upstream.then(Reply::completion("from above"));
        engine.release();
    };

    // The lot falls on one of these but once in 10^9 runs.
    let (mut asked, mut drawn) = (0, String::new());
    while drawn.is_empty() && asked < 200 {
        ask();
        asked += 1;
        let answer = gateway.ask(&chat("auto", "x")).await;
        let books = gateway.books().await;
        let id = answer.header("x-request-id");
        if matches!(books.exchange(id).evidence[0].audit, Some((_, Draw::Drawn))) {
            id.clone_into(&mut drawn);
        }
    }
    // It is at the gate, until a client comes and takes the model from it.
    engine.until(asked + 1, 1).await;
    let asking = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("auto", "next")).await }
    });
    engine.until(asked + 2, 1).await;
    ask();
    let next = asking.await.unwrap().header("x-request-id").to_owned();
    engine.until(asked + 3, 1).await;
    engine.release();
    // The lot may have fallen on the next one too.
    engine.release();
    gateway.learnt().await;

    let gateway = Arc::into_inner(gateway).unwrap();
    let books = gateway.stop().await;
    let exchange = books.exchange(&drawn);
    assert_eq!(
        exchange.tries(),
        [
            "local discarded",
            "upstream answered",
            "learning cancelled",
            "learning answered"
        ]
    );
    assert_eq!(
        exchange.lessons(),
        [
            "answer threshold stopped_early",
            "redo threshold truncated, finished_abort bad text"
        ]
    );
    let others = books
        .exchanges
        .iter()
        .filter(|e| e.id != drawn && e.id != next);
    for other in others {
        assert_eq!(other.tries(), ["local discarded", "upstream answered"]);
        assert_eq!(other.evidence[0].audit, Some((0.1, Draw::NotDrawn)));
    }
    for evidence in books.exchanges.iter().flat_map(|e| &e.evidence) {
        assert!(evidence.recompute().is_ok(), "{:?}", evidence.recompute());
        assert_eq!(
            evidence.stopped.is_some(),
            evidence.purpose == Purpose::Answer
        );
    }
}

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.to_owned(),
        content: content.to_owned(),
    }
}

/// 1600 questions, one in four of them hard.
fn rows() -> Vec<LabelledRequest> {
    let row = |n: u32| {
        let hard = n.is_multiple_of(4);
        let kind = if hard { "hard" } else { "easy" };
        LabelledRequest {
            messages: vec![
                message("system", SYSTEM),
                message("user", &format!("{kind} {n}")),
            ],
            gold: if hard {
                Value::Null
            } else {
                json!("a b c d e f")
            },
        }
    };
    // Hard ones in no step with the rows that are kept for this or that.
    (0..1600_u32).map(|n| row(n * 7919 % 1601)).collect()
}

/// Twelve tokens; on hard questions unsure from the first one on, more so or less from question to question.
fn unsure_when_hard() -> Scripted {
    Scripted::new(|job: &Job| {
        let text = job.messages.last().map_or("", |m| m.content.as_str());
        let number: u32 = text
            .split(' ')
            .next_back()
            .and_then(|n| n.parse().ok())
            .unwrap_or(7);
        let wobble = f32::from(u8::try_from(number % 13).unwrap_or(0)) / 13.0;
        let logprob = if text.contains("hard") {
            -0.4 - 0.3 * wobble
        } else {
            -0.01 - 0.02 * wobble
        };
        let words =
            ["a", " b", " c", " d", " e", " f"].map(|word| (word.to_owned(), stats(logprob)));
        let mut script = Script::answering("", 0.0);
        script.tokens = words
            .into_iter()
            .chain([(String::new(), stats(-0.001))])
            .collect();
        script
    })
}

#[tokio::test]
async fn a_trained_head_gives_up_what_will_probably_be_rejected() {
    let upstream = ScriptedUpstream::start([Reply::completion("from above")]).await;
    let engine = Arc::new(unsure_when_hard());
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .routes(PROVEN)
        .certified("main", Arc::new(unsure_when_hard()), rows())
        .start()
        .await;
    let ask = |text: &str| {
        let messages =
            json!([{ "role": "system", "content": SYSTEM }, { "role": "user", "content": text }]);
        chat_with("auto", "", &json!({ "messages": messages }))
    };
    assert_eq!(gateway.ask(&ask("easy 4")).await.told(), "local accepted");
    let hard = gateway.ask(&ask("hard 5")).await;
    assert_eq!(hard.told(), "upstream stopped_early");
    assert_eq!(engine.cancelled(), 1);
    // Nothing that decided is in force any more when the decision is made again.
    gateway.app().certify("main", None);
    gateway.learnt().await;

    let books = gateway.stop().await;
    let exchange = books.exchange(hard.header("x-request-id"));
    assert_eq!(exchange.attempts[0].output, 1);
    let evidence = &exchange.evidence[0];
    assert_eq!(exchange.lessons()[0], "answer certified stopped_early");
    let Some((1, p_rejected, limit)) = evidence.stopped else {
        panic!("{:?}", evidence.stopped)
    };
    assert!(limit < 1.0 && p_rejected >= limit, "a head said so");
    assert!(!evidence.recompute().unwrap().accepted);
    let mut forged = evidence.clone();
    forged.stopped = Some((4, p_rejected, limit));
    assert!(forged.recompute().is_err(), "that head says something else");
}
