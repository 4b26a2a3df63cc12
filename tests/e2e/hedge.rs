//! The upstream beside a slow draft: whoever is first answers, the other is cut off, and both are booked.

use std::sync::Arc;

use local_engine::scripted::{End, Script, Scripted};
use support::{Gated, Reply, ScriptedUpstream, SseEvent, Step, TestGateway, chat, eventually};

/// Asks the upstream when the draft takes longer than no time to speak of.
const ROUTES: &str = "\
- name: main
  match: { model: auto }
  local: { model: small }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
  hedge_after: 1ms
";

async fn started(upstream: &ScriptedUpstream, engine: &Arc<Gated>) -> Arc<TestGateway> {
    let gateway = TestGateway::builder()
        .upstream(upstream)
        .engine(Arc::clone(engine) as _)
        .routes(ROUTES)
        .start();
    Arc::new(gateway.await)
}

async fn stopped(gateway: Arc<TestGateway>) -> support::Books {
    Arc::into_inner(gateway).unwrap().stop().await
}

#[tokio::test]
async fn a_draft_that_is_accepted_first_wins_and_the_call_is_cut_off() {
    let upstream = ScriptedUpstream::start([Reply::never()]).await;
    let engine = Gated::new(Scripted::answering("from here", -0.01));
    let gateway = started(&upstream, &engine).await;
    let asking = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move {
            gateway
                .ask(&chat("auto", "a question of some length"))
                .await
        }
    });
    upstream.arrived(1).await;
    engine.release();
    let answer = asking.await.unwrap();
    assert_eq!(
        (answer.told(), answer.content()),
        ("local accepted".into(), "from here".into())
    );
    upstream.abandoned(1).await;

    let books = stopped(gateway).await;
    let exchange = books.only();
    assert_eq!(exchange.ending(), "completed local accepted");
    assert_eq!(exchange.tries(), ["local accepted", "upstream cancelled"]);
    let call = &exchange.attempts[1];
    assert!(
        !call.complete && call.input > 0,
        "the prompt was sent: {call:?}"
    );
    assert!(call.cost.as_ref().is_some_and(|cost| cost != "0"));
    assert!(exchange.reserved.as_ref().is_some_and(|worst| worst != "0"));
}

#[tokio::test]
async fn an_answer_from_above_that_comes_first_wins_and_the_draft_is_given_up() {
    let upstream = ScriptedUpstream::start([Reply::completion("from above").held()]).await;
    let engine = Arc::new(Scripted::new(|_| Script {
        end: End::Hang,
        ..Script::answering("DRAFT-CANARY", -0.01)
    }));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .routes(ROUTES)
        .start()
        .await;
    let asking = tokio::spawn(gateway.post(&chat("auto", "x")).send());
    upstream.arrived(1).await;
    eventually("a token of the draft", || engine.tokens_emitted() == 2).await;
    upstream.release();
    let response = asking.await.unwrap().unwrap();
    assert_eq!(response.headers()["x-smallfirst-reason"], "hedged");
    let text = response.text().await.unwrap();
    assert!(text.contains("from above") && !text.contains("DRAFT-CANARY"));
    eventually("the engine to stop", || engine.cancelled() == 1).await;

    let report = gateway.report().await;
    assert_eq!(report.totals.reasons.get("hedged"), Some(&1));
    assert_eq!(report.totals.uncompared, 0, "the draft's cost is known");
    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.ending(), "completed upstream hedged");
    assert_eq!(exchange.tries(), ["upstream answered", "local discarded"]);
    assert_eq!(exchange.attempts[1].output, 2);
    assert_eq!(exchange.lessons(), [""; 0], "nobody judged it");
}

#[tokio::test]
async fn a_rejected_draft_waits_for_the_call_that_is_on_its_way() {
    let reply = Reply::stream([Step::delta("from above"), Step::usage(10, 2), Step::done()]);
    let upstream = ScriptedUpstream::start([reply.held()]).await;
    let engine = Gated::new(Scripted::answering("DRAFT-CANARY", -3.0));
    let gateway = started(&upstream, &engine).await;
    let asking = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.stream(&chat("auto", "x")).await }
    });
    upstream.arrived(1).await;
    engine.release();
    engine.until(1, 0).await;
    upstream.release();
    let mut stream = asking.await.unwrap();
    assert_eq!(stream.told(), "upstream low_confidence");
    assert!(stream.rest().await.last().unwrap().is_done());
    assert!(!stream.raw().contains("DRAFT-CANARY"));
    assert_eq!(upstream.count(), 1, "it is asked once");
    drop(stream);
    gateway.learnt().await;
    let books = stopped(gateway).await;
    assert_eq!(
        books.only().tries(),
        ["local discarded", "upstream answered"]
    );
}

#[tokio::test]
async fn when_the_call_fails_the_draft_is_waited_for() {
    let upstream = ScriptedUpstream::start([Reply::error(500, "broken")]).await;
    let engine = Gated::new(Scripted::answering("from here", -0.01));
    let gateway = started(&upstream, &engine).await;
    let asking = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("auto", "x")).await }
    });
    upstream.arrived(1).await;
    engine.until(1, 1).await;
    engine.release();
    assert_eq!(asking.await.unwrap().told(), "local accepted");
    let books = stopped(gateway).await;
    let mut tries = books.only().tries();
    tries.sort();
    assert_eq!(tries[0], "local accepted");
    assert!(tries[1].starts_with("upstream "), "{tries:?}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_both() {
    let upstream = ScriptedUpstream::start([Reply::never()]).await;
    let engine = Gated::new(Scripted::answering("from here", -0.01));
    let gateway = started(&upstream, &engine).await;
    let request = tokio::spawn(gateway.post(&chat("auto", "x")).send());
    upstream.arrived(1).await;
    request.abort();
    upstream.abandoned(1).await;
    engine.until(1, 0).await;
    let books = stopped(gateway).await;
    assert_eq!(books.only().outcome.as_deref(), Some("hung_up"));
    let mut tries = books.only().tries();
    tries.sort();
    assert_eq!(tries, ["local cancelled", "upstream cancelled"]);
}

#[tokio::test]
async fn a_draft_that_is_fast_enough_asks_nobody() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(Scripted::answering("from here", -0.01)))
        .routes(&ROUTES.replace("1ms", "1m"))
        .start()
        .await;
    assert_eq!(
        gateway.ask(&chat("auto", "x")).await.told(),
        "local accepted"
    );
    assert_eq!(upstream.count(), 0);
    assert_eq!(gateway.stop().await.only().tries(), ["local accepted"]);
}

#[tokio::test]
async fn what_must_not_leave_is_never_hedged() {
    let upstream = ScriptedUpstream::silent().await;
    let engine = Gated::new(Scripted::answering("from here", -0.01));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .routes(&ROUTES.replace("threshold: 0.8", "private: true"))
        .limits("keep_alive: 20ms")
        .start()
        .await;
    let mut stream = gateway.stream(&chat("auto", "x")).await;
    // By its first sign of life the stream has waited longer than the route would.
    assert_eq!(
        stream.next().await,
        Some(SseEvent::Comment("waiting".to_owned()))
    );
    engine.release();
    assert!(stream.rest().await.last().unwrap().is_done());
    assert_eq!(upstream.count(), 0);
    let books = gateway.stop().await;
    assert_eq!(books.only().tries(), ["local accepted"]);
}
