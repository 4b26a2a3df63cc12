//! Small models behind servers: real HTTP against servers on loopback that play what the tests write.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "served/server.rs"]
mod server;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::served::{Dialect, Served, ServedSettings};
use local_engine::{
    Constraint, EngineError, Event, FinishReason, Health, Job, LocalEngine, Message,
};
use serde_json::{Value, json};
use server::{Play, Server};

/// Far beyond what anything here takes; it only ends a test that would hang.
const GUARD: Duration = Duration::from_secs(30);

fn job() -> Job {
    Job::greedy(vec![Message::user("Which town?")], 16)
}

fn engine(dialect: Dialect, servers: &[&Server]) -> Served {
    let endpoints = servers.iter();
    let endpoints =
        endpoints.map(|server| format!("http://{}/v1", server.address).parse().unwrap());
    let mut settings = ServedSettings::new(dialect, endpoints.collect(), "small");
    settings.probe_every = Duration::from_millis(20);
    Served::start(settings).unwrap()
}

/// Waits for a state, which only the next look at a server can bring about.
async fn until(engine: &Served, state: impl Fn(&Health) -> bool) {
    let waiting = async {
        while !state(&engine.health()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(GUARD, waiting).await.unwrap();
}

async fn ready(dialect: Dialect, server: &Server) -> Served {
    let engine = engine(dialect, &[server]);
    until(&engine, |health| *health == Health::Ready).await;
    engine
}

async fn answer(engine: &Served, job: Job) -> Vec<Event> {
    tokio::time::timeout(GUARD, engine.generate(job).collect())
        .await
        .unwrap()
}

fn text(events: &[Event]) -> String {
    let tokens = events.iter().filter_map(|event| match event {
        Event::Token(token) => Some(token.bytes.clone()),
        _ => None,
    });
    String::from_utf8(tokens.flatten().collect()).unwrap()
}

fn failure(events: &[Event]) -> &EngineError {
    match events.last() {
        Some(Event::Failed(error)) => error,
        other => panic!("not failed: {other:?}"),
    }
}

/// An event of a stream.
fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn chunk(content: &str, entries: &Value, finish: Option<&str>) -> String {
    data(
        &json!({"choices": [{"index": 0, "delta": {"content": content},
        "logprobs": {"content": entries}, "finish_reason": finish}]}),
    )
}

fn paris() -> Vec<String> {
    let entry = |token: &str, logprob: f64| {
        json!({"token": token, "bytes": token.as_bytes(), "logprob": logprob, "top_logprobs": [
            {"token": token, "bytes": token.as_bytes(), "logprob": logprob},
            {"token": "Rome", "bytes": b"Rome", "logprob": -3.0}]})
    };
    vec![
        data(&json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})),
        chunk("Par", &json!([entry("Par", -0.1)]), None),
        chunk(
            "is",
            &json!([entry("is", -0.2), entry("<|im_end|>", -0.05)]),
            Some("stop"),
        ),
        data(&json!({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}})),
        "data: [DONE]\n\n".to_owned(),
    ]
}

#[tokio::test]
async fn an_answer_comes_token_by_token_with_its_statistics() {
    let server = Server::start().await;
    server.play(Play::Stream(paris()));
    let engine = ready(Dialect::Vllm, &server).await;
    let events = answer(&engine, job()).await;
    assert!(matches!(events[0], Event::Prefilled { .. }));
    assert_eq!(text(&events), "Paris");
    let Event::Token(first) = &events[1] else {
        panic!("{events:?}")
    };
    assert!((first.stats.logprob + 0.1).abs() < 1e-6);
    assert!((first.stats.margin - 2.9).abs() < 1e-6);
    let Some(Event::Finished { reason, usage }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(*reason, FinishReason::Stop);
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (11, 3));
    assert_eq!(engine.info().unwrap().context_tokens, 4096);
}

