//! Everything that can go wrong above: a clear error for the client, each try in the books.

use std::sync::Arc;

use local_engine::scripted::Scripted;
use serde_json::json;
use support::{
    Answer, Books, Reply, ScriptedUpstream, Step, TestGateway, UPSTREAM_KEY, chat, guarded, nowhere,
};

/// Asks once, with a draft that is discarded first.
async fn asked(script: Vec<Reply>, patience: &str) -> (Answer, Books, ScriptedUpstream) {
    let upstream = ScriptedUpstream::start(script).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(Scripted::answering("DRAFT-CANARY", -3.0)))
        .patience(patience)
        .start()
        .await;
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert!(!answer.text.contains("DRAFT-CANARY"));
    (answer, gateway.stop().await, upstream)
}

/// The same, without further tries: the client reads `error`, and the books agree.
async fn fails(reply: Reply, patience: &str, error: &str) -> (Answer, ScriptedUpstream) {
    let (answer, books, upstream) = asked(vec![reply], patience).await;
    assert_eq!(answer.error(), error);
    let code = error.split_once(' ').unwrap().1;
    let exchange = books.only();
    assert_eq!(exchange.ending(), format!("failed none {code}"));
    assert_eq!(exchange.status, Some(answer.status.as_u16()));
    assert_eq!(
        exchange.tries(),
        [
            "local discarded".to_owned(),
            format!("upstream failed {code}")
        ]
    );
    assert_eq!(
        exchange.baseline, None,
        "a client that got an error was not served, so nothing was saved"
    );
    assert_eq!(upstream.count(), 1);
    (answer, upstream)
}

#[tokio::test]
async fn a_refused_key_is_the_operators_problem() {
    for status in [401, 403] {
        let reply = Reply::error(
            status,
            &format!("Incorrect API key provided: {UPSTREAM_KEY}"),
        );
        let (answer, _) = fails(reply, "retries: 0", "502 upstream_auth").await;
        assert!(!answer.text.contains(UPSTREAM_KEY), "{}", answer.text);
        assert!(
            answer.text.contains("upstreams.large.key"),
            "it says where to look: {}",
            answer.text
        );
        assert_eq!(answer.header("x-should-retry"), "false");
    }
}

