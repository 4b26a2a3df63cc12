//! What a route promises.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::binomial::binomial_cdf;
use crate::units::Probability;

/// "At most `max_regret` of all traffic would have been better served by the upstream, with `assurance`."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Plain", try_from = "Plain")]
pub struct RiskTarget {
    max_regret: Probability,
    assurance: Probability,
}

/// What is wrong with a risk target.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TargetError {
    /// The regret is 0, which no number of labels proves, or 1, which promises nothing.
    #[error("max_regret is {0}; it must be above 0 % and below 100 %, for example `2 %`")]
    MaxRegret(Probability),
    /// The assurance is below one half or is certainty.
    #[error("assurance is {0}; it must be at least 50 % and below 100 %, for example `90 %`")]
    Assurance(Probability),
}

impl TargetError {
    /// The key that is wrong, as a policy file writes it.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::MaxRegret(_) => "max_regret",
            Self::Assurance(_) => "assurance",
        }
    }
}

/// Smallest assurance that is worth the name.
const LEAST_ASSURANCE: f64 = 0.5;

impl RiskTarget {
    /// A target with `max_regret` in `(0, 1)` and `assurance` in `[0.5, 1)`.
    ///
    /// # Errors
    /// [`TargetError`] for values outside.
    pub fn new(max_regret: Probability, assurance: Probability) -> Result<Self, TargetError> {
        if max_regret == Probability::ZERO || max_regret == Probability::ONE {
            return Err(TargetError::MaxRegret(max_regret));
        }
        if assurance.get() < LEAST_ASSURANCE || assurance == Probability::ONE {
            return Err(TargetError::Assurance(assurance));
        }
        Ok(Self {
            max_regret,
            assurance,
        })
    }

    /// Largest share of all traffic that may be accepted and bad: ε, in `(0, 1)`.
    pub const fn max_regret(&self) -> Probability {
        self.max_regret
    }

    /// How sure that must be: `1 - δ`, in `[0.5, 1)`.
    pub const fn assurance(&self) -> Probability {
        self.assurance
    }

    /// Largest chance that the promise is broken: δ, in `(0, 0.5]`.
    pub fn delta(&self) -> f64 {
        1.0 - self.assurance.get()
    }

    /// The same with a share, in `(0, 1]`, of the chance that the promise is broken.
    pub(crate) fn with_share(self, share: f64) -> Self {
        let assurance = Probability::of_bad(1.0 - self.delta() * share);
        Self { assurance, ..self }
    }

    /// Whether whoever keeps this promise also keeps `other`.
    pub fn implies(&self, other: &Self) -> bool {
        self.max_regret <= other.max_regret && self.assurance >= other.assurance
    }

    /// Whether `losses` out of `n` independent rows prove the target: the p-value of "the regret is ε", which is the
    /// largest among all regrets of ε and more, is at most δ.
    pub fn is_proven_by(&self, losses: u64, n: u64) -> bool {
        n > 0 && binomial_cdf(losses, n, self.max_regret.get()) <= self.delta()
    }
}

/// The target as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    max_regret: Probability,
    assurance: Probability,
}

impl From<RiskTarget> for Plain {
    fn from(target: RiskTarget) -> Self {
        Self {
            max_regret: target.max_regret,
            assurance: target.assurance,
        }
    }
}

impl TryFrom<Plain> for RiskTarget {
    type Error = TargetError;

    fn try_from(plain: Plain) -> Result<Self, TargetError> {
        Self::new(plain.max_regret, plain.assurance)
    }
}
