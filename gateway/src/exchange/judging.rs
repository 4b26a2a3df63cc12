//! Who judges a draft, and the evidence of it.

use std::sync::Arc;

use jiff::Timestamp;
use local_engine::ModelInfo;
use router_policies::{
    Answer, Assessment, Course, Features, Judge, LabelSampling, LocalPlan, Probability, Reason,
    Route, Scorer, Trust, Verdict,
};

use super::fingerprint;
use crate::learning::{Controller, Learning, Ruling, Ticket};
use crate::ledger::{ACCEPT, Decision, Document, DocumentKind, Draw, ExchangeId, Mode, Purpose};
use crate::snapshot::Snapshot;

/// The judge of one request's drafts with all that its decisions rest on.
#[derive(Debug)]
pub(crate) struct Judging {
    rule: Rule,
    fingerprint: Document,
}

/// Who has the last word.
#[derive(Debug)]
enum Rule {
    /// What is proven of the route at the moment of the verdict.
    Proven(Arc<Controller>),
    /// Too many families of prompts are proven on the route already; nothing is learnt of another.
    Unknown,
    /// What the route says, with its threshold.
    Declared(Judge, Mode, Option<Probability>),
}

/// What a decision is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    /// The exchange.
    pub(crate) exchange: ExchangeId,
    /// What the draft was made for.
    pub(crate) purpose: Purpose,
    /// What the scorer reads.
    pub(crate) features: Features,
    /// The check that the draft failed.
    pub(crate) failed: Option<Reason>,
}

/// A judged draft.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// Confidence and verdict.
    pub(crate) assessment: Assessment,
    /// How its label is drawn, and the way to tell it, where something is to be proven with it.
    pub(crate) learnt: Option<(LabelSampling, Ticket)>,
    mode: Mode,
    threshold: Option<Probability>,
    /// The certificate, or the scorer, whose word it is.
    cites: Option<Document>,
}

impl Judging {
    /// The judge of requests on `route` with the system prompt `system`, answered by the model that `info` describes with something of
    /// the form `shape`. A text route that is asked for JSON proves that apart: it is marked, checked and committed otherwise.
    pub(crate) fn new(
        learning: &Learning,
        snapshot: &Snapshot,
        (route, plan, shape): (&Route, &LocalPlan, &Answer),
        info: &ModelInfo,
        system: &str,
    ) -> Self {
        let now = fingerprint(info, (route, plan, shape), system);
        let declared = |mode, threshold| {
            Rule::Declared(Judge::for_route(route.trust, None, &now), mode, threshold)
        };
        let rule = match route.trust {
            Trust::Risk(target) => learning
                .controller(snapshot, route, target, &now)
                .map_or(Rule::Unknown, Rule::Proven),
            Trust::Threshold(confidence) => declared(Mode::Threshold, Some(confidence)),
            Trust::Everything => declared(Mode::Everything, None),
        };
        Self {
            rule,
            // A fingerprint is plain text in plain fields; it always has a text form.
            fingerprint: Document::new(
                DocumentKind::Fingerprint,
                serde_json::to_string(&now).unwrap_or_default(),
            ),
        }
    }

    /// Whether the route learns, so that no draft can become the answer.
    pub(crate) fn learns(&self) -> bool {
        match &self.rule {
            Rule::Proven(controller) => controller.learns(),
            Rule::Unknown => true,
            Rule::Declared(..) => false,
        }
    }

    /// Judges a draft that counts as a request of the route. `audits_open`: whether it might be audited if it is accepted, as
    /// far as that depends on anything but the request. `course` is what checkpoints saw of it.
    pub(crate) fn judge(
        &self,
        features: &Features,
        failed: Option<Reason>,
        audits_open: bool,
        course: Option<Course>,
    ) -> Judgement {
        match &self.rule {
            Rule::Proven(controller) => {
                let judged = (features, failed);
                let (ruling, sampling, ticket) = controller.take(judged, audits_open, course);
                Judgement {
                    learnt: Some((sampling, ticket)),
                    ..ruling.into()
                }
            }
            Rule::Unknown | Rule::Declared(..) => self.judge_again(features, failed),
        }
    }

    /// Judges a draft that would be committed before its end.
    pub(crate) fn judge_unfinished(
        &self,
        features: &Features,
        audits_open: bool,
        course: Option<Course>,
    ) -> Judgement {
        match &self.rule {
            Rule::Proven(controller) => {
                let (ruling, learnt) = controller.take_unfinished(features, audits_open, course);
                Judgement {
                    learnt,
                    ..ruling.into()
                }
            }
            Rule::Unknown | Rule::Declared(..) => self.judge_again(features, None),
        }
    }

