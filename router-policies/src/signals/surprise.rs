//! Quantiles of a stream of surprises in constant memory.

use crate::number::real;

/// Upper edges of the bins, in nats; the last bin is open. The 1-2-5 series keeps the relative width of a bin about
/// the same from tokens that were certain (0.001) to tokens that were nearly impossible (50).
const EDGES: [f64; 15] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0,
];

/// A histogram of surprises, `-ln p` in nats, that remembers the mean of each bin.
///
/// A quantile is the mean of the bin it falls into: exact while every bin holds equal values, as in drafts of a
/// few tokens, and never off by more than the width of a bin.
#[derive(Debug, Clone, Default)]
pub(super) struct Surprises {
    bins: [Bin; EDGES.len() + 1],
    most: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: u64,
    sum: f64,
}

impl Surprises {
    /// Takes in one surprise, at least 0.
    pub(super) fn push(&mut self, surprise: f64) {
        let bin = EDGES.partition_point(|&edge| edge < surprise);
        if let Some(bin) = self.bins.get_mut(bin) {
            bin.count += 1;
            bin.sum += surprise;
        }
        self.most = self.most.max(surprise);
    }

    /// The greatest surprise; 0 if there was none.
    pub(super) const fn most(&self) -> f64 {
        self.most
    }

    /// The surprise that a share `q` of all tokens does not exceed; 0 if there was none.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| bin.count).sum();
        let rank = q * real(total);
        let mut below = 0;
        for bin in &self.bins {
            below += bin.count;
            if bin.count > 0 && real(below) >= rank {
                return bin.sum / real(bin.count);
            }
        }
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::Surprises;

    #[test]
    fn quantiles_of_a_few_tokens_are_exact() {
        let mut surprises = Surprises::default();
        for value in [0.0, 0.03, 3.0, 0.3, 30.0] {
            surprises.push(value);
        }
        assert!((surprises.quantile(0.5) - 0.3).abs() < 1e-12);
        assert!((surprises.quantile(0.9) - 30.0).abs() < 1e-12);
        assert!(surprises.quantile(0.1).abs() < 1e-12);
        assert!((surprises.most() - 30.0).abs() < 1e-12);
    }

    #[test]
    fn quantiles_of_many_tokens_are_within_a_bin() {
        let mut surprises = Surprises::default();
        for step in 0..1000_u32 {
            surprises.push(f64::from(step) / 1000.0);
        }
        assert!((0.2..=0.5).contains(&surprises.quantile(0.4)));
        assert!((0.5..=1.0).contains(&surprises.quantile(0.9)));
    }

    #[test]
    fn nothing_seen_is_no_surprise() {
        assert!(Surprises::default().quantile(0.5).abs() < f64::EPSILON);
    }
}
