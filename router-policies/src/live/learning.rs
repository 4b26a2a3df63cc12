//! One route between learning and serving.

use serde::{Deserialize, Serialize};

use super::alarm::{Alarm, AlarmCause};
use super::audit::LabelSampling;
use super::drift::Watch;
use super::settings::LiveSettings;
use crate::number::real;
use crate::risk::cells::Cell;
use crate::risk::evidence::{Draw, Evidence};
use crate::risk::posterior::Posterior;
use crate::risk::{Estimate, LiveProof, least_n};
use crate::units::Probability;

/// Learning ends when what is proven accepts this share of what may be hoped for ...
const ENOUGH: f64 = 0.8;

/// ... but not before this many times the fewest requests that can prove the target, for hopes built on less are vain ...
const SOONEST: u64 = 4;

/// ... and after this many times with whatever is proven.
const LATEST: u64 = 20;

/// Where a route stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is proven: everything escalates, drafts are made to learn.
    Learning,
    /// Drafts up to the threshold are accepted.
    Certified {
        /// Largest `p_bad` to accept.
        threshold: Probability,
    },
    /// An alarm made the certificate void; the route learns as if nothing had ever been proven.
    Alarmed(Alarm),
}

/// What is known of the label of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The upstream would not have served the request better.
    Good,
    /// It would have.
    Bad,
    /// It would have, which needed no draw to be known: the draft was committed before its end, and failed later.
    Failed,
    /// It was not drawn: an accepted draft that is not audited.
    NotDrawn,
    /// It was drawn but could not be had: the upstream failed. While nothing is accepted such a request does not count;
    /// later it counts as bad in proofs, because its accepted neighbours that were not drawn count as traffic.
    Lost,
}

impl Label {
    /// The label of a draft that was compared.
    pub const fn of(bad: bool) -> Self {
        if bad { Self::Bad } else { Self::Good }
    }

    /// Whether the draft was bad, if it is known.
    pub const fn known(self) -> Option<bool> {
        match self {
            Self::Good => Some(false),
            Self::Bad | Self::Failed => Some(true),
            Self::NotDrawn | Self::Lost => None,
        }
    }
}

/// One request, over and done with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The scorer's `p_bad`; 1 for a draft that failed its checks or was aborted. Such a one is traffic that no threshold
    /// accepts.
    pub p_bad: Probability,
    /// What [`RouteLearning::sampling`] said when it was decided.
    pub sampling: LabelSampling,
    /// Its label.
    pub label: Label,
    /// Tokens of the draft that carry the answer, if known.
    pub decision_tokens: Option<u32>,
    /// Mean log-probability of the prompt's tokens, if known.
    pub prompt_logprob: Option<f64>,
}

impl Observation {
    /// What is known without a draw stands for itself alone: every such request tells its own loss, so each counts once.
    /// The mean of what is counted is still the regret.
    fn certain(self) -> Self {
        if self.label != Label::Failed {
            return self;
        }
        let propensity = Probability::ONE;
        let sampling = LabelSampling {
            propensity,
            ..self.sampling
        };
        Self { sampling, ..self }
    }
}

/// What an observation led to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Accept up to this threshold from now on. The first of an episode ends learning, later ones raise the threshold.
    Certified(LiveProof),
    /// Accept nothing any more.
    Voided(Alarm),
}

/// What is known about a route, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearningReport {
    /// Where it stands.
    pub phase: Phase,
    /// Requests since learning last began.
    pub requests: u64,
    /// Of those, how many were evidence for a proof.
    pub evidence: u64,
    /// Fewest requests that can prove the target.
    pub needed: u64,
    /// What is proven, if anything. While learning this may be there before it is thought to be enough.
    pub proof: Option<LiveProof>,
    /// The regret of the threshold in force, estimated; not a proof.
    pub estimate: Option<Estimate>,
    /// Share of the traffic that may be accepted one day, by present estimates.
    pub hope: Probability,
    /// Accepted answers audited since learning last began.
    pub audits: u64,
    /// Of those, how many were bad.
    pub audited_losses: u64,
    /// Answers that failed after they were committed, since learning last began; no audits.
    pub failed: u64,
}

