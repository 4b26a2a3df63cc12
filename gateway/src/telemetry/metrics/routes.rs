//! Where the routes stand that declare a risk, taken up when somebody looks.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use router_policies::{LearningReport, Phase};

use crate::learning::Standing;

/// One gauge a route's variant and fingerprint.
#[derive(Debug)]
pub(super) struct RouteGauges {
    phase: Family<PhaseOf, Gauge>,
    threshold: Family<Of, Gauge<f64, AtomicU64>>,
    evidence: Family<Of, Gauge>,
    needed: Family<Of, Gauge>,
    audits: Family<Of, Gauge>,
    losses: Family<Of, Gauge>,
    failed: Family<Of, Gauge>,
    waiting: Family<Of, Gauge>,
    lost: Family<Of, Gauge>,
    audits_open: Family<RouteName, Gauge>,
    audit_cost: Family<RouteName, Gauge<f64, AtomicU64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    route: String,
    fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseOf {
    route: String,
    fingerprint: String,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteName {
    route: String,
}

impl RouteGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let gauges = Self {
            phase: Family::default(),
            threshold: Family::default(),
            evidence: Family::default(),
            needed: Family::default(),
            audits: Family::default(),
            losses: Family::default(),
            failed: Family::default(),
            waiting: Family::default(),
            lost: Family::default(),
            audits_open: Family::default(),
            audit_cost: Family::default(),
        };
        registry.register(
            "route_phase",
            "1 for the phase a route is in: learning, certified or alarmed (learning again after an alarm)",
            gauges.phase.clone(),
        );
        registry.register(
            "route_threshold",
            "Largest p_bad that is accepted; -1 while everything escalates",
            gauges.threshold.clone(),
        );
        registry.register(
            "route_audits_open",
            "1 while there is money for audits of a route today, 0 once the cap of the day stopped them",
            gauges.audits_open.clone(),
        );
        registry.register(
            "route_audit_cost_today_usd",
            "Spent on audits of a route today (UTC); an approximation of the exact amount in the ledger",
            gauges.audit_cost.clone(),
        );
        for (name, help, family) in gauges.counts() {
            registry.register(name, help, family.clone());
        }
        gauges
    }

    fn counts(&self) -> [(&'static str, &'static str, &Family<Of, Gauge>); 7] {
        [
            (
                "route_evidence",
                "Requests that are evidence for a proof since learning last began",
                &self.evidence,
            ),
            (
                "route_evidence_needed",
                "Fewest requests that can prove the target, if no draft is bad",
                &self.needed,
            ),
            (
                "route_audits",
                "Accepted answers audited since learning last began",
                &self.audits,
            ),
            (
                "route_audit_losses",
                "Audited answers that the upstream would have given better, since learning last began",
                &self.losses,
            ),
            (
                "route_failed_after_commit",
                "Answers that were committed before their end and failed later, since learning last began; they are no audits",
                &self.failed,
            ),
            (
                "route_labels_awaited",
                "Decided requests that wait for a label, their own or one before it",
                &self.waiting,
            ),
            (
                "route_labels_lost",
                "Labels that could not be had since the start",
                &self.lost,
            ),
        ]
    }

    /// Forgets what is gone and shows what is there.
    pub(super) fn show(&self, standings: &[Standing]) {
        self.phase.clear();
        self.threshold.clear();
        for (_, _, family) in self.counts() {
            family.clear();
        }
        for standing in standings {
            self.show_one(standing);
        }
    }

    fn show_one(&self, standing: &Standing) {
        let of = Of {
            route: standing.route.clone(),
            fingerprint: standing.fingerprint.clone(),
        };
        let LearningReport {
            phase,
            evidence,
            needed,
            audits,
            audited_losses,
            failed,
            ..
        } = standing.report;
        let (phase, threshold) = match phase {
            Phase::Learning => ("learning", -1.0),
            Phase::Alarmed(_) => ("alarmed", -1.0),
            Phase::Certified { threshold } => ("certified", threshold.get()),
        };
        let named = PhaseOf {
            route: of.route.clone(),
            fingerprint: of.fingerprint.clone(),
            phase,
        };
        self.phase.get_or_create(&named).set(1);
        self.threshold.get_or_create(&of).set(threshold);
        let counts = [
            (&self.evidence, evidence),
            (&self.needed, needed),
            (&self.audits, audits),
            (&self.losses, audited_losses),
            (&self.failed, failed),
            (&self.waiting, u64::try_from(standing.waiting).unwrap_or(0)),
            (&self.lost, standing.lost),
        ];
        for (family, count) in counts {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            family.get_or_create(&of).set(count);
        }
    }

    /// Shows what audits of a route cost today, and whether more may be made.
    pub(super) fn show_audits(&self, route: &str, open: bool, spent: f64) {
        let name = RouteName {
            route: route.to_owned(),
        };
        self.audits_open.get_or_create(&name).set(i64::from(open));
        self.audit_cost.get_or_create(&name).set(spent);
    }
}
