//! From the recorded rows of one route to doubts, and which rows are for what.

use std::collections::BTreeMap;

use router_policies::{
    Calibrator, Doubt, Features, NamedScorer, Outcome, Probability, Proof, RiskTarget, Scorer,
    ScorerError, certify,
};

use super::recording::{Recorded, RouteRecording};
use super::row::Split;
use crate::ledger::Usd;

/// A test row under a policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tested {
    /// The outcome; its doubt means nothing where the route has no score.
    pub(super) outcome: Outcome,
    /// What the score claims about the row.
    pub(super) claim: Option<Claim>,
    /// Cost of the draft and of the upstream's answer.
    pub(super) costs: Option<(Usd, Usd)>,
    /// Whether the policy accepts the draft.
    pub(super) accepted: bool,
}

/// A predicted probability, before and after calibration, and what came true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) raw: Probability,
    pub(super) calibrated: Option<Probability>,
    pub(super) observed: Probability,
}

/// A route with its score and its proof.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) tested: Vec<Tested>,
    /// Whether the rows have an order at all.
    pub(super) ranked: bool,
    /// Rows the proof looked at.
    pub(super) proving: u64,
    pub(super) proof: Option<Proof>,
    pub(super) notes: Vec<String>,
}

/// Where the doubts of a route come from.
enum Score {
    Probability,
    Logarithm,
    Gateway(Scorer),
    Fitted(NamedScorer),
}

/// What a calibration row is for.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Fit,
    Prove,
    Test,
}

/// Scores a route, proves what can be proven on its calibration rows, and applies it to its test rows.
pub(super) fn judge(name: &str, route: &RouteRecording, target: &RiskTarget) -> Judged {
    let mut notes = Vec::new();
    let score = match choose(route) {
        Ok(score) => Some(score),
        Err(why) => {
            notes.push(format!("{name}: {why}"));
            None
        }
    };
    let fitted = matches!(score, Some(Score::Gateway(_) | Score::Fitted(_)));
    if fitted {
        notes.push(format!(
            "{name}: no confidence is recorded, so a score was fitted to the features of half of the calibration rows"
        ));
    }
    let mut halves = Halves::new(fitted);
    let (mut proving, mut testing) = (Vec::new(), Vec::new());
    for (index, row) in route.rows.iter().enumerate() {
        let doubt = score.as_ref().map(|score| score.doubt(route, index, row));
        match halves.role(row) {
            Role::Fit => {}
            Role::Prove => proving.push((doubt, row)),
            Role::Test => testing.push((doubt, row)),
        }
    }
    missing(name, route, score.as_ref(), &mut notes);
    let proof = score.as_ref().map(|_| prove(&proving, target));
    let calibrator = calibrator(&proving, fitted);
    let tested = testing
        .into_iter()
        .map(|(doubt, row)| tested(doubt, row, fitted, calibrator.as_ref(), proof.as_ref()))
        .collect();
    Judged {
        tested,
        ranked: score.is_some(),
        proving: u64::try_from(proving.len()).unwrap_or(u64::MAX),
        proof,
        notes,
    }
}

/// Deals calibration rows in turn to fitting and to proving, where something is fitted.
struct Halves {
    fitted: bool,
    dealt: u64,
}

impl Halves {
    const fn new(fitted: bool) -> Self {
        Self { fitted, dealt: 0 }
    }

    const fn role(&mut self, row: &Recorded) -> Role {
        match row.split {
            Split::Test => Role::Test,
            Split::Calibration => {
                self.dealt += 1;
                if self.fitted && self.dealt % 2 == 1 {
                    Role::Fit
                } else {
                    Role::Prove
                }
            }
        }
    }
}

fn choose(route: &RouteRecording) -> Result<Score, String> {
    if route.confident() > 0 {
        return Ok(if route.is_logarithmic() {
            Score::Logarithm
        } else {
            Score::Probability
        });
    }
    if route.names.is_empty() {
        return Err(
            "neither confidence nor features are recorded, so there is no order of doubt: only the accuracies of both \
             models are known, and everything escalates"
                .to_owned(),
        );
    }
    fit(route).map_err(|error| {
        format!("no score could be fitted to the features of the calibration rows: {error}")
    })
}

