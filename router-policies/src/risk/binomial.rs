//! Exact binomial tails.

use std::f64::consts::PI;

use crate::number::{count, real};
use crate::units::Probability;

/// `P(X ≤ k)` for `X` binomial with `n` trials of probability `p`, to about 12 digits for any `n` up to a million and
/// beyond. `p` outside `[0, 1]` is taken as the nearer end; NaN gives NaN.
///
/// The largest term of the shorter tail is computed by Loader's saddle-point expansion (*Fast and accurate computation
/// of binomial probabilities*, 2000), which stays accurate where log-gamma functions cancel; the others follow from it by
/// ratios until they no longer count, which takes about `√n` of them.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if p.is_nan() {
        return p;
    }
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return 0.0;
    }
    let (n_real, k_real) = (real(n), real(k));
    if k_real <= n_real * p {
        // Downward from k: term(i - 1) = term(i) · i (1 - p) / ((n - i + 1) p).
        let ratio = |i: u64| real(i) * (1.0 - p) / (real(n - i + 1) * p);
        tail(pmf(k, n, p), (1..=k).rev().map(ratio)).min(1.0)
    } else {
        // The upper tail from k + 1: term(i + 1) = term(i) · (n - i) p / ((i + 1) (1 - p)).
        let ratio = |i: u64| real(n - i) * p / (real(i + 1) * (1.0 - p));
        (1.0 - tail(pmf(k + 1, n, p), (k + 1..n).map(ratio))).max(0.0)
    }
}

/// The sum of terms that start with `first` and go on by `ratios`, which fall below 1 and go on falling.
fn tail(first: f64, ratios: impl Iterator<Item = f64>) -> f64 {
    // Relative to the first term, so that it can be tiny without harm.
    let (mut sum, mut term) = (1.0, 1.0);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
    }
    first * sum
}

/// `P(X = k)` with `0 < p < 1`, by Loader's expansion.
fn pmf(k: u64, n: u64, p: f64) -> f64 {
    let (k_real, n_real) = (real(k), real(n));
    if k == 0 {
        return (n_real * (-p).ln_1p()).exp();
    }
    if k == n {
        return (n_real * p.ln()).exp();
    }
    let rest = real(n - k);
    let exponent = stirling_error(n)
        - stirling_error(k)
        - stirling_error(n - k)
        - deviance(k_real, n_real * p)
        - deviance(rest, n_real * (1.0 - p));
    exponent.exp() * (n_real / (2.0 * PI * k_real * rest)).sqrt()
}

/// `ln n! - ln(√(2πn) (n/e)^n)`, the error of Stirling's formula, for `n ≥ 1`.
fn stirling_error(n: u64) -> f64 {
    // Below 16 the series has not converged, and n! is exact in 64 bits.
    if n < 16 {
        let factorial = (1..=n).map(real).product::<f64>();
        let n = real(n);
        return factorial.ln() - (0.5 * (2.0 * PI * n).ln() + n * n.ln() - n);
    }
    let n = real(n);
    let square = n * n;
    // Stirling's series, 1/12n - 1/360n³ + 1/1260n⁵ - 1/1680n⁷ + 1/1188n⁹.
    let series = 1.0 / 1188.0;
    let series = 1.0 / 1680.0 - series / square;
    let series = 1.0 / 1260.0 - series / square;
    let series = 1.0 / 360.0 - series / square;
    (1.0 / 12.0 - series / square) / n
}

/// `x ln(x / mean) + mean - x`, without cancellation when the two are close.
fn deviance(x: f64, mean: f64) -> f64 {
    let difference = x - mean;
    if difference.abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() + mean - x;
    }
    let v = difference / (x + mean);
    let square = v * v;
    let mut sum = difference * v;
    let mut power = 2.0 * x * v;
    // 2x Σ v^(2j+1) / (2j+1); v is below 0.1, so 12 terms leave nothing out.
    for odd in (3..=25_u32).step_by(2) {
        power *= square;
        sum += power / f64::from(odd);
    }
    sum
}

/// The one-sided upper confidence bound of Clopper and Pearson (1934) on a probability of which `k` successes in `n`
/// trials were seen: the `p` with `P(X ≤ k) = delta`, found by bisection and rounded up. Holds with probability at least
/// `1 - delta`. 1 if `k ≥ n`, so also without any trial.
pub fn upper_bound(k: u64, n: u64, delta: f64) -> Probability {
    if k >= n {
        return Probability::ONE;
    }
    let (mut low, mut high) = (real(k) / real(n), 1.0);
    // Each round halves the interval; 200 are more than the bits of a double even near 0.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if binomial_cdf(k, n, middle) > delta {
            low = middle;
        } else {
            high = middle;
        }
    }
    Probability::of_bad(high)
}

/// The least whole number that is not below `x`; 0 for NaN and negative numbers.
pub(super) fn ceiling(x: f64) -> u64 {
    let bits = (0..63).rev();
    bits.fold(0, |below, bit| {
        let next = below + (1_u64 << bit);
        if real(next) < x { next } else { below }
    }) + count(usize::from(x > 0.0))
}
