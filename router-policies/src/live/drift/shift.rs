//! A signal that is distributed otherwise than it was.

use serde::{Deserialize, Serialize};

use super::WINDOW;
use crate::number::{count, real};

/// Parts of equal size that the reference is cut into.
const PARTS: usize = 10;

/// A population stability index below this is not worth an alarm, however significant. The usual reading: below 0.1 no
/// change, above 0.25 a great one.
const LEAST: f64 = 0.2;

/// The quantile of the standard normal distribution at `1 - 1e-6`: how seldom a window may be alarmed by chance.
const SELDOM: f64 = 4.753;

/// Compares windows of a signal with the first values seen.
///
/// The measure is the population stability index, `Σ (q - p) ln(q / p)` over the parts of the reference. Without a change
/// it is distributed about as `(1/n + 1/m)` times a chi-squared variable with one degree of freedom less than there are parts
/// (Yurdakul 2018), so the limit follows from how seldom a window may be alarmed by chance: with 500 and 500 values and ten
/// parts, 0.2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Shift {
    Collecting(Vec<f64>),
    Watching {
        /// Upper edges of all parts but the last.
        edges: Vec<f64>,
        reference: Vec<u64>,
        window: Vec<u64>,
    },
}

impl Shift {
    pub(super) const fn new() -> Self {
        Self::Collecting(Vec::new())
    }

    /// Takes a value in. At the end of a window that differs too much, gives the index and its limit. Values above
    /// `alike` are not told apart.
    pub(super) fn observe(&mut self, value: f64, alike: Option<f64>) -> Option<(f64, f64)> {
        match self {
            Self::Collecting(values) => {
                values.push(value);
                if values.len() >= WINDOW {
                    *self = Self::cut(std::mem::take(values));
                }
                None
            }
            Self::Watching {
                edges,
                reference,
                window,
            } => {
                add(window, edges, value);
                if window.iter().sum::<u64>() < count(WINDOW) {
                    return None;
                }
                let parts = alike.map_or(edges.len(), |from| {
                    edges.partition_point(|edge| *edge < from)
                });
                let [before, now] = [&*reference, &*window].map(|counts| merged(counts, parts));
                let found = (index(&before, &now), limit(&before, &now));
                window.fill(0);
                (found.0 >= found.1).then_some(found)
            }
        }
    }

    /// Cuts the reference into parts.
    fn cut(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let quantiles = (1..PARTS).filter_map(|part| values.get(part * values.len() / PARTS));
        let mut edges: Vec<f64> = quantiles.copied().collect();
        // What is below all of the reference gets a part of its own where many share the lowest value.
        if let Some(lowest) = values.first()
            && edges.first() == Some(lowest)
        {
            edges.insert(0, lowest.next_down());
        }
        edges.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let mut reference = vec![0; edges.len() + 1];
        for value in values {
            add(&mut reference, &edges, value);
        }
        Self::Watching {
            window: vec![0; reference.len()],
            edges,
            reference,
        }
    }
}

fn add(counts: &mut [u64], edges: &[f64], value: f64) {
    if let Some(part) = counts.get_mut(edges.partition_point(|edge| *edge < value)) {
        *part += 1;
    }
}

/// The first parts as they are, all others in one.
fn merged(counts: &[u64], parts: usize) -> Vec<u64> {
    let (first, rest) = counts.split_at(parts.min(counts.len()));
    first.iter().copied().chain([rest.iter().sum()]).collect()
}

/// The population stability index. Half a value is added to every part, so that empty ones do no harm.
fn index(reference: &[u64], window: &[u64]) -> f64 {
    let shares = |counts: &[u64]| -> Vec<f64> {
        let total = real(counts.iter().sum()) + 0.5 * real(count(counts.len()));
        counts.iter().map(|c| (real(*c) + 0.5) / total).collect()
    };
    let (p, q) = (shares(reference), shares(window));
    p.iter().zip(q).map(|(p, q)| (q - p) * (q / p).ln()).sum()
}

/// The index that one window in a million exceeds by chance, at least [`LEAST`]. The quantile of chi-squared is that of
/// Wilson and Hilferty (1931).
fn limit(reference: &[u64], window: &[u64]) -> f64 {
    let degrees = real(count(reference.len().saturating_sub(1).max(1)));
    let spread = 2.0 / (9.0 * degrees);
    let quantile = degrees * (1.0 - spread + SELDOM * spread.sqrt()).powi(3);
    let sizes = [reference, window].map(|counts| 1.0 / real(counts.iter().sum::<u64>().max(1)));
    (quantile * sizes.iter().sum::<f64>()).max(LEAST)
}
