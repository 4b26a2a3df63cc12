//! Starting the local models: each in a supervised worker process behind a bounded queue, within one memory budget.

mod keeper;
mod kept;
mod need;
mod pulling;
mod room;

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use local_engine::inspect::expected;
use local_engine::queued::{QueueSettings, Queued};
use local_engine::served::Served;
use local_engine::worker::{Worker, WorkerSettings};
use local_engine::{Adapter, EngineSpec, LocalEngine, Quantization};

use crate::config::{Config, LocalModel, ModelSource};
use crate::hub::{HubSettings, Pulled};
use crate::snapshot::Engines;
use keeper::{Keeper, Launch};
pub(crate) use need::{Need, crowded, needs, room_for};
use pulling::Pulling;

/// The hidden command that turns this program into an engine's worker.
pub const WORKER_COMMAND: &str = "engine-worker";

/// Starts the engine of one configured model, given its name; the error is a text for the operator.
pub struct StartEngine {
    start: Box<StartFn>,
    /// Who loads and unloads what is started.
    keeper: Option<Arc<Keeper>>,
}

type StartFn = dyn Fn(&str, &LocalModel) -> Result<Arc<dyn LocalEngine>, String> + Send + Sync;

impl StartEngine {
    /// Starts engines with `start`.
    pub fn new<F>(start: F) -> Self
    where
        F: Fn(&str, &LocalModel) -> Result<Arc<dyn LocalEngine>, String> + Send + Sync + 'static,
    {
        Self {
            start: Box::new(start),
            keeper: None,
        }
    }

    /// Starts each model in a supervised worker process; `program` is this executable.
    #[must_use]
    pub fn workers(program: PathBuf) -> Self {
        Self::processes(move |spec| WorkerSettings::new(&program, [WORKER_COMMAND], spec))
    }

    /// Starts each model in a supervised process of what `process` says of it.
    #[must_use]
    pub fn processes<F>(process: F) -> Self
    where
        F: Fn(EngineSpec) -> WorkerSettings + Send + Sync + 'static,
    {
        let keeper = Keeper::new();
        let workers = Workers {
            process: Arc::new(process),
            keeper: Arc::clone(&keeper),
        };
        Self {
            start: Box::new(move |name, model| workers.start(name, model)),
            keeper: Some(keeper),
        }
    }

    /// Starts one. It is not loaded before somebody asks for it, or its configuration is [followed](Self::follow).
    ///
    /// # Errors
    /// A text for the operator when the model's settings make no sense.
    pub fn start(&self, name: &str, model: &LocalModel) -> Result<Arc<dyn LocalEngine>, String> {
        (self.start)(name, model)
    }

    /// Starts every configured model.
    ///
    /// # Errors
    /// As [`start`](Self::start), for the first model that fails; and where the memory budget has no room for what it
    /// must hold.
    pub fn start_all(&self, config: &Config) -> Result<Engines, String> {
        room_for(config)?;
        let models = config.models.iter();
        let engines = models
            .map(|(name, model)| Ok((name.clone(), self.start(name, model)?)))
            .collect::<Result<_, String>>()?;
        self.follow(config);
        Ok(engines)
    }

    /// Goes by the memory budget of this configuration from now on, loads what is to come with the gateway, and has
    /// engines end that it does not name.
    pub fn follow(&self, config: &Config) {
        if let Some(keeper) = &self.keeper {
            keeper.follow(config);
        }
    }
}

impl fmt::Debug for StartEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartEngine").finish_non_exhaustive()
    }
}

/// What starts models in processes.
struct Workers {
    process: Arc<ProcessFn>,
    keeper: Arc<Keeper>,
}

type ProcessFn = dyn Fn(EngineSpec) -> WorkerSettings + Send + Sync;

impl Workers {
    fn start(&self, name: &str, model: &LocalModel) -> Result<Arc<dyn LocalEngine>, String> {
        match &model.source {
            ModelSource::Served(served) => {
                let engine = Served::start(served.settings.clone());
                let engine = Arc::new(engine.map_err(|e| format!("models.{name}.served: {e}"))?);
                Ok(Arc::new(Queued::new(engine, &queue(model))))
            }
            ModelSource::Files(path) => {
                let spec = spec(model, path).map_err(|e| format!("models.{name}.{e}"))?;
                let expected = expected(&spec);
                let launch = launch(&*self.process, spec, model);
                let kept = self.keeper.register(name, expected, model.stay, launch);
                Ok(Arc::new(kept))
            }
            ModelSource::Hub(hub) => {
                let from = HubSettings::from_environment();
                let start = self.once_pulled(name, model)?;
                let pulling = Pulling::start(name, hub.clone(), from, start)?;
                Ok(Arc::new(pulling))
            }
        }
    }

    fn once_pulled(&self, name: &str, model: &LocalModel) -> Result<pulling::Start, String> {
        // Where it lies is known when it is there.
        let spec = spec(model, Path::new("")).map_err(|e| format!("models.{name}.{e}"))?;
        let (process, keeper) = (Arc::clone(&self.process), Arc::clone(&self.keeper));
        let (name, model) = (name.to_owned(), model.clone());
        Ok(Box::new(move |pulled: Pulled| {
            let spec = EngineSpec {
                path: pulled.weights,
                tokenizer: pulled.tokenizer,
                ..spec.clone()
            };
            let expected = expected(&spec);
            let launch = launch(&*process, spec, &model);
            Arc::new(keeper.register_late(&name, expected, model.stay, launch))
        }))
    }
}

/// Starts a process behind a queue, as often as it is asked to.
fn launch(process: &ProcessFn, spec: EngineSpec, model: &LocalModel) -> Launch {
    let (settings, queue) = (process(spec), queue(model));
    Box::new(move || {
        let worker: Arc<dyn LocalEngine> = Arc::new(Worker::start(settings.clone()));
        Arc::new(Queued::new(worker, &queue))
    })
}

fn spec(model: &LocalModel, path: &Path) -> Result<EngineSpec, String> {
    if let Some((key, text)) = missing(model) {
        return Err(format!("{key}: {text}"));
    }
    described(model, path)
}

/// What is to be loaded, whether this build can or not.
fn described(model: &LocalModel, path: &Path) -> Result<EngineSpec, String> {
    let mut spec = EngineSpec::new(path);
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
