//! Drafts that are good enough: answered here, nothing leaves.

use std::sync::{Arc, Mutex};

use local_engine::scripted::{End, Script, Scripted, stats};
use local_engine::{Constraint, FinishReason, Job, Sampling};
use serde_json::json;
use support::{ScriptedUpstream, SseEvent, TestGateway, chat, chat_with, stable};

/// Two tokens of text and a sure end: a probability of exp(-0.05), about 0.95.
fn sure() -> Scripted {
    let script = Script {
        prompt_tokens: 9,
        tokens: vec![
            ("trans".to_owned(), stats(-0.03)),
            ("fer".to_owned(), stats(-0.02)),
            (String::new(), stats(0.0)),
        ],
        end: End::Finished(FinishReason::Stop),
        ..Script::answering("", 0.0)
    };
    Scripted::new(move |_| script.clone())
}

#[tokio::test]
async fn a_whole_answer() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(sure()))
        .start()
        .await;

    let answer = gateway.ask(&chat("auto", "move money")).await;

    insta::assert_snapshot!(format!("{:#}", stable(answer.json())), @r#"
    {
      "id": "[id]",
      "object": "chat.completion",
      "created": "[created]",
      "model": "auto",
      "choices": [
        {
          "index": 0,
          "message": {
            "role": "assistant",
            "content": "transfer",
            "refusal": null
          },
          "logprobs": null,
          "finish_reason": "stop"
        }
      ],
      "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "total_tokens": 12
      }
    }
    "#);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-smallfirst-route"), "main");
    assert_eq!(answer.told(), "local accepted");
    assert_eq!(answer.header("x-smallfirst-confidence"), "0.9512");
    let id = answer.header("x-request-id").to_owned();
    assert_eq!(answer.json()["id"], format!("chatcmpl-{id}"));

    let books = gateway.stop().await;
    assert_eq!(upstream.count(), 0);
    let exchange = books.only();
    assert_eq!(exchange.id, id);
    assert_eq!(exchange.ending(), "completed local accepted");
    assert_eq!(exchange.tries(), ["local accepted"]);
    assert_eq!(
        (exchange.route.as_str(), exchange.principal.as_str()),
        ("main", "team-a")
    );
}

#[tokio::test]
async fn a_streamed_answer() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(sure()))
        .start()
        .await;

    let mut stream = gateway.stream(&chat("auto", "move money")).await;

    assert_eq!(stream.status, 200);
    assert_eq!(
        stream.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(stream.header("cache-control"), "no-cache");
    assert_eq!(stream.told(), "local accepted");
    assert_eq!(stream.header("x-smallfirst-confidence"), "0.9512");
    insta::assert_snapshot!(shown(&stream.rest().await), @r#"
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{"content":"trans"},"logprobs":null,"finish_reason":null}]}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{"content":"fer"},"logprobs":null,"finish_reason":null}]}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}
    Data("[DONE]")
    "#);
    assert_eq!(
        gateway.stop().await.only().ending(),
        "completed local accepted"
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_streamed_answer_tells_usage_when_asked() {
    let gateway = TestGateway::builder()
        .engine(Arc::new(sure()))
        .start()
        .await;
    let wanted = json!({ "stream_options": { "include_usage": true } });

    let mut stream = gateway
        .stream(&chat_with("auto", "move money", &wanted))
        .await;

    insta::assert_snapshot!(shown(&stream.rest().await), @r#"
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{"content":"trans"},"logprobs":null,"finish_reason":null}],"usage":null}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{"content":"fer"},"logprobs":null,"finish_reason":null}],"usage":null}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}
    {"id":"[id]","object":"chat.completion.chunk","created":"[created]","model":"auto","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}
    Data("[DONE]")
    "#);
    gateway.stop().await;
}

