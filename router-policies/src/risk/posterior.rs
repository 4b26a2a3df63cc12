//! What the regret of a threshold probably is: for reports and for choosing, never as a proof.

use serde::{Deserialize, Serialize};

use super::beta::beta_quantile;
use super::cells::{CELLS, Cell};
use crate::units::Probability;

/// Labels that the scorer's own `p_bad` counts for in each cell, before there are any. A cell holds a hundredth of the
/// traffic or so: in all the scorer's word counts like 20 labels.
const PRIOR: f64 = 0.2;

/// Counts are divided by the scale before it grows beyond this, so that nothing overflows.
const LARGEST_SCALE: f64 = 1e100;

/// A regret that was estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Share of the traffic that the threshold accepts.
    pub coverage: Probability,
    /// Mean of the regret.
    pub mean: Probability,
    /// Credible upper bound of the regret at the target's assurance.
    pub upper: Probability,
}

/// A beta posterior of the chance of a bad draft in every cell of `p_bad`, and the share of the traffic in the cell.
///
/// Whether a label is drawn depends on the cell only, so the labelled requests of a cell are a fair sample of it and
/// need no weights, whatever the propensities. The regret is `Σ share · chance` over the accepted cells; its variance is
/// `Σ share² · variance`, and its bound is the quantile of the beta distribution with this mean and variance. Old requests
/// fade by `decay` with every new one. What is known of the cells' shares is taken as exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Posterior {
    decay: f64,
    /// What the newest request counts; it grows where the old ones should shrink.
    scale: f64,
    /// Requests, good and bad labels per cell.
    cells: Vec<[f64; 3]>,
}

impl Posterior {
    /// Nothing seen. `decay` in `(0, 1]`; 0.9995 remembers the last 2,000 requests or so.
    pub(crate) fn new(decay: f64) -> Self {
        Self {
            decay: decay.clamp(0.5, 1.0),
            scale: 1.0,
            cells: vec![[0.0; 3]; CELLS + 1],
        }
    }

    /// Takes one request in, with its label if there is one.
    pub(crate) fn observe(&mut self, cell: Cell, bad: Option<bool>) {
        self.scale /= self.decay;
        if self.scale > LARGEST_SCALE {
            for count in self.cells.iter_mut().flatten() {
                *count /= self.scale;
            }
            self.scale = 1.0;
        }
        if let Some([requests, good, worse]) = self.cells.get_mut(cell.index()) {
            *requests += self.scale;
            match bad {
                Some(true) => *worse += self.scale,
                Some(false) => *good += self.scale,
                None => {}
            }
        }
    }

    /// The regret of a threshold, with an upper bound at `assurance`.
    pub(crate) fn estimate(&self, threshold: Cell, assurance: Probability) -> Estimate {
        let upto = threshold.index() + 1;
        let (coverage, mean, variance) =
            self.terms()
                .take(upto)
                .fold((0.0, 0.0, 0.0), |sum, (share, mean, variance)| {
                    (
                        sum.0 + share,
                        sum.1 + share * mean,
                        sum.2 + share * share * variance,
                    )
                });
        // The parameters of the beta distribution with this mean and variance.
        let size = mean * (1.0 - mean) / variance - 1.0;
        let upper = if variance > 0.0 {
            beta_quantile(assurance.get(), mean * size, (1.0 - mean) * size)
        } else {
            mean
        };
        Estimate {
            coverage: Probability::of_bad(coverage),
            mean: Probability::of_bad(mean),
            upper: Probability::of_bad(upper),
        }
    }

    /// The share of the traffic that the largest threshold whose mean regret is within `max_regret` would accept: what
    /// may be hoped for with more labels.
    pub(crate) fn hope(&self, max_regret: Probability) -> f64 {
        let mut regret = 0.0;
        let within = self.terms().take(CELLS).map_while(|(share, mean, _)| {
            regret += share * mean;
            (regret <= max_regret.get()).then_some(share)
        });
        within.sum()
    }

    /// Share of the traffic, mean and variance of the chance, cell by cell.
    fn terms(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let total: f64 = self.cells.iter().map(|[requests, _, _]| requests).sum();
        self.cells.iter().enumerate().map(move |(index, counts)| {
            let [requests, good, bad] = counts.map(|count| count / self.scale);
            let prior = Cell::at(index).threshold().get();
            let (a, b) = (PRIOR * prior + bad, PRIOR * (1.0 - prior) + good);
            let mean = a / (a + b);
            let share = if total > 0.0 {
                requests * self.scale / total
            } else {
                0.0
            };
            (share, mean, mean * (1.0 - mean) / (a + b + 1.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn p(value: f64) -> Probability {
        Probability::new(value).unwrap()
    }

    #[test]
    fn labels_of_drawn_requests_need_no_weights() {
        let mut random = Random::seeded(4);
        let mut posterior = Posterior::new(1.0);
        for _ in 0..40_000 {
            // Below 0.2 the drafts are bad in 2 %, above in 40 %; below, only 20 % of the labels are drawn.
            let p_bad = random.uniform();
            let bad = random.chance(if p_bad <= 0.2 { 0.02 } else { 0.4 });
            let drawn = p_bad > 0.2 || random.chance(0.2);
            posterior.observe(Cell::of(p(p_bad)), drawn.then_some(bad));
        }
        let found = posterior.estimate(Cell::at_most(p(0.2)).unwrap(), p(0.9));
        assert!((found.coverage.get() - 0.2).abs() < 0.02, "{found:?}");
        assert!((found.mean.get() - 0.004).abs() < 0.002, "{found:?}");
        assert!(
            found.upper > found.mean && found.upper < p(0.01),
            "{found:?}"
        );
    }

    #[test]
    fn the_past_fades() {
        let mut posterior = Posterior::new(0.99);
        let cell = Cell::of(p(0.1));
        for bad in [true, false] {
            for _ in 0..30_000 {
                posterior.observe(cell, Some(bad));
            }
        }
        let found = posterior.estimate(cell, p(0.9));
        assert!(found.mean < p(0.01), "{found:?}");
        assert!((posterior.hope(p(0.05)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_seen_covers_nothing() {
        let found = Posterior::new(0.9995).estimate(Cell::at(100), p(0.9));
        assert_eq!(found.coverage, Probability::ZERO);
        assert_eq!(found.mean, Probability::ZERO);
    }
}
