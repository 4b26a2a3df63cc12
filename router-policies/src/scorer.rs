//! From features to the probability that a draft is bad.
//!
//! A route learns from its own labels alone. That routes teach each other was tried: weights for all of them, and per route a
//! deviation that its prior held near zero, learnt one label at a time. It was measured on a route that joins others, with
//! 200, 500 and 1,000 labels in 200 runs, and brought nothing: everywhere it stayed within .004 of the plain scorer, which
//! takes no labels. So it was removed; whoever tries again has that to beat.

pub(crate) mod calibration;
mod fit;
pub(crate) mod logistic;
mod standard;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use self::calibration::Calibration;
use self::fit::linear;
use self::standard::Term;
use crate::number::sigmoid;
use crate::signals::Features;
use crate::units::Probability;

/// Turns the features of a draft into `p_bad`, the probability that the upstream would have served the request
/// better. Cheap to clone; readable when serialised.
///
/// Two kinds:
/// * *plain*, [`Scorer::from_probability`]: `1 - p` with `p` the model's own probability of the draft. Orders well on
///   short answers; is not calibrated.
/// * *learnt*, [`Scorer::fit`]: logistic regression on all features, held near the plain scorer where labels are few, then
///   calibrated.
///
/// One that was stored by another version of the features can be read, so that a certificate can say why it is void
/// ([`Certificate::covers`](crate::Certificate::covers)); it finds every draft certainly bad.
///
/// A scorer that was fitted must be certified on rows it was not fitted on: on its own rows it looks better than
/// it is. [`learn`](crate::learn()) keeps the two apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Scorer {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    /// Without a version it was stored by version 1, which had none.
    Probability {
        #[serde(default = "first_version")]
        version: u32,
    },
    Learnt(Arc<Learnt>),
    /// Read from a file of another version. Its numbers mean nothing here and are not kept.
    Outdated {
        version: u32,
    },
}

const fn first_version() -> u32 {
    1
}

/// A fitted scorer: `p_bad = calibration(intercept + plain · standardised plain log-odds + Σ weight · standardised feature)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Learnt {
    /// [`Features::VERSION`] it was fitted with.
    version: u32,
    /// Rows it was fitted on.
    labels: u64,
    /// How many of them were bad.
    bad: u64,
    /// Log-odds of an average draft, before calibration.
    intercept: f64,
    /// Weight of the plain scorer's log-odds.
    plain: f64,
    /// One per feature, in the order of [`Features::NAMES`].
    terms: Vec<Term>,
    calibration: Calibration,
}

/// Why there is no fitted scorer. The plain one, [`Scorer::from_probability`], is always there instead.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScorerError {
    /// One of the two kinds of rows is too rare to learn from; collect more labels.
    #[error("{bad} bad and {good} good rows are too few to learn from; it takes {least} of each")]
    TooFewLabels {
        /// Rows that were bad.
        bad: u64,
        /// Rows that were good.
        good: u64,
        /// Fewest of each kind.
        least: u64,
    },
    /// The fit found no optimum. Ridge regression always has one, so the features must be absurd.
    #[error("the fit found no optimum; look for absurd feature values")]
    NoOptimum,
    /// A stored scorer is not one that this program wrote; fit anew.
    #[error("the stored scorer is damaged: {0}; fit it anew")]
    Damaged(&'static str),
}

impl Scorer {
    /// The plain scorer: `p_bad = 1 - exp(sum_logprob)`, the probability that the model itself gives to having
    /// chosen any other answer.
    pub const fn from_probability() -> Self {
        Self {
            kind: Kind::Probability {
                version: Features::VERSION,
            },
        }
    }

