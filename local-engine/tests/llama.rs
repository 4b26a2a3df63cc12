//! llama.cpp on tiny files of known probabilities, and on random ones where what was read before matters.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use futures_util::StreamExt;
use local_engine::llama::LlamaCpp;
use local_engine::worker::{Worker, WorkerSettings, parent_link, serve};
use local_engine::{
    EngineError, EngineSpec, Event, Generation, Health, Job, LocalEngine, Message, Token,
};
use tempfile::TempDir;

#[path = "llama/answers.rs"]
mod answers;
#[path = "gguf/chain.rs"]
mod chain;
#[path = "llama/embedding.rs"]
mod embedding;
#[path = "gguf/file.rs"]
#[expect(dead_code, reason = "other tests write more kinds of values")]
mod gguf;
#[path = "llama/loading.rs"]
mod loading;
#[path = "llama/lora.rs"]
mod lora;
#[path = "gguf/paris.rs"]
mod paris;
#[path = "gguf/random.rs"]
mod random;
#[path = "llama/reuse.rs"]
mod reuse;

use chain::Chain;
use gguf::{Format, Gguf};
use paris::{REPLY, assert_golden, paris};

const DEADLINE: Duration = Duration::from_secs(60);

fn job(content: &str) -> Job {
    Job::greedy(vec![message("user", content)], 32)
}

fn message(role: &str, content: &str) -> Message {
    Message {
        role: role.into(),
        content: content.into(),
    }
}

/// A folder with `model.gguf`.
fn folder(file: &Gguf) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    file.write(&folder.path().join("model.gguf")).unwrap();
    folder
}

async fn load(folder: &TempDir) -> LlamaCpp {
    LlamaCpp::load(EngineSpec::new(folder.path()))
        .await
        .unwrap()
}

async fn engine(chain: &Chain) -> LlamaCpp {
    load(&folder(&chain.gguf(Format::F32))).await
}

/// Everything that a generation told.
struct Played {
    prompt: u32,
    reused: u32,
    tokens: Vec<Token>,
    end: Event,
}

async fn play(stream: Generation) -> Played {
    let events: Vec<_> = tokio::time::timeout(DEADLINE, stream.collect())
        .await
        .unwrap();
    let (mut prompt, mut reused, mut tokens, mut end) = (0, 0, Vec::new(), None);
    for event in events {
        assert!(end.is_none(), "an event after the end");
        match event {
            Event::Prefilled {
                prompt_tokens,
                reused_tokens,
                ..
            } => (prompt, reused) = (prompt_tokens, reused_tokens),
            Event::Token(token) => tokens.push(token),
            last => end = Some(last),
        }
    }
    Played {
        prompt,
        reused,
        tokens,
        end: end.unwrap(),
    }
}

fn text(tokens: &[Token]) -> String {
    let bytes = tokens.iter().flat_map(|token| token.bytes.clone());
    String::from_utf8(bytes.collect()).unwrap()
}

fn failure(end: Event) -> EngineError {
    match end {
        Event::Failed(error) => error,
        other => panic!("no failure: {other:?}"),
    }
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
        serve(local_engine::load, read, write).await
    });
    // Its parent kills it where it has nothing else to say.
    drop(served);
}

fn start(spec: EngineSpec) -> Worker {
    let arguments = ["--exact", "child_main", "--nocapture"];
    let mut settings = WorkerSettings::new(std::env::current_exe().unwrap(), arguments, spec);
    settings.environment.push((AS_CHILD.into(), "1".into()));
    settings.first_pause = Duration::from_millis(20);
    Worker::start(settings)
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, waiting).await.is_ok(),
        "never: {what}"
    );
}

#[tokio::test]
async fn the_same_in_a_worker_process() {
    let (chain, one) = (paris(), folder(&paris().gguf(Format::F32)));
    let worker = start(EngineSpec {
        threads: "1".parse().ok(),
        prefix_cache: 1 << 20,
        ..EngineSpec::new(one.path())
    });
    until("ready", || worker.health() == Health::Ready).await;
    let job = Job {
        tenant: Some("team".into()),
        ..job("?")
    };
    let fresh = worker.unread_tokens(&job).await.unwrap();
    assert_golden(
        &chain,
        &play(worker.generate(job.clone())).await.tokens,
        1e-4,
    );
    let again = worker.unread_tokens(&job).await.unwrap();
    assert_eq!((fresh, again), (20, 1));
    let embedded = worker.embed(vec!["a".into()]).await;
    assert!(matches!(embedded, Err(EngineError::Unsupported(_))));
    let own = load(&one).await;
    let info = |engine: &dyn LocalEngine| engine.info().unwrap().weights_hash.clone();
    assert_eq!(info(&worker), info(&own));
    assert_eq!(worker.restarts(), 0);
}

#[tokio::test]
async fn killed_by_any_signal_under_load_it_comes_back() {
    let folder = folder(&Chain::endless().gguf(Format::F32));
    let worker = start(EngineSpec::new(folder.path()));
    for signal in ["-9", "-11"] {
        until("ready", || worker.health() == Health::Ready).await;
        let mut running: Vec<_> = (0..16)
            .map(|_| {
                worker.generate(Job {
                    max_tokens: 2000,
                    ..job("?")
                })
            })
            .collect();
        assert!(matches!(
            running[0].next().await,
            Some(Event::Prefilled { .. })
        ));
        let id = worker.process_id().unwrap();
        // More than once: what Rust installs for stack overflows lets the first signal 11 from outside pass.
        until("gone", || {
            let mut kill = std::process::Command::new("kill");
            assert!(kill.args([signal, &id.to_string()]).output().is_ok());
            worker.process_id() != Some(id)
        })
        .await;
        let mut died = 0;
        for stream in running {
            match play(stream).await.end {
                Event::Failed(EngineError::Died(_)) => died += 1,
                // It was through before the signal came.
                Event::Finished { .. } => {}
                other => panic!("neither answered nor dead: {other:?}"),
            }
        }
        assert!(died > 8, "{signal} took {died} jobs of 16");
    }
    until("ready", || worker.health() == Health::Ready).await;
    let short = Job {
        max_tokens: 3,
        ..job("?")
    };
    assert_eq!(text(&play(worker.generate(short)).await.tokens), "aaa");
}
