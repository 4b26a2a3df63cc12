//! How far a figure could be off by the luck of the draw (Efron 1979).

use std::fmt;

use router_policies::{Outcome, Ranking};

const SAMPLES: usize = 500;

/// A figure with its 95 % interval.
pub(crate) struct Interval {
    value: f64,
    low: f64,
    high: f64,
}

/// AUROC and APGR of several methods on the same samples of rows.
pub(crate) struct Resampled {
    /// Per method, of all rows.
    whole: Vec<[f64; 2]>,
    /// Per method, of each sample.
    samples: Vec<Vec<[f64; 2]>>,
}

impl Resampled {
    /// All methods' outcomes are of the same rows in the same order.
    pub(crate) fn new(outcomes: &[Vec<Outcome>]) -> Self {
        let size = outcomes.first().map_or(0, Vec::len);
        let mut random = 0x5EED_u64;
        let mut samples: Vec<Vec<[f64; 2]>> = outcomes.iter().map(|_| Vec::new()).collect();
        for _ in 0..SAMPLES {
            let drawn: Vec<usize> = (0..size).map(|_| pick(&mut random, size)).collect();
            for (own, rows) in samples.iter_mut().zip(outcomes) {
                let sample: Vec<Outcome> =
                    drawn.iter().filter_map(|i| rows.get(*i).copied()).collect();
                own.push(figures(&sample));
            }
        }
        Self {
            whole: outcomes.iter().map(|rows| figures(rows)).collect(),
            samples,
        }
    }

    /// AUROC and APGR of one method.
    pub(crate) fn intervals(&self, method: usize) -> Result<[Interval; 2], &'static str> {
        let samples = self.samples.get(method).ok_or("no such method")?;
        let whole = self.whole.get(method).ok_or("no such method")?;
        let interval = |figure: fn(&[f64; 2]) -> f64| {
            Interval::new(figure(whole), samples.iter().map(figure).collect())
        };
        Ok([interval(|f| f[0]), interval(|f| f[1])])
    }

    /// AUROC of one method less that of another.
    pub(crate) fn difference(&self, one: usize, other: usize) -> Result<Interval, &'static str> {
        let at = |index: usize| Some((self.whole.get(index)?, self.samples.get(index)?));
        let (one, other) = at(one).zip(at(other)).ok_or("no such method")?;
        let samples = one
            .1
            .iter()
            .zip(other.1)
            .map(|(a, b)| a[0] - b[0])
            .collect();
        Ok(Interval::new(one.0[0] - other.0[0], samples))
    }
}

fn figures(rows: &[Outcome]) -> [f64; 2] {
    let ranking = Ranking::new(rows);
    let figure = |f: fn(&Ranking) -> Option<f64>| ranking.as_ref().and_then(f).unwrap_or(f64::NAN);
    [figure(Ranking::auroc), figure(Ranking::apgr)]
}

impl Interval {
    fn new(value: f64, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |index: usize| samples.get(index).copied().unwrap_or(f64::NAN);
        Self {
            value,
            low: at(SAMPLES / 40),
            high: at(SAMPLES - 1 - SAMPLES / 40),
        }
    }

    /// With a sign on every number, for differences.
    pub(crate) fn signed(&self) -> String {
        format!("{:+.4} [{:+.4}, {:+.4}]", self.value, self.low, self.high)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!(
            "{:.3} [{:.3}, {:.3}]",
            self.value, self.low, self.high
        ))
    }
}

/// Uniform below `size`.
pub(crate) fn pick(state: &mut u64, size: usize) -> usize {
    let size = u64::try_from(size.max(1)).unwrap_or(u64::MAX);
    usize::try_from(next(state) % size).unwrap_or(0)
}

/// Uniform in `[0, 1)`.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
pub(crate) fn uniform(state: &mut u64) -> f64 {
    (next(state) >> 11) as f64 / (1_u64 << 53) as f64
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
