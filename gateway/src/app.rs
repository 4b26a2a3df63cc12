//! The composition root: every long-lived part, built once and handed down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::cache::AnswerCache;
use crate::egress::Inspector;
use crate::learning::{Issued, Learning};
use crate::ledger::{Budgets, Ledger};
use crate::reload::{ReloadFailure, ReloadStatus};
use crate::snapshot::Snapshot;
use crate::telemetry::Metrics;

/// The running gateway.
#[derive(Debug)]
pub struct App {
    snapshot: ArcSwap<Snapshot>,
    ledger: Ledger,
    cache: AnswerCache,
    inspector: Inspector,
    learning: Learning,
    budgets: Budgets,
    draining: AtomicBool,
    started: Timestamp,
    reload: Mutex<ReloadStatus>,
    metrics: Metrics,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(snapshot: Snapshot, ledger: Ledger) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            learning: Learning::new(ledger.clone()),
            ledger,
            cache: AnswerCache::new(),
            inspector: Inspector::new(),
            budgets: Budgets::default(),
            draining: AtomicBool::new(false),
            started: Timestamp::now(),
            reload: Mutex::new(ReloadStatus::loaded()),
            metrics: Metrics::new(),
        }
    }

    /// The snapshot in force. A request takes it once and keeps it.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts another snapshot in force for all requests that begin from now on.
    pub fn replace(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.snapshot.store(Arc::clone(&snapshot));
        self.learning.follow(&snapshot);
        *self.reload.lock() = ReloadStatus::loaded();
    }

    /// Notes that a configuration was not taken.
    pub(crate) fn reload_failed(&self, failure: ReloadFailure) {
        self.reload.lock().failure = Some(failure);
    }

    /// How the configuration in force came to be.
    #[must_use]
    pub fn reload_status(&self) -> ReloadStatus {
        self.reload.lock().clone()
    }

    /// What `/metrics` tells.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What routes may still spend.
    #[must_use]
    pub const fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Stored answers.
    #[must_use]
    pub const fn cache(&self) -> &AnswerCache {
        &self.cache
    }

    /// What reads requests for private data.
    #[must_use]
    pub(crate) const fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// What learns while the gateway serves.
    #[must_use]
    pub const fn learning(&self) -> &Learning {
        &self.learning
    }

    /// Puts another certificate in force for one route, or none, for all requests that begin from now on.
    pub fn certify(&self, route: &str, certificate: Option<&Arc<Issued>>) {
        self.put_in_force(route, certificate);
        self.learning.follow(&self.snapshot());
    }

    /// Shows a certificate that a controller put in force, under the name of its file.
    pub(crate) fn put_in_force(&self, name: &str, certificate: Option<&Arc<Issued>>) {
        self.snapshot
            .rcu(|now| now.with_certificate(name, certificate.cloned()));
    }

    /// Shows no longer a certificate that a controller found void.
    pub(crate) fn withdraw(&self, id: &str) {
        self.snapshot.rcu(|now| now.without_certificate(id));
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
