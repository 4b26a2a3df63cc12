//! How the local models fare, taken up when somebody looks.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use local_engine::{Cause, Health, LocalEngine, Vitals};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Seconds = Counter<f64, AtomicU64>;

/// One value a model. Counts begin anew when a model's settings change, because its engine does.
#[derive(Debug)]
pub(super) struct EngineGauges {
    health: Family<HealthOf, Gauge>,
    restarts: Family<RestartOf, Counter>,
    present: Family<Model, Gauge>,
    first_tokens: Family<Model, Counter>,
    predicted: Family<Model, Seconds>,
    actual: Family<Model, Seconds>,
    error: Family<Model, Seconds>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HealthOf {
    model: String,
    health: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RestartOf {
    model: String,
    cause: &'static str,
}

impl EngineGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let gauges = Self {
            health: Family::default(),
            restarts: Family::default(),
            present: Family::default(),
            first_tokens: Family::default(),
            predicted: Family::default(),
            actual: Family::default(),
            error: Family::default(),
        };
        registry.register(
            "engine_health",
            "1 for how a local model is: ready, loading, unloaded or down",
            gauges.health.clone(),
        );
        registry.register(
            "engine_restarts",
            "Times the process of a local model was started again, by what ended it before",
            gauges.restarts.clone(),
        );
        registry.register(
            "engine_queue",
            "Requests that a local model computes or that wait for it",
            gauges.present.clone(),
        );
        registry.register(
            "engine_first_tokens",
            "Drafts whose first token was predicted and came",
            gauges.first_tokens.clone(),
        );
        for (name, help, family) in gauges.sums() {
            registry.register(name, help, family.clone());
        }
        gauges
    }

    fn sums(&self) -> [(&'static str, &'static str, &Family<Model, Seconds>); 3] {
        [
            (
                "engine_first_token_predicted_seconds",
                "Sum of the times to the first token as predicted on arrival",
                &self.predicted,
            ),
            (
                "engine_first_token_actual_seconds",
                "Sum of the times to the first token as they came",
                &self.actual,
            ),
            (
                "engine_first_token_error_seconds",
                "Sum of the distances between the two, without their signs",
                &self.error,
            ),
        ]
    }

    /// Forgets what is gone and shows what is there.
    pub(super) fn show<'a>(
        &self,
        engines: impl Iterator<Item = (&'a str, &'a Arc<dyn LocalEngine>)>,
    ) {
        self.health.clear();
        self.restarts.clear();
        self.present.clear();
        self.first_tokens.clear();
        for (_, _, family) in self.sums() {
            family.clear();
        }
        for (name, engine) in engines {
            self.show_health(name, &engine.health());
            self.show_vitals(name, &engine.vitals());
        }
    }

    fn show_health(&self, name: &str, health: &Health) {
        let now = match health {
            Health::Ready => "ready",
            Health::Loading => "loading",
            Health::Unloaded => "unloaded",
            Health::Down(_) => "down",
        };
        for health in ["ready", "loading", "unloaded", "down"] {
            let of = HealthOf {
                model: name.to_owned(),
                health,
            };
            self.health.get_or_create(&of).set(i64::from(health == now));
        }
    }

    fn show_vitals(&self, name: &str, vitals: &Vitals) {
        let of = Model {
            model: name.to_owned(),
        };
        for cause in Cause::ALL {
            // There from the start, so that the first restart is an increase and can raise an alert.
            let count = vitals.restarts.get(&cause).copied().unwrap_or_default();
            let of = RestartOf {
                model: name.to_owned(),
                cause: cause.as_str(),
            };
            self.restarts.get_or_create(&of).inc_by(count);
        }
        self.present.get_or_create(&of).set(vitals.present.into());
        let first = vitals.first_tokens;
        self.first_tokens.get_or_create(&of).inc_by(first.count);
        let sums = [first.predicted, first.actual, first.error];
        for ((_, _, family), sum) in self.sums().into_iter().zip(sums) {
            family.get_or_create(&of).inc_by(sum.as_secs_f64());
        }
    }
}
