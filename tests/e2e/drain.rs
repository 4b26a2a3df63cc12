//! Stopping: what runs may end, what is new is refused, what hangs is cut and booked.

use std::sync::Arc;

use local_engine::scripted::Scripted;
use support::{Reply, ScriptedUpstream, Step, TestGateway, chat, eventually, guarded};

fn unsure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("DRAFT-CANARY", -3.0))
}

#[tokio::test]
async fn a_running_request_ends_and_new_connections_are_refused() {
    let upstream = ScriptedUpstream::start([Reply::completion("up").held()]).await;
    let mut gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;

    let running = tokio::spawn(gateway.post(&chat("auto", "x")).send());
    upstream.arrived(1).await;
    gateway.begin_stop();
    let app = Arc::clone(gateway.app());
    eventually("the gateway to drain", || app.is_draining()).await;
    let refused = gateway.request(http::Method::GET, "/healthz").send().await;
    assert!(refused.is_err_and(|error| error.is_connect()));
    upstream.release();

    let answer = guarded("the running request", running)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        gateway.stop().await.only().ending(),
        "completed upstream low_confidence"
    );
}

#[tokio::test]
async fn a_running_stream_ends() {
    let steps = [
        Step::delta("one "),
        Step::Await,
        Step::delta("two"),
        Step::usage(5, 2),
        Step::done(),
    ];
    let upstream = ScriptedUpstream::start([Reply::stream(steps)]).await;
    let mut gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert!(stream.next().await.is_some());
    gateway.begin_stop();
    let app = Arc::clone(gateway.app());
    eventually("the gateway to drain", || app.is_draining()).await;
    upstream.release();

    let rest = stream.rest().await;
    assert_eq!(rest[0].json()["choices"][0]["delta"]["content"], "two");
    assert!(rest.last().unwrap().is_done());
    assert_eq!(
        gateway.stop().await.only().ending(),
        "completed upstream low_confidence"
    );
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_booked() {
    let upstream = ScriptedUpstream::start([Reply::never()]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .limits("drain: 50ms")
        .start()
        .await;

    let running = tokio::spawn(gateway.post(&chat("auto", "x")).send());
    upstream.arrived(1).await;
    let books = gateway.stop().await;

    assert!(guarded("the cut request", running).await.unwrap().is_err());
    upstream.abandoned(1).await;
    assert_eq!(books.only().outcome.as_deref(), Some("hung_up"));
    assert_eq!(
        books.only().tries(),
        ["local discarded", "upstream cancelled"]
    );
}

#[tokio::test]
async fn while_draining_it_says_so() {
    let gateway = TestGateway::builder().engine(unsure()).start().await;
    gateway.app().start_draining();
    let ready = gateway.get("/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), ready.json()["status"].as_str()),
        (503, Some("draining"))
    );
    assert_eq!(
        gateway.get("/healthz").await.status,
        200,
        "it is not to be killed"
    );
    let refused = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(refused.error(), "503 shutting_down");
    assert_eq!(
        refused.header("x-should-retry"),
        "",
        "another replica may answer"
    );
    assert!(gateway.stop().await.exchanges.is_empty());
}