/// The statistics of one route.
///
/// Feed requests in the order in which they were decided: a request whose audit is under way holds those after it back.
/// Otherwise those without a label come first, and a threshold may be proven in the time between. It holds for one scorer
/// and one [`Fingerprint`](crate::Fingerprint): when either changes, call [`RouteLearning::restart`].
///
/// What is promised: each time learning begins, the chance that any threshold proven until the next alarm breaks the
/// target, on traffic that stays as it was, is at most δ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteLearning {
    settings: LiveSettings,
    episode: u32,
    requests: u64,
    alarm: Option<Alarm>,
    threshold: Option<Cell>,
    evidence: Evidence,
    posterior: Posterior,
    watch: Watch,
}

impl RouteLearning {
    /// A route of which nothing is known.
    pub fn new(settings: LiveSettings) -> Self {
        Self {
            settings,
            episode: 0,
            requests: 0,
            alarm: None,
            threshold: None,
            evidence: Evidence::new(settings.target),
            posterior: Posterior::new(settings.decay),
            watch: Watch::new(&settings),
        }
    }

    /// A route that has a certificate, for example from [`certify`](crate::certify) on labelled rows. Accepts up to the
    /// next smaller threshold of the live grid, at most 0.06 of log-odds below.
    ///
    /// The certificate keeps its own δ: what is proven later is proven on new requests, at δ again.
    pub fn certified(settings: LiveSettings, threshold: Probability) -> Self {
        Self {
            threshold: Cell::at_most(threshold),
            ..Self::new(settings)
        }
    }

    /// What it goes by.
    pub const fn settings(&self) -> &LiveSettings {
        &self.settings
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match (self.threshold, self.alarm) {
            (Some(cell), _) => Phase::Certified {
                threshold: cell.threshold(),
            },
            (None, Some(alarm)) => Phase::Alarmed(alarm),
            (None, None) => Phase::Learning,
        }
    }

    /// Largest `p_bad` to accept; `None` while everything escalates.
    pub fn threshold(&self) -> Option<Probability> {
        self.threshold.map(Cell::threshold)
    }

    /// Decides on a draft and says with which probability its label is to be drawn. `audits_open` is false while
    /// the money for audits is spent: then nothing is learnt from any request, until it is true again. It must not depend
    /// on this request.
    ///
    /// Where labels are [bought](LiveSettings::bought), whether one is looked for is drawn before anything is compared. If
    /// only answers that differ were drawn for, those that agree would all be known to be good, and estimates flattered.
    pub fn sampling(&self, p_bad: Probability, audits_open: bool) -> LabelSampling {
        let cell = Cell::of(p_bad);
        let plan = self.settings.audits;
        let open = |probability: f64| if audits_open { probability } else { 0.0 };
        let (share, free) = match self.settings.bought {
            None => (1.0, 1.0),
            Some(share) => (share.get(), open(1.0)),
        };
        let (accept, propensity, least) = match self.threshold {
            None => (false, free, free),
            Some(threshold) if cell > threshold => (false, free, open(plan.least())),
            Some(threshold) => (
                true,
                open(plan.propensity(cell, threshold)),
                open(plan.least()),
            ),
        };
        let (propensity, least) = (
            Probability::of_bad(propensity * share),
            Probability::of_bad(least * share),
        );
        LabelSampling {
            accept,
            propensity,
            least,
            episode: self.episode,
        }
    }

    /// Takes one request in. A request that was sampled before learning last began changes nothing.
    pub fn observe(&mut self, seen: &Observation) -> Option<Event> {
        if seen.sampling.episode != self.episode {
            return None;
        }
        let seen = &seen.certain();
        self.requests += 1;
        let cell = Cell::of(seen.p_bad);
        self.posterior.observe(cell, seen.label.known());
        if let Some(cause) = self.watch.observe(seen, cell, self.threshold) {
            return Some(self.void(cause));
        }
        self.prove(cell, seen);
        self.raise().map(Event::Certified)
    }

