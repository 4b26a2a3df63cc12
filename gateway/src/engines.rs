//! Starting the local models: each in a supervised worker process behind a bounded queue.

mod pulling;

use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use local_engine::queued::{QueueSettings, Queued};
use local_engine::served::Served;
use local_engine::worker::{Worker, WorkerSettings};
use local_engine::{Adapter, EngineSpec, LocalEngine, Quantization};

use crate::config::{Config, LocalModel, ModelSource};
use crate::hub::{HubSettings, Pulled};
use crate::snapshot::Engines;
use pulling::Pulling;

/// The hidden command that turns this program into an engine's worker.
pub const WORKER_COMMAND: &str = "engine-worker";

/// Starts the engine of one configured model, given its name; the error is a text for the operator.
pub struct StartEngine(Box<StartFn>);

type StartFn = dyn Fn(&str, &LocalModel) -> Result<Arc<dyn LocalEngine>, String> + Send + Sync;

impl StartEngine {
    /// Starts engines with `start`.
    pub fn new<F>(start: F) -> Self
    where
        F: Fn(&str, &LocalModel) -> Result<Arc<dyn LocalEngine>, String> + Send + Sync + 'static,
    {
        Self(Box::new(start))
    }

    /// Starts each model in a supervised worker process; `program` is this executable.
    #[must_use]
    pub fn workers(program: PathBuf) -> Self {
        Self::new(move |name, model| start_worker(&program, name, model))
    }

    /// Starts one.
    ///
    /// # Errors
    /// A text for the operator when the model's settings make no sense.
    pub fn start(&self, name: &str, model: &LocalModel) -> Result<Arc<dyn LocalEngine>, String> {
        (self.0)(name, model)
    }

    /// Starts every configured model.
    ///
    /// # Errors
    /// As [`start`](Self::start), for the first model that fails.
    pub fn start_all(&self, config: &Config) -> Result<Engines, String> {
        let models = config.models.iter();
        models
            .map(|(name, model)| Ok((name.clone(), self.start(name, model)?)))
            .collect()
    }
}

impl fmt::Debug for StartEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartEngine").finish_non_exhaustive()
    }
}

fn start_worker(
    program: &Path,
    name: &str,
    model: &LocalModel,
) -> Result<Arc<dyn LocalEngine>, String> {
    let queue = queue(model);
    match &model.source {
        ModelSource::Served(served) => {
            let engine = Served::start(served.settings.clone());
            let engine = Arc::new(engine.map_err(|e| format!("models.{name}.served: {e}"))?);
            Ok(Arc::new(Queued::new(engine, &queue)))
        }
        ModelSource::Files(path) => {
            let settings = worker(program, name, model, path)?;
            Ok(supervised(settings, &queue))
        }
        ModelSource::Hub(hub) => {
            // Where it lies is known when it is there.
            let settings = worker(program, name, model, Path::new(""))?;
            let start = move |pulled: Pulled| {
                let mut settings = settings.clone();
                settings.spec.path = pulled.weights;
                settings.spec.tokenizer = pulled.tokenizer;
                supervised(settings, &queue)
            };
            let from = HubSettings::from_environment();
            let pulling = Pulling::start(name, hub.clone(), from, Box::new(start))?;
            Ok(Arc::new(pulling))
        }
    }
}

fn worker(
    program: &Path,
    name: &str,
    model: &LocalModel,
    path: &Path,
) -> Result<WorkerSettings, String> {
    let spec = spec(model, path).map_err(|e| format!("models.{name}.{e}"))?;
    let mut settings = WorkerSettings::new(program, [WORKER_COMMAND], spec);
    settings.environment = environment(model);
    Ok(settings)
}

fn supervised(settings: WorkerSettings, queue: &QueueSettings) -> Arc<dyn LocalEngine> {
    let worker: Arc<dyn LocalEngine> = Arc::new(Worker::start(settings));
    Arc::new(Queued::new(worker, queue))
}

fn spec(model: &LocalModel, path: &Path) -> Result<EngineSpec, String> {
    let mut spec = EngineSpec::new(path);
    if let Some((key, text)) = missing(model) {
        return Err(format!("{key}: {text}"));
    }
    spec.adapter = model.adapter;
    spec.loras.clone_from(&model.loras);
    spec.prefix_cache = model.prefix_cache;
    spec.threads = model.threads.and_then(NonZeroU32::new);
    spec.cpus.clone_from(&model.cpus);
    spec.memory_limit = model.memory_limit;
    if let Some(time) = model.stall_after {
        spec.stall_after = time;
    }
    if let Some(name) = &model.quantization {
        spec.quantization = Some(quantization(name)?);
    }
    Ok(spec)
}

/// What this build lacks for `model`: the key that asks for it, and what to do.
pub(crate) fn missing(model: &LocalModel) -> Option<(&'static str, String)> {
    let text = model.adapter.missing();
    let lacking = text.map(|text| ("adapter", text));
    let for_loras = || {
        let text = Adapter::LlamaCpp
            .missing()
            .filter(|_| !model.loras.is_empty());
        text.map(|text| ("loras", format!("only llama.cpp switches them, and {text}")))
    };
    lacking.or_else(for_loras)
}

/// Reads a quantization's name.
///
/// # Errors
/// A text that lists the known names.
pub fn quantization(name: &str) -> Result<Quantization, String> {
    serde_json::from_value(serde_json::Value::from(name.to_ascii_lowercase())).map_err(|_| {
        format!("quantization: `{name}` is not known; write q8_0, q6_k, q5_k, q4_k or q4_0")
    })
}

/// The engine reads its thread count from the environment, once, before its first thread: only a process of its own
/// can have its own.
fn environment(model: &LocalModel) -> Vec<(OsString, OsString)> {
    let threads = model
        .threads
        .map(|n| ("RAYON_NUM_THREADS".into(), n.to_string().into()));
    threads.into_iter().collect()
}

fn queue(model: &LocalModel) -> QueueSettings {
    QueueSettings {
        waiting: model.queue,
        slots: match &model.source {
            ModelSource::Served(served) => served.slots(),
            ModelSource::Files(_) | ModelSource::Hub(_) => NonZeroU32::MIN,
        },
        ..QueueSettings::default()
    }
}
