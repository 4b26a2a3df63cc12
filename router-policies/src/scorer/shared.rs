//! A scorer that all routes teach and each bends to itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::fit::{INPUTS, ISOTONIC_FROM, LEAST_OF_EACH, PLAIN, inputs, prior_mean};
use super::gaussian::{Gaussian, learn};
use super::standard::fixed_terms;
use super::{Kind, Learnt, Scorer, ScorerError};
use crate::number::count;
use crate::signals::Features;

/// Newest labels of a route that its calibration goes by.
const RECENT: usize = 1000;

/// Variances of the prior: of the constant, of the plain scorer's weight, of the other weights. The first row is that of
/// all routes together; the second, by which a route may differ, is smaller, which is the shrinkage.
const PRIOR_ALL: [f64; 3] = [2.0, 0.25, 0.1];
const PRIOR_ROUTE: [f64; 3] = [1.0, 0.1, 0.05];

/// Online logistic regression over all routes: `p_bad = calibration_route(sigmoid((w + w_route)·x))`, where `w` is shared
/// and `w_route` is held near zero by its prior. Before any label it orders drafts as the plain scorer does.
///
/// What the gateway does with it: tell it every labelled draft of every route ([`Self::observe`]), store it as JSON with the
/// rest of its state, and at the start of an episode of a route's statistics take the scorer that has been learnt so far
/// ([`Self::scorer_for`]), which never changes. Drafts of the episode are scored with that one. So no draft that a proof
/// rests on has taught the scorer that the proof is about, and the proof stays exact; what the episode teaches is for the
/// next one.
///
/// Deterministic: equal labels in equal order give equal scorers. About 10 kB for all routes together and 25 kB for each.
///
/// Read from a file of another [version](Features::VERSION) of the features, it has forgotten everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct SharedScorer {
    all: Gaussian,
    routes: BTreeMap<String, RouteScorer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteScorer {
    labels: u64,
    bad: u64,
    own: Gaussian,
    /// Scores of the newest labelled drafts, each from before its label was learnt; oldest first.
    recent: VecDeque<(f64, bool)>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    /// Not looked at in files of another version.
    state: serde_json::Value,
}

impl SharedScorer {
    /// Nothing learnt yet.
    pub fn new() -> Self {
        Self {
            all: Gaussian::new(prior_mean(), variances(PRIOR_ALL)),
            routes: BTreeMap::new(),
        }
    }

    /// Takes in one labelled draft of `route` that passed its checks: whether the upstream would have served the request
    /// better.
    pub fn observe(&mut self, route: &str, features: &Features, bad: bool) {
        let known = self
            .routes
            .entry(route.to_owned())
            .or_insert_with(RouteScorer::new);
        let inputs = inputs(&fixed_terms(), features);
        let score = self.all.score(&inputs) + known.own.score(&inputs);
        if known.recent.len() == RECENT {
            known.recent.pop_front();
        }
        known.recent.push_back((score, bad));
        known.labels += 1;
        known.bad += u64::from(bad);
        learn(&mut self.all, &mut known.own, &inputs, bad);
    }

    /// What has been learnt for `route` so far: its own scorer, or that of all routes for one without labels.
    ///
    /// Calibrated with the route's newest 1,000 labels, each scored before it was learnt from: isotonic from 200 on, Platt's
    /// sigmoid below, and as it is with fewer than 5 labels of either kind.
    pub fn scorer_for(&self, route: &str) -> Scorer {
        let known = self.routes.get(route);
        let own = known.map_or([0.0; INPUTS], |known| known.own.mean);
        let weights: [f64; INPUTS] = std::array::from_fn(|i| self.all.mean[i] + own[i]);
        let learnt = Learnt {
            version: Features::VERSION,
            labels: known.map_or(0, |known| known.labels),
            bad: known.map_or(0, |known| known.bad),
            intercept: weights[0],
            plain: weights[PLAIN],
            terms: fixed_terms(),
            calibration: known.map_or(Calibration::NONE, RouteScorer::calibration),
        };
        Scorer {
            kind: Kind::Learnt(Arc::new(learnt.with_weights(&weights))),
        }
    }

    /// Labels that `route` has taught.
    pub fn labels(&self, route: &str) -> u64 {
        self.routes.get(route).map_or(0, |known| known.labels)
    }

    /// Forgets what is `route`'s own, as after a change of its model; what it taught all routes stays.
    pub fn forget(&mut self, route: &str) {
        self.routes.remove(route);
    }

    fn verify(self) -> Result<Self, ScorerError> {
        let sound = |known: &RouteScorer| {
            known.own.is_sound() && known.bad <= known.labels && known.recent.len() <= RECENT
        };
        if self.all.is_sound() && self.routes.values().all(sound) {
            Ok(self)
        } else {
            Err(ScorerError::Damaged("a number is out of range"))
        }
    }
}

impl Default for SharedScorer {
    fn default() -> Self {
        Self::new()
    }
}

impl RouteScorer {
    fn new() -> Self {
        Self {
            labels: 0,
            bad: 0,
            own: Gaussian::new([0.0; INPUTS], variances(PRIOR_ROUTE)),
            recent: VecDeque::new(),
        }
    }

    fn calibration(&self) -> Calibration {
        let bad = count(self.recent.iter().filter(|(_, bad)| *bad).count());
        let good = count(self.recent.len()) - bad;
        if bad.min(good) < LEAST_OF_EACH {
            return Calibration::NONE;
        }
        let scored: Vec<_> = self.recent.iter().copied().collect();
        if scored.len() >= ISOTONIC_FROM {
            Calibration::isotonic(scored)
        } else {
            Calibration::platt(&scored).unwrap_or(Calibration::NONE)
        }
    }
}

fn variances([constant, plain, other]: [f64; 3]) -> [f64; INPUTS] {
    std::array::from_fn(|i| match i {
        0 => constant,
        PLAIN => plain,
        _ => other,
    })
}

impl From<SharedScorer> for Stored {
    fn from(scorer: SharedScorer) -> Self {
        let SharedScorer { all, routes } = scorer;
        Self {
            version: Features::VERSION,
            state: serde_json::json!({ "all": all, "routes": routes }),
        }
    }
}

impl TryFrom<Stored> for SharedScorer {
    type Error = ScorerError;

    fn try_from(stored: Stored) -> Result<Self, ScorerError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct State {
            all: Gaussian,
            routes: BTreeMap<String, RouteScorer>,
        }
        if stored.version != Features::VERSION {
            return Ok(Self::new());
        }
        let State { all, routes } = serde_json::from_value(stored.state)
            .map_err(|_| ScorerError::Damaged("it is of another form"))?;
        Self { all, routes }.verify()
    }
}

#[cfg(test)]
mod tests;
