//! Drafts that are sent before their end (`commit: window`): from the commit on nothing takes them back.

use std::sync::Arc;

use gateway::learning::LabelledRequest;
use gateway::ledger::{Draw, Origin};
use local_engine::scripted::{End, Script, Scripted, stats};
use local_engine::{EngineError, Job, Message};
use serde_json::{Value, json};
use support::{Books, Gated, Reply, ScriptedUpstream, SseEvent, TestGateway, chat_with};

fn routes(more: &str) -> String {
    format!(
        "\
- name: text
  match: {{ model: auto }}
  local: {{ model: small }}
  upstream: {{ name: large, model: gpt-large }}
  commit: window
  commit_after: 4
  {more}
"
    )
}

/// A text of these words, each a token.
fn script(words: &[&str], logprob: f32) -> Script {
    let mut script = Script::answering("", logprob);
    let tokens = words
        .iter()
        .map(|word| ((*word).to_owned(), stats(logprob)));
    script.tokens = tokens.chain(script.tokens.pop()).collect();
    script
}

const WORDS: [&str; 8] = [
    "the ", "quick ", "brown ", "fox ", "jumps ", "over ", "it", ".",
];

/// Sure of most, unsure of what is hard; loops and breaks where it is told to.
fn scripted() -> Scripted {
    Scripted::new(|job: &Job| {
        let asks = |word: &str| job.messages.iter().any(|m| m.content.contains(word));
        let mut script = if asks("loop") {
            script(&["again and "; 40], -0.001)
        } else if asks("object") {
            script(&["{\"a\"", ": ", "1", "}"], -0.001)
        } else if asks("short") {
            script(&["yes", "."], -0.001)
        } else {
            script(&WORDS, if asks("hard") { -0.7 } else { -0.001 })
        };
        if asks("break") {
            script.tokens.truncate(6);
            script.end = End::Failed(EngineError::Internal("gone".to_owned()));
        }
        script
    })
}

fn question(text: &str) -> Value {
    chat_with("auto", text, &json!({ "max_tokens": 400 }))
}

/// Content of a stream's events.
fn text_of(events: &[SseEvent]) -> String {
    let told = |event: &SseEvent| match event {
        SseEvent::Data(data) if !event.is_done() => {
            let content = serde_json::from_str::<Value>(data).unwrap();
            let content = content["choices"][0]["delta"]["content"].as_str();
            content.unwrap_or("").to_owned()
        }
        _ => String::new(),
    };
    events.iter().map(told).collect()
}

#[tokio::test]
async fn the_first_words_come_before_the_draft_is_complete() {
    let upstream = ScriptedUpstream::silent().await;
    let engine = Gated::after(5, scripted());
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .routes(&routes("threshold: 0.8"))
        .start()
        .await;
    let mut stream = gateway.stream(&question("easy")).await;
    assert_eq!(stream.told(), "local accepted");
    // The engine waits behind its fifth token; what came before is here.
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(stream.next().await.unwrap());
    }
    assert_eq!(text_of(&events), "the quick brown fox jumps ");
    engine.release();
    events.extend(stream.rest().await);
    assert_eq!(text_of(&events), WORDS.concat());
    assert!(events.last().unwrap().is_done());
    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.ending(), "completed local accepted");
    assert_eq!(exchange.tries(), ["local accepted"]);
    let [evidence] = exchange.evidence.as_slice() else {
        panic!("{:?}", exchange.evidence)
    };
    evidence.recompute().unwrap();
    // Four tokens were judged, not eight.
    assert!((evidence.p_bad - (1.0 - (-0.004_f64).exp())).abs() < 1e-6);
}

