//! A route that learns, together with the scorer it learns by.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::audit::LabelSampling;
use super::learning::{Event, LearningReport, Observation, Phase, RouteLearning};
use super::settings::LiveSettings;
use crate::certificate::Certificate;
use crate::checkpoint::{Course, Heads, Judged, StopPromise, Training};
use crate::learn::Labelled;
use crate::risk::{RiskTarget, least_n};
use crate::scorer::Scorer;
use crate::signals::Features;
use crate::units::Probability;

/// Labelled drafts that are kept to fit a scorer to, the newest; about 200 bytes each.
const KEPT: usize = 2_000;

/// How long the scorer at hand is tried before one is fitted to what was collected, in the fewest requests that can prove
/// the target. [`RouteLearning`] concludes after four of these at the earliest.
const FIRST_TRIAL: u64 = 5;

/// How long a fitted one is tried. [`RouteLearning`] takes whatever is proven after twenty of them.
const LATER_TRIAL: u64 = 24;

/// Scorers tried in one period of learning; the last one stays.
const MOST_TRIALS: u32 = 4;

/// A [`RouteLearning`] with its scorer.
///
/// Learning begins with the scorer at hand: the plain one, that of a certificate, or the one whose certificate an alarm
/// made void. If that proves nothing worth having in time, a scorer is fitted to the labels collected since learning
/// began, and what it is worth is proven on the requests that come after: no label serves both.
///
/// Each further scorer is another chance to be lucky. So the first gets half of δ, the second a quarter, and so on: the
/// chance that any threshold proven until the next alarm breaks the target stays at δ.
///
/// A route that gives drafts up early tells it their [courses](Self::trace) too. Then it trains heads, which are proven on drafts
/// that come after the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learner {
    declared: LiveSettings,
    scorer: Scorer,
    trial: u32,
    learning: RouteLearning,
    collected: VecDeque<Collected>,
    #[serde(default)]
    stops: Training,
}

/// Features and label of a draft that passed its checks; shorter in a file than with the names of the features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Collected([f64; Features::COUNT], bool);

/// What an observation led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// What [`RouteLearning`] says.
    Learnt(Event),
    /// Another scorer speaks from now on; what was drawn before counts no more.
    Refitted,
}

impl Learner {
    /// Of a route of which nothing is known, beginning with this scorer. It must not have been fitted to requests that
    /// will be observed.
    pub fn new(settings: LiveSettings, scorer: Scorer) -> Self {
        Self {
            declared: settings,
            scorer,
            trial: 0,
            learning: RouteLearning::new(of_trial(settings, 0)),
            collected: VecDeque::new(),
            stops: Training::new(),
        }
    }

    /// Of a route with a certificate. One that proves less than the target lends its scorer.
    pub fn certified(settings: LiveSettings, certificate: &Certificate) -> Self {
        let mut learner = Self::new(settings, certificate.scorer.clone());
        if certificate.holds_for(&settings.target) {
            learner.learning = RouteLearning::certified(settings, certificate.threshold);
        }
        learner
    }

    /// What was declared.
    pub const fn settings(&self) -> &LiveSettings {
        &self.declared
    }

    /// What a proof of the present scorer proves: the declared target with no less assurance.
    pub const fn target(&self) -> RiskTarget {
        self.learning.settings().target
    }

    /// The scorer that speaks.
    pub const fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Where the route stands.
    pub fn phase(&self) -> Phase {
        self.learning.phase()
    }

    /// Largest `p_bad` to accept; `None` while everything escalates.
    pub fn threshold(&self) -> Option<Probability> {
        self.learning.threshold()
    }

    /// Number of times that learning has begun anew, with the same scorer or another.
    pub const fn episode(&self) -> u32 {
        self.learning.episode()
    }

    /// [`RouteLearning::sampling`].
    pub fn sampling(&self, p_bad: Probability, audits_open: bool) -> LabelSampling {
        self.learning.sampling(p_bad, audits_open)
    }

