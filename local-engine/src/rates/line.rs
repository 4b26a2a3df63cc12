//! A straight line through samples that come one by one.

/// Weight of the newest sample: about the last forty count.
const WEIGHT: f64 = 0.05;
/// A sample farther from the line than so many usual distances counts as if it were that far: one stall must not teach.
const OUTLIER: f64 = 4.0;
/// Samples before anything is an outlier.
const YOUNG: u32 = 8;
/// How much the slope is drawn to the line through the origin, as a share of the squared mean of `x`: where all samples are
/// about equally long, their differences say little.
const PULL: f64 = 0.01;

/// `y = fixed + slope · x` by least squares with exponential forgetting. Neither part is ever negative. The slope has a ridge
/// towards that of the line through the origin and the mean, so one sample gives a proportion and several of different `x`
/// tell the two parts apart (Hoerl and Kennard 1970). Distances are cut as in Huber's estimator (1964).
/// Constant time and memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Line {
    samples: u32,
    x: f64,
    y: f64,
    /// Mean of `(x - mean)²`, and of `(x - mean)(y - mean)`.
    xx: f64,
    xy: f64,
    /// Usual distance from the line.
    spread: f64,
    /// Slope to assume before the first sample.
    declared: Option<f64>,
}

impl Line {
    /// Through the origin with this slope, until there are samples.
    pub(crate) fn starting_at(slope: Option<f64>) -> Self {
        Self {
            declared: slope,
            ..Self::default()
        }
    }

    /// The expected `y`; `None` while nothing is known.
    pub(crate) fn at(&self, x: f64) -> Option<f64> {
        if self.samples == 0 {
            return Some(self.declared? * x);
        }
        let (fixed, slope) = self.parts();
        Some(fixed + slope * x)
    }

    /// Takes in one sample, both of whose parts are at least 0.
    pub(crate) fn learn(&mut self, x: f64, y: f64) {
        let y = self.cut(x, y);
        self.samples = self.samples.saturating_add(1);
        // The first samples count alike.
        let weight = WEIGHT.max(1.0 / f64::from(self.samples));
        let (dx, dy) = (x - self.x, y - self.y);
        self.x += weight * dx;
        self.y += weight * dy;
        self.xx = (1.0 - weight) * (self.xx + weight * dx * dx);
        self.xy = (1.0 - weight) * (self.xy + weight * dx * dy);
    }

    fn cut(&mut self, x: f64, y: f64) -> f64 {
        let Some(expected) = self.at(x).filter(|_| self.samples > 0) else {
            return y;
        };
        let distance = y - expected;
        let reach = OUTLIER * self.spread;
        let cut = if self.samples >= YOUNG {
            distance.clamp(-reach, reach)
        } else {
            distance
        };
        // A change that lasts widens the reach until it is believed.
        let felt = distance.abs().min(2.0 * reach + f64::MIN_POSITIVE);
        let felt = if self.samples >= YOUNG {
            felt
        } else {
            distance.abs()
        };
        let weight = WEIGHT.max(1.0 / f64::from(self.samples));
        self.spread += weight * (felt - self.spread);
        // A line that fits exactly has no usual distance; half a percent of what is usual lets it move.
        self.spread = self.spread.max(0.005 * self.y);
        expected + cut
    }

    fn parts(&self) -> (f64, f64) {
        let through_origin = if self.x > 0.0 { self.y / self.x } else { 0.0 };
        let pull = PULL * self.x * self.x;
        let known = self.xx + pull;
        let slope = if known > 0.0 {
            ((self.xy + pull * through_origin) / known).max(0.0)
        } else {
            through_origin
        };
        let fixed = self.y - slope * self.x;
        if fixed < 0.0 {
            (0.0, through_origin)
        } else {
            (fixed, slope)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taught(samples: impl IntoIterator<Item = (f64, f64)>) -> Line {
        let mut line = Line::default();
        for (x, y) in samples {
            line.learn(x, y);
        }
        line
    }

    fn near(line: &Line, x: f64, y: f64, share: f64) {
        let found = line.at(x).unwrap();
        assert!((found - y).abs() <= share * y, "{found} is not near {y}");
    }

    /// Lengths that repeat without order.
    fn lengths() -> impl Iterator<Item = f64> {
        (0..200_u32).map(|n| f64::from(5 + (n * 37) % 400))
    }

    #[test]
    fn one_sample_is_a_proportion() {
        near(&taught([(10.0, 5.0)]), 20.0, 10.0, 1e-12);
    }

    #[test]
    fn two_lengths_tell_the_parts_apart() {
        let line = taught([(10.0, 12.0), (100.0, 30.0)]);
        near(&line, 10.0, 12.0, 0.05);
        near(&line, 100.0, 30.0, 0.05);
    }

    #[test]
    fn equal_lengths_stay_exact_where_they_are() {
        near(&taught([(50.0, 3.0); 30]), 50.0, 3.0, 1e-9);
    }

    #[test]
    fn one_stall_in_twenty_changes_little() {
        let samples = lengths().enumerate().map(|(n, x)| {
            let stall = if n % 20 == 19 { 300.0 } else { 0.0 };
            (x, 1.0 + 0.01 * x + stall)
        });
        let line = taught(samples);
        near(&line, 100.0, 2.0, 0.12);
        near(&line, 400.0, 5.0, 0.12);
    }

    #[test]
    fn a_machine_that_became_slower_is_believed() {
        let mut line = taught(lengths().map(|x| (x, 1.0 + 0.01 * x)));
        for x in lengths().take(120) {
            line.learn(x, 3.0 + 0.03 * x);
        }
        near(&line, 100.0, 6.0, 0.1);
    }

    proptest! {
        #[test]
        fn never_negative_and_never_falling(
            samples in prop::collection::vec((0.0..1e5_f64, 0.0..1e3_f64), 1..60),
            x in 0.0..1e5_f64,
        ) {
            let line = taught(samples);
            let (near, far) = (line.at(x).unwrap(), line.at(2.0 * x).unwrap());
            prop_assert!(near >= 0.0 && near.is_finite());
            prop_assert!(far >= near);
        }
    }
}
