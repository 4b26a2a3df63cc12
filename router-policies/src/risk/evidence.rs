//! A certificate that may be looked at after every request.
//!
//! [`certify`](super::certify) is exact for a sample whose size was fixed beforehand; trying it again as rows come in
//! breaks it. [`Evidence`] bets instead. For every threshold λ of a fixed grid it keeps a *wealth* that starts at 1 and
//! is multiplied by `1 + η (ε - Z)` with each request, where
//!
//! * `Z = 1{p_bad ≤ λ} · 1{label drawn} · bad / π` and π is the known probability with which the label was drawn. Its
//!   mean is the regret `P(p_bad ≤ λ AND bad)`. What λ would escalate has `Z = 0` without any label;
//! * `η ≥ 0` was chosen before the request, so small that no factor is negative.
//!
//! If the regret is more than ε, no bet has a positive expected gain: the wealth is a non-negative supermartingale, and
//! by Ville's inequality it ever reaches `1/δ` with a chance of at most δ, whenever and how often one looks (Waudby-Smith
//! and Ramdas 2024, *Estimating means of bounded random variables by betting*, JRSS B; with drawn labels
//! Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro 2022, *Anytime-valid off-policy inference for contextual
//! bandits*, arXiv:2210.10768). A wealth of `1/δ` therefore proves the threshold for good, on traffic that stays the
//! same.
//!
//! **Why weights `1/π` do no harm here.** In a confidence bound of Hoeffding's or Bernstein's kind a range of `1/π` enters
//! as such, and at π = 2 % nothing is ever proven. A bet is capped at `η < 1 / (1/π - ε)` and gains `ηε` on every
//! request without a loss, so it gains from audited traffic what it would gain from as many labels of all traffic, which is all
//! that they can tell.
//!
//! **Several bets.** The best η depends on the unknown regret. The wealth is spread over six, from one for a regret
//! of zero to one for a regret just below ε; the mean of supermartingales is one.
//!
//! **Several thresholds.** They are proven from the safest up, each only after the one below (fixed-sequence testing, as
//! in Learn then Test, Angelopoulos et al. 2021, arXiv:2110.01052). The regret grows with λ, so the thresholds that break
//! the target are all from some λ* on. To prove any of them, λ* must be proven first, which happens with a chance of at
//! most δ: no correction for their number is needed.

use serde::{Deserialize, Serialize};

use super::RiskTarget;
use super::cells::{CELLS, Cell};
use crate::units::Probability;

/// Bets as shares of the largest that cannot go bankrupt, and the wealth each starts with. With all labels known a share
/// `f` is the best for a regret of `(1 - f) ε`. The largest stays short of 1, so that no loss makes it zero.
const BETS: [(f64, f64); 6] = [
    (0.99, 0.2),
    (0.7, 0.15),
    (0.5, 0.2),
    (0.35, 0.2),
    (0.22, 0.15),
    (0.12, 0.1),
];

type Logs = [f64; BETS.len()];

/// One request as evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Draw {
    /// Its cell.
    pub(crate) cell: Cell,
    /// Probability with which the label was drawn, given `p_bad`; counts only where there is a label.
    pub(crate) propensity: f64,
    /// Smallest probability with which the label of *any* request would have been drawn in its place. Known before the
    /// request came. 0 while nothing is drawn: then no request is evidence, whatever its `p_bad`.
    pub(crate) least: f64,
    /// The label, if it was drawn.
    pub(crate) bad: Option<bool>,
}

/// What a live stream has proven so far: see the text of this file. The state is of constant size, an update takes
/// constant time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    target: RiskTarget,
    /// Requests that were evidence.
    rows: u64,
    /// Logarithm of every bet's wealth as if there had been no loss.
    lossless: Logs,
    /// What the losses up to the threshold now tested took from it.
    taken: Logs,
    /// The same for every cell above, cell by cell.
    pending: Vec<Logs>,
    /// Requests and losses per cell.
    counts: Vec<(u64, u64)>,
    /// Thresholds proven; the next one is being tested.
    passed: usize,
    /// Proof of the largest of them.
    proof: Option<LiveProof>,
}

