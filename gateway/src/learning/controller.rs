//! One route of one fingerprint: what it may accept, and what it learns from each request.

mod held;
mod state;
mod voice;

use std::sync::Arc;

use parking_lot::Mutex;
use router_policies::{
    Course, Features, Fingerprint, Judge, Label, LabelSampling, LearningReport, LiveSettings,
    Probability, Reason, Verdict,
};

use self::state::{Request, State};
use super::issued::Issued;
use super::state::Kept;
use crate::ledger::Document;

pub(crate) use self::state::Ruling;
pub(super) use self::state::{Beginning, News};

/// What is learnt under one name: a variant of a route, and everything whose change makes confidences mean something
/// else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    /// Id of the route's variant.
    pub(super) route: String,
    /// Id of the fingerprint.
    pub(super) fingerprint: String,
}

/// The statistics of one key. All that is decided and learnt goes through one lock, for microseconds.
#[derive(Debug)]
pub(crate) struct Controller {
    key: Key,
    fingerprint: Fingerprint,
    state: Mutex<State>,
}

/// A request whose label is to be told. Dropped without a word, its label is lost.
#[derive(Debug)]
pub(crate) struct Ticket {
    controller: Arc<Controller>,
    number: Option<u64>,
}

/// What is known of a controller, to be shown.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Id of the route's variant.
    pub(crate) route: String,
    /// Id of the fingerprint.
    pub(crate) fingerprint: String,
    /// What the statistics say.
    pub(crate) report: LearningReport,
    /// Labels that could not be had.
    pub(crate) lost: u64,
    /// Requests that wait for a label.
    pub(crate) waiting: usize,
}

impl Controller {
    pub(super) fn new(
        key: Key,
        fingerprint: Fingerprint,
        settings: LiveSettings,
        beginning: Beginning,
    ) -> Self {
        let state = State::new(settings, beginning);
        Self {
            key,
            fingerprint,
            state: Mutex::new(state),
        }
    }

    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    pub(super) const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether everything escalates.
    pub(crate) fn learns(&self) -> bool {
        self.state.lock().threshold().is_none()
    }

    /// The certificate in force.
    pub(super) fn issued(&self) -> Option<Arc<Issued>> {
        self.state.lock().voice.issued().cloned()
    }

    /// Decides on a draft.
    pub(crate) fn rule(&self, features: &Features, failed: Option<Reason>) -> Ruling {
        self.state.lock().rule(features, failed)
    }

    /// Decides on a draft and takes it in as the next request: how its label is drawn, and the way to tell it.
    /// `audits_open` is that of [`Learner::sampling`](router_policies::Learner::sampling); `course`, what checkpoints saw of it.
    pub(crate) fn take(
        self: &Arc<Self>,
        (features, failed): (&Features, Option<Reason>),
        audits_open: bool,
        course: Option<Course>,
    ) -> (Ruling, LabelSampling, Ticket) {
        let mut state = self.state.lock();
        let ruling = state.rule(features, failed);
        let p_bad = ruling.assessment.p_bad;
        let sampling = state.learner.sampling(p_bad, audits_open);
        let traces = state.traces();
        let number = state.held.push(Request {
            features: Some(*features),
            valid: failed.is_none(),
            p_bad,
            sampling,
            course: course.filter(|_| traces),
        });
        let ticket = Ticket {
            controller: Arc::clone(self),
            number: Some(number),
        };
        (ruling, sampling, ticket)
    }

    /// Decides on a draft that is not finished and, if it is accepted, takes it in as the next request. What is rejected is
    /// given up: traffic that no threshold accepts, for what it would have come to is not known.
    pub(crate) fn take_unfinished(
        self: &Arc<Self>,
        features: &Features,
        audits_open: bool,
        course: Option<Course>,
    ) -> (Ruling, Option<(LabelSampling, Ticket)>) {
        let ruling = self.rule(features, None);
        if ruling.threshold.is_none() {
            // An alarm since the draft began: another will be made to learn, and counts.
            return (ruling, None);
        }
        if ruling.assessment.verdict != Verdict::Accept {
            self.take_stopped(audits_open);
            return (ruling, None);
        }
        let (ruling, sampling, ticket) = self.take((features, None), audits_open, course);
        (ruling, Some((sampling, ticket)))
    }

