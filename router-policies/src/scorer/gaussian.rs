//! Logistic regression one label at a time.

use serde::{Deserialize, Serialize};

use super::fit::INPUTS;
use crate::number::sigmoid;

/// What is believed of the weights: a normal distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gaussian {
    pub(super) mean: [f64; INPUTS],
    /// Symmetric.
    covariance: Vec<[f64; INPUTS]>,
}

/// Halvings of the bracket around a posterior mode: from 1e4 down to rounding.
const HALVINGS: u32 = 64;

impl Gaussian {
    /// Independent weights around `mean`, each with its variance.
    pub(super) fn new(mean: [f64; INPUTS], variance: [f64; INPUTS]) -> Self {
        let covariance = variance
            .iter()
            .enumerate()
            .map(|(i, v)| std::array::from_fn(|j| if i == j { *v } else { 0.0 }))
            .collect();
        Self { mean, covariance }
    }

    pub(super) fn score(&self, inputs: &[f64; INPUTS]) -> f64 {
        dot(&self.mean, inputs)
    }

    /// Covariance times inputs, and the variance of the score.
    fn pull(&self, inputs: &[f64; INPUTS]) -> ([f64; INPUTS], f64) {
        let mut pull = [0.0; INPUTS];
        for (slot, row) in pull.iter_mut().zip(&self.covariance) {
            *slot = dot(row, inputs);
        }
        let variance = dot(&pull, inputs).max(0.0);
        (pull, variance)
    }

    fn shift(&mut self, pull: &[f64; INPUTS], by: f64, shrink: f64) {
        for (weight, pull) in self.mean.iter_mut().zip(pull) {
            *weight += by * pull;
        }
        for (row, left) in self.covariance.iter_mut().zip(pull) {
            for (entry, right) in row.iter_mut().zip(pull) {
                // The product first: it is the same for both halves, so the matrix stays symmetric.
                *entry -= (left * right) * shrink;
            }
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let finite = |row: &[f64; INPUTS]| row.iter().all(|x| x.is_finite());
        self.covariance.len() == INPUTS && finite(&self.mean) && self.covariance.iter().all(finite)
    }
}

/// Takes in one label for the sum of two scores: those of all routes and of one.
///
/// The likelihood depends on the score alone, so the mode of the posterior is found exactly, on one line, and the
/// covariance shrinks by the curvature there: sequential Laplace approximation (Spiegelhalter and Lauritzen 1990, §4). The
/// two are kept as if independent. Cost: quadratic in the number of inputs.
pub(super) fn learn(all: &mut Gaussian, one: &mut Gaussian, inputs: &[f64; INPUTS], bad: bool) {
    let before = all.score(inputs) + one.score(inputs);
    let (pull_all, variance_all) = all.pull(inputs);
    let (pull_one, variance_one) = one.pull(inputs);
    let variance = variance_all + variance_one;
    let mode = mode(before, variance, bad);
    let p = sigmoid(mode);
    let by = if bad { 1.0 - p } else { -p };
    let curvature = p * (1.0 - p);
    let shrink = curvature / (1.0 + curvature * variance);
    all.shift(&pull_all, by, shrink);
    one.shift(&pull_one, by, shrink);
}

/// The score `m` with `m = before + variance · (label - sigmoid(m))`, by bisection: the right side falls as `m` grows.
fn mode(before: f64, variance: f64, bad: bool) -> f64 {
    let label = if bad { 1.0 } else { 0.0 };
    let (mut low, mut high) = if bad {
        (before, before + variance)
    } else {
        (before - variance, before)
    };
    for _ in 0..HALVINGS {
        let middle = low + (high - low) / 2.0;
        if before + variance * (label - sigmoid(middle)) > middle {
            low = middle;
        } else {
            high = middle;
        }
    }
    low + (high - low) / 2.0
}

fn dot(left: &[f64; INPUTS], right: &[f64; INPUTS]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_balances_prior_and_label() {
        for (before, variance, bad) in [
            (-12.0, 40.0, true),
            (3.0, 0.5, false),
            (0.0, 1e4, true),
            (5.0, 0.0, true),
        ] {
            let found = mode(before, variance, bad);
            let label = if bad { 1.0 } else { 0.0 };
            let off = before + variance * (label - sigmoid(found)) - found;
            assert!(
                off.abs() < 1e-6 * (1.0 + variance),
                "{before} {variance} {bad}: {found}"
            );
        }
    }

    #[test]
    fn a_label_moves_both_and_makes_both_surer() {
        let prior = || Gaussian::new([0.0; INPUTS], [1.0; INPUTS]);
        let (mut all, mut one) = (prior(), Gaussian::new([0.0; INPUTS], [0.1; INPUTS]));
        let inputs = [1.0; INPUTS];
        learn(&mut all, &mut one, &inputs, true);
        assert!(all.score(&inputs) > 9.0 * one.score(&inputs) && one.score(&inputs) > 0.0);
        assert!(all.pull(&inputs).1 < prior().pull(&inputs).1);
        assert!(all.is_sound());
    }
}
