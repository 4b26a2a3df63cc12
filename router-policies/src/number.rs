//! The few conversions and functions of real numbers that several modules share.

/// A count as a real number. Exact below 2^53, which no count of labels or tokens reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of labels and tokens stay far below 2^53, where the conversion is exact"
)]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}

/// The length of a slice as a count. A length that does not fit saturates; no machine has such a slice.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// `1 / (1 + exp(-x))` without overflow at either end.
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let odds = x.exp();
        odds / (1.0 + odds)
    }
}

/// `ln(p / (1 - p))`, the inverse of [`sigmoid`]; infinite at 0 and 1.
pub(crate) fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::{logit, sigmoid};

    #[test]
    fn logit_undoes_sigmoid() {
        for x in [-30.0, -5.5, -0.1, 0.0, 0.3, 4.0, 12.0] {
            assert!(
                (logit(sigmoid(x)) - x).abs() < 1e-9 * (1.0 + f64::exp(x)),
                "{x}"
            );
        }
    }

    #[test]
    fn sigmoid_saturates_without_overflow() {
        assert!(sigmoid(-1e9) >= 0.0 && sigmoid(-1e9) < 1e-300);
        assert!((sigmoid(1e9) - 1.0).abs() < f64::EPSILON);
    }
}
