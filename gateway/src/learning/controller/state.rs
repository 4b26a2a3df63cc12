//! What one controller knows, and how it learns.

use std::sync::Arc;

use router_policies::{
    Alarm, Assessment, Certificate, Course, Event, Features, Fingerprint, Heads, Judge, Label,
    LabelSampling, Labelled, Learner, LiveSettings, Observation, Probability, Reason, Scorer, Step,
};

use super::Key;
use super::held::Held;
use super::voice::Voice;
use crate::learning::issued::Issued;
use crate::learning::state::Kept;
use crate::ledger::Document;

#[derive(Debug)]
pub(super) struct State {
    pub(super) learner: Learner,
    pub(super) voice: Voice,
    pub(super) held: Held<Request>,
    pub(super) news: Vec<News>,
    /// Ids of certificates that an alarm made void: they do not come back.
    pub(super) voided: Vec<String>,
    pub(super) unsaved: bool,
    pub(super) lost: u64,
}

/// A request that was decided.
#[derive(Debug)]
pub(super) struct Request {
    /// `None`: it was given up before its end.
    pub(super) features: Option<Features>,
    pub(super) valid: bool,
    pub(super) p_bad: Probability,
    pub(super) sampling: LabelSampling,
    /// What checkpoints saw of it, where that is asked for.
    pub(super) course: Option<Course>,
}

/// What others have to be told of.
#[derive(Debug, Clone)]
pub(in crate::learning) enum News {
    /// Drafts are accepted up to the threshold of this certificate; `first`: none were before.
    Certified { issued: Arc<Issued>, first: bool },
    /// Nothing is accepted any more.
    Voided {
        issued: Option<Arc<Issued>>,
        alarm: Alarm,
    },
    /// Drafts are given up by the heads of this certificate, which is the one in force otherwise.
    Stopping(Arc<Issued>),
    /// Another scorer speaks.
    Refitted,
}

/// A verdict, and what it rests on.
#[derive(Debug)]
pub(crate) struct Ruling {
    /// Confidence and verdict.
    pub(crate) assessment: Assessment,
    /// Largest `p_bad` that was acceptable.
    pub(crate) threshold: Option<Probability>,
    /// The text of the certificate or of the scorer; `None`: the plain scorer.
    pub(crate) cites: Option<Document>,
}

/// What a controller begins with.
#[derive(Debug)]
pub(in crate::learning) enum Beginning {
    Nothing,
    Certificate(Arc<Issued>),
    /// An earlier run, with the certificate that it rested on.
    Kept(Box<Kept>, Option<Arc<Issued>>),
}

impl State {
    pub(super) fn new(settings: LiveSettings, beginning: Beginning) -> Self {
        let (learner, issued, voided) = match beginning {
            Beginning::Nothing => {
                let learner = Learner::new(settings, Scorer::from_probability());
                (learner, None, Vec::new())
            }
            Beginning::Certificate(issued) => {
                let learner = Learner::certified(settings, issued.certificate());
                let holds = learner.threshold().is_some();
                (learner, holds.then_some(issued), Vec::new())
            }
            Beginning::Kept(kept, issued) => (kept.learner, issued, kept.voided),
        };
        Self {
            voice: Voice::of(&learner, issued),
            learner,
            held: Held::new(),
            news: Vec::new(),
            voided,
            unsaved: false,
            lost: 0,
        }
    }

    /// Forgets what was learnt, but not what was void, nor what waits to be told.
    pub(super) fn begin_anew(&mut self, settings: LiveSettings, beginning: Beginning) {
        let mut next = Self::new(settings, beginning);
        next.voided.append(&mut self.voided);
        next.unsaved = true;
        next.lost = self.lost;
        // What was decided before is about what is gone.
        self.held.clear();
        std::mem::swap(&mut next.held, &mut self.held);
        *self = next;
    }

    pub(super) fn rule(&self, features: &Features, failed: Option<Reason>) -> Ruling {
        let threshold = self.threshold();
        Ruling {
            assessment: self.judge().assess(features, failed),
            threshold,
            cites: self.voice.document().cloned(),
        }
    }

    /// The judge of this moment.
    pub(super) fn judge(&self) -> Judge {
        let issued = self.voice.issued();
        let heads = issued.and_then(|issued| issued.certificate().heads.as_ref());
        Judge::serving(self.voice.scorer().clone(), self.threshold(), heads)
    }