    /// Fits a scorer to labelled drafts; `true` marks a bad one.
    ///
    /// Features are standardised (those that are distances from certainty on a log scale), weights are found by
    /// logistic regression with a normal prior of standard deviation ½, around the plain scorer's word for its own weight and around
    /// zero for all others; the intercept is free. The output is then calibrated on out-of-fold scores of the same
    /// rows (5 folds, dealt in turn to bad and to good rows): centred isotonic regression from 200 labels on, Platt's
    /// sigmoid below. Deterministic: equal rows in equal order give equal scorers.
    ///
    /// # Errors
    /// [`ScorerError::TooFewLabels`] below 5 bad or 5 good rows; [`ScorerError::NoOptimum`] on absurd features.
    pub fn fit(rows: &[(Features, bool)]) -> Result<Self, ScorerError> {
        fit::fit(rows).map(|learnt| Self {
            kind: Kind::Learnt(Arc::new(learnt)),
        })
    }

    /// Probability that a draft with these features is bad.
    ///
    /// Arithmetic that goes wrong, with features far outside anything seen, counts as certainly bad.
    pub fn p_bad(&self, features: &Features) -> Probability {
        match &self.kind {
            Kind::Outdated { .. } => Probability::ONE,
            Kind::Probability { .. } => Probability::of_bad(-features.draft_logprob().exp_m1()),
            Kind::Learnt(learnt) => Probability::of_bad(sigmoid(learnt.calibrated(features))),
        }
    }

    /// Whether it was fitted, and so calibrated.
    pub const fn is_learnt(&self) -> bool {
        matches!(self.kind, Kind::Learnt(_))
    }

    /// The version of the features it reads; one other than [`Features::VERSION`] makes it useless.
    pub fn version(&self) -> u32 {
        match &self.kind {
            Kind::Probability { version } | Kind::Outdated { version } => *version,
            Kind::Learnt(learnt) => learnt.version,
        }
    }

    /// The names and weights of what it goes by, for people to read: log-odds per standard deviation. First the plain
    /// scorer's log-odds, then the features; empty for the plain scorer.
    pub fn weights(&self) -> Vec<(&str, f64)> {
        match &self.kind {
            Kind::Probability { .. } | Kind::Outdated { .. } => Vec::new(),
            Kind::Learnt(learnt) => {
                let terms = learnt.terms.iter();
                let terms = terms.map(|t| (t.feature.as_str(), t.weight));
                std::iter::once(("draft_log_odds", learnt.plain))
                    .chain(terms)
                    .collect()
            }
        }
    }
}

impl Learnt {
    /// Log-odds of being bad.
    fn calibrated(&self, features: &Features) -> f64 {
        self.calibration
            .log_odds(linear([self.intercept, self.plain], &self.terms, features))
    }

    fn verify(&self) -> Result<(), ScorerError> {
        if !self
            .terms
            .iter()
            .map(|term| term.feature.as_str())
            .eq(Features::NAMES)
        {
            return Err(ScorerError::Damaged("its features are others"));
        }
        let free = [self.intercept, self.plain];
        if !(free.iter().all(|w| w.is_finite()) && self.terms.iter().all(Term::is_sound)) {
            return Err(ScorerError::Damaged("a number is out of range"));
        }
        self.calibration.verify()
    }
}

/// Log-odds of the plain scorer, without the loss of digits that its probability has near 0; finite.
fn plain_log_odds(features: &Features) -> f64 {
    /// Beyond this, more is not known better.
    const CUT: f64 = 16.0;
    let logprob = features.draft_logprob().min(0.0);
    let p_bad = -logprob.exp_m1();
    (p_bad.ln() - logprob).clamp(-CUT, CUT)
}

impl<'de> Deserialize<'de> for Scorer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = match Kind::deserialize(deserializer)? {
            Kind::Probability { version } | Kind::Outdated { version }
                if version != Features::VERSION =>
            {
                Kind::Outdated { version }
            }
            Kind::Learnt(learnt) if learnt.version != Features::VERSION => Kind::Outdated {
                version: learnt.version,
            },
            Kind::Learnt(learnt) => {
                learnt.verify().map_err(serde::de::Error::custom)?;
                Kind::Learnt(learnt)
            }
            kind => kind,
        };
        Ok(Self { kind })
    }
}
