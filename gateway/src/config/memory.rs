//! When local models are in memory, and how much of it they may take together.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ByteSize;
use super::build::Builder;
use super::document::{MemoryDocument, ModelDocument};

const LEAST_STAY: Duration = Duration::from_secs(30);

/// Memory for all local models that are loaded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryRules {
    /// Most bytes of all of them together; `None` bounds nothing.
    pub budget: Option<u64>,
    /// What becomes of a request whose model finds no room.
    pub when_full: WhenFull,
    /// Least time that a model stays before another may take its room.
    pub least_stay: Duration,
}

impl Default for MemoryRules {
    fn default() -> Self {
        Self {
            budget: None,
            when_full: WhenFull::default(),
            least_stay: LEAST_STAY,
        }
    }
}

impl From<MemoryDocument> for MemoryRules {
    fn from(document: MemoryDocument) -> Self {
        Self {
            budget: document.budget.map(ByteSize::bytes),
            when_full: document.when_full.unwrap_or_default(),
            least_stay: document.least_stay.map_or(LEAST_STAY, Duration::from),
        }
    }
}

/// What becomes of a request whose model finds no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// What was not used for longest is unloaded, once it has nothing to do.
    #[default]
    Evict,
    /// What is there stays.
    Refuse,
}

/// When one model is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stay {
    /// When it is loaded.
    pub load: Load,
    /// Time without a request after which it is unloaded.
    pub unload_after: Option<Duration>,
    /// It has its room for itself and is never unloaded.
    pub keep: bool,
}

/// When a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// With the gateway, as far as the memory budget has room.
    #[default]
    Start,
    /// When a request asks for it.
    OnDemand,
}

impl Builder<'_> {
    pub(super) fn stay(&mut self, key: &str, document: &ModelDocument) -> Stay {
        let unload_after = document.unload_after.map(Duration::from);
        if document.keep && unload_after.is_some() {
            let text = "a model with `keep` is never unloaded; leave out one of the two";
            self.problem(format!("{key}.unload_after"), text);
        }
        if document.keep && document.load == Some(Load::OnDemand) {
            let text = "a model with `keep` is loaded with the gateway; leave out one of the two";
            self.problem(format!("{key}.load"), text);
        }
        if unload_after.is_some_and(|time| time.is_zero()) {
            let text =
                "must be longer than nothing; a model that has just answered may be asked again";
            self.problem(format!("{key}.unload_after"), text);
        }
        Stay {
            load: document.load.unwrap_or_default(),
            unload_after,
            keep: document.keep,
        }
    }
}