#[tokio::test]
async fn each_dialect_is_asked_in_its_own_words() {
    for dialect in [
        Dialect::Vllm,
        Dialect::LlamaServer,
        Dialect::Sglang,
        Dialect::Ollama,
        Dialect::MistralRs,
        Dialect::Openai,
    ] {
        let server = Server::start().await;
        let props = json!({"default_generation_settings": {"n_ctx": 4096}});
        server.page("/props", 200, props);
        server.play(Play::Stream(paris()));
        let engine = ready(dialect, &server).await;
        let events = answer(
            &engine,
            Job {
                constraint: Some(Constraint::JsonSchema(r#"{"type":"object"}"#.into())),
                stop: vec!["\n\n".into()],
                ..job()
            },
        )
        .await;
        assert_eq!(text(&events), "Paris");
        let asked = server.asked().remove(0);
        assert_eq!(asked["logprobs"], true);
        assert_eq!(asked["max_tokens"], 16);
        assert_eq!(asked["response_format"]["type"], "json_schema");
        assert_eq!(asked["stop"], json!(["\n\n"]));
        let thinks = (
            asked
                .pointer("/chat_template_kwargs/enable_thinking")
                .cloned(),
            asked.get("reasoning_effort").cloned(),
            asked.get("enable_thinking").cloned(),
        );
        let expected = match dialect {
            Dialect::Vllm | Dialect::LlamaServer | Dialect::Sglang => {
                (Some(json!(false)), None, None)
            }
            Dialect::Ollama => (None, Some(json!("none")), None),
            Dialect::MistralRs => (None, None, Some(json!(false))),
            Dialect::Openai => (None, None, None),
        };
        assert_eq!(thinks, expected, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_closed_list_shows_what_the_model_would_have_preferred() {
    let server = Server::start().await;
    let entry = json!({"token": "bug", "logprob": -2.0, "top_logprobs": [
        {"token": "Sorry", "logprob": -0.2}, {"token": "bill", "logprob": -3.0}]});
    server.play(Play::Stream(vec![chunk(
        "bug",
        &json!([entry]),
        Some("stop"),
    )]));
    let engine = ready(Dialect::Vllm, &server).await;
    let labels: Arc<[String]> = ["billing".to_owned(), "bug".to_owned()].into();
    let constraint = Some(Constraint::OneOf(labels));
    let events = answer(
        &engine,
        Job {
            constraint,
            ..job()
        },
    )
    .await;
    let Event::Token(token) = &events[1] else {
        panic!("{events:?}")
    };
    let mass = (-2.0_f32).exp() + (-3.0_f32).exp();
    assert!((token.stats.legal_mass - mass).abs() < 1e-6);
    assert!(!token.stats.forced && token.stats.margin < -1.0);
    let choice = &server.asked()[0]["structured_outputs"]["choice"];
    assert_eq!(*choice, json!(["billing", "bug"]));
}

#[tokio::test]
async fn an_answer_without_log_probabilities_is_no_answer() {
    let server = Server::start().await;
    let bare =
        data(&json!({"choices": [{"delta": {"content": "Paris"}, "finish_reason": "stop"}]}));
    server.play(Play::Stream(vec![bare]));
    let engine = ready(Dialect::Openai, &server).await;
    let events = answer(&engine, job()).await;
    let error = failure(&events);
    assert!(matches!(error, EngineError::Unsupported(_)), "{error}");
    assert!(error.to_string().contains("log-probabilities"), "{error}");
}

#[tokio::test]
async fn a_dropped_answer_closes_the_connection() {
    let server = Server::start().await;
    server.play(Play::Hang(paris()[..2].to_vec()));
    let engine = ready(Dialect::Vllm, &server).await;
    let mut events = engine.generate(job());
    assert!(matches!(events.next().await, Some(Event::Prefilled { .. })));
    drop(events);
    tokio::time::timeout(GUARD, server.until_quiet())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_that_breaks_is_a_failure_and_never_an_end() {
    let server = Server::start().await;
    server.play(Play::Cut(paris()[..2].to_vec()));
    let engine = ready(Dialect::Vllm, &server).await;
    let events = answer(&engine, job()).await;
    assert_eq!(text(&events), "Par");
    assert!(matches!(failure(&events), EngineError::Died(_)));
}

#[tokio::test]
async fn a_server_that_fails_before_its_first_word_gives_the_job_to_another() {
    let (bad, good) = (Server::start().await, Server::start().await);
    let engine = engine(Dialect::Vllm, &[&bad, &good]);
    until(&engine, |health| *health == Health::Ready).await;
    // Both are up when the first can be reached, or the test would prove nothing.
    for _ in 0..20 {
        bad.play(Play::Refuse(503, String::new()));
        good.play(Play::Stream(paris()));
    }
    for _ in 0..10 {
        assert_eq!(text(&answer(&engine, job()).await), "Paris");
    }
    assert!(!good.asked().is_empty());
}

#[tokio::test]
async fn work_goes_to_the_less_busy_server() {
    let (one, two) = (Server::start().await, Server::start().await);
    let engine = engine(Dialect::Vllm, &[&one, &two]);
    until(&engine, |health| *health == Health::Ready).await;
    for _ in 0..8 {
        one.play(Play::Hang(paris()[..2].to_vec()));
        two.play(Play::Hang(paris()[..2].to_vec()));
    }
    let mut running = Vec::new();
    // The second server may still be without its first look; then the first takes everything.
    while one.asked().is_empty() || two.asked().is_empty() {
        let mut events = engine.generate(job());
        assert!(matches!(events.next().await, Some(Event::Prefilled { .. })));
        running.push(events);
        assert!(running.len() < 8, "one server got everything");
    }
}

#[tokio::test]
async fn it_is_loading_while_the_server_is_and_down_with_its_reason() {
    let server = Server::start().await;
    server.page("/v1/models", 503, Value::Null);
    let engine = engine(Dialect::Vllm, &[&server]);
    assert_eq!(engine.health(), Health::Loading);
    assert_eq!(
        *failure(&answer(&engine, job()).await),
        EngineError::Loading
    );
    server.page("/v1/models", 200, json!({"data": [{"id": "large"}]}));
    until(
        &engine,
        |health| matches!(health, Health::Down(text) if text.contains("it serves: large")),
    )
    .await;
    server.page(
        "/v1/models",
        200,
        json!({"data": [{"id": "small", "max_model_len": 512}]}),
    );
    until(&engine, |health| *health == Health::Ready).await;
}

#[tokio::test]
async fn another_model_under_the_same_name_is_noticed() {
    let server = Server::start().await;
    let engine = ready(Dialect::Vllm, &server).await;
    let before = engine.info().unwrap();
    let card = json!({"id": "small", "max_model_len": 4096, "root": "other/weights"});
    server.page("/v1/models", 200, json!({"data": [card]}));
    let noticed = async {
        while engine.info().unwrap().weights_hash == before.weights_hash {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(GUARD, noticed).await.unwrap();
}

#[tokio::test]
async fn refusals_are_told_by_kind_and_quote_nothing() {
    let server = Server::start().await;
    let engine = ready(Dialect::Vllm, &server).await;
    let long = "maximum context length is 4096 tokens: Which town?";
    server.play(Play::Refuse(400, long.into()));
    let events = answer(&engine, job()).await;
    assert!(matches!(
        failure(&events),
        EngineError::PromptTooLong { limit: 4096, .. }
    ));
    server.play(Play::Refuse(422, "bad words: Which town?".into()));
    let events = answer(&engine, job()).await;
    let error = failure(&events).to_string();
    assert!(error.contains("422") && !error.contains("town"), "{error}");
}

#[tokio::test]
async fn garbage_is_a_failure() {
    for garbage in [
        "data: {\n\n",
        "data: {\"error\": {\"message\": \"secret\"}}\n\n",
        "\u{0}\n\n",
    ] {
        let server = Server::start().await;
        let engine = ready(Dialect::Vllm, &server).await;
        server.play(Play::Stream(vec![garbage.to_owned()]));
        let events = answer(&engine, job()).await;
        let error = failure(&events).to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
