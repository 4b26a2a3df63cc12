//! An engine in a process of its own.
//!
//! [`Worker`] is the parent's side: it starts the child, speaks frames with it over a socket, and
//! starts it again when it dies, so that a crash, a panic or an out-of-memory kill of the engine
//! costs the jobs that ran and nothing else. [`serve`] is the child's side.
//!
//! The socket is the child's standard input. Its standard output stays free, because libraries
//! print there, and so nothing that they print can break the framing.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::{Estimate, Generation, Health, LocalEngine, ModelInfo};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::relay;
use crate::spec::EngineSpec;
use crate::vitals::Vitals;

mod bounds;
mod child;
mod desk;
mod ending;
mod frame;
mod pulse;
mod supervisor;
mod warm_up;

pub use child::{parent_link, serve};
use desk::Desk;

/// How to run the child process.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Program to start.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables to add to its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What it is to load.
    pub spec: EngineSpec,
    /// Pause before the first restart; each further one doubles it.
    pub first_pause: Duration,
    /// Longest pause between restarts.
    pub longest_pause: Duration,
    /// A child that was ready for this long resets the pause; so does one that was ready for ten times the pause before it.
    pub healthy_after: Duration,
}

impl WorkerSettings {
    /// `program` with `arguments`, loading `spec`, restarted after 250 ms, doubling up to 30 s.
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        spec: EngineSpec,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            spec,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
            healthy_after: Duration::from_secs(60),
        }
    }
}

/// An engine that runs in a supervised child process. Dropping it kills the child.
pub struct Worker {
    desk: Arc<Desk>,
    stopping: CancellationToken,
    /// The child is gone, and none comes after it.
    gone: CancellationToken,
    /// Owns the child; the child dies with it.
    _supervisor: AbortOnDropHandle<()>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restarts = self.restarts();
        f.debug_struct("Worker")
            .field("restarts", &restarts)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts the child; the model loads in the background. Call it within a tokio runtime.
    #[must_use]
    pub fn start(settings: WorkerSettings) -> Self {
        let desk = Arc::new(Desk::new());
        let (stopping, gone) = (CancellationToken::new(), CancellationToken::new());
        let supervising = supervisor::run(settings, Arc::clone(&desk), stopping.clone());
        let at_the_end = gone.clone().drop_guard();
        let supervisor = tokio::spawn(async move {
            let _told = at_the_end;
            supervising.await;
        });
        Self {
            desk,
            stopping,
            gone,
            _supervisor: AbortOnDropHandle::new(supervisor),
        }
    }

    /// Times the child was started again.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.desk.vitals().restarts.values().sum()
    }

    /// Process id of the child that runs now.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.desk.vitals().process_id
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Streams may outlive the worker; without this they would wait for ever.
        self.desk
            .down(&EngineError::Died("it was shut down".to_owned()));
    }
}

impl LocalEngine for Worker {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.desk.info()
    }

    fn health(&self) -> Health {
        self.desk.health()
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.stopping.cancel();
        Box::pin(self.gone.cancelled())
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        Box::pin(self.desk.count(messages))
    }

    fn unread_tokens(&self, job: &Job) -> BoxFuture<'_, Result<u32, EngineError>> {
        Box::pin(self.desk.unread(job.clone()))
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        Estimate {
            queue: Duration::ZERO,
            prefill: self.desk.rates().prefill(prompt_tokens).unwrap_or_default(),
        }
    }

    fn decode_time(&self, tokens: u32) -> Duration {
        self.desk.rates().decode(tokens).unwrap_or_default()
    }

    fn vitals(&self) -> Vitals {
        self.desk.vitals()
    }

    fn generate(&self, job: Job) -> Generation {
        match Desk::open(&self.desk, job) {
            Ok(stream) => Box::pin(stream),
            Err(error) => relay::failed(error),
        }
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        Box::pin(self.desk.embed(texts))
    }
}
