//! A changed rate of escalations.

use serde::{Deserialize, Serialize};

use crate::live::alarm::AlarmCause;
use crate::number::real;
use crate::units::Probability;

/// Change of the rate that is let pass, besides what the reference leaves uncertain.
const ALLOWANCE: f64 = 0.05;

/// Standard errors of the rate in the reference that are let pass too.
const ERRORS: f64 = 2.0;

/// Requests between false alarms, on average and at least, in each direction: one million.
const RUN_LENGTH: f64 = 1e6;

/// Cumulative sums of a yes-or-no event whose rate is known from a reference (Page 1954).
///
/// With `x` the event and `m` the rate that is let pass, each sum follows `max(0, sum + x - m)`, and the same downward.
/// Its limit is `ln(RUN_LENGTH) / θ`, with `θ` the positive root of `E[exp(θ (x - m))] = 1`: then `exp(θ sum)` gains nothing
/// between restarts, and the mean number of requests to a false alarm is at least `RUN_LENGTH` (Lorden 1971), at any rate up
/// to the one the root is taken at: the reference's plus its standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cusum {
    expected: Probability,
    more: Side,
    fewer: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Side {
    passes: f64,
    limit: f64,
    sum: f64,
}

impl Cusum {
    /// For an event of rate `expected` in a reference of `n`.
    pub(crate) fn new(expected: f64, n: u64) -> Self {
        let n = real(n.max(1));
        // Add-one-half: a rate of zero in the reference is not a rate of zero.
        let rate = (expected * n + 0.5) / (n + 1.0);
        let error = ERRORS * (rate * (1.0 - rate) / n).sqrt();
        Self {
            expected: Probability::of_bad(expected),
            more: Side::new(rate + error),
            fewer: Side::new(1.0 - rate + error),
        }
    }

    pub(crate) fn observe(&mut self, event: bool) -> Option<AlarmCause> {
        let more = self.more.observe(event).map(|side| (true, side));
        let fewer = self.fewer.observe(!event).map(|side| (false, side));
        more.or(fewer)
            .map(|(more, side)| AlarmCause::EscalationRate {
                expected: self.expected,
                more,
                sum: side.sum,
                limit: side.limit,
            })
    }
}

impl Side {
    /// For an event whose rate is `rate` at most.
    fn new(rate: f64) -> Self {
        let passes = rate + ALLOWANCE;
        Self {
            passes,
            limit: RUN_LENGTH.ln() / root(rate, passes),
            sum: 0.0,
        }
    }

    fn observe(&mut self, event: bool) -> Option<Self> {
        let step = if event { 1.0 } else { 0.0 } - self.passes;
        self.sum = (self.sum + step).max(0.0);
        (self.sum >= self.limit).then_some(*self)
    }
}

/// The positive `θ` with `(1 - p) exp(-θ m) + p exp(θ (1 - m)) = 1`, for `p < m`, from below. A rate of `m ≥ 1` can't be
/// exceeded; the root is then as good as infinite, and so is nothing, for the sum never leaves 0.
fn root(p: f64, m: f64) -> f64 {
    let gain = |theta: f64| (1.0 - p) * (-theta * m).exp() + p * (theta * (1.0 - m)).exp() - 1.0;
    let (mut low, mut high) = (0.0, 50.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if gain(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