#[tokio::test]
async fn a_refused_request_is_passed_on_with_its_error_object() {
    for status in [400, 404, 422] {
        let (answer, books, _) = asked(vec![Reply::error(status, "too hot")], "retries: 3").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.error(), format!("{status} upstream_code"));
        assert_eq!(
            answer.json(),
            json!({ "error": {
                "message": "too hot", "type": "upstream_says", "param": "temperature", "code": "upstream_code",
            }})
        );
        assert_eq!(answer.header("x-should-retry"), "false");
        assert_eq!(
            books.only().tries(),
            ["local discarded", "upstream failed upstream_rejected"]
        );
        assert_eq!(
            books.only().attempts[1].cost.as_deref(),
            Some("0"),
            "a refusal costs nothing"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_a_looser_dialect_gets_all_four_keys() {
    let (answer, ..) = asked(
        vec![Reply::json(400, &json!({ "error": { "message": "no" } }))],
        "retries: 0",
    )
    .await;
    assert_eq!(
        answer.json(),
        json!({ "error": { "message": "no", "type": "invalid_request_error", "param": null, "code": null } })
    );
    let (answer, ..) = asked(vec![Reply::text(400, "<html>no</html>")], "retries: 0").await;
    assert_eq!(answer.error(), "400 upstream_rejected");
}

#[tokio::test]
async fn a_rate_limit_with_a_long_wait_is_the_clients_to_wait_for() {
    let reply = Reply::error(429, "slow down").header("retry-after", "60");
    let (answer, books, upstream) = asked(vec![reply], "retries: 3").await;
    assert_eq!(answer.error(), "429 upstream_code");
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(answer.header("x-should-retry"), "", "it may be tried again");
    assert_eq!(upstream.count(), 1);
    assert_eq!(
        books.only().tries(),
        ["local discarded", "upstream failed upstream_rejected"]
    );
}

#[tokio::test]
async fn a_rate_limit_with_a_short_wait_is_waited_for_here() {
    let reply = Reply::error(429, "slow down").header("retry-after", "0");
    let (answer, books, _) = asked(vec![reply, Reply::completion("up")], "retries: 1").await;
    assert_eq!(
        (answer.status.as_u16(), answer.content().as_str()),
        (200, "up")
    );
    let tries = [
        "local discarded",
        "upstream failed upstream_rejected",
        "upstream answered",
    ];
    assert_eq!(books.only().tries(), tries);
}

#[tokio::test]
async fn a_server_error_is_tried_again_and_booked() {
    let script = vec![
        Reply::text(500, "<html>oops</html>"),
        Reply::dropped(),
        Reply::completion("up"),
    ];
    let (answer, books, upstream) = asked(script, "retries: 2").await;
    assert_eq!(
        (answer.status.as_u16(), answer.content().as_str()),
        (200, "up")
    );
    assert_eq!(answer.told(), "upstream low_confidence");
    assert_eq!(upstream.count(), 3);
    let failed = "upstream failed upstream_unavailable";
    assert_eq!(
        books.only().tries(),
        ["local discarded", failed, failed, "upstream answered"]
    );
    let ids: Vec<_> = upstream
        .received()
        .iter()
        .map(|r| r.headers["x-request-id"].clone())
        .collect();
    assert!(
        ids.iter().all(|id| *id == answer.header("x-request-id")),
        "{ids:?}"
    );
}

#[tokio::test]
async fn tries_are_limited() {
    let script = vec![
        Reply::text(503, ""),
        Reply::text(503, ""),
        Reply::completion("too late"),
    ];
    let (answer, books, upstream) = asked(script, "retries: 1").await;
    assert_eq!(answer.error(), "502 upstream_unavailable");
    assert_eq!((upstream.count(), books.only().attempts.len()), (2, 3));
}

#[tokio::test]
async fn a_refused_connection() {
    let (url, _socket) = nowhere();
    let gateway = TestGateway::builder()
        .upstream_at(&url)
        .engine(Arc::new(Scripted::answering("DRAFT-CANARY", -3.0)))
        .start()
        .await;
    let answer = gateway.ask(&chat("auto", "x")).await;
    assert_eq!(answer.error(), "502 upstream_unavailable");
    assert!(answer.text.contains("`large`"), "{}", answer.text);
    assert!(
        !answer.text.contains(&url),
        "clients need not know where: {}",
        answer.text
    );
    let books = gateway.stop().await;
    assert_eq!(
        books.only().tries(),
        ["local discarded", "upstream failed upstream_unavailable"]
    );
}

#[tokio::test]
async fn a_connection_closed_without_an_answer() {
    fails(Reply::dropped(), "retries: 0", "502 upstream_unavailable").await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = ScriptedUpstream::silent().await;
    let reply = Reply::text(307, "").header("location", &elsewhere.url());
    fails(reply, "retries: 0", "502 upstream_unavailable").await;
    assert_eq!(
        elsewhere.count(),
        0,
        "the prompt would have gone to a host that no policy names"
    );
}

#[tokio::test]
async fn headers_that_do_not_come() {
    let (_, upstream) = fails(
        Reply::never(),
        "retries: 0, headers_timeout: 100ms",
        "504 upstream_timeout",
    )
    .await;
    upstream.abandoned(1).await;
}

#[tokio::test]
async fn a_body_that_stops() {
    let stopping = Reply::completion("").with_steps([Step::text("{\"choices\": ["), Step::Hang]);
    let (_, upstream) = fails(
        stopping,
        "retries: 0, idle_timeout: 100ms",
        "504 upstream_timeout",
    )
    .await;
    upstream.abandoned(1).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_in_all() {
    let drip = (0..1000).flat_map(|_| [Step::text(" "), Step::Await]);
    let upstream = ScriptedUpstream::start([Reply::completion("").with_steps(drip)]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .patience("retries: 0, idle_timeout: 10s, timeout: 150ms")
        .start()
        .await;
    let answer = guarded("the total timeout", gateway.ask(&chat("auto", "x"))).await;
    assert_eq!(answer.error(), "504 upstream_timeout");
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off() {
    let breaking = Reply::completion("").with_steps([Step::text("{\"choices\": ["), Step::Break]);
    fails(breaking, "retries: 0", "502 upstream_broken").await;
}

#[tokio::test]
async fn a_body_that_is_not_json() {
    fails(
        Reply::text(200, "<html>hello</html>"),
        "retries: 0",
        "502 upstream_broken",
    )
    .await;
    fails(
        Reply::json(200, &json!(["not", "an", "object"])),
        "retries: 0",
        "502 upstream_broken",
    )
    .await;
}

#[tokio::test]
async fn an_answer_without_usage_is_visible_as_incomplete() {
    let reply = Reply::json(
        200,
        &json!({ "choices": [{ "message": { "content": "up" } }] }),
    );
    let (answer, books, _) = asked(vec![reply], "retries: 0").await;
    assert_eq!(answer.status, 200);
    let attempt = &books.only().attempts[1];
    assert_eq!(
        (attempt.outcome.as_str(), attempt.complete),
        ("answered", false)
    );
}
