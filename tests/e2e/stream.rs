//! Streams: held until decided, then one source to the end, and never a clean end that was none.

use std::sync::Arc;

use local_engine::scripted::Scripted;
use serde_json::{Value, json};
use support::{
    EventStream, Gated, Reply, ScriptedUpstream, SseEvent, Step, TestGateway, chat, chat_with,
};

/// A draft that is never good enough.
fn unsure() -> Arc<Scripted> {
    Arc::new(Scripted::answering("DRAFT-CANARY", -3.0))
}

async fn above(reply: Reply) -> (ScriptedUpstream, TestGateway) {
    let upstream = ScriptedUpstream::start([reply]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .patience("retries: 0, idle_timeout: 100ms")
        .start()
        .await;
    (upstream, gateway)
}

fn comment(text: &str) -> SseEvent {
    SseEvent::Comment(text.to_owned())
}

#[tokio::test]
async fn a_held_stream_shows_life_and_then_tells_the_local_decision() {
    let engine = Gated::new(Scripted::answering("here", -0.01));
    let gateway = TestGateway::builder()
        .engine(Arc::clone(&engine) as _)
        .limits("keep_alive: 20ms")
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.told(), "held ");
    assert_eq!(stream.header("x-smallfirst-route"), "main");
    for _ in 0..3 {
        assert_eq!(stream.next().await, Some(comment("waiting")));
    }
    engine.release();
    let rest = after_waiting(&mut stream).await;
    assert_eq!(rest[0], comment("smallfirst source=local reason=accepted"));
    assert_eq!(rest[2].json()["choices"][0]["delta"]["content"], "here");
    assert!(rest.last().unwrap().is_done());
    assert_eq!(
        gateway.stop().await.only().ending(),
        "completed local accepted"
    );
}

#[tokio::test]
async fn a_held_stream_tells_an_escalation() {
    let upstream = ScriptedUpstream::start([Reply::streamed(&["from above"]).held()]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .limits("keep_alive: 20ms")
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.told(), "held ");
    assert_eq!(stream.next().await, Some(comment("waiting")));
    upstream.release();
    let rest = after_waiting(&mut stream).await;
    assert_eq!(
        rest[0],
        comment("smallfirst source=upstream reason=low_confidence")
    );
    assert_eq!(
        rest[1].json()["choices"][0]["delta"]["content"],
        "from above"
    );
    assert!(rest.last().unwrap().is_done());
    assert!(!stream.raw().contains("DRAFT-CANARY"));
    assert_eq!(
        gateway.stop().await.only().ending(),
        "completed upstream low_confidence"
    );
}

#[tokio::test]
async fn a_held_stream_that_fails_says_so_in_an_event() {
    let upstream = ScriptedUpstream::start([Reply::error(400, "too hot").held()]).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(unsure())
        .limits("keep_alive: 20ms")
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.next().await, Some(comment("waiting")));
    upstream.release();
    let rest = after_waiting(&mut stream).await;
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0].json()["error"]["message"], "too hot");
    let books = gateway.stop().await;
    assert_eq!(books.only().ending(), "failed none upstream_rejected");
    assert_eq!(books.only().status, Some(200), "the status was out already");
}

/// The rest of a stream, without the signs of life at its start.
async fn after_waiting(stream: &mut EventStream) -> Vec<SseEvent> {
    let rest = stream.rest().await;
    rest.into_iter()
        .skip_while(|event| *event == comment("waiting"))
        .collect()
}

/// What some upstream streams: fields nobody here knows, spacing and numbers as it likes.
const CHUNKS: [&str; 3] = [
    r#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":"hm"}}],"usage":null,"new_field":{"a": 1.50}}"#,
    r#"{ "choices" : [ {"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"q\": 1}"}}]}} ], "usage":null }"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
];

fn transcript() -> Reply {
    let chunks = CHUNKS
        .iter()
        .map(|chunk| Step::text(&format!("data: {chunk}\n\n")));
    Reply::stream(chunks.chain([Step::usage(1000, 100), Step::done()]))
}

#[tokio::test]
async fn an_upstream_stream_passes_through_byte_for_byte() {
    let (upstream, gateway) = above(transcript()).await;
    let wanted = json!({ "stream_options": { "include_usage": true } });

    let mut stream = gateway.stream(&chat_with("auto", "x", &wanted)).await;
    let events = stream.rest().await;

    let data: Vec<SseEvent> = CHUNKS
        .iter()
        .map(|chunk| SseEvent::Data((*chunk).to_owned()))
        .collect();
    assert_eq!(events[..3], data);
    assert_eq!(events[3].json()["usage"]["prompt_tokens"], 1000);
    assert!(events[4].is_done());
    assert_eq!(
        upstream.only().body["stream_options"]["include_usage"],
        true
    );
    gateway.stop().await;
}

#[tokio::test]
async fn usage_is_asked_for_and_hidden_from_a_client_that_did_not() {
    let (upstream, gateway) = above(transcript()).await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    let events = stream.rest().await;

    assert!(!stream.raw().contains("usage"), "{}", stream.raw());
    assert_eq!(events.len(), 4);
    for (event, sent) in events.iter().zip(CHUNKS) {
        let mut sent: Value = serde_json::from_str(sent).unwrap();
        sent.as_object_mut().unwrap().shift_remove("usage");
        assert_eq!(event.json(), sent);
    }
    assert!(events[3].is_done());
    assert_eq!(
        upstream.only().body["stream_options"]["include_usage"],
        true
    );
    let books = gateway.stop().await;
    let paid = &books.only().attempts[1];
    assert_eq!((paid.input, paid.output, paid.complete), (1000, 100, true));
    assert_eq!(paid.cost.as_deref(), Some("0.0028"));
}

