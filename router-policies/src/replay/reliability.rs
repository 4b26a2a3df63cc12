//! How honest probabilities are: of the drafts given 90 %, nine in ten should be right.

use crate::number::{count, real};
use crate::units::Probability;

/// Number of bins of equal width, as in Guo et al. 2017.
pub const BINS: usize = 15;

/// The rows whose confidence falls into one interval `(i / 15, (i + 1) / 15]`; 0 is in the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    /// Rows.
    pub rows: u64,
    /// Mean of what was predicted for them, 0 to 1.
    pub predicted: f64,
    /// Mean of what came true, 0 to 1.
    pub observed: f64,
}

/// Sorts predictions into [`BINS`] bins. Each row is what was predicted and what came true, graded from 0 to 1.
pub fn reliability(rows: impl IntoIterator<Item = (Probability, Probability)>) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for (predicted, observed) in rows {
        if let Some(bin) = bins.get_mut(index(predicted)) {
            bin.rows += 1;
            bin.predicted += predicted.get();
            bin.observed += observed.get();
        }
    }
    for bin in bins.iter_mut().filter(|bin| bin.rows > 0) {
        bin.predicted /= real(bin.rows);
        bin.observed /= real(bin.rows);
    }
    bins
}

fn index(predicted: Probability) -> usize {
    let scaled = predicted.get() * real(count(BINS));
    // The last bin whose lower edge lies strictly below, found by counting.
    (1..BINS)
        .take_while(|edge| scaled > real(count(*edge)))
        .count()
}

/// The expected calibration error: the mean over all rows of how far their bin's prediction is off (Guo, Pleiss, Sun
/// and Weinberger 2017, *On Calibration of Modern Neural Networks*, eq. 3). `None` without rows.
pub fn expected_error(bins: &[Bin]) -> Option<f64> {
    let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
    let off = |bin: &Bin| real(bin.rows) * (bin.predicted - bin.observed).abs();
    (rows > 0).then(|| bins.iter().map(off).sum::<f64>() / real(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(value: f64) -> Probability {
        Probability::new(value).unwrap()
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        for (confidence, bin) in [
            (0.0, 0),
            (1.0 / 15.0, 0),
            (0.067, 1),
            (0.6, 8),
            (0.601, 9),
            (1.0, 14),
        ] {
            assert_eq!(index(p(confidence)), bin, "{confidence}");
        }
    }

    #[test]
    fn the_error_by_hand() {
        // Two rows at 0.9 of which one is right, two at 0.5 of which one is right: (2 · 0.4 + 2 · 0) / 4.
        let rows = [(0.9, 1.0), (0.9, 0.0), (0.5, 1.0), (0.5, 0.0)];
        let bins = reliability(rows.map(|(c, y)| (p(c), p(y))));
        assert!((expected_error(&bins).unwrap() - 0.2).abs() < 1e-12);
        assert_eq!(expected_error(&reliability([])), None);
    }
}
