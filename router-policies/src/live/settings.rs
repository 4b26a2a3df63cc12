//! How a route learns.

use serde::{Deserialize, Serialize};

use super::audit::AuditPlan;
use crate::number::real;
use crate::risk::RiskTarget;
use crate::units::Probability;

/// What [`RouteLearning`](super::RouteLearning) goes by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveSettings {
    /// What is to be proven.
    pub target: RiskTarget,
    /// Which accepted answers are audited.
    pub audits: AuditPlan,
    /// Chance, per certificate and over its whole life, that audits raise an alarm although the regret is within the
    /// target.
    pub false_alarm: Probability,
    /// What a request counts in estimates when one more has come, in `[0.5, 1]`. Proofs do not fade.
    pub decay: f64,
    /// Whether the threshold in force may be raised. Not where drafts are given up early: what they would have come to is
    /// not known, so nothing they are part of proves a threshold that would not have given them up.
    pub raises: bool,
    /// Share of the labels that are looked for, where each costs money, escalations included; `None`: those of
    /// escalations come for free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bought: Option<Probability>,
}

impl LiveSettings {
    /// Requests that it takes for this many labels.
    pub(crate) fn requests_for(&self, labels: u64) -> u64 {
        let share = self.bought.map_or(1.0, Probability::get);
        whole(real(labels) / share)
    }
}

impl LiveSettings {
    /// The usual settings for a target: 2 % audits, false alarms of audits in 1 % of certificates, estimates that remember
    /// 2,000 requests or so.
    pub fn new(target: RiskTarget) -> Self {
        Self {
            target,
            audits: AuditPlan::default(),
            false_alarm: Probability::PERCENT_1,
            decay: 0.9995,
            raises: true,
            bought: None,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is cast saturates, and the quotient of a count and a share is not negative"
)]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}
