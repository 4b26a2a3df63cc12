//! Several servers of one model: which are up, and which one takes the next job.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Client, redirect};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::ServedSettings;
use super::endpoint::{Endpoint, Seat, State};
use super::gauge::Gauge;
use super::identity;
use crate::engine::{Health, ModelInfo};
use crate::error::EngineError;

/// Pause before the first further look at a server that is not up; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The servers of one model.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) settings: ServedSettings,
    pub(super) gauge: Gauge,
    endpoints: Vec<Arc<Endpoint>>,
    /// Wakes the look at a server that failed a job.
    failed: Vec<Notify>,
    /// The model that is served now.
    info: Mutex<Option<Arc<ModelInfo>>>,
    /// Where the search for the least busy one begins, so that equals take turns.
    turn: AtomicUsize,
}

impl Pool {
    pub(super) fn new(settings: ServedSettings) -> Result<Self, String> {
        if settings.endpoints.is_empty() {
            return Err("`endpoints` is empty; name at least one server".to_owned());
        }
        let client = Client::builder()
            .connect_timeout(settings.connect_timeout)
            // A redirect would carry the prompt to a host that nobody named.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("smallfirst/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        let bases = settings.endpoints.iter();
        let endpoints: Vec<_> = bases
            .map(|base| {
                let endpoint = Endpoint::new(client.clone(), base.clone(), settings.key.as_ref());
                endpoint.map(Arc::new)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            failed: endpoints.iter().map(|_| Notify::new()).collect(),
            endpoints,
            settings,
            gauge: Gauge::new(),
            info: Mutex::new(None),
            turn: AtomicUsize::new(0),
        })
    }

    pub(super) fn size(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn info(&self) -> Option<Arc<ModelInfo>> {
        self.info.lock().clone()
    }

    /// Ready while any server is up; loading until each has said a first word.
    pub(super) fn health(&self) -> Health {
        let states: Vec<_> = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.state())
            .collect();
        if states.iter().any(|state| matches!(state, State::Up(_))) {
            return Health::Ready;
        }
        let mut reasons = states.into_iter().map(|state| match state {
            State::Down(text) => Some(text),
            State::Loading | State::Up(_) => None,
        });
        match reasons.by_ref().collect::<Option<Vec<_>>>() {
            Some(all) => Health::Down(all.join("; ")),
            None => Health::Loading,
        }
    }

    /// A place at the least busy server that serves the present model, other than `not`.
    ///
    /// # Errors
    /// [`EngineError::Loading`] or [`EngineError::Died`] where there is none.
    pub(super) fn choose(&self, not: Option<&Arc<Endpoint>>) -> Result<Seat, EngineError> {
        let info = self.info();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let order =
            (0..self.endpoints.len()).map(|step| (first.wrapping_add(step)) % self.endpoints.len());
        let able = order
            .filter_map(|index| self.endpoints.get(index))
            .filter(|endpoint| {
                let same = match endpoint.state() {
                    State::Up(serves) => info.as_ref() == Some(&serves),
                    State::Loading | State::Down(_) => false,
                };
                same && not.is_none_or(|not| !Arc::ptr_eq(not, endpoint))
            });
        match able.min_by_key(|endpoint| endpoint.outstanding()) {
            Some(endpoint) => Ok(endpoint.sit()),
            None => Err(match self.health() {
                Health::Down(text) => EngineError::Died(text),
                Health::Loading => EngineError::Loading,
                Health::Unloaded => EngineError::Unloaded,
                Health::Ready => EngineError::Died("no other server is up".to_owned()),
            }),
        }
    }

    /// Takes a server out until a look finds it up again.
    pub(super) fn fail(&self, endpoint: &Arc<Endpoint>, why: &str) {
        let text = format!("{} {why}", endpoint.place());
        tracing::warn!(%text, "a server of the local model is taken out");
        endpoint.set_state(State::Down(text));
        let index = self
            .endpoints
            .iter()
            .position(|known| Arc::ptr_eq(known, endpoint));
        if let Some(failed) = index.and_then(|index| self.failed.get(index)) {
            failed.notify_one();
        }
    }

    /// Looks at one server for ever: regularly while it is up, and with growing pauses while it is not.
    pub(super) async fn look_after(self: Arc<Self>, index: usize) {
        let (Some(endpoint), Some(failed)) = (self.endpoints.get(index), self.failed.get(index))
        else {
            return;
        };
        let mut pause = FIRST_PAUSE;
        loop {
            self.look(endpoint).await;
            if matches!(endpoint.state(), State::Up(_)) {
                pause = FIRST_PAUSE;
                // A failed job cuts the wait short.
                let _ = timeout(self.settings.probe_every, failed.notified()).await;
            } else {
                sleep(pause).await;
                pause = (pause * 2).min(self.settings.probe_every);
            }
        }
    }

    async fn look(&self, endpoint: &Arc<Endpoint>) {
        let settings = &self.settings;
        let state = match endpoint.ask(settings.dialect, &settings.model).await {
            Err(state) => state,
            Ok(told) => {
                match identity::model(&told, &settings.model, settings.dialect, settings.context) {
                    Ok(info) => State::Up(Arc::new(info)),
                    Err(text) => State::Down(format!("{}: {text}", endpoint.place())),
                }
            }
        };
        if state != endpoint.state() {
            tracing::info!(
                server = endpoint.place(),
                up = matches!(state, State::Up(_)),
                "a server of the local model changed"
            );
            endpoint.set_state(state);
        }
        self.settle();
    }

    /// The present model stays as long as any server serves it; then the first server that is up says which one it
    /// is. Certificates of another model do not hold.
    fn settle(&self) {
        let mut info = self.info.lock();
        let mut served = self
            .endpoints
            .iter()
            .filter_map(|endpoint| match endpoint.state() {
                State::Up(serves) => Some(serves),
                State::Loading | State::Down(_) => None,
            });
        let Some(first) = served.next() else { return };
        let stays = |now: &Arc<ModelInfo>| *now == first || served.any(|serves| serves == *now);
        if !info.as_ref().is_some_and(stays) {
            *info = Some(first);
        }
    }
}
