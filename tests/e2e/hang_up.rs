//! Clients that leave, and worse: the work stops, and the books say what happened.

use std::sync::Arc;

use local_engine::scripted::{End, Script, Scripted};
use support::{Reply, ScriptedUpstream, Step, TestGateway, chat, eventually};

fn unsure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("DRAFT-CANARY", -3.0))
}

/// Never finishes its draft.
fn hanging() -> Arc<Scripted> {
    Arc::new(Scripted::new(|_| Script {
        end: End::Hang,
        ..Script::answering("half a draft", -0.01)
    }))
}

#[tokio::test]
async fn leaving_amid_an_upstream_stream_closes_the_upstream_connection() {
    let steps = [Step::delta("some text"), Step::Hang];
    let upstream = ScriptedUpstream::start([Reply::stream(steps)]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(
        stream.next().await.unwrap().json()["choices"][0]["delta"]["content"],
        "some text"
    );
    drop(stream);
    upstream.abandoned(1).await;

    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.outcome.as_deref(), Some("hung_up"));
    assert_eq!(exchange.status, Some(499));
    assert_eq!(exchange.tries(), ["local discarded", "upstream cancelled"]);
    let attempt = &exchange.attempts[1];
    assert!(!attempt.complete && attempt.output > 0, "{attempt:?}");
    assert_eq!(exchange.baseline, None);
}

#[tokio::test]
async fn leaving_while_the_upstream_thinks_closes_the_upstream_connection() {
    let upstream = ScriptedUpstream::start([Reply::never()]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;

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
}

#[tokio::test]
async fn leaving_while_a_draft_is_made_stops_the_engine() {
    let engine = hanging();
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .start()
        .await;

    let request = tokio::spawn(gateway.post(&chat("auto", "x")).send());
    eventually("a token of the draft", || engine.tokens_emitted() > 0).await;
    request.abort();
    eventually("the engine to stop", || engine.cancelled() == 1).await;

    let books = gateway.stop().await;
    assert_eq!(books.only().outcome.as_deref(), Some("hung_up"));
    assert_eq!(books.only().tries(), ["local cancelled"]);
    assert!(
        books.only().attempts[0]
            .cost
            .as_ref()
            .is_some_and(|cost| cost != "0"),
        "its time is charged"
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn leaving_a_held_stream_stops_the_engine() {
    let engine = hanging();
    let gateway = TestGateway::builder()
        .engine(Arc::clone(&engine) as _)
        .limits("keep_alive: 20ms")
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.told(), "held ");
    assert!(stream.next().await.is_some());
    drop(stream);
    eventually("the engine to stop", || engine.cancelled() == 1).await;

    let books = gateway.stop().await;
    assert_eq!(books.only().outcome.as_deref(), Some("hung_up"));
    assert_eq!(books.only().tries(), ["local cancelled"]);
}

#[tokio::test]
async fn a_panic_is_booked_and_the_next_request_is_served() {
    let engine = Scripted::new(|job| {
        let end = match job.messages[0].content.as_str() {
            "fall over" => End::Panic,
            _ => return Script::answering("fine", -0.01),
        };
        Script {
            end,
            ..Script::answering("half", -0.01)
        }
    });
    let gateway = TestGateway::builder()
        .engine(Arc::new(engine))
        .start()
        .await;

    let fallen = gateway.post(&chat("auto", "fall over")).send().await;
    assert!(
        fallen.is_err(),
        "the connection is closed without an answer"
    );
    assert_eq!(gateway.ask(&chat("auto", "go on")).await.content(), "fine");

    let books = gateway.stop().await;
    let endings: Vec<String> = books
        .exchanges
        .iter()
        .map(support::ExchangeRow::ending)
        .collect();
    assert_eq!(endings, ["failed none panic", "completed local accepted"]);
    assert_eq!(books.exchanges[0].tries(), ["local cancelled"]);
}