    /// Who looks at a draft while it is made: the judge of this moment, and what the books say of a draft that it gives up.
    /// A finished draft is judged by what is in force [at its end](Self::judge).
    pub(crate) fn watch(&self) -> (Judge, Judgement) {
        let (judge, mode, threshold, cites) = match &self.rule {
            Rule::Proven(controller) => {
                let (judge, threshold, cites) = controller.watch();
                (judge, Mode::Certified, threshold, cites)
            }
            Rule::Unknown => {
                let judge = Judge::serving(Scorer::from_probability(), None, None);
                (judge, Mode::Learning, None, None)
            }
            Rule::Declared(judge, mode, threshold) => (judge.clone(), *mode, *threshold, None),
        };
        let judgement = Judgement {
            // Traffic that no threshold accepts, however probable that was.
            assessment: Assessment {
                confidence: Probability::ZERO,
                p_bad: Probability::ONE,
                verdict: Verdict::Escalate(Reason::StoppedEarly),
            },
            learnt: None,
            mode,
            threshold,
            cites,
        };
        (judge, judgement)
    }

    /// Counts a request whose draft was given up. Without this, what is proven would be about other traffic.
    pub(crate) fn count_stopped(&self, audits_open: bool) {
        if let Rule::Proven(controller) = &self.rule {
            controller.take_stopped(audits_open);
        }
    }

    /// Judges a draft of a request that has counted already.
    pub(crate) fn judge_again(&self, features: &Features, failed: Option<Reason>) -> Judgement {
        match &self.rule {
            Rule::Proven(controller) => controller.rule(features, failed).into(),
            Rule::Unknown => {
                let judge = Judge::serving(Scorer::from_probability(), None, None);
                Judgement {
                    assessment: judge.assess(features, failed),
                    learnt: None,
                    mode: Mode::Learning,
                    threshold: None,
                    cites: None,
                }
            }
            Rule::Declared(judge, mode, threshold) => Judgement {
                assessment: judge.assess(features, failed),
                learnt: None,
                mode: *mode,
                threshold: *threshold,
                cites: None,
            },
        }
    }

    /// What the books say about a judged draft; `audit` is the chance of an audit and what became of the draw.
    pub(crate) fn decision(
        &self,
        subject: Subject,
        judgement: &Judgement,
        audit: Option<(Probability, Draw)>,
    ) -> Decision {
        let Subject {
            exchange,
            purpose,
            features,
            failed,
        } = subject;
        let assessment = judgement.assessment;
        Decision {
            exchange,
            purpose,
            features,
            certificate: judgement.cites.as_ref().map(|document| document.id.clone()),
            fingerprint: self.fingerprint.id.clone(),
            mode: judgement.mode,
            threshold: judgement.threshold,
            p_bad: assessment.p_bad,
            failed_check: failed.map(Reason::as_str),
            verdict: match assessment.verdict {
                Verdict::Accept => ACCEPT,
                Verdict::Escalate(reason) => reason.as_str(),
            },
            stopped: None,
            audit,
            at: Timestamp::now(),
        }
    }

    /// What a decision refers to.
    pub(crate) fn documents<'a>(
        &'a self,
        judgement: &'a Judgement,
    ) -> impl Iterator<Item = &'a Document> {
        judgement.cites.iter().chain([&self.fingerprint])
    }
}

impl Judgement {
    /// Id of the certificate that accepts, if one does.
    pub(crate) fn accepting_certificate(&self) -> Option<&str> {
        let cites = self.cites.as_ref();
        let certificate = cites.filter(|_| self.mode == Mode::Certified);
        certificate.map(|document| document.id.as_str())
    }

    /// Smallest `p_bad` that counts as close when a threshold was set by hand: the largest that it accepts.
    pub(crate) fn declared_limit(&self) -> Probability {
        match (self.mode, self.threshold) {
            (Mode::Threshold, Some(confidence)) => confidence.complement(),
            _ => Probability::ONE,
        }
    }
}

impl From<Ruling> for Judgement {
    fn from(ruling: Ruling) -> Self {
        let mode = if ruling.threshold.is_some() {
            Mode::Certified
        } else {
            Mode::Learning
        };
        Self {
            assessment: ruling.assessment,
            learnt: None,
            mode,
            threshold: ruling.threshold,
            cites: ruling.cites,
        }
    }
}
