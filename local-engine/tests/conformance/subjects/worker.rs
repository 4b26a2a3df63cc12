//! The scripted engine in a child process: this test binary starts itself again.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::StreamExt;
use local_engine::scripted::Scripted;
use local_engine::worker::{Worker, WorkerSettings, parent_link, serve};
use local_engine::{
    EngineError, EngineSpec, Estimate, Event, Generation, Health, Job, LocalEngine, Message,
    ModelInfo,
};

use crate::suite::{Capability, Made, Model, Setup, Subject};
use crate::table::Table;

const LACKS: &[(Capability, &str)] = &[
    (
        Capability::Regex,
        "the engine in it knows closed lists only",
    ),
    (Capability::Json, "the engine in it knows closed lists only"),
    (
        Capability::JsonSchema,
        "the engine in it knows closed lists only",
    ),
    (Capability::Embeddings, "the engine in it makes none"),
];

/// Says to the child that it is one, and the milliseconds of a step.
const PACE: &str = "LOCAL_ENGINE_TEST_PACE";
/// The question that the child answers with its steps.
const STEPS: &str = "how many steps?";

pub(crate) fn worker() -> Subject {
    Subject::new("worker", LACKS, |setup| async move {
        let worker = Arc::new(start(setup).await);
        let (asked, killed) = (Arc::clone(&worker), Arc::clone(&worker));
        let mut made = Made::new(worker);
        made.steps = Some(Box::new(move || {
            Box::pin(steps(asked.generate(question())))
        }));
        made.kill = Some(Box::new(move || kill(&killed)));
        made
    })
}

async fn start(setup: Setup) -> Worker {
    let spec = EngineSpec {
        context_limit: setup.context,
        ..EngineSpec::new(setup.model.name())
    };
    let arguments = ["--exact", "child_main", "--nocapture"];
    let program = std::env::current_exe().unwrap();
    let mut settings = WorkerSettings::new(program, arguments, spec);
    let pace = setup.pace.as_millis().to_string();
    settings.environment.push((PACE.into(), pace.into()));
    settings.first_pause = setup.restart_after;
    settings.longest_pause = setup.restart_after;
    let worker = Worker::start(settings);
    let ready = async {
        while worker.health() != Health::Ready {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let ready = tokio::time::timeout(Duration::from_secs(60), ready).await;
    assert!(ready.is_ok(), "never ready: {:?}", worker.health());
    worker
}

fn kill(worker: &Worker) {
    let id = worker.process_id().unwrap().to_string();
    let killed = Command::new("kill").args(["-9", &id]).status().unwrap();
    assert!(killed.success());
}

fn question() -> Job {
    Job::greedy(vec![Message::user(STEPS)], 2)
}

/// A child that is gone has taken no steps.
async fn steps(mut answer: Generation) -> u64 {
    let mut text = String::new();
    while let Some(event) = answer.next().await {
        if let Event::Token(token) = event {
            text.push_str(&String::from_utf8(token.bytes).unwrap());
        }
    }
    text.parse().unwrap_or(0)
}

/// The child's main function. Does nothing unless a test started it.
pub(crate) fn run_child() {
    let Ok(pace) = std::env::var(PACE) else {
        return;
    };
    let pace = Duration::from_millis(pace.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(async {
        let (read, write) = parent_link().unwrap().into_split();
        serve(|spec| std::future::ready(load(&spec, pace)), read, write).await
    });
    // Its parent has closed the socket or killed it where it has nothing else to say.
    drop(served);
}

fn load(spec: &EngineSpec, pace: Duration) -> Result<Arc<dyn LocalEngine>, EngineError> {
    let named = |model: &Model| spec.path == Path::new(model.name());
    let model = Model::ALL.into_iter().find(named);
    let model = model.ok_or_else(|| EngineError::Load("no such model".to_owned()))?;
    Ok(Arc::new(Telling(Table::new(Setup {
        context: spec.context_limit,
        pace,
        ..Setup::from(model)
    }))))
}

/// Tells its steps to whoever asks.
#[derive(Debug)]
struct Telling(Table);

impl LocalEngine for Telling {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.0.info()
    }

    fn health(&self) -> Health {
        self.0.health()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.0.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.0.estimate(prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        if job.messages.iter().any(|message| message.content == STEPS) {
            return Scripted::answering(&self.0.steps().to_string(), -0.1).generate(job);
        }
        self.0.generate(job)
    }
}
