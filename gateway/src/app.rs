//! The composition root: every long-lived part, built once and handed down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use local_engine::LocalEngine;
use router_policies::Certificate;

use crate::cache::AnswerCache;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::upstream::Upstream;

/// Local engines by model name.
pub type Engines = BTreeMap<String, Arc<dyn LocalEngine>>;

/// The running gateway.
#[derive(Debug)]
pub struct App {
    config: Config,
    engines: Engines,
    upstreams: BTreeMap<String, Upstream>,
    certificates: BTreeMap<String, Certificate>,
    ledger: Ledger,
    cache: AnswerCache,
    draining: AtomicBool,
    started: Timestamp,
}

impl App {
    /// Puts the parts together. `certificates` are by route name.
    ///
    /// # Errors
    /// A text for the operator when an upstream's client cannot be built.
    pub fn new(
        config: Config,
        engines: Engines,
        certificates: BTreeMap<String, Certificate>,
        ledger: Ledger,
    ) -> Result<Self, String> {
        let upstreams = config
            .upstreams
            .iter()
            .map(|(name, settings)| Ok((name.clone(), Upstream::new(name, settings)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            config,
            engines,
            upstreams,
            certificates,
            ledger,
            cache: AnswerCache::new(),
            draining: AtomicBool::new(false),
            started: Timestamp::now(),
        })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The engine of a configured local model.
    #[must_use]
    pub fn engine(&self, model: &str) -> Option<&Arc<dyn LocalEngine>> {
        self.engines.get(model)
    }

    /// All engines with their names.
    pub fn engines(&self) -> impl Iterator<Item = (&str, &Arc<dyn LocalEngine>)> {
        self.engines
            .iter()
            .map(|(name, engine)| (name.as_str(), engine))
    }

    /// A configured upstream.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.get(name)
    }

    /// The certificate of a route, if one was made.
    #[must_use]
    pub fn certificate(&self, route: &str) -> Option<&Certificate> {
        self.certificates.get(route)
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Stored answers.
    #[must_use]
    pub const fn cache(&self) -> &AnswerCache {
        &self.cache
    }

    /// Whether the gateway takes no new work because it is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes no new work from now on.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// When the process started, in seconds since 1970.
    #[must_use]
    pub fn started_seconds(&self) -> i64 {
        self.started.as_second()
    }
}
