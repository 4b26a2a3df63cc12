//! The real engine on tiny checkpoints of known probabilities. What it owes as an engine is in `conformance`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::mistral::Mistral;
use local_engine::worker::{Worker, WorkerSettings, parent_link, serve};
use local_engine::{
    Constraint, EngineError, EngineSpec, Event, FinishReason, Generation, Health, Job, LocalEngine,
    Message, Quantization, Token,
};
use tempfile::TempDir;

#[path = "gguf/chain.rs"]
mod chain;
#[path = "mistral/checkpoint.rs"]
mod checkpoint;
#[path = "gguf/file.rs"]
#[expect(dead_code, reason = "other tests write more kinds of values")]
mod gguf;
#[path = "mistral/held.rs"]
mod held;
#[path = "mistral/loading.rs"]
mod loading;
#[path = "gguf/paris.rs"]
mod paris;
#[path = "tiny/side.rs"]
mod side;

use checkpoint::Chain;
use paris::{REPLY, assert_golden, paris};

const DEADLINE: Duration = Duration::from_secs(60);

fn job(content: &str) -> Job {
    Job::greedy(vec![Message::user(content)], 32)
}

async fn load(folder: &TempDir, quantization: Option<Quantization>) -> Mistral {
    let spec = EngineSpec {
        quantization,
        ..EngineSpec::new(folder.path())
    };
    Mistral::load(spec).await.unwrap()
}

/// The model in safetensors, computed in F32.
async fn engine(chain: &Chain) -> Mistral {
    let folder = tempfile::tempdir().unwrap();
    chain.write_safetensors(folder.path());
    load(&folder, None).await
}

/// Tokens and the terminal event.
async fn play(stream: Generation) -> (Vec<Token>, Event) {
    let events: Vec<_> = tokio::time::timeout(DEADLINE, stream.collect())
        .await
        .unwrap();
    let (mut tokens, mut end) = (Vec::new(), None);
    for event in events {
        assert!(end.is_none(), "an event after the end");
        match event {
            Event::Prefilled { prompt_tokens, .. } => assert!(prompt_tokens > 0),
            Event::Token(token) => tokens.push(token),
            last => end = Some(last),
        }
    }
    (tokens, end.unwrap())
}

fn text(tokens: &[Token]) -> String {
    String::from_utf8(
        tokens
            .iter()
            .flat_map(|token| token.bytes.clone())
            .collect(),
    )
    .unwrap()
}

fn failure(end: Event) -> EngineError {
    match end {
        Event::Failed(error) => error,
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn answers_with_the_probabilities_of_the_model() {
    let chain = paris();
    let engine = engine(&chain).await;
    let info = engine.info().unwrap();
    assert_eq!(
        (info.architecture.as_str(), info.quantization.as_str()),
        ("LlamaForCausalLM", "f32")
    );
    assert_eq!(
        (info.context_tokens, info.vocabulary),
        (2048, side::VOCABULARY)
    );
    assert_eq!(
        [
            &info.weights_hash,
            &info.tokenizer_hash,
            &info.template_hash
        ]
        .map(String::len),
        [64; 3]
    );
    let (tokens, end) = play(engine.generate(job("capital of France?"))).await;
    assert_eq!(text(&tokens), REPLY);
    assert_golden(&chain, &tokens, 1e-4);
    let Event::Finished { reason, usage } = end else {
        panic!("{end:?}")
    };
    assert_eq!(reason, FinishReason::Stop);
    let counted = engine
        .count_tokens(job("capital of France?").messages)
        .await
        .unwrap();
    // `<|im_start|>user\n…<|im_end|>\n<|im_start|>assistant\n`, a token per byte.
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (counted, 8));
    assert_eq!(counted, 1 + 5 + 18 + 2 + 1 + 10);
    assert!(usage.busy > Duration::ZERO);
    assert!(engine.estimate(100).prefill > Duration::ZERO);
}

#[tokio::test]
async fn a_token_costs_one_forward_pass_and_the_end_none() {
    let engine = engine(&paris()).await;
    let (tokens, _) = play(engine.generate(job("?"))).await;
    assert_eq!(engine.steps(), u64::try_from(tokens.len()).unwrap());
}

#[tokio::test]
async fn the_whole_context_is_usable() {
    let engine = engine(&Chain::endless()).await;
    let (tokens, _) = play(engine.generate(Job {
        max_tokens: u32::MAX,
        ..job(&"b".repeat(1900))
    }))
    .await;
    assert_eq!(tokens.len(), 2048 - 1919);
}

#[tokio::test]
async fn jobs_at_the_same_time_take_turns() {
    let engine = engine(&paris()).await;
    let streams: Vec<_> = (0..5).map(|_| play(engine.generate(job("?")))).collect();
    for (tokens, _) in futures_util::future::join_all(streams).await {
        assert_eq!(text(&tokens), REPLY);
    }
}

#[tokio::test]
async fn what_a_job_cannot_have_is_unsupported() {
    let engine = engine(&paris()).await;
    let mut tool = job("?");
    tool.messages[0].role = "tool".into();
    let error = failure(play(engine.generate(tool)).await.1).to_string();
    assert!(error.contains("no tools here"), "{error}");
    let nothing = Job {
        constraint: Some(Constraint::OneOf([].into())),
        ..job("?")
    };
    let impossible = Job {
        constraint: Some(Constraint::Regex(r"\bword\b".into())),
        ..job("?")
    };
    for refused in [nothing, impossible] {
        assert!(matches!(
            failure(play(engine.generate(refused)).await.1),
            EngineError::Unsupported(_)
        ));
    }
    assert_eq!(engine.health(), Health::Ready);
}

const AS_CHILD: &str = "LOCAL_ENGINE_TEST_CHILD";

/// Not a test of its own: the child's main function. Does nothing unless a test started it.
#[test]
fn child_main() {
    if std::env::var_os(AS_CHILD).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(async {
        let (read, write) = parent_link().unwrap().into_split();
        let load = |spec| async {
            let engine: Arc<dyn LocalEngine> = Arc::new(Mistral::load(spec).await?);
            Ok(engine)
        };
        serve(load, read, write).await
    });
    // Its parent kills it where it has nothing else to say.
    drop(served);
}

#[tokio::test]
async fn the_same_in_a_worker_process() {
    let (chain, folder) = (paris(), tempfile::tempdir().unwrap());
    chain.write_gguf(folder.path(), gguf::Format::F32);
    let spec = EngineSpec {
        threads: "1".parse().ok(),
        ..EngineSpec::new(folder.path())
    };
    let arguments = ["--exact", "child_main", "--nocapture"];
    let mut settings = WorkerSettings::new(std::env::current_exe().unwrap(), arguments, spec);
    settings.environment.push((AS_CHILD.into(), "1".into()));
    let worker = Worker::start(settings);
    let ready = async {
        while worker.health() != Health::Ready {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ready).await.unwrap();
    assert_golden(&chain, &play(worker.generate(job("?"))).await.0, 1e-4);
    let own = load(&folder, None).await;
    let info = |engine: &dyn LocalEngine| engine.info().unwrap().weights_hash.clone();
    assert_eq!(info(&worker), info(&own));
    assert_eq!(worker.restarts(), 0);
}
