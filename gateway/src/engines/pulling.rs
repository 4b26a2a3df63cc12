//! A model that comes from the hub first: requests escalate until it is here and has loaded.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use local_engine::{
    EngineError, Estimate, Event, Generation, Health, Job, LocalEngine, Message, ModelInfo, Vitals,
};
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use crate::hub::{Hub, HubModel, HubSettings, Progress, Pulled};

/// Pause before a pull that failed is tried again; each further one doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Starts the engine of a model that is here.
pub(super) type Start = Box<dyn Fn(Pulled) -> Arc<dyn LocalEngine> + Send + Sync>;

/// An engine that is not there yet.
pub(super) struct Pulling {
    state: Arc<Mutex<State>>,
    /// Ends with the engine; what came by then is kept.
    _task: AbortOnDropHandle<()>,
}

enum State {
    /// What is shown of it.
    Coming(Coming),
    Failed(String),
    Here(Arc<dyn LocalEngine>),
}

#[derive(Debug, Default)]
struct Coming {
    file: String,
    done: u64,
    total: u64,
    /// Tenths of the file that the log knows of.
    told: u64,
}

impl Pulling {
    /// Begins to pull `model`. Call it within a tokio runtime.
    pub(super) fn start(
        name: &str,
        model: HubModel,
        settings: HubSettings,
        start: Start,
    ) -> Result<Self, String> {
        let hub = Hub::new(settings).map_err(|error| error.to_string())?;
        let state = Arc::new(Mutex::new(State::Coming(Coming::default())));
        let pull = pull(name.to_owned(), model, hub, start, Arc::clone(&state));
        Ok(Self {
            state,
            _task: AbortOnDropHandle::new(tokio::spawn(pull)),
        })
    }

    fn engine(&self) -> Result<Arc<dyn LocalEngine>, EngineError> {
        match &*self.state.lock() {
            State::Here(engine) => Ok(Arc::clone(engine)),
            State::Coming(_) => Err(EngineError::Loading),
            State::Failed(why) => Err(EngineError::Load(why.clone())),
        }
    }
}

async fn pull(name: String, model: HubModel, hub: Hub, start: Start, state: Arc<Mutex<State>>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let pulled = hub
            .pull(&model, &|progress| take(&name, &state, progress))
            .await;
        match pulled {
            Ok(pulled) => {
                tracing::info!(model = name, "the model is here and is loaded now");
                *state.lock() = State::Here(start(pulled));
                return;
            }
            Err(error) => {
                tracing::error!(model = name, %error, ?pause, "the model does not come; it is tried again after a pause");
                *state.lock() = State::Failed(error.to_string());
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        *state.lock() = State::Coming(Coming::default());
    }
}

fn take(name: &str, state: &Mutex<State>, progress: Progress<'_>) {
    let mut state = state.lock();
    let State::Coming(coming) = &mut *state else {
        return;
    };
    match progress {
        Progress::Note(text) => tracing::warn!(model = name, "{text}"),
        Progress::File {
            name: file,
            done,
            total,
        } => {
            tracing::info!(model = name, file, done, total, "downloading");
            *coming = Coming {
                file: file.to_owned(),
                done,
                total,
                told: tenths(done, total),
            };
        }
        Progress::Bytes(bytes) => {
            coming.done = coming.done.saturating_add(bytes);
            let now = tenths(coming.done, coming.total);
            if now > coming.told {
                coming.told = now;
                let (file, done, total) = (&coming.file, coming.done, coming.total);
                tracing::info!(model = name, file, done, total, "downloading");
            }
        }
    }
}

fn tenths(done: u64, total: u64) -> u64 {
    done.saturating_mul(10).checked_div(total).unwrap_or(0)
}

impl fmt::Debug for Pulling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pulling").finish_non_exhaustive()
    }
}

impl LocalEngine for Pulling {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.engine().ok()?.info()
    }

    fn health(&self) -> Health {
        match self.engine() {
            Ok(engine) => engine.health(),
            Err(EngineError::Load(why)) => Health::Down(why),
            Err(_) => Health::Loading,
        }
    }

    fn at_hand(&self) -> futures_util::future::BoxFuture<'_, Result<(), EngineError>> {
        let engine = self.engine();
        Box::pin(async move {
            match engine {
                Ok(engine) => engine.at_hand().await,
                // Its health tells.
                Err(_) => Ok(()),
            }
        })
    }

    fn progress(&self) -> Option<String> {
        match &*self.state.lock() {
            State::Coming(coming) if coming.total > 0 => Some(format!(
                "downloading {}: {} of {} bytes",
                coming.file, coming.done, coming.total
            )),
            State::Coming(_) => Some("asking the hub".to_owned()),
            State::Failed(_) => None,
            State::Here(engine) => engine.progress(),
        }
    }

    fn count_tokens(
        &self,
        messages: Vec<Message>,
    ) -> futures_util::future::BoxFuture<'_, Result<u32, EngineError>> {
        let engine = self.engine();
        Box::pin(async move { engine?.count_tokens(messages).await })
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.engine().map_or_else(
            |_| Estimate::default(),
            |engine| engine.estimate(prompt_tokens),
        )
    }

    fn decode_time(&self, tokens: u32) -> Duration {
        self.engine()
            .map_or(Duration::ZERO, |engine| engine.decode_time(tokens))
    }

    fn vitals(&self) -> Vitals {
        self.engine()
            .map_or_else(|_| Vitals::default(), |engine| engine.vitals())
    }

    fn generate(&self, job: Job) -> Generation {
        match self.engine() {
            Ok(engine) => engine.generate(job),
            Err(error) => Box::pin(stream::iter([Event::Failed(error)])),
        }
    }

    fn embed(
        &self,
        texts: Vec<String>,
    ) -> futures_util::future::BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        let engine = self.engine();
        Box::pin(async move { engine?.embed(texts).await })
    }
}
