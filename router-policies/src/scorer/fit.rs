//! Fitting a scorer to labelled drafts.

use super::calibration::Calibration;
use super::logistic::{self, Prior};
use super::standard::{Term, standardise, terms};
use super::{Learnt, ScorerError, plain_log_odds};
use crate::number::count;
use crate::signals::Features;

/// Fewest rows of each kind to learn from: with 5 folds, every fit then sees both kinds.
const LEAST_OF_EACH: u64 = 5;
/// Folds for out-of-fold scores.
const FOLDS: usize = 5;
/// Labels from which on isotonic regression has enough to go by.
const ISOTONIC_FROM: usize = 200;
/// Weight of the ridge on standardised features: that of a normal prior with a standard deviation of one half.
const RIDGE: f64 = 4.0;

/// The constant, the plain scorer's log-odds and the features.
const INPUTS: usize = Features::COUNT + 2;

/// Log-odds of the plain scorer that count as nothing in particular, and what counts as one unit of them.
const PLAIN_CENTRE: f64 = -4.0;
const PLAIN_SCALE: f64 = 4.0;
/// Language models are surer of their answers than they are right: about one nat of theirs in two.
const PLAIN_WEIGHT: f64 = 2.0;
/// Log-odds of a bad draft whose plain log-odds are in the centre.
const CONSTANT: f64 = -2.0;

/// What is believed before any label: the plain scorer's word, halved.
fn prior_mean() -> [f64; INPUTS] {
    let mut mean = [0.0; INPUTS];
    let [constant, plain, ..] = &mut mean;
    (*constant, *plain) = (CONSTANT, PLAIN_WEIGHT);
    mean
}

pub(super) fn fit(rows: &[(Features, bool)]) -> Result<Learnt, ScorerError> {
    let bad = count(rows.iter().filter(|(_, bad)| *bad).count());
    let labels = count(rows.len());
    if bad < LEAST_OF_EACH || labels - bad < LEAST_OF_EACH {
        return Err(ScorerError::TooFewLabels {
            bad,
            good: labels - bad,
            least: LEAST_OF_EACH,
        });
    }
    let scored = out_of_fold(rows)?;
    let calibration = if scored.len() >= ISOTONIC_FROM {
        Calibration::isotonic(scored)
    } else {
        Calibration::platt(&scored)?
    };
    let Linear {
        intercept,
        plain,
        terms,
    } = Linear::fit(rows.iter())?;
    Ok(Learnt {
        version: Features::VERSION,
        labels,
        bad,
        intercept,
        plain,
        terms,
        calibration,
    })
}

/// Scores of all rows, each by a fit that has not seen it. Bad rows are dealt to the folds in turn, good rows too,
/// so that every fold has its share of both.
fn out_of_fold(rows: &[(Features, bool)]) -> Result<Vec<(f64, bool)>, ScorerError> {
    let mut dealt = [0; 2];
    let folds: Vec<usize> = rows
        .iter()
        .map(|(_, bad)| {
            let next = &mut dealt[usize::from(*bad)];
            *next += 1;
            *next % FOLDS
        })
        .collect();
    let mut scored = Vec::with_capacity(rows.len());
    for fold in 0..FOLDS {
        let side = |held_out: bool| {
            let folds = folds.iter();
            rows.iter()
                .zip(folds)
                .filter(move |(_, f)| (**f == fold) == held_out)
                .map(|(row, _)| row)
        };
        let fitted = Linear::fit(side(false))?;
        scored.extend(side(true).map(|(features, bad)| (fitted.score(features), *bad)));
    }
    Ok(scored)
}

/// A scorer before calibration.
struct Linear {
    intercept: f64,
    plain: f64,
    terms: Vec<Term>,
}

impl Linear {
    fn fit<'a>(
        rows: impl Iterator<Item = &'a (Features, bool)> + Clone,
    ) -> Result<Self, ScorerError> {
        let features: Vec<Features> = rows.clone().map(|(features, _)| *features).collect();
        let mut terms = terms(&features);
        let inputs: Vec<([f64; INPUTS], f64)> = rows
            .map(|(features, bad)| (inputs(&terms, features), if *bad { 1.0 } else { 0.0 }))
            .collect();
        let prior = Prior {
            mean: prior_mean(),
            precision: std::array::from_fn(|i| if i == 0 { 0.0 } else { RIDGE }),
        };
        let weights = logistic::minimise(&inputs, &prior).ok_or(ScorerError::NoOptimum)?;
        let [intercept, plain, weights @ ..] = weights;
        for (term, weight) in terms.iter_mut().zip(weights) {
            term.weight = weight;
        }
        Ok(Self {
            intercept,
            plain,
            terms,
        })
    }

    fn score(&self, features: &Features) -> f64 {
        linear([self.intercept, self.plain], &self.terms, features)
    }
}

/// A constant 1, the plain scorer's log-odds and the features, all standardised.
fn inputs(terms: &[Term], features: &Features) -> [f64; INPUTS] {
    let mut inputs = [1.0; INPUTS];
    let [_, plain, standard @ ..] = &mut inputs;
    *plain = (plain_log_odds(features) - PLAIN_CENTRE) / PLAIN_SCALE;
    *standard = standardise(terms, features);
    inputs
}

/// Log-odds before calibration.
pub(super) fn linear([intercept, plain]: [f64; 2], terms: &[Term], features: &Features) -> f64 {
    let [_, own, standard @ ..] = inputs(terms, features);
    terms
        .iter()
        .zip(standard)
        .fold(intercept + plain * own, |sum, (term, input)| {
            sum + term.weight * input
        })
}
