//! Which accepted answers are audited.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::risk::cells::Cell;
use crate::units::{Factor, Probability};

/// Cells below the threshold, 0.12 of log-odds each, whose requests are audited more often: two bins of 0.6. What
/// they hold decides whether the threshold may rise.
const NEAR: usize = 10;

/// The smallest share that is worth auditing. Below, an alarm would take longer than anyone can wait.
const LEAST: f64 = 0.001;

/// How often accepted answers are audited: with probability `base`, and more often just below the threshold.
///
/// An audit plan depends on `p_bad` only, through its cell; so the audited requests of a cell are a fair sample of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Plain", try_from = "Plain")]
pub struct AuditPlan {
    base: Probability,
    near: Factor,
}

/// The share to audit is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "audits are drawn with {0}; it must be at least 0.1 %, for example `2 %`: without audits nothing tells when accepted answers get worse"
)]
pub struct AuditPlanError(Probability);

impl AuditPlan {
    /// Audits a share `base`, at least 0.1 %; 0.5 to 5 % are usual. Three times as many just below the threshold.
    ///
    /// # Errors
    /// [`AuditPlanError`] below.
    pub fn new(base: Probability) -> Result<Self, AuditPlanError> {
        if base.get() < LEAST {
            return Err(AuditPlanError(base));
        }
        let near = Factor::THREE;
        Ok(Self { base, near })
    }

    /// The same with `near` times as many audits just below the threshold.
    #[must_use]
    pub const fn near(self, near: Factor) -> Self {
        Self { near, ..self }
    }

    /// Probability with which a draft is audited that a threshold, set by hand, accepts.
    pub fn share(self, p_bad: Probability, threshold: Probability) -> Probability {
        let threshold = Cell::of(threshold);
        Probability::of_bad(self.propensity(Cell::of(p_bad), threshold))
    }

    /// Probability with which an accepted draft is audited.
    pub(crate) fn propensity(self, cell: Cell, threshold: Cell) -> f64 {
        let near = cell.index() + NEAR > threshold.index();
        let base = self.base.get();
        if near {
            (base * self.near.get()).min(1.0)
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
            near: Factor::THREE,
        }
    }
}

/// The plan as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    base: Probability,
    near: Factor,
}

impl From<AuditPlan> for Plain {
    fn from(AuditPlan { base, near }: AuditPlan) -> Self {
        Self { base, near }
    }
}

impl TryFrom<Plain> for AuditPlan {
    type Error = AuditPlanError;

    fn try_from(Plain { base, near }: Plain) -> Result<Self, AuditPlanError> {
        Ok(Self::new(base)?.near(near))
    }
}

impl From<AuditPlan> for Probability {
    fn from(plan: AuditPlan) -> Self {
        plan.base
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