#[tokio::test]
async fn nothing_of_a_rejected_draft_is_sent_and_its_rest_is_not_computed() {
    let upstream = ScriptedUpstream::start([Reply::streamed(&["from above"])]).await;
    let engine = Arc::new(scripted());
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::clone(&engine) as _)
        .routes(&routes("threshold: 0.8"))
        .start()
        .await;
    let mut stream = gateway.stream(&question("hard")).await;
    assert_eq!(stream.told(), "upstream low_confidence");
    let events = stream.rest().await;
    assert_eq!(text_of(&events), "from above");
    assert!(!stream.raw().contains("quick"));
    assert_eq!((engine.tokens_emitted(), engine.cancelled()), (4, 1));
    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.tries(), ["local discarded", "upstream answered"]);
    exchange.evidence[0].recompute().unwrap();
}

#[tokio::test]
async fn an_engine_that_fails_after_the_commit_ends_the_stream_with_an_error() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(scripted()))
        .routes(&routes("threshold: 0.8"))
        .start()
        .await;
    let mut stream = gateway.stream(&question("break")).await;
    assert_eq!(stream.told(), "local accepted");
    let events = stream.rest().await;
    let error = events.last().unwrap().json();
    assert_eq!(error["error"]["code"], "local_broken");
    assert!(!stream.raw().contains("[DONE]"));
    assert!(text_of(&events).starts_with("the quick brown fox "));
    gateway.learnt().await;
    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.ending(), "failed none local_broken");
    assert_eq!(exchange.tries(), ["local failed failed"]);
    assert_eq!(failures(&books), 1);
    assert_eq!(upstream.connections(), 0, "never a switch after the commit");
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_engine() {
    let engine = Gated::after(5, scripted());
    let gateway = TestGateway::builder()
        .engine(Arc::clone(&engine) as _)
        .routes(&routes("threshold: 0.8"))
        .start()
        .await;
    let mut stream = gateway.stream(&question("easy")).await;
    assert!(stream.next().await.is_some());
    drop(stream);
    let books = gateway.stop().await;
    let exchange = books.only();
    assert_eq!(exchange.tries(), ["local cancelled"]);
    assert!(exchange.ending().starts_with("hung_up"));
}

/// Answers that failed after they were committed.
fn failures(books: &Books) -> usize {
    let evidence = books.exchanges.iter().flat_map(|e| &e.evidence);
    let labels = evidence.flat_map(|evidence| &evidence.labels);
    labels
        .filter(|label| label.origin == Origin::Commit && label.bad)
        .count()
}

#[tokio::test]
async fn what_fails_later_is_an_accepted_bad_answer_and_not_audited() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion(&WORDS.concat())).await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(scripted()))
        .routes(&routes(
            "threshold: 0.8\n  audit: { rate: 100%, repeat: 0% }",
        ))
        .start()
        .await;
    let looped = gateway.stream(&question("loop")).await.rest().await;
    assert!(looped.last().unwrap().is_done(), "it was sent to its end");
    gateway.learnt().await;
    assert_eq!(upstream.count(), 0);
    gateway.stream(&question("easy")).await.rest().await;
    gateway.learnt().await;
    // One that is not streamed is checked as a whole: nothing was sent yet.
    let whole = gateway.ask(&question("loop")).await;
    assert_eq!(whole.told(), "upstream repetitive");
    gateway.learnt().await;
    let books = gateway.stop().await;
    assert_eq!(failures(&books), 1);
    let audited = &books.exchanges[1].evidence[0];
    assert_eq!(audited.audit.map(|(_, draw)| draw), Some(Draw::Drawn));
    assert_eq!(
        books.exchanges[1].tries(),
        ["local accepted", "audit answered"]
    );
    assert_eq!(
        books.exchanges[1].lessons(),
        ["answer threshold accept, audit good text"]
    );
}

#[tokio::test]
async fn a_draft_that_ends_before_the_window_is_checked_as_a_whole() {
    let upstream = ScriptedUpstream::silent().await;
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(scripted()))
        .routes(&routes("threshold: 0.8"))
        .start()
        .await;
    let mut stream = gateway.stream(&question("short")).await;
    assert_eq!(stream.told(), "local accepted");
    assert_eq!(text_of(&stream.rest().await), "yes.");
    gateway.stop().await;
}