    /// [`RouteLearning::sample_by`].
    pub const fn sample_by(&mut self, settings: &LiveSettings) {
        self.declared.audits = settings.audits;
        self.declared.raises = settings.raises;
        self.declared.bought = settings.bought;
        self.learning.sample_by(settings);
    }

    /// Takes one request in, in the order of [`RouteLearning`]. `example` is the draft, where it was judged by its features
    /// and its label is known.
    pub fn observe(&mut self, seen: &Observation, example: Option<&Labelled>) -> Option<Step> {
        let current = seen.sampling.episode == self.episode();
        let event = self.learning.observe(seen);
        match event {
            Some(Event::Voided(_)) => self.begin_anew(),
            Some(Event::Certified(_)) => self.collected.clear(),
            None if current => self.collect(example),
            None => {}
        }
        match event {
            Some(event) => Some(Step::Learnt(event)),
            None => self.refit().then_some(Step::Refitted),
        }
    }

    /// Whether [`trace`](Self::trace) has a use for courses of drafts.
    pub const fn traces(&self) -> bool {
        self.stops.is_open()
    }

    /// Takes in how a draft came about that was [observed](Self::observe) just now, with the features that its verdict went by. Gives
    /// heads when they are proven: they belong to the certificate in force.
    ///
    /// Leave it out where the certificate has heads already: a draft that a head might have stopped proves nothing.
    pub fn trace(
        &mut self,
        seen: &Observation,
        features: &Features,
        course: &Course,
    ) -> Option<Heads> {
        // What another scorer judged is no measure of the verdicts of this one.
        if seen.sampling.episode != self.episode() {
            return None;
        }
        let draft = Judged {
            p_bad: seen.p_bad,
            features,
            course,
        };
        let promise = StopPromise::usual(&self.declared.target);
        let threshold = self.threshold();
        let heads = self
            .stops
            .observe(&draft, &self.scorer, threshold, &promise)?;
        self.learning.ends_unseen();
        Some(heads)
    }

    /// What is known, to be shown.
    pub fn report(&self) -> LearningReport {
        self.learning.report()
    }

    fn collect(&mut self, example: Option<&Labelled>) {
        // While serving, labels are of what was drawn only; what is collected then would be another kind of traffic.
        if self.threshold().is_some() {
            return;
        }
        let Some(example) = example.filter(|example| example.valid) else {
            return;
        };
        if self.collected.len() >= KEPT {
            self.collected.pop_front();
        }
        self.collected
            .push_back(Collected(example.features.values(), example.bad));
    }

    /// Whether another scorer took over.
    fn refit(&mut self) -> bool {
        if self.threshold().is_some() || self.trial + 1 >= MOST_TRIALS {
            return false;
        }
        let least = least_n(&self.target());
        let length = if self.trial == 0 {
            FIRST_TRIAL
        } else {
            LATER_TRIAL
        };
        let enough = self.declared.requests_for(least.saturating_mul(length));
        if self.learning.requests() < enough {
            return false;
        }
        let rows: Vec<(Features, bool)> = self
            .collected
            .iter()
            .map(|Collected(values, bad)| (Features::from_array(*values), *bad))
            .collect();
        let Ok(scorer) = Scorer::fit(&rows) else {
            return false;
        };
        self.scorer = scorer;
        self.trial += 1;
        self.learning
            .restart_with(of_trial(self.declared, self.trial));
        true
    }

    fn begin_anew(&mut self) {
        self.trial = 0;
        self.collected.clear();
        self.stops = Training::new();
        self.learning.restart_with(of_trial(self.declared, 0));
    }
}

/// The settings of a trial: half of δ for the first, half of the rest for the next.
fn of_trial(declared: LiveSettings, trial: u32) -> LiveSettings {
    let target = declared
        .target
        .with_share(0.5_f64.powi(1 + i32::try_from(trial).unwrap_or(i32::MAX)));
    LiveSettings { target, ..declared }
}

#[cfg(test)]
mod tests;