    /// The judge of this moment with its threshold and what it cites.
    pub(crate) fn watch(&self) -> (Judge, Option<Probability>, Option<Document>) {
        let state = self.state.lock();
        let cites = state.voice.document().cloned();
        (state.judge(), state.threshold(), cites)
    }

    /// Takes in a request whose draft was given up: traffic that no threshold accepts, whatever the label would have been.
    pub(crate) fn take_stopped(&self, audits_open: bool) {
        let mut state = self.state.lock();
        let p_bad = Probability::ONE;
        let sampling = state.learner.sampling(p_bad, audits_open);
        let number = state.held.push(Request {
            features: None,
            valid: false,
            p_bad,
            sampling,
            course: None,
        });
        drop(state);
        self.settle(number, Label::NotDrawn);
    }

    fn settle(&self, number: u64, label: Label) {
        let mut state = self.state.lock();
        state.held.settle(number, label);
        state.learn(&self.key, &self.fingerprint);
    }

    /// Goes by other settings. Another target is another proof: the certificate counts if it holds for it.
    pub(super) fn go_by(&self, settings: LiveSettings) {
        let mut state = self.state.lock();
        let now = *state.learner.settings();
        if now.target != settings.target {
            let beginning = match state.voice.issued() {
                Some(issued) => Beginning::Certificate(Arc::clone(issued)),
                None => Beginning::Nothing,
            };
            state.begin_anew(settings, beginning);
        } else if now != settings {
            state.learner.sample_by(&settings);
        }
    }

    /// Stands on the certificate that lies on the disk now, if that is another than the one in force. One that an alarm made
    /// void does not come back.
    pub(super) fn stand_on(&self, issued: Option<&Arc<Issued>>) {
        let mut state = self.state.lock();
        let id = |issued: &Arc<Issued>| issued.id().to_owned();
        let same = issued.map(id) == state.voice.issued().map(id);
        // What was proven and is not on the disk yet is newer than what is.
        if same || !state.news.is_empty() {
            return;
        }
        let beginning = match issued {
            Some(issued) if state.voided.iter().any(|void| void == issued.id()) => {
                tracing::warn!(
                    route = self.key.route,
                    certificate = issued.id(),
                    "an alarm made this certificate void; it stays so, calibrate anew on present traffic"
                );
                return;
            }
            Some(issued) => Beginning::Certificate(Arc::clone(issued)),
            None => Beginning::Nothing,
        };
        let settings = *state.learner.settings();
        state.begin_anew(settings, beginning);
    }

    /// What others have not been told yet.
    pub(super) fn news(&self) -> Vec<News> {
        std::mem::take(&mut self.state.lock().news)
    }

    /// Whether there is something to tell.
    pub(super) fn has_news(&self) -> bool {
        !self.state.lock().news.is_empty()
    }

    /// What is to be kept on the disk, if that has changed since it was last asked for.
    pub(super) fn unsaved(&self) -> Option<Kept> {
        let mut state = self.state.lock();
        if !std::mem::take(&mut state.unsaved) {
            return None;
        }
        Some(Kept {
            route: self.key.route.clone(),
            fingerprint: self.fingerprint.clone(),
            certificate: state.voice.issued().map(|issued| issued.id().to_owned()),
            voided: state.voided.clone(),
            learner: state.learner.clone(),
        })
    }

    /// What is known, to be shown.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.state.lock();
        Standing {
            route: self.key.route.clone(),
            fingerprint: self.key.fingerprint.clone(),
            report: state.learner.report(),
            lost: state.lost,
            waiting: state.held.len(),
        }
    }
}

impl Ticket {
    /// Tells the label.
    pub(crate) fn settle(mut self, label: Label) {
        if let Some(number) = self.number.take() {
            self.controller.settle(number, label);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.controller.settle(number, Label::Lost);
        }
    }
}
