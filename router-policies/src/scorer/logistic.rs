//! Penalised logistic regression by Newton's method.

use crate::number::sigmoid;

/// Rounds after which a fit that has not settled is given up; a dozen are usual.
const MOST_ROUNDS: usize = 100;
/// Halvings of one step after which no better point is expected along it.
const MOST_HALVINGS: usize = 40;
/// A step that changes no coefficient by more than this ends the fit.
const SETTLED: f64 = 1e-9;

/// Where coefficients are held without evidence, and how firmly: the mean and the inverse variance of each, as a normal
/// prior. A precision of 0 leaves a coefficient free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prior<const N: usize> {
    pub(crate) mean: [f64; N],
    pub(crate) precision: [f64; N],
}

impl<const N: usize> Prior<N> {
    /// A ridge: held at zero.
    pub(crate) const fn ridge(precision: [f64; N]) -> Self {
        Self {
            mean: [0.0; N],
            precision,
        }
    }

    fn pulls(&self, weights: &[f64; N]) -> [f64; N] {
        std::array::from_fn(|i| self.precision[i] * (weights[i] - self.mean[i]))
    }
}

/// The coefficients that minimise `Σ cross-entropy(target, sigmoid(w·x)) + ½ Σ precision·(w - mean)²` over `rows` of inputs
/// `x` and targets in `[0, 1]`.
///
/// Newton's method, which for this loss is iteratively reweighted least squares (Hastie, Tibshirani and Friedman, *The
/// Elements of Statistical Learning*, §4.4.1); a step that does not improve the objective is halved until it does.
/// The objective is convex, so there is one optimum and the way to it does not matter. `None` if the numbers are too
/// wild for it to be found.
pub(crate) fn minimise<const N: usize>(
    rows: &[([f64; N], f64)],
    prior: &Prior<N>,
) -> Option<[f64; N]> {
    let mut weights = prior.mean;
    let mut best = objective(rows, prior, &weights);
    for _ in 0..MOST_ROUNDS {
        let (gradient, curvature) = derivatives(rows, prior, &weights);
        let step = solve(curvature, gradient)?;
        let mut length = 1.0;
        let mut moved = false;
        for _ in 0..MOST_HALVINGS {
            let candidate: [f64; N] = std::array::from_fn(|i| weights[i] - length * step[i]);
            let reached = objective(rows, prior, &candidate);
            if reached <= best {
                moved = true;
                weights = candidate;
                best = reached;
                break;
            }
            length /= 2.0;
        }
        let largest = step.iter().fold(0.0, |most: f64, s| most.max(s.abs()));
        // No better point along the step: the optimum is reached to within rounding.
        if !moved || largest * length <= SETTLED {
            return weights.iter().all(|w| w.is_finite()).then_some(weights);
        }
    }
    None
}

fn objective<const N: usize>(
    rows: &[([f64; N], f64)],
    prior: &Prior<N>,
    weights: &[f64; N],
) -> f64 {
    let pulls = prior.pulls(weights);
    let away = weights.iter().zip(prior.mean).zip(pulls);
    let ridge: f64 = away.map(|((w, mean), pull)| pull * (w - mean) / 2.0).sum();
    let loss = rows.iter().map(|(inputs, target)| {
        let z = dot(weights, inputs);
        // ln(1 + e^z) - target·z, without overflow.
        z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
    });
    ridge + loss.sum::<f64>()
}

/// Gradient and lower triangle of the Hessian of the objective.
fn derivatives<const N: usize>(
    rows: &[([f64; N], f64)],
    prior: &Prior<N>,
    weights: &[f64; N],
) -> ([f64; N], [[f64; N]; N]) {
    let mut gradient = prior.pulls(weights);
    let mut curvature = [[0.0; N]; N];
    for (i, row) in curvature.iter_mut().enumerate() {
        row[i] = prior.precision[i];
    }
    for (inputs, target) in rows {
        let p = sigmoid(dot(weights, inputs));
        let spread = p * (1.0 - p);
        for (i, input) in inputs.iter().enumerate() {
            // Features that never varied are all zeros and would only cost time.
            if input.abs() <= 0.0 {
                continue;
            }
            gradient[i] += (p - target) * input;
            let pull = spread * input;
            for (entry, other) in curvature[i].iter_mut().zip(&inputs[..=i]) {
                *entry += pull * other;
            }
        }
    }
    (gradient, curvature)
}

/// Solves `matrix · x = right` for a symmetric positive definite matrix, of which only the lower triangle is read, by Cholesky's decomposition; `None` if it is not
/// one.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for j in 0..N {
        for i in j..N {
            let known: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - known;
            matrix[i][j] = if i == j {
                // An unpenalised direction in which the loss is flat gets the least curvature that keeps it solvable.
                if rest.is_nan() {
                    return None;
                } else {
                    rest.max(1e-12).sqrt()
                }
            } else {
                rest / matrix[j][j]
            };
        }
    }
    for i in 0..N {
        let known: f64 = (0..i).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|k| matrix[k][i] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    right.iter().all(|x| x.is_finite()).then_some(right)
}

fn dot<const N: usize>(left: &[f64; N], right: &[f64; N]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::{Prior, minimise, solve};

    #[test]
    fn solves_a_small_system() {
        let x = solve(
            [[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]],
            [8.0, 15.0, 11.0],
        )
        .unwrap();
        for (found, expected) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn finds_the_log_odds_of_a_group() {
        // One free coefficient per group: the optimum is the log-odds of the group's rate.
        let group = |bad: u32, good: u32, x: [f64; 2]| {
            let rows = (0..bad).map(move |_| (x, 1.0));
            rows.chain((0..good).map(move |_| (x, 0.0)))
        };
        let rows: Vec<_> = group(3, 1, [1.0, 0.0])
            .chain(group(1, 9, [0.0, 1.0]))
            .collect();
        let weights = minimise(&rows, &Prior::ridge([0.0, 0.0])).unwrap();
        assert!((weights[0] - 3.0_f64.ln()).abs() < 1e-8);
        assert!((weights[1] + 9.0_f64.ln()).abs() < 1e-8);
    }

    #[test]
    fn a_penalty_keeps_separable_rows_finite() {
        let rows = [([1.0, -2.0], 0.0), ([1.0, 2.0], 1.0)];
        let weights = minimise(&rows, &Prior::ridge([0.0, 1.0])).unwrap();
        assert!(weights[1] > 0.1 && weights[1] < 2.0);
        assert!(weights[0].abs() < 1e-8);
    }

    #[test]
    fn without_rows_the_prior_stands() {
        let prior = Prior {
            mean: [2.0, -1.0],
            precision: [1.0, 4.0],
        };
        assert_eq!(minimise(&[], &prior), Some(prior.mean));
        let weights = minimise(&[([1.0, 0.0], 0.0)], &prior).unwrap();
        assert!(weights[0] < 1.5 && weights[0] > 0.0 && (weights[1] + 1.0).abs() < 1e-9);
    }

    #[test]
    fn gives_up_on_nan() {
        assert_eq!(minimise(&[([f64::NAN], 1.0)], &Prior::ridge([1.0])), None);
    }
}
