//! One model's engine, while it has one, and what is remembered of it.

use std::sync::Arc;
use std::time::Duration;

use local_engine::{LocalEngine, ModelInfo, Stays, Vitals};

/// Starts a model's engine.
pub(in crate::engines) type Launch = Box<dyn Fn() -> Arc<dyn LocalEngine> + Send + Sync>;

/// Pause before a model that did not load is tried again; each further one doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

pub(in crate::engines) struct Slot {
    pub(in crate::engines) name: String,
    launch: Launch,
    pub(in crate::engines) engine: Option<Arc<dyn LocalEngine>>,
    /// It has not been told yet to come with the gateway.
    pub(super) fresh: bool,
    /// When its engine was started.
    started: Duration,
    trouble: Option<Trouble>,
    pub(in crate::engines) info: Option<Arc<ModelInfo>>,
    /// Of the engines that it had before.
    past: Vitals,
    pub(in crate::engines) stays: Stays,
    /// The log knows that it is refused.
    told: bool,
}

/// Why a model did not load.
struct Trouble {
    why: String,
    pause: Duration,
    until: Duration,
}

impl Slot {
    pub(super) fn new(name: &str, launch: Launch) -> Self {
        Self {
            name: name.to_owned(),
            launch,
            engine: None,
            fresh: true,
            started: Duration::ZERO,
            trouble: None,
            info: None,
            past: Vitals::default(),
            stays: Stays::default(),
            told: false,
        }
    }

    /// Why it is not tried again yet.
    pub(in crate::engines) fn trouble(&self, now: Duration) -> Option<&str> {
        let trouble = self.trouble.as_ref().filter(|one| now < one.until);
        trouble.map(|one| one.why.as_str())
    }

    pub(super) fn start(&mut self, now: Duration) {
        self.engine = Some((self.launch)());
        self.started = now;
    }

    /// It has loaded; the time that took.
    pub(super) fn arrived(&mut self, now: Duration) -> Duration {
        let took = now.saturating_sub(self.started);
        self.stays.loads += 1;
        self.stays.loading = self.stays.loading.saturating_add(took);
        self.info = self.engine.as_ref().and_then(|engine| engine.info());
        self.trouble = None;
        took
    }

    pub(super) fn failed(&mut self, why: String, now: Duration) {
        let before = self.trouble.as_ref().map(|one| one.pause * 2);
        let pause = before.map_or(FIRST_PAUSE, |pause| pause.min(LONGEST_PAUSE));
        tracing::error!(
            model = self.name,
            why,
            ?pause,
            "the model does not load; its room is for others until it is asked for after a pause"
        );
        let until = now.saturating_add(pause);
        self.trouble = Some(Trouble { why, pause, until });
    }

    /// Its engine, which goes on in other hands to its end.
    pub(super) fn end(&mut self, cause: &'static str) -> Option<Arc<dyn LocalEngine>> {
        *self.stays.unloads.entry(cause).or_default() += 1;
        self.past = self.vitals();
        self.past.process_id = None;
        self.past.present = 0;
        self.engine.take()
    }

    /// Counts a request that found no room, and logs the first since anything changed.
    pub(super) fn refuse(&mut self, why: &str) {
        self.stays.refusals += 1;
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                model = self.name,
                why,
                "the memory budget has no room for a model that is asked for"
            );
        }
    }

    /// A refusal is worth another line.
    pub(super) const fn forget_refusals(&mut self) {
        self.told = false;
    }

    /// How its engines have fared so far.
    pub(in crate::engines) fn vitals(&self) -> Vitals {
        let Some(engine) = &self.engine else {
            return self.past.clone();
        };
        let mut vitals = engine.vitals();
        for (cause, count) in &self.past.restarts {
            *vitals.restarts.entry(*cause).or_default() += count;
        }
        vitals.first_tokens = vitals.first_tokens.and(self.past.first_tokens);
        vitals
    }
}
