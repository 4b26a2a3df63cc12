//! Statistics of one step over the full vocabulary.

use crate::engine::TokenStats;

/// Log-probability that stands for impossible: finite, so that sums and JSON stay numbers.
const FLOOR: f64 = -1.0e4;

/// A step's distribution, described once in two passes over the logits.
#[derive(Debug)]
pub(super) struct Distribution<'a> {
    logits: &'a [f32],
    /// `ln` of the sum of `exp(logit)`.
    log_sum: f64,
    entropy: f64,
    best: usize,
    second: Option<usize>,
}

impl<'a> Distribution<'a> {
    /// `None` where the logits describe no distribution: none of them is a number, or one is infinite.
    pub(super) fn new(logits: &'a [f32]) -> Option<Self> {
        let (best, second) = top_two(logits);
        let best = best?;
        let highest = logits
            .get(best)
            .copied()
            .filter(|logit| logit.is_finite())?;
        let (mut sum, mut weighted) = (0.0_f64, 0.0_f64);
        for logit in logits.iter().filter(|logit| !logit.is_nan()) {
            let below = logit - highest;
            let weight = f64::from(below.exp());
            // A weight of 0 adds nothing, but 0 times minus infinity would not be a number.
            if weight > 0.0 {
                sum += weight;
                weighted += weight * f64::from(below);
            }
        }
        let log_sum = f64::from(highest) + sum.ln();
        Some(Self {
            logits,
            log_sum,
            entropy: sum.ln() - weighted / sum,
            best,
            second,
        })
    }

    /// `ln p(token)`, at most 0 and finite.
    fn ln_p(&self, token: usize) -> f64 {
        let logit = self.logits.get(token).copied().unwrap_or(f32::NEG_INFINITY);
        let ln_p = f64::from(logit) - self.log_sum;
        if ln_p.is_nan() {
            FLOOR
        } else {
            ln_p.clamp(FLOOR, 0.0)
        }
    }

    /// Probability of all `tokens` together, 0 to 1.
    pub(super) fn mass(&self, tokens: &[u32]) -> f32 {
        let mass: f64 = tokens
            .iter()
            .map(|token| self.ln_p(index(*token)).exp())
            .sum();
        narrow(mass.min(1.0))
    }

    /// What to report about `token`.
    pub(super) fn stats(&self, token: u32, legal_mass: f32, forced: bool) -> TokenStats {
        let token = index(token);
        let logprob = self.ln_p(token);
        let other = if token == self.best {
            self.second
        } else {
            Some(self.best)
        };
        let margin = logprob - other.map_or(FLOOR, |other| self.ln_p(other));
        TokenStats {
            logprob: narrow(logprob),
            margin: narrow(margin),
            entropy: narrow(self.entropy.max(0.0)),
            legal_mass,
            forced,
        }
    }
}

/// Indices of the two highest logits; the first of equals counts as the higher.
fn top_two(logits: &[f32]) -> (Option<usize>, Option<usize>) {
    let (mut best, mut second) = (None, None);
    let (mut high, mut next) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (index, logit) in logits.iter().enumerate() {
        if *logit > high {
            (second, next) = (best, high);
            (best, high) = (Some(index), *logit);
        } else if *logit > next {
            (second, next) = (Some(index), *logit);
        }
    }
    (best, second)
}

/// A token as an index; a token beyond memory indexes nothing.
pub(super) fn index(token: u32) -> usize {
    usize::try_from(token).unwrap_or(usize::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "statistics need no more than f32"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the book, in f64.
    fn naive(logits: &[f32], token: usize) -> (f64, f64, f64) {
        let logits: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        let ln_p: Vec<f64> = logits
            .iter()
            .map(|logit| logit - highest - sum.ln())
            .collect();
        let others = ln_p.iter().enumerate().filter(|(index, _)| *index != token);
        let other = others
            .map(|(_, ln_p)| *ln_p)
            .fold(f64::NEG_INFINITY, f64::max);
        let entropy = -ln_p.iter().map(|ln_p| ln_p.exp() * ln_p).sum::<f64>();
        (ln_p[token], ln_p[token] - other, entropy)
    }

    fn close(ours: f32, exact: f64) -> bool {
        (f64::from(ours) - exact).abs() <= 1e-4 + exact.abs() * 1e-5
    }

    proptest! {
        #[test]
        fn agrees_with_the_book(
            logits in proptest::collection::vec(-60.0_f32..60.0, 2..300),
            token in any::<proptest::sample::Index>(),
        ) {
            let token = token.index(logits.len());
            let (logprob, margin, entropy) = naive(&logits, token);
            let id = u32::try_from(token).unwrap();
            let stats = Distribution::new(&logits).unwrap().stats(id, 1.0, false);
            prop_assert!(close(stats.logprob, logprob), "{stats:?} {logprob}");
            prop_assert!(close(stats.margin, margin), "{stats:?} {margin}");
            prop_assert!(close(stats.entropy, entropy), "{stats:?} {entropy}");
        }

        #[test]
        fn never_leaves_its_range(logits in proptest::collection::vec(any::<f32>(), 0..40)) {
            let Some(distribution) = Distribution::new(&logits) else { return Ok(()) };
            for token in 0..41 {
                let stats = distribution.stats(token, 1.0, false);
                prop_assert!(stats.logprob <= 0.0 && stats.logprob.is_finite(), "{stats:?}");
                prop_assert!(stats.margin.is_finite() && stats.entropy.is_finite(), "{stats:?}");
                prop_assert!(stats.entropy >= 0.0, "{stats:?}");
                prop_assert!((0.0..=1.0).contains(&distribution.mass(&[token])));
            }
        }
    }

    #[test]
    fn a_masked_rest_is_certainty() {
        let logits = [f32::NEG_INFINITY, 3.0, f32::NEG_INFINITY];
        let stats = Distribution::new(&logits).unwrap().stats(1, 1.0, false);
        assert!(stats.logprob.abs() < 1e-6 && stats.entropy.abs() < 1e-6);
        assert!(stats.margin > 9_999.0);
    }

    #[test]
    fn no_numbers_are_no_distribution() {
        assert!(Distribution::new(&[]).is_none());
        assert!(Distribution::new(&[f32::NAN, f32::NEG_INFINITY]).is_none());
        assert!(Distribution::new(&[f32::INFINITY, 0.0]).is_none());
    }

    #[test]
    fn mass_adds_up() {
        let distribution = Distribution::new(&[0.0, 0.0, 0.0, 0.0]).unwrap();
        assert!((distribution.mass(&[1, 3]) - 0.5).abs() < 1e-6);
    }
}
