//! Making scores honest: of the drafts given 10 %, one in ten should be bad.

use serde::{Deserialize, Serialize};

use super::ScorerError;
use super::logistic::{self, Prior};
use crate::number::{count, logit, real};
use crate::units::Probability;

/// A strictly increasing map from scores, in log-odds, to calibrated log-odds.
///
/// Strictly, because a plateau would tie drafts that the score can order, and a risk certificate can only take or leave
/// tied drafts together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Calibration {
    /// `slope · score + intercept` (Platt 1999).
    Platt { slope: f64, intercept: f64 },
    /// Steps of isotonic regression, strictly increasing in both values. Between the centres of two steps log-odds are
    /// interpolated linearly, as in centred isotonic regression (Oron and Flournoy 2017); beyond the outermost ones
    /// they go on with slope 1, the slope of scores that were right to begin with.
    Isotonic { steps: Vec<Step> },
}

/// One step of isotonic regression.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Mean score of its rows.
    score: f64,
    /// Share of its rows that were bad.
    p_bad: Probability,
}

/// Least slope of Platt's sigmoid. Scores that carry no information, or the wrong one, still order drafts; their
/// probabilities all stay near the base rate.
const LEAST_SLOPE: f64 = 0.01;

impl Calibration {
    /// Platt's sigmoid, with his smoothed targets, fitted to scores and labels of both kinds.
    pub(crate) fn platt(scored: &[(f64, bool)]) -> Result<Self, ScorerError> {
        let bad = real(count(scored.iter().filter(|(_, bad)| *bad).count()));
        let all = real(count(scored.len()));
        let targets = [1.0 / (all - bad + 2.0), (bad + 1.0) / (bad + 2.0)];
        let rows: Vec<([f64; 2], f64)> = scored
            .iter()
            .map(|&(score, bad)| ([1.0, score], targets[usize::from(bad)]))
            .collect();
        let [intercept, slope] =
            logistic::minimise(&rows, &Prior::ridge([0.0, 0.0])).ok_or(ScorerError::NoOptimum)?;
        if slope >= LEAST_SLOPE {
            return Ok(Self::Platt { slope, intercept });
        }
        let mean = scored.iter().map(|(score, _)| score).sum::<f64>() / all;
        let base = logit((bad + 1.0) / (all + 2.0));
        Ok(Self::Platt {
            slope: LEAST_SLOPE,
            intercept: base - LEAST_SLOPE * mean,
        })
    }

    /// Isotonic regression by pooling adjacent violators (Barlow et al. 1972).
    ///
    /// Shares of exactly 0 and 1 are moved to `1 / (2n + 2)` from the end: `n` labels cannot prove more, and it is less
    /// than any other step can have, so the order stays strict.
    pub(crate) fn isotonic(mut scored: Vec<(f64, bool)>) -> Self {
        scored.sort_by(|a, b| a.0.total_cmp(&b.0));
        let least = 1.0 / (2.0 * real(count(scored.len())) + 2.0);
        let steps = pool(&scored)
            .iter()
            .map(|block| Step {
                score: block.centre(),
                p_bad: Probability::of_bad(block.share().clamp(least, 1.0 - least)),
            })
            .collect();
        Self::Isotonic { steps }
    }

    /// Calibrated log-odds of a draft with this score.
    pub(crate) fn log_odds(&self, score: f64) -> f64 {
        match self {
            Self::Platt { slope, intercept } => slope * score + intercept,
            Self::Isotonic { steps } => interpolate(steps, score),
        }
    }

    pub(super) fn verify(&self) -> Result<(), ScorerError> {
        let sound = match self {
            Self::Platt { slope, intercept } => {
                slope.is_finite() && *slope > 0.0 && intercept.is_finite()
            }
            Self::Isotonic { steps } => {
                let inside = |p: Probability| p > Probability::ZERO && p < Probability::ONE;
                !steps.is_empty()
                    && steps
                        .iter()
                        .all(|step| step.score.is_finite() && inside(step.p_bad))
                    && steps.is_sorted_by(|a, b| a.score < b.score && a.p_bad < b.p_bad)
            }
        };
        if sound {
            Ok(())
        } else {
            Err(ScorerError::Damaged("its calibration does not increase"))
        }
    }
}

impl Step {
    fn log_odds(self) -> f64 {
        logit(self.p_bad.get())
    }
}

fn interpolate(steps: &[Step], score: f64) -> f64 {
    let (before, after) = steps.split_at(steps.partition_point(|step| step.score <= score));
    match (before.last(), after.first()) {
        (Some(low), Some(high)) => {
            let share = (score - low.score) / (high.score - low.score);
            low.log_odds() + share * (high.log_odds() - low.log_odds())
        }
        (Some(end), None) | (None, Some(end)) => end.log_odds() + (score - end.score),
        // Never built and never read back; a scorer without steps knows nothing.
        (None, None) => f64::INFINITY,
    }
}

/// Rows of adjacent scores that are treated as one.
#[derive(Debug, Clone, Copy)]
struct Block {
    rows: f64,
    bad: f64,
    sum: f64,
}

impl Block {
    fn share(&self) -> f64 {
        self.bad / self.rows
    }

    fn centre(&self) -> f64 {
        self.sum / self.rows
    }

    fn absorb(&mut self, other: &Self) {
        self.rows += other.rows;
        self.bad += other.bad;
        self.sum += other.sum;
    }
}

/// Pools sorted rows until shares and centres strictly increase. Each row is absorbed at most once, so this is linear.
fn pool(sorted: &[(f64, bool)]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for &(score, bad) in sorted {
        let bad = if bad { 1.0 } else { 0.0 };
        let mut block = Block {
            rows: 1.0,
            bad,
            sum: score,
        };
        while let Some(last) =
            blocks.pop_if(|last| last.share() >= block.share() || last.centre() >= block.centre())
        {
            block.absorb(&last);
        }
        blocks.push(block);
    }
    blocks
}

#[cfg(test)]
mod tests;