/// The right answer to every fourth is not what the draft says.
fn labelled(n: u32, content: &str) -> LabelledRequest {
    LabelledRequest {
        messages: vec![Message {
            role: "user".to_owned(),
            content: content.to_owned(),
        }],
        gold: json!(if n.is_multiple_of(4) {
            "another".to_owned()
        } else {
            WORDS.concat()
        }),
    }
}

#[tokio::test]
async fn a_window_has_a_certificate_of_its_own() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion(&WORDS.concat())).await;
    let risk = "risk: { max_regret: 20%, assurance: 90% }\n  audit: { rate: 100%, repeat: 0% }";
    // A quarter is unsure from the start, and one in thirty goes wrong after the commit.
    let rows = |n: u32| match n {
        n if n.is_multiple_of(30) => labelled(n, "loop"),
        n if n.is_multiple_of(4) => labelled(n, "hard"),
        n => labelled(n, "easy"),
    };
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(scripted()))
        .routes(&routes(risk))
        .certified("text", Arc::new(scripted()), (0..120).map(rows).collect())
        .start()
        .await;
    let certificate = gateway::learning::load_certificates(&gateway.path("certificates"))
        .unwrap()
        .remove("text")
        .unwrap();
    // The loops are accepted when they are committed, and count as lost.
    assert_eq!(certificate.losses, 4, "{certificate:?}");
    assert_eq!(certificate.fingerprint.answer, "text@4");
    let told = gateway.stream(&question("easy")).await.told();
    assert_eq!(told, "local accepted");
    gateway.learnt().await;
    // The same route that waits for the whole draft stands on nothing.
    let whole = std::fs::read_to_string(gateway.path("test.yaml")).unwrap();
    std::fs::write(
        gateway.path("test.yaml"),
        whole.replace("  commit: window\n  commit_after: 4\n", ""),
    )
    .unwrap();
    gateway.reloader(Arc::new(scripted())).reload().unwrap();
    let told = gateway.ask(&question("easy")).await.told();
    assert_eq!(told, "upstream learning");
    gateway.stop().await;
}

/// JSON that a client asks for is judged at its end, on a text route too: what was proven of the window says nothing about it.
#[tokio::test]
async fn json_on_a_text_route_has_a_certificate_of_its_own() {
    let upstream = ScriptedUpstream::answering(|_| Reply::completion(r#"{"a": 1}"#)).await;
    let rows = |n: u32| labelled(n, if n.is_multiple_of(4) { "hard" } else { "easy" });
    let gateway = TestGateway::builder()
        .upstream(&upstream)
        .engine(Arc::new(scripted()))
        .routes(&routes("risk: { max_regret: 20%, assurance: 90% }"))
        .certified("text", Arc::new(scripted()), (0..60).map(rows).collect())
        .start()
        .await;
    let text = gateway.stream(&question("easy")).await;
    assert_eq!(text.told(), "local accepted");
    let wanted = json!({ "max_tokens": 400, "response_format": { "type": "json_object" } });
    let object = chat_with("auto", "object", &wanted);
    let mut told = gateway.ask(&object).await.told();
    assert_eq!(told, "upstream learning");
    gateway.learnt().await;
    let mut asked = 1;
    while told != "local accepted" && asked < 200 {
        told = gateway.ask(&object).await.told();
        gateway.learnt().await;
        asked += 1;
    }
    assert_eq!(told, "local accepted");
    let certificates = gateway::learning::load_certificates(&gateway.path("certificates")).unwrap();
    let proven: Vec<_> = certificates
        .values()
        .map(|certificate| certificate.fingerprint.answer.as_str())
        .collect();
    assert!(
        matches!(proven.as_slice(), ["text@4", json] if json.starts_with("json")),
        "{proven:?}"
    );
    let books = gateway.stop().await;
    for evidence in books.exchanges.iter().flat_map(|e| &e.evidence) {
        evidence.recompute().unwrap();
    }
}
