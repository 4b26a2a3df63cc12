//! Prompts, completions and keys stay out of errors and out of the log, at its most talkative.

use std::sync::Arc;

use local_engine::scripted::Scripted;
use serde_json::json;
use support::{
    CLIENT_KEY, OTHER_KEY, Reply, ScriptedUpstream, Step, TestGateway, UPSTREAM_KEY, chat, log,
};

const PROMPT: &str = "prompt-canary-5d1c";
const DRAFT: &str = "draft-canary-88a2";
const ANSWER: &str = "answer-canary-0f6b";
const SAID: &str = "upstream-said-canary-e913";

#[tokio::test]
async fn the_log_names_requests_and_repeats_nothing_of_them() {
    let broken = Reply::stream([
        Step::delta(ANSWER),
        Step::text(&format!("data: {ANSWER}\n\n")),
    ]);
    let upstream = ScriptedUpstream::start([
        Reply::completion(ANSWER),
        Reply::error(400, SAID),
        Reply::error(401, &format!("{SAID} {UPSTREAM_KEY}")),
        Reply::text(500, SAID),
        Reply::text(200, SAID),
        Reply::dropped(),
        broken,
        Reply::streamed(&[ANSWER]),
    ])
    .await;
    let engine = Arc::new(Scripted::answering(DRAFT, -3.0));
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(engine)
        .start()
        .await;

    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(
            gateway
                .ask(&chat("auto", PROMPT))
                .await
                .header("x-request-id")
                .to_owned(),
        );
    }
    for _ in 0..2 {
        let mut stream = gateway.stream(&chat("auto", PROMPT)).await;
        stream.rest().await;
        ids.push(stream.header("x-request-id").to_owned());
    }
    ids.extend(refused(&gateway).await);
    gateway.stop().await;

    for id in ids {
        assert_eq!(
            log::lines_of(&id).len(),
            1,
            "one line a request, and {id} has {:?}",
            log::lines_of(&id)
        );
    }
    let text = log::text();
    for canary in [
        PROMPT,
        DRAFT,
        ANSWER,
        SAID,
        CLIENT_KEY,
        OTHER_KEY,
        UPSTREAM_KEY,
    ] {
        let leaked: Vec<&str> = text.lines().filter(|line| line.contains(canary)).collect();
        assert!(leaked.is_empty(), "in the log: {leaked:#?}");
    }
}

/// Requests that are refused before a route is found, with secrets wherever they can be; their ids.
async fn refused(gateway: &TestGateway) -> Vec<String> {
    let get = |path: &str| gateway.request(http::Method::GET, path);
    let unknown = json!({ "model": PROMPT, "messages": [{ "role": "user", "content": PROMPT }] });
    let requests = [
        gateway.post(&unknown),
        gateway.post(&json!({ "model": "auto", "messages": PROMPT })),
        gateway
            .post(&json!({}))
            .body(format!("{{\"model\": {PROMPT}")),
        get(&format!("/v1/models/{PROMPT}?key={OTHER_KEY}")).bearer_auth(CLIENT_KEY),
        get(&format!("/{PROMPT}")),
        get("/v1/models").bearer_auth(format!("wrong-{OTHER_KEY}")),
    ];
    let mut ids = Vec::new();
    for request in requests {
        let answer = gateway.send(request).await;
        assert!(answer.status.is_client_error());
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        ids.push(answer.header("x-request-id").to_owned());
    }
    ids
}

#[tokio::test]
async fn debug_output_of_the_running_parts_shows_no_key() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder().upstream(&upstream).start().await;
    let shown = format!("{:?}", gateway.app());
    for key in [CLIENT_KEY, OTHER_KEY, UPSTREAM_KEY] {
        assert!(!shown.contains(key));
    }
    gateway.stop().await;
}