/// Events one a line, without what differs from run to run.
fn shown(events: &[SseEvent]) -> String {
    let lines = events.iter().map(|event| match event.json() {
        serde_json::Value::Null => format!("{event:?}"),
        chunk => stable(chunk).to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_engine_gets_the_conversation_and_the_tighter_bounds() {
    let jobs: Arc<Mutex<Vec<Job>>> = Arc::default();
    let seen = Arc::clone(&jobs);
    let engine = Scripted::new(move |job| {
        seen.lock().unwrap().push(job.clone());
        Script::answering("yes", -0.01)
    });
    let routes = "\
- name: labels
  match: { model: auto }
  local: { model: small, max_tokens: 20, first_token_within: 2s, answer: { one_of: [\"yes\", \"no\"] } }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
";
    let gateway = TestGateway::builder()
        .engine(Arc::new(engine))
        .routes(routes)
        .start()
        .await;
    let messages = json!([
        { "role": "developer", "content": "Answer yes or no." },
        { "role": "user", "content": [{ "type": "text", "text": "Is it " }, { "type": "text", "text": "on?" }] },
    ]);

    let few = json!({ "messages": messages, "max_completion_tokens": 5, "temperature": 1.5, "stop": "\n" });
    assert_eq!(
        gateway.ask(&chat_with("auto", "", &few)).await.told(),
        "local accepted"
    );
    let many = json!({ "messages": messages, "max_tokens": 400, "stop": ["a", "b"] });
    assert_eq!(
        gateway.ask(&chat_with("auto", "", &many)).await.told(),
        "local accepted"
    );
    gateway.stop().await;

    let jobs = jobs.lock().unwrap();
    let turns: Vec<_> = jobs[0]
        .messages
        .iter()
        .map(|m| (m.role.as_str(), m.content.as_str()))
        .collect();
    assert_eq!(
        turns,
        [("system", "Answer yes or no."), ("user", "Is it on?")]
    );
    assert_eq!((jobs[0].max_tokens, jobs[1].max_tokens), (5, 20));
    assert_eq!(
        (jobs[0].stop.as_slice(), jobs[1].stop.len()),
        (["\n".to_owned()].as_slice(), 2)
    );
    assert_eq!(
        jobs[0].constraint,
        Some(Constraint::OneOf(
            ["yes".to_owned(), "no".to_owned()].into()
        ))
    );
    assert_eq!(
        jobs[0].sampling,
        Sampling::Greedy,
        "certificates are proven for greedy drafts"
    );
    assert_eq!(jobs[0].first_token_within.map(|t| t.as_secs()), Some(2));
}

#[tokio::test]
async fn a_draft_is_held_to_the_form_of_its_route() {
    let upstream = ScriptedUpstream::silent().await;
    let routes = "\
- name: labels
  match: { model: auto }
  local: { model: small, answer: { one_of: [billing, outage] } }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
- name: objects
  match: { model: objects }
  local: { model: small, answer: json }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
- name: codes
  match: { model: codes }
  local: { model: small, answer: { regex: 'T-[0-9]+' } }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
- name: numbers
  match: { model: numbers }
  local: { model: small, answer: { json_schema: { type: number, minimum: 0 } } }
  upstream: { name: large, model: gpt-large }
  threshold: 0.8
";
    let engine = Scripted::new(|job| match &job.constraint {
        Some(Constraint::OneOf(labels)) => Script::answering(&labels[0], -0.01),
        Some(Constraint::Json) => Script::answering("{\"city\": \"Oslo\"}", -0.01),
        Some(Constraint::Regex(pattern)) if &**pattern == "T-[0-9]+" => {
            Script::answering("T-7", -0.01)
        }
        Some(Constraint::JsonSchema(schema)) => {
            assert_eq!(&**schema, r#"{"type":"number","minimum":0}"#);
            Script::answering("3.5", -0.01)
        }
        other => panic!("held to {other:?}"),
    });
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(engine))
        .routes(routes)
        .start()
        .await;

    let label = gateway.ask(&chat("auto", "my bill is wrong")).await;
    assert_eq!(
        (label.told(), label.content()),
        ("local accepted".into(), "billing".into())
    );
    let wanted = json!({ "response_format": { "type": "json_object" } });
    let object = gateway
        .ask(&chat_with("objects", "weather in Oslo", &wanted))
        .await;
    assert_eq!(
        (object.told(), object.content()),
        ("local accepted".into(), "{\"city\": \"Oslo\"}".into())
    );
    for (model, answer) in [("codes", "T-7"), ("numbers", "3.5")] {
        let reply = gateway.ask(&chat(model, "x")).await;
        assert_eq!(
            (reply.told(), reply.content()),
            ("local accepted".into(), answer.into())
        );
    }
    gateway.stop().await;
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn characters_cut_between_tokens_arrive_whole() {
    // The engine's tokens are bytes; the scripted one has whole texts, so a many-byte text stands for it here.
    let gateway = TestGateway::builder()
        .engine(Arc::new(Scripted::answering(
            "naïve — 日本 😀 \"quoted\"\n",
            -0.01,
        )))
        .start()
        .await;
    let whole = gateway.ask(&chat("auto", "x")).await.content();
    let mut stream = gateway.stream(&chat("auto", "x")).await;
    let streamed: String = stream
        .rest()
        .await
        .iter()
        .filter_map(|event| {
            event.json()["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(whole, "naïve — 日本 😀 \"quoted\"\n");
    assert_eq!(streamed, whole);
    gateway.stop().await;
}
