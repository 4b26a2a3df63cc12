//! What the local models take of the memory, taken up when somebody looks.

use std::sync::atomic::AtomicU64;

use local_engine::Stays;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::snapshot::Snapshot;

type Seconds = Counter<f64, AtomicU64>;

/// Why models leave, as the metrics have it from the start.
const CAUSES: [&str; 4] = ["evicted", "idle", "over_budget", "failed"];

/// Models that are loaded here have them.
#[derive(Debug)]
pub(super) struct MemoryGauges {
    budget: Gauge,
    held: Gauge,
    resident: Family<Model, Gauge>,
    expected: Family<Model, Gauge>,
    loads: Family<Model, Counter>,
    loading: Family<Model, Seconds>,
    unloads: Family<UnloadOf, Counter>,
    refusals: Family<Model, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnloadOf {
    model: String,
    cause: &'static str,
}

impl MemoryGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let gauges = Self {
            budget: Gauge::default(),
            held: Gauge::default(),
            resident: Family::default(),
            expected: Family::default(),
            loads: Family::default(),
            loading: Family::default(),
            unloads: Family::default(),
            refusals: Family::default(),
        };
        gauges.register_bytes(registry);
        registry.register(
            "engine_loads",
            "Times a local model was loaded",
            gauges.loads.clone(),
        );
        registry.register(
            "engine_load_seconds",
            "Sum of the times that took",
            gauges.loading.clone(),
        );
        registry.register(
            "engine_unloads",
            "Times a local model was unloaded, by why",
            gauges.unloads.clone(),
        );
        registry.register(
            "engine_refusals",
            "Requests for a local model that found no room in the memory budget",
            gauges.refusals.clone(),
        );
        gauges
    }

    fn register_bytes(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "memory_budget",
            "Most memory of all local models together; 0 if that is not bounded",
            Unit::Bytes,
            self.budget.clone(),
        );
        registry.register_with_unit(
            "memory_held",
            "Memory that local models use or that is kept free for them",
            Unit::Bytes,
            self.held.clone(),
        );
        registry.register_with_unit(
            "engine_resident",
            "Memory of a local model's process, as the system measures",
            Unit::Bytes,
            self.resident.clone(),
        );
        registry.register_with_unit(
            "engine_expected",
            "Memory that a local model is expected to take at most",
            Unit::Bytes,
            self.expected.clone(),
        );
    }

    /// Forgets what is gone and shows what is there.
    pub(super) fn show(&self, snapshot: &Snapshot) {
        let budget = snapshot.config().memory.budget;
        self.budget.set(budget.map_or(0, bytes));
        self.resident.clear();
        self.expected.clear();
        self.loads.clear();
        self.loading.clear();
        self.unloads.clear();
        self.refusals.clear();
        let mut held = 0_u64;
        for (name, engine) in snapshot.engines() {
            if let Some(stays) = engine.vitals().stays {
                held = held.saturating_add(stays.held);
                self.show_one(name, &stays);
            }
        }
        self.held.set(bytes(held));
    }

    fn show_one(&self, name: &str, stays: &Stays) {
        let model = name.to_owned();
        let of = Model {
            model: model.clone(),
        };
        self.resident.get_or_create(&of).set(bytes(stays.resident));
        self.expected.get_or_create(&of).set(bytes(stays.expected));
        self.loads.get_or_create(&of).inc_by(stays.loads);
        let loading = stays.loading.as_secs_f64();
        self.loading.get_or_create(&of).inc_by(loading);
        self.refusals.get_or_create(&of).inc_by(stays.refusals);
        for cause in CAUSES {
            let count = stays.unloads.get(cause).copied().unwrap_or_default();
            let model = model.clone();
            let of = UnloadOf { model, cause };
            self.unloads.get_or_create(&of).inc_by(count);
        }
    }
}

fn bytes(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
