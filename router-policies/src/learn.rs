//! From labelled drafts to a scorer and what it proves, with the two kept apart.

use crate::risk::{Proof, RiskTarget, certify};
use crate::scorer::Scorer;
use crate::signals::Features;
use crate::units::Probability;

/// One draft of which it is known whether the upstream would have served the request better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// Its features.
    pub features: Features,
    /// Whether it passed its checks. One that did not is never accepted, but is traffic all the same.
    pub valid: bool,
    /// Whether the upstream would have served the request better.
    pub bad: bool,
}

/// A scorer and what it proves.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The scorer.
    pub scorer: Scorer,
    /// What rows that the scorer has not seen prove.
    pub proof: Proof,
}

/// Labels from which on half of them are spent on fitting a scorer. With fewer, a certificate needs them all: twice the
/// rows prove a tighter bound, which at a few hundred is worth more than a better order.
pub(crate) const FIT_FROM: usize = 1000;

/// Learns a scorer and certifies it on rows it has not seen.
///
/// Below 1000 rows the plain scorer, which needs no fitting, is certified on all of them. From 1000 on every other row goes
/// into fitting and the rest into certifying; where the first half is too one-sided for a fit, the plain scorer is
/// certified on the rest. Which rows go where depends on nothing but their number, so the proof stays exact.
pub fn learn(rows: &[Labelled], target: &RiskTarget) -> Lesson {
    if rows.len() < FIT_FROM {
        return conclude(Scorer::from_probability(), proving(rows), target);
    }
    // An invalid draft needs no score, so it teaches the scorer nothing.
    let fitting: Vec<(Features, bool)> = rows
        .iter()
        .step_by(2)
        .filter(|r| r.valid)
        .map(|r| (r.features, r.bad))
        .collect();
    let scorer = Scorer::fit(&fitting).unwrap_or_else(|_| Scorer::from_probability());
    conclude(scorer, proving(rows), target)
}

/// Of the rows given to [`learn`], those that the scorer has not seen: what they say of it is not flattered.
pub fn proving(rows: &[Labelled]) -> impl Iterator<Item = &Labelled> {
    let (first, step) = if rows.len() < FIT_FROM {
        (0, 1)
    } else {
        (1, 2)
    };
    rows.iter().skip(first).step_by(step)
}

fn conclude<'a>(
    scorer: Scorer,
    rows: impl Iterator<Item = &'a Labelled>,
    target: &RiskTarget,
) -> Lesson {
    let scored: Vec<(Probability, bool)> = rows
        .map(|row| {
            let p_bad = if row.valid {
                scorer.p_bad(&row.features)
            } else {
                Probability::ONE
            };
            (p_bad, row.bad)
        })
        .collect();
    Lesson {
        proof: certify(&scored, target),
        scorer,
    }
}

#[cfg(test)]
mod tests;
