//! From labelled drafts to a scorer and what it proves, with the two kept apart.

use crate::number::real;
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

/// Labels from which on a scorer is fitted. With fewer, a certificate needs them all: at a few hundred a tighter bound is
/// worth more than a better order.
pub(crate) const FIT_FROM: usize = 1000;
/// Every so many rows one is spent on fitting.
const FITTING: usize = 4;
/// Share of the chance of a broken promise that the fitted scorer is tested at. If it is the better one it is so by far.
const FITTED_SHARE: f64 = 0.25;

/// Learns a scorer and certifies it on rows it has not seen.
///
/// Below 1000 rows the plain scorer, which needs no fitting, is certified on all of them. From 1000 on there are two
/// candidates: the plain scorer, certified on all rows at ¾ of the target's δ, and one that is fitted to every fourth row and
/// certified on the others at the rest of it. The chance that either breaks the target is at most δ, however one chooses
/// between them; the one that accepts the larger share is taken. Where the model's own probability orders drafts as well as
/// anything, this costs next to nothing; where it does not, the fitted scorer speaks.
///
/// Which rows go where depends on nothing but their number, so the proof stays exact.
pub fn learn(rows: &[Labelled], target: &RiskTarget) -> Lesson {
    if rows.len() < FIT_FROM {
        return prove(Scorer::from_probability(), rows, target);
    }
    let plain = target.with_share(1.0 - FITTED_SHARE);
    let plain = prove(Scorer::from_probability(), rows, &plain);
    let (fitting, proving) = split(rows);
    // An invalid draft needs no score, so it teaches the scorer nothing.
    let taught_by: Vec<(Features, bool)> = fitting
        .filter(|r| r.valid)
        .map(|r| (r.features, r.bad))
        .collect();
    let fitted = target.with_share(FITTED_SHARE);
    let fitted = Scorer::fit(&taught_by).map(|scorer| prove(scorer, proving, &fitted));
    match fitted {
        Ok(fitted) if fitted.accepts() > plain.accepts() => fitted,
        _ => plain,
    }
}

/// What `rows` prove about a scorer that none of them has taught.
pub fn prove<'a>(
    scorer: Scorer,
    rows: impl IntoIterator<Item = &'a Labelled>,
    target: &RiskTarget,
) -> Lesson {
    let p_bad = |row: &Labelled| {
        if row.valid {
            scorer.p_bad(&row.features)
        } else {
            Probability::ONE
        }
    };
    let scored: Vec<(Probability, bool)> =
        rows.into_iter().map(|row| (p_bad(row), row.bad)).collect();
    Lesson {
        proof: certify(&scored, target),
        scorer,
    }
}

impl Lesson {
    /// Of the rows given to [`learn`], those that the scorer has not seen: what they say of it is not flattered.
    pub fn proving<'a>(&self, rows: &'a [Labelled]) -> Vec<&'a Labelled> {
        if self.scorer.is_learnt() {
            split(rows).1.collect()
        } else {
            rows.iter().collect()
        }
    }

    /// Share of the traffic that is accepted.
    fn accepts(&self) -> f64 {
        match self.proof {
            Proof::Certified(certified) => real(certified.accepted) / real(certified.n),
            Proof::NotEnough { .. } | Proof::NoThreshold { .. } => 0.0,
        }
    }
}

/// Rows to fit a scorer to, and the others.
fn split(
    rows: &[Labelled],
) -> (
    impl Iterator<Item = &Labelled>,
    impl Iterator<Item = &Labelled>,
) {
    let others = rows.iter().enumerate();
    let others = others.filter(|(index, _)| index % FITTING != 0);
    (rows.iter().step_by(FITTING), others.map(|(_, row)| row))
}

#[cfg(test)]
mod tests;
