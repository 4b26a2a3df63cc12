//! How much may be accepted: exact bounds, and the threshold they prove.
//!
//! A draft is accepted when its `p_bad` is at most a threshold λ. The regret of λ is `P(accepted AND bad)` over all
//! traffic of the route. [`certify`] finds the largest λ of a fixed grid whose regret is proven to stay within a
//! target, by fixed-sequence testing as in *Learn then Test* (Angelopoulos, Bates, Candès, Jordan and Lei 2021,
//! arXiv:2110.01052, §2.2): walk the grid from the safest threshold up, test each at level δ with the exact binomial
//! p-value, stop at the first that fails. Because the order was fixed beforehand, the chance that any passed threshold
//! breaks the target is at most δ, with no correction for the number of thresholds.

mod beta;
mod binomial;
pub(crate) mod cells;
pub(crate) mod evidence;
pub(crate) mod posterior;
mod target;

#[cfg(test)]
mod tests;

pub use binomial::{binomial_cdf, upper_bound};
pub use evidence::LiveProof;
pub use posterior::Estimate;
pub use target::{RiskTarget, TargetError};

use self::binomial::ceiling;
use crate::number::{count, sigmoid};
use crate::units::Probability;

/// Grid of thresholds: log-odds from -16 to 8 in steps of 0.06, 401 values. On recorded traffic this accepts
/// up to one point more than steps of 0.12; finer ones gain next to nothing.
const GRID_START: f64 = -16.0;
const GRID_STEP: f64 = 0.06;
const GRID_SIZE: u16 = 401;
/// Log-odds between the ends of the grid.
const GRID_SPAN: f64 = 24.0;

/// 2^53, from where a double cannot count.
const BEYOND_COUNTING: f64 = 9_007_199_254_740_992.0;

/// The thresholds that [`certify`] tests, from the safest up: `p_bad` from 1.1e-7 to 0.9997, evenly spaced in log-odds.
///
/// They do not depend on any data, which the proof needs. 1 is not among them, so a draft that is certainly bad is
/// never accepted.
pub fn thresholds() -> impl Iterator<Item = Probability> {
    (0..GRID_SIZE).map(|i| Probability::of_bad(sigmoid(GRID_START + GRID_STEP * f64::from(i))))
}

/// The same span in another number of thresholds; for measuring what the number is worth and costs. At least 2.
pub fn thresholds_in(number: u16) -> impl Iterator<Item = Probability> {
    let step = GRID_SPAN / f64::from(number.max(2) - 1);
    (0..number.max(2)).map(move |i| Probability::of_bad(sigmoid(GRID_START + step * f64::from(i))))
}

/// What labelled rows prove.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// Drafts up to a threshold may be accepted.
    Certified(Certified),
    /// Even without a single loss, so few rows prove nothing; collect more.
    NotEnough {
        /// Fewest rows that can prove the target: [`least_n`].
        needed: u64,
        /// Rows there are.
        have: u64,
    },
    /// There are enough rows, but no threshold that would accept any of them keeps the target. More rows, a better
    /// model or a looser target may help.
    NoThreshold {
        /// Rows there are.
        n: u64,
        /// Of those, how many the smallest failing threshold would accept.
        accepted: u64,
        /// Of those, how many are bad.
        losses: u64,
        /// Upper bound on its regret at the target's assurance.
        bound: Probability,
    },
}

/// A proven threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certified {
    /// Largest `p_bad` to accept.
    pub threshold: Probability,
    /// Rows it was proven on, accepted or not.
    pub n: u64,
    /// Rows it accepts; at least 1.
    pub accepted: u64,
    /// Rows it accepts that are bad.
    pub losses: u64,
    /// Upper bound on the regret at the target's assurance; at most the target's `max_regret`.
    pub bound: Probability,
}

/// Finds the largest threshold whose regret is proven to be within `target`.
///
/// `rows` are all labelled drafts of the route, an independent sample of its traffic: `p_bad` as the scorer gives it, 1
/// for drafts that failed their checks (they are never accepted but count as traffic), and whether the upstream would
/// have served the request better. Three things break the proof: rows the scorer was fitted on, leaving out rows that
/// were escalated, and trying again and again as rows come in until it works.
///
/// Cost: `O(n log n)` for the rows and linear in the thresholds, of which one is tested for each loss.
pub fn certify(rows: &[(Probability, bool)], target: &RiskTarget) -> Proof {
    certify_on(rows, target, thresholds())
}

/// [`certify`] on another grid. It must be rising, and fixed before the rows are looked at.
pub fn certify_on(
    rows: &[(Probability, bool)],
    target: &RiskTarget,
    grid: impl Iterator<Item = Probability>,
) -> Proof {
    let n = count(rows.len());
    let needed = least_n(target);
    if n < needed {
        return Proof::NotEnough { needed, have: n };
    }
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|(p_bad, _)| *p_bad);
    let mut rest = sorted.iter().peekable();
    let (mut accepted, mut losses) = (0, 0);
    let mut proven = None;
    for threshold in grid {
        while let Some((_, bad)) = rest.next_if(|(p_bad, _)| *p_bad <= threshold) {
            accepted += 1;
            losses += u64::from(*bad);
        }
        // Without a further loss the test is the one that has just been passed.
        let same = proven.is_some_and(|(_, _, before)| before == losses);
        if !same && !target.is_proven_by(losses, n) {
            break;
        }
        proven = Some((threshold, accepted, losses));
    }
    match proven {
        Some((threshold, accepted, losses)) if accepted > 0 => {
            let bound = bound(losses, n, target);
            Proof::Certified(Certified {
                threshold,
                n,
                accepted,
                losses,
                bound,
            })
        }
        _ => Proof::NoThreshold {
            n,
            accepted,
            losses,
            bound: bound(losses, n, target),
        },
    }
}

/// The regret's upper bound. The target itself is one as soon as the test has passed, and bisection may end a rounding
/// error above it.
fn bound(losses: u64, n: u64, target: &RiskTarget) -> Probability {
    let bound = upper_bound(losses, n, target.delta());
    if target.is_proven_by(losses, n) {
        bound.min(target.max_regret())
    } else {
        bound
    }
}

/// Fewest rows that can prove `target`, which they do if none of them is a loss: the least `n` with
/// `(1 - max_regret)^n ≤ 1 - assurance`. 114 for 2 % at 90 %; [`u64::MAX`] where it exceeds 2^53.
pub fn least_n(target: &RiskTarget) -> u64 {
    let epsilon = target.max_regret().get();
    let estimate = (target.delta().ln() / (-epsilon).ln_1p()).ceil();
    if estimate >= BEYOND_COUNTING {
        return u64::MAX;
    }
    // The estimate is right to within rounding; step to the exact boundary of the test that is used.
    let mut n = ceiling(estimate).max(1);
    while n > 1 && target.is_proven_by(0, n - 1) {
        n -= 1;
    }
    while !target.is_proven_by(0, n) {
        n += 1;
    }
    n
}