#[tokio::test]
async fn events_cut_at_every_byte_arrive_whole() {
    let text =
        "data: {\"choices\":[{\"delta\":{\"content\":\"é😀\"}}]}\r\n\r\n: ping\n\ndata: [DONE]\n\n";
    let bytes = text
        .as_bytes()
        .iter()
        .map(|byte| Step::Send(bytes::Bytes::copy_from_slice(&[*byte])));
    let (_upstream, gateway) = above(Reply::stream(bytes)).await;
    let mut stream = gateway.stream(&chat("auto", "x")).await;
    let events = stream.rest().await;
    assert_eq!(events[0].json()["choices"][0]["delta"]["content"], "é😀");
    assert!(events[1].is_done());
    gateway.stop().await;
}

/// Streams `steps` after one delta; the client gets the delta, then an error event with `code`, and no `[DONE]`.
async fn breaks_off(steps: Vec<Step>, code: &str) {
    let all = [Step::delta("some text"), Step::Await]
        .into_iter()
        .chain(steps);
    let (upstream, gateway) = above(Reply::stream(all)).await;

    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.told(), "upstream low_confidence");
    let first = stream.next().await.unwrap();
    assert_eq!(first.json()["choices"][0]["delta"]["content"], "some text");
    upstream.release();
    let events = stream.rest().await;

    let error = &events.last().unwrap().json()["error"];
    assert_eq!(error["code"], code, "{events:?}");
    let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["message", "type", "param", "code"]);
    assert!(!events.iter().any(SseEvent::is_done), "{events:?}");

    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.ending(), format!("failed none {code}"));
    assert_eq!(
        exchange.tries(),
        [
            "local discarded".to_owned(),
            format!("upstream failed {code}")
        ]
    );
    assert_eq!(
        exchange.baseline, None,
        "a client that got half an answer was not served"
    );
    let attempt = &exchange.attempts[1];
    assert!(!attempt.complete, "nobody told the usage");
    assert!(attempt.output > 0, "what was passed on is estimated");
}

#[tokio::test]
async fn an_end_without_done_is_an_error() {
    breaks_off(vec![], "upstream_broken").await;
}

#[tokio::test]
async fn a_broken_connection_is_an_error() {
    breaks_off(vec![Step::Break], "upstream_broken").await;
    breaks_off(
        vec![Step::text("data: {\"choices\":[{\"del"), Step::Break],
        "upstream_broken",
    )
    .await;
}

#[tokio::test]
async fn a_silent_upstream_is_an_error() {
    breaks_off(vec![Step::Hang], "upstream_timeout").await;
}

#[tokio::test]
async fn an_event_that_is_not_json_is_an_error() {
    breaks_off(
        vec![Step::text("data: <html>\n\n"), Step::done()],
        "upstream_broken",
    )
    .await;
}

#[tokio::test]
async fn an_error_event_of_the_upstream_is_passed_on() {
    let error =
        json!({ "error": { "message": "overloaded", "type": "server_error", "code": 529 } });
    let (_upstream, gateway) = above(Reply::stream([
        Step::delta("a"),
        Step::event(&error),
        Step::done(),
    ]))
    .await;
    let mut stream = gateway.stream(&chat("auto", "x")).await;
    let events = stream.rest().await;
    assert_eq!(
        events.last().unwrap().json(),
        json!({ "error": { "message": "overloaded", "type": "server_error", "param": null, "code": 529 } })
    );
    assert!(!stream.raw().contains("[DONE]"));
    assert_eq!(
        gateway.stop().await.only().ending(),
        "failed none upstream_broken"
    );
}

#[tokio::test]
async fn a_refusal_before_the_first_byte_keeps_its_status() {
    let (_upstream, gateway) = above(Reply::error(400, "too hot")).await;
    let stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(stream.status, 400);
    assert_eq!(stream.header("content-type"), "application/json");
    drop(stream);
    gateway.stop().await;
}

#[tokio::test]
async fn an_upstream_that_does_not_stream_is_streamed_here() {
    let (_upstream, gateway) = above(Reply::completion("all at once")).await;
    let mut stream = gateway.stream(&chat("auto", "x")).await;
    assert_eq!(
        stream.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    let events = stream.rest().await;
    assert_eq!(
        events[0].json()["choices"][0]["delta"]["content"],
        "all at once"
    );
    assert!(events.last().unwrap().is_done());
    assert_eq!(
        gateway.stop().await.only().ending(),
        "completed upstream low_confidence"
    );
}

#[tokio::test]
async fn a_tool_call_of_an_upstream_that_does_not_stream_is_not_lost() {
    let reply = Reply::json(
        200,
        &json!({
            "id": "up-2", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-large-0001",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "c1", "type": "function", "function": { "name": "weather", "arguments": "{}" } },
                ]},
                "finish_reason": "tool_calls",
            }],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 },
        }),
    );
    let (_upstream, gateway) = above(reply).await;
    let tools = json!({ "tools": [{ "type": "function", "function": { "name": "weather" } }] });
    let mut stream = gateway.stream(&chat_with("auto", "x", &tools)).await;
    let events = stream.rest().await;
    let chunks: Vec<Value> = events.iter().map(SseEvent::json).collect();
    let call = chunks
        .iter()
        .find_map(|c| c.pointer("/choices/0/delta/tool_calls/0"));
    let call = call.unwrap_or_else(|| panic!("no tool call in {chunks:?}"));
    assert_eq!(
        (&call["index"], &call["function"]["name"]),
        (&json!(0), &json!("weather"))
    );
    assert!(
        chunks
            .iter()
            .any(|c| c["choices"][0]["finish_reason"] == "tool_calls")
    );
    gateway.stop().await;
}