    /// Largest `p_bad` to accept: what is proven and, where a certificate says it, no more than that.
    pub(super) fn threshold(&self) -> Option<Probability> {
        let certified = self.voice.issued()?.certificate().threshold;
        self.learner.threshold().map(|live| live.min(certified))
    }

    /// Whether heads are to be trained. While some are in force, a draft that one of them might have stopped would prove
    /// nothing of others.
    pub(super) fn traces(&self) -> bool {
        let issued = self.voice.issued();
        let stops = issued.is_some_and(|issued| issued.certificate().heads.is_some());
        !stops && self.learner.traces()
    }

    /// Learns from the requests that need not wait any longer.
    pub(super) fn learn(&mut self, key: &Key, fingerprint: &Fingerprint) {
        while let Some((request, label)) = self.held.pop() {
            self.unsaved = true;
            self.lost += u64::from(label == Label::Lost);
            let Request {
                features,
                valid,
                p_bad,
                sampling,
                course,
            } = request;
            // What was drawn for certain and not looked at would pass as good.
            let unseen = label == Label::NotDrawn && p_bad < Probability::ONE;
            let label = if unseen && sampling.propensity == Probability::ONE {
                Label::Lost
            } else {
                label
            };
            let seen = Observation {
                p_bad,
                sampling,
                label,
                decision_tokens: features.as_ref().and_then(decision_tokens),
                prompt_logprob: features.as_ref().and_then(prompt_logprob),
            };
            let example = features.zip(label.known()).map(|(features, bad)| Labelled {
                features,
                valid,
                bad,
            });
            if let Some(step) = self.learner.observe(&seen, example.as_ref()) {
                self.step(step, key, fingerprint);
            }
            let traced = features.zip(course).filter(|_| self.traces());
            let heads = traced.and_then(|(features, course)| {
                let learner = &mut self.learner;
                learner.trace(&seen, &features, &course)
            });
            if let Some(heads) = heads {
                self.stop_by(heads);
            }
        }
    }

    /// Puts heads in force.
    fn stop_by(&mut self, heads: Heads) {
        let Some(issued) = self.voice.issued() else {
            return;
        };
        let certificate = issued.certificate().clone().with_heads(Some(heads));
        // As with a certificate that is proven.
        let Ok(issued) = Issued::new(&certificate) else {
            return;
        };
        self.news.push(News::Stopping(Arc::clone(&issued)));
        self.voice = Voice::Certified(issued);
    }

    fn step(&mut self, step: Step, key: &Key, fingerprint: &Fingerprint) {
        match step {
            Step::Learnt(Event::Certified(proof)) => {
                let certificate = Certificate::proven_serving(
                    key.route.as_str(),
                    self.learner.target(),
                    proof,
                    self.voice.scorer().clone(),
                    fingerprint.clone(),
                );
                // The heads know for which thresholds they hold; the scorer is the same.
                let before = self.voice.issued();
                let heads = before.and_then(|issued| issued.certificate().heads.clone());
                let certificate = certificate.with_heads(heads);
                // Plain numbers and names always have a text form. If ever not, nothing new comes into force.
                let Ok(issued) = Issued::new(&certificate) else {
                    return;
                };
                let first = self.voice.issued().is_none();
                self.news.push(News::Certified {
                    issued: Arc::clone(&issued),
                    first,
                });
                self.voice = Voice::Certified(issued);
            }
            Step::Learnt(Event::Voided(alarm)) => {
                let issued = self.voice.issued().cloned();
                self.voided
                    .extend(issued.iter().map(|issued| issued.id().to_owned()));
                self.voice = Voice::of(&self.learner, None);
                self.news.push(News::Voided { issued, alarm });
            }
            Step::Refitted => {
                self.voice = Voice::of(&self.learner, None);
                self.news.push(News::Refitted);
            }
        }
    }
}

/// The feature is a logarithm.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is cast saturates, and a draft has fewer tokens than that"
)]
fn decision_tokens(features: &Features) -> Option<u32> {
    features.get("ln_tokens").map(|ln| ln.exp().round() as u32)
}

fn prompt_logprob(features: &Features) -> Option<f64> {
    let known = features
        .get("prompt_known")
        .is_some_and(|known| known > 0.5);
    features.get("prompt_mean_logprob").filter(|_| known)
}