/// A threshold proven on a live stream.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveProof {
    /// Largest `p_bad` to accept.
    pub threshold: Probability,
    /// Requests that were evidence, accepted or not.
    pub n: u64,
    /// Of those, how many the threshold accepts.
    pub accepted: u64,
    /// Of those, how many were seen to be bad. Where labels were drawn with less than certainty there were more.
    pub losses: u64,
    /// The wealth of the bet that the regret is below the target's. At least `1/δ` when the threshold was proven.
    pub wealth: f64,
}

impl Evidence {
    pub(crate) fn new(target: RiskTarget) -> Self {
        Self {
            target,
            rows: 0,
            lossless: BETS.map(|(_, share)| share.ln()),
            taken: [0.0; BETS.len()],
            pending: vec![[0.0; BETS.len()]; CELLS],
            counts: vec![(0, 0); CELLS],
            passed: 0,
            proof: None,
        }
    }

    /// Takes one request in; tells the largest threshold proven if that has changed.
    pub(crate) fn observe(&mut self, draw: &Draw) -> Option<LiveProof> {
        if draw.least <= 0.0 {
            return None;
        }
        self.rows += 1;
        let epsilon = self.target.max_regret().get();
        let cap = 1.0 / (1.0 / draw.least.min(1.0) - epsilon);
        let loss = draw.bad == Some(true);
        if let Some((rows, losses)) = self.counts.get_mut(draw.cell.index()) {
            *rows += 1;
            *losses += u64::from(loss);
        }
        for (log, (share, _)) in self.lossless.iter_mut().zip(BETS) {
            *log += (share * cap * epsilon).ln_1p();
        }
        if loss {
            let weight = 1.0 / draw.propensity.clamp(draw.least, 1.0);
            let change = BETS.map(|(share, _)| {
                let bet = share * cap;
                (bet * (epsilon - weight)).ln_1p() - (bet * epsilon).ln_1p()
            });
            self.take(draw.cell, &change);
        }
        self.advance()
    }

    /// The proof of the largest threshold proven so far.
    pub(crate) const fn proof(&self) -> Option<LiveProof> {
        self.proof
    }

    /// Requests that were evidence.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// A loss counts for its own threshold and for all above.
    fn take(&mut self, cell: Cell, change: &Logs) {
        let logs = if cell.index() <= self.passed {
            Some(&mut self.taken)
        } else {
            self.pending.get_mut(cell.index())
        };
        for (log, change) in logs.into_iter().flatten().zip(change) {
            *log += change;
        }
    }

    /// Tests the next threshold, and the next ones after it as long as they pass.
    fn advance(&mut self) -> Option<LiveProof> {
        let before = self.passed;
        let mut wealth = self.wealth();
        let mut proven = wealth;
        while self.passed < CELLS && wealth * self.target.delta() >= 1.0 {
            self.passed += 1;
            proven = wealth;
            if let Some(next) = self.pending.get_mut(self.passed) {
                for (log, next) in self.taken.iter_mut().zip(std::mem::take(next)) {
                    *log += next;
                }
            }
            wealth = self.wealth();
        }
        // A threshold that accepts nothing of what was seen is no news, and becomes some with the first request it accepts.
        if self.passed == before && self.proof.is_some() {
            return None;
        }
        let largest = self.passed.checked_sub(1).map(Cell::at)?;
        let (accepted, losses) = self.accepted_by(largest);
        if accepted == 0 {
            return None;
        }
        self.proof = Some(LiveProof {
            threshold: largest.threshold(),
            n: self.rows,
            accepted,
            losses,
            wealth: proven,
        });
        self.proof
    }

    /// Wealth at the threshold that is tested now.
    fn wealth(&self) -> f64 {
        let logs = self.lossless.iter().zip(&self.taken);
        logs.map(|(lossless, taken)| (lossless + taken).exp()).sum()
    }

    /// Requests that a threshold accepts, and losses among them.
    pub(crate) fn accepted_by(&self, threshold: Cell) -> (u64, u64) {
        let counts = self.counts.iter().take(threshold.index() + 1);
        counts.fold((0, 0), |(rows, losses), count| {
            (rows + count.0, losses + count.1)
        })
    }
}

#[cfg(test)]
mod tests;
