//! Which accepted answers are audited.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::risk::cells::Cell;
use crate::units::Probability;

/// Cells below the threshold, 0.12 of log-odds each, whose requests are audited more often: two bins of 0.6. What
/// they hold decides whether the threshold may rise.
const NEAR: usize = 10;

/// How much more often.
const NEAR_FACTOR: f64 = 3.0;

/// The smallest share that is worth auditing. Below, an alarm would take longer than anyone can wait.
const LEAST: f64 = 0.001;

/// How often accepted answers are audited: with probability `base`, and three times that just below the threshold.
///
/// An audit plan depends on `p_bad` only, through its cell; so the audited requests of a cell are a fair sample of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Probability", try_from = "Probability")]
pub struct AuditPlan {
    base: Probability,
}

/// The share to audit is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "audits are drawn with {0}; it must be at least 0.1 %, for example `2 %`: without audits nothing tells when accepted answers get worse"
)]
pub struct AuditPlanError(Probability);

impl AuditPlan {
    /// Audits a share `base`, at least 0.1 %; 0.5 to 5 % are usual.
    ///
    /// # Errors
    /// [`AuditPlanError`] below.
    pub fn new(base: Probability) -> Result<Self, AuditPlanError> {
        if base.get() < LEAST {
            return Err(AuditPlanError(base));
        }
        Ok(Self { base })
    }

    /// Probability with which an accepted draft is audited.
    pub(crate) fn propensity(self, cell: Cell, threshold: Cell) -> f64 {
        let near = cell.index() + NEAR > threshold.index();
        let base = self.base.get();
        if near {
            (base * NEAR_FACTOR).min(1.0)
        } else {
            base
        }
    }

    /// The smallest probability it gives to anything.
    pub(crate) const fn least(self) -> f64 {
        self.base.get()
    }
}

impl Default for AuditPlan {
    /// 2 %.
    fn default() -> Self {
        Self {
            base: Probability::PERCENT_2,
        }
    }
}

impl From<AuditPlan> for Probability {
    fn from(plan: AuditPlan) -> Self {
        plan.base
    }
}

impl TryFrom<Probability> for AuditPlan {
    type Error = AuditPlanError;

    fn try_from(base: Probability) -> Result<Self, AuditPlanError> {
        Self::new(base)
    }
}

/// How one request's label is drawn, settled before it is known. Keep it with the request, log it, and give it back with
/// the label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSampling {
    /// Whether the draft is the answer.
    pub accept: bool,
    /// Probability with which the label is drawn: 1 for what is escalated anyway, less for what is accepted.
    pub propensity: Probability,
    /// Smallest probability that any request would have had in its place; 0 while audits are suspended.
    pub least: Probability,
    /// Number of times that learning had begun anew. What was sampled before that tells nothing about now.
    pub episode: u32,
}

impl LabelSampling {
    /// Whether the label is to be drawn, decided by a number that the caller draws uniformly from `[0, 1)`.
    pub fn draws(&self, uniform: f64) -> bool {
        uniform < self.propensity.get()
    }
}