/// The gateway's own scorer where the features are the gateway's, else one that takes any numbers.
fn fit(route: &RouteRecording) -> Result<Score, ScorerError> {
    let mut halves = Halves::new(true);
    let mut named = Vec::new();
    for (index, row) in route.rows.iter().enumerate() {
        if halves.role(row) == Role::Fit {
            named.push((route.features(index), row.outcome(Doubt::NEVER).is_bad()));
        }
    }
    let own: Option<Vec<_>> = named
        .iter()
        .map(|(numbers, bad)| Some((own_features(route, numbers)?, *bad)))
        .collect();
    match own.filter(|rows| !rows.is_empty()) {
        Some(rows) => Scorer::fit(&rows).map(Score::Gateway),
        None => NamedScorer::fit(&named).map(Score::Fitted),
    }
}

fn own_features(route: &RouteRecording, numbers: &[f64]) -> Option<Features> {
    let named = route.names.iter().cloned().zip(numbers.iter().copied());
    Features::from_named(&named.collect::<BTreeMap<_, _>>()).ok()
}

impl Score {
    fn doubt(&self, route: &RouteRecording, index: usize, row: &Recorded) -> Doubt {
        match self {
            Self::Probability => {
                probability(row.confidence).map_or(Doubt::NEVER, Doubt::from_confidence)
            }
            Self::Logarithm => row.confidence.map_or(Doubt::NEVER, Doubt::from_logprob),
            Self::Gateway(scorer) => own_features(route, route.features(index))
                .map_or(Doubt::NEVER, |f| Doubt::from_p_bad(scorer.p_bad(&f))),
            Self::Fitted(scorer) => scorer.doubt(route.features(index)),
        }
    }
}

fn probability(confidence: Option<f64>) -> Option<Probability> {
    Probability::new(confidence?).ok()
}

impl Recorded {
    pub(super) const fn outcome(&self, doubt: Doubt) -> Outcome {
        Outcome {
            doubt,
            local: self.local,
            upstream: self.upstream,
        }
    }
}

fn missing(name: &str, route: &RouteRecording, score: Option<&Score>, notes: &mut Vec<String>) {
    let without = route.rows.len() - route.confident();
    if without > 0 && matches!(score, Some(Score::Probability | Score::Logarithm)) {
        notes.push(format!(
            "{name}: rows without a confidence count as never accepted: {without}"
        ));
    }
    if !route.is_split() {
        notes.push(format!(
            "{name}: no row has a `split`, so about half of them, by a hash of the id, were taken for calibration"
        ));
    }
}

fn prove(rows: &[(Option<Doubt>, &Recorded)], target: &RiskTarget) -> Proof {
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|(doubt, row)| {
            Some((doubt.as_ref()?.p_bad(), row.outcome(Doubt::NEVER).is_bad()))
        })
        .collect();
    certify(&rows, target)
}

/// What a score is about: a confidence claims that the draft is right, a fitted score that the upstream is no better.
fn observed(row: &Recorded, fitted: bool) -> Probability {
    if !fitted {
        return row.local;
    }
    if row.outcome(Doubt::NEVER).is_bad() {
        Probability::ZERO
    } else {
        Probability::ONE
    }
}

/// An answer graded below one half counts as wrong.
const HALF: f64 = 0.5;

fn calibrator(rows: &[(Option<Doubt>, &Recorded)], fitted: bool) -> Option<Calibrator> {
    let rows: Vec<_> = rows
        .iter()
        .filter_map(|(doubt, row)| Some(((*doubt)?, observed(row, fitted).get() < HALF)))
        .filter(|(doubt, _)| *doubt != Doubt::NEVER)
        .collect();
    Calibrator::fit(&rows)
}

fn tested(
    doubt: Option<Doubt>,
    row: &Recorded,
    fitted: bool,
    calibrator: Option<&Calibrator>,
    proof: Option<&Proof>,
) -> Tested {
    let known = doubt.filter(|doubt| *doubt != Doubt::NEVER);
    let claim = known.map(|doubt| Claim {
        // As recorded where it is a probability: bins must not depend on rounding.
        raw: probability(row.confidence).unwrap_or_else(|| doubt.p_bad().complement()),
        calibrated: calibrator.map(|calibrator| calibrator.apply(doubt).p_bad().complement()),
        observed: observed(row, fitted),
    });
    let accepted = match (known, proof) {
        (Some(doubt), Some(Proof::Certified(certified))) => doubt.p_bad() <= certified.threshold,
        _ => false,
    };
    Tested {
        outcome: row.outcome(doubt.unwrap_or(Doubt::NEVER)),
        claim,
        costs: row.local_cost.zip(row.upstream_cost),
        accepted,
    }
}
