//! How far a draft is doubted, on a scale that keeps the order of long drafts.

use std::cmp::Ordering;

use crate::number::{logit, sigmoid};
use crate::units::Probability;

/// Log-odds that a draft is bad; finite and totally ordered.
///
/// Probabilities of long drafts crowd at 0, where `1 - p` cannot tell them apart; their log-odds can.
#[derive(Debug, Clone, Copy)]
pub struct Doubt(f64);

/// No confidence is surer than this: `1 - p` of about 4e-18, below what a double can tell from 0.
const SUREST: f64 = -40.0;
/// Doubt in a draft of probability 0: beyond that of the smallest positive double.
const HOPELESS: f64 = 750.0;
/// Beyond any doubt that a log-probability gives.
const NEVER: f64 = 1e9;

impl Doubt {
    /// Doubt in a request without a draft, or with one that failed its checks: more than in any draft.
    pub const NEVER: Self = Self(NEVER);

    /// From the probability that the draft is good.
    pub fn from_confidence(confidence: Probability) -> Self {
        Self((-logit(confidence.get())).clamp(SUREST, HOPELESS))
    }

    /// From the probability that the draft is bad.
    pub fn from_p_bad(p_bad: Probability) -> Self {
        Self(logit(p_bad.get()).clamp(SUREST, HOPELESS))
    }

    /// From the natural logarithm of the probability that the draft is good. Positive values count as 0, NaN as
    /// [`Self::NEVER`].
    pub fn from_logprob(logprob: f64) -> Self {
        if logprob.is_nan() {
            return Self::NEVER;
        }
        // ln((1 - p) / p) with p = exp(logprob), without forming p.
        let log_odds = (-logprob.exp_m1()).ln() - logprob;
        Self(log_odds.clamp(SUREST, NEVER / 2.0))
    }

    /// From log-odds that the draft is bad; NaN counts as [`Self::NEVER`].
    pub fn from_log_odds(log_odds: f64) -> Self {
        if log_odds.is_nan() {
            Self::NEVER
        } else {
            Self(log_odds.clamp(SUREST, NEVER))
        }
    }

    /// The log-odds, in nats.
    pub const fn log_odds(self) -> f64 {
        self.0
    }

    /// The probability that the draft is bad.
    pub fn p_bad(self) -> Probability {
        Probability::of_bad(sigmoid(self.0))
    }
}

impl PartialEq for Doubt {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Doubt {}

impl PartialOrd for Doubt {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Doubt {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_and_their_logarithms_mean_the_same() {
        for p in [1e-12, 0.1, 0.5, 0.75, 0.999] {
            let plain = Doubt::from_confidence(Probability::new(p).unwrap());
            let logarithm = Doubt::from_logprob(p.ln());
            assert!(
                (plain.log_odds() - logarithm.log_odds()).abs() < 1e-9,
                "{p}"
            );
            assert!((plain.p_bad().get() - (1.0 - p)).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn long_drafts_keep_their_order() {
        assert!(Doubt::from_logprob(-400.0) < Doubt::from_logprob(-900.0));
        assert!(Doubt::from_logprob(f64::NEG_INFINITY) < Doubt::NEVER);
        assert!(Doubt::from_confidence(Probability::ZERO) < Doubt::NEVER);
    }

    #[test]
    fn the_ends_are_finite() {
        assert_eq!(
            Doubt::from_logprob(0.0),
            Doubt::from_confidence(Probability::ONE)
        );
        assert_eq!(Doubt::NEVER.p_bad(), Probability::ONE);
        assert_eq!(Doubt::from_log_odds(f64::NAN), Doubt::NEVER);
    }
}
