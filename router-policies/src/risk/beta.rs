//! Quantiles of the beta distribution.

use std::f64::consts::PI;

/// The `x` with `P(X ≤ x) = probability` for `X` beta-distributed, by bisection. 1 where a parameter is not positive.
pub(crate) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    // 60 halvings are more exact than anyone reads a quantile.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beta_cdf(middle, a, b) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The regularised incomplete beta function `I_x(a, b)`, by its continued fraction (*Digital Library of Mathematical
/// Functions*, 8.17.22), evaluated by the method of Lentz as modified by Thompson and Barnett (1986).
pub(crate) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    // The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        (front.exp() / (a * fraction(x, a, b))).clamp(0.0, 1.0)
    } else {
        (1.0 - front.exp() / (b * fraction(1.0 - x, b, a))).clamp(0.0, 1.0)
    }
}

/// `1 + d1 x / (1 + d2 x / (1 + …))`.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut f, mut c, mut d) = (1.0, 1.0, 0.0);
    for step in 1..=2_000_u32 {
        let m = f64::from(step / 2);
        let term = if step % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / away_from_zero(1.0 + term * d);
        c = away_from_zero(1.0 + term / c);
        let change: f64 = c * d;
        f *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    f
}

/// `ln Γ(x)` for `x > 0`: Stirling's series, after stepping up to where it has converged.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 16.0 {
        product *= x;
        x += 1.0;
    }
    let square = x * x;
    let series = 1.0 / 1680.0;
    let series = 1.0 / 1260.0 - series / square;
    let series = 1.0 / 360.0 - series / square;
    let series = (1.0 / 12.0 - series / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::super::binomial_cdf;
    use super::*;

    /// `P(Binomial(n, p) ≤ k) = I_{1-p}(n - k, k + 1)`.
    #[test]
    fn it_agrees_with_the_binomial() {
        for (k, n, p) in [
            (0_u32, 114_u32, 0.02),
            (3, 500, 0.02),
            (5, 40, 0.3),
            (450, 1000, 0.5),
        ] {
            let expected = binomial_cdf(u64::from(k), u64::from(n), p);
            let found = beta_cdf(1.0 - p, f64::from(n - k), f64::from(k + 1));
            assert!((found - expected).abs() < 1e-11, "{found} {expected}");
        }
    }

    #[test]
    fn quantiles_undo_the_distribution() {
        for (a, b) in [(0.2, 0.8), (0.5, 0.5), (2.0, 300.0), (1e4, 1e6)] {
            for probability in [0.5, 0.9, 0.99] {
                let x = beta_quantile(probability, a, b);
                assert!((beta_cdf(x, a, b) - probability).abs() < 1e-9, "{a} {b}");
            }
        }
        assert!(beta_quantile(0.9, 0.0, 1.0) > 0.999);
    }

    #[test]
    fn gamma_of_whole_numbers_and_halves() {
        assert!((ln_gamma(11.0) - 3_628_800_f64.ln()).abs() < 1e-12);
        assert!((ln_gamma(0.5) - PI.sqrt().ln()).abs() < 1e-13);
    }
}
