//! Counters in the form that Prometheus reads (`OpenMetrics` 1.0). Labels come from the configuration or from fixed
//! lists, never from requests.

mod engines;
mod memory;
mod routes;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use self::engines::EngineGauges;
use self::memory::MemoryGauges;
use self::routes::RouteGauges;
use crate::learning::Standing;
use crate::snapshot::Snapshot;

/// Media type of the text that `/metrics` answers with.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of one gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reloads: Family<Reload, Counter>,
    last_reload_ok: Gauge,
    alarms: Family<RaisedAlarm, Counter>,
    pinned: Family<Pinned, Counter>,
    judge_failures: Family<JudgeFailed, Counter>,
    routes: RouteGauges,
    engines: EngineGauges,
    memory: MemoryGauges,
    /// Held while somebody looks: what is taken up then is cleared first.
    looked_at: Mutex<()>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RaisedAlarm {
    route: String,
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pinned {
    route: String,
    by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JudgeFailed {
    route: String,
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    result: &'static str,
}

impl Metrics {
    /// All at their start.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("smallfirst");
        let reloads = Family::<Reload, Counter>::default();
        for result in ["taken", "refused"] {
            // There from the start, so that the first refusal is an increase and can raise an alert.
            let _exists = reloads.get_or_create(&Reload { result });
        }
        let last_reload_ok = Gauge::default();
        last_reload_ok.set(1);
        registry.register(
            "config_reloads",
            "Configurations that were read again, by whether they were put in force",
            reloads.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "1 if the newest configuration is in force, 0 if an older one had to stay",
            last_reload_ok.clone(),
        );
        let alarms = Family::<RaisedAlarm, Counter>::default();
        registry.register(
            "alarms",
            "Certificates made void, or learning begun anew, because the traffic changed, by route and cause",
            alarms.clone(),
        );
        let pinned = Family::<Pinned, Counter>::default();
        registry.register(
            "pinned_requests",
            "Requests that must not leave, by route and by what says so: the route, a detector, or that none can read them",
            pinned.clone(),
        );
        let judge_failures = Family::<JudgeFailed, Counter>::default();
        registry.register(
            "judge_failures",
            "Pairs of texts of which a judge gave no verdict, by route and cause: no_money, no_budget, no_answer, unreadable, stopping",
            judge_failures.clone(),
        );
        let routes = RouteGauges::register(&mut registry);
        let engines = EngineGauges::register(&mut registry);
        let memory = MemoryGauges::register(&mut registry);
        Self {
            registry,
            reloads,
            last_reload_ok,
            alarms,
            pinned,
            judge_failures,
            routes,
            engines,
            memory,
            looked_at: Mutex::new(()),
        }
    }

    /// Takes up where the routes stand.
    pub(crate) fn show(&self, standings: &[Standing]) {
        self.routes.show(standings);
    }

    /// Takes up how the local models fare.
    pub(crate) fn show_engines(&self, snapshot: &Snapshot) {
        self.engines.show(snapshot.engines());
        self.memory.show(snapshot);
    }

    /// Takes up what audits of a route cost today, and whether more may be made.
    pub(crate) fn show_audits(&self, route: &str, open: bool, spent: f64) {
        self.routes.show_audits(route, open, spent);
    }

    /// Counts an alarm.
    pub(crate) fn alarmed(&self, route: &str, cause: &'static str) {
        let route = route.to_owned();
        self.alarms
            .get_or_create(&RaisedAlarm { route, cause })
            .inc();
    }

    /// Counts a request that must not leave; `by` names configuration, never content.
    pub(crate) fn pinned(&self, route: &str, by: &str) {
        let (route, by) = (route.to_owned(), by.to_owned());
        self.pinned.get_or_create(&Pinned { route, by }).inc();
    }

    /// Counts a pair of texts of which a judge gave no verdict.
    pub(crate) fn judge_failed(&self, route: &str, cause: &'static str) {
        let route = route.to_owned();
        self.judge_failures
            .get_or_create(&JudgeFailed { route, cause })
            .inc();
    }

    /// Counts a reload.
    pub(crate) fn config_reloaded(&self, taken: bool) {
        let result = if taken { "taken" } else { "refused" };
        self.reloads.get_or_create(&Reload { result }).inc();
        self.last_reload_ok.set(i64::from(taken));
    }

    /// Everything, as text of [`MEDIA_TYPE`], once `take_up` has brought up to date what nobody counts.
    pub(crate) fn text(&self, take_up: impl FnOnce(&Self)) -> String {
        let _alone = self.looked_at.lock();
        take_up(self);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}