    /// Forgets everything, as after a change of the model or of the scorer. Requests sampled before no longer count.
    pub fn restart(&mut self) {
        self.begin_anew(None);
    }

    /// [`restart`](Self::restart) with other settings. An alarm that began the present learning stays on record.
    pub(super) fn restart_with(&mut self, settings: LiveSettings) {
        let alarm = self.alarm.filter(|_| self.threshold.is_none());
        self.settings = settings;
        self.begin_anew(alarm);
    }

    /// Draws labels by other settings from the next request on; what was drawn by the old ones keeps its own probabilities.
    /// Whether the threshold may be raised can only be taken back until learning begins anew: drafts that were given up
    /// are in the evidence.
    pub const fn sample_by(&mut self, settings: &LiveSettings) {
        self.settings.audits = settings.audits;
        self.settings.raises = self.settings.raises && settings.raises;
        self.settings.bought = settings.bought;
    }

    /// From now on some drafts are given up that were seen to their ends before.
    pub(super) fn ends_unseen(&mut self) {
        self.watch.ends_unseen();
    }

    /// Requests since learning last began.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// Number of times that learning has begun anew.
    pub const fn episode(&self) -> u32 {
        self.episode
    }

    /// What is known, to be shown.
    pub fn report(&self) -> LearningReport {
        let target = self.settings.target;
        let estimate = |cell| self.posterior.estimate(cell, target.assurance());
        LearningReport {
            phase: self.phase(),
            requests: self.requests,
            evidence: self.evidence.rows(),
            needed: self.settings.requests_for(least_n(&target)),
            proof: self.evidence.proof(),
            estimate: self.threshold.map(estimate),
            hope: Probability::of_bad(self.posterior.hope(target.max_regret())),
            audits: self.watch.loss.audits,
            audited_losses: self.watch.loss.losses,
            failed: self.watch.loss.failed,
        }
    }

    fn prove(&mut self, cell: Cell, seen: &Observation) {
        let bad = match (seen.label, self.threshold) {
            // A judge that says nothing was asked about answers that differ: leaving them out would flatter the rest.
            (Label::Lost, None) if self.settings.bought.is_none() => return,
            (Label::Lost, _) => Some(true),
            (label, _) => label.known(),
        };
        self.evidence.observe(&Draw {
            cell,
            propensity: seen.sampling.propensity.get(),
            least: seen.sampling.least.get(),
            bad,
        });
    }

    /// The proof of a threshold that is larger than the one in force, if it is time to use it.
    fn raise(&mut self) -> Option<LiveProof> {
        let proof = self.evidence.proof()?;
        let cell = Cell::at_most(proof.threshold)?;
        if (self.threshold).is_some_and(|now| cell <= now || !self.settings.raises) {
            return None;
        }
        if self.threshold.is_none() && !self.is_enough(cell) {
            return None;
        }
        let first = self.threshold.replace(cell).is_none();
        self.watch.threshold_changed();
        if first && !self.settings.raises {
            self.watch.ends_unseen();
        }
        Some(proof)
    }

    /// Learning while everything is labelled is fast, and slow afterwards. It ends early only for a threshold that is worth
    /// it. A proof holds whenever one stops, so this may look at the data.
    fn is_enough(&self, cell: Cell) -> bool {
        let target = self.settings.target;
        let least = self.settings.requests_for(least_n(&target));
        let rows = self.evidence.rows();
        if rows < least.saturating_mul(SOONEST) {
            return false;
        }
        let (accepted, _) = self.evidence.accepted_by(cell);
        let hope = self.posterior.hope(target.max_regret());
        real(accepted) >= ENOUGH * hope * real(rows) || rows >= least.saturating_mul(LATEST)
    }

    fn void(&mut self, cause: AlarmCause) -> Event {
        let alarm = Alarm {
            at: self.requests,
            cause,
        };
        self.begin_anew(Some(alarm));
        Event::Voided(alarm)
    }

    fn begin_anew(&mut self, alarm: Option<Alarm>) {
        *self = Self {
            episode: self.episode.wrapping_add(1),
            alarm,
            ..Self::new(self.settings)
        };
    }
}
