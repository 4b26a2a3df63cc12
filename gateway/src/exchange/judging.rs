//! Who judges a draft, and the evidence of it.

use std::sync::Arc;

use jiff::Timestamp;
use local_engine::ModelInfo;
use router_policies::{
    Assessment, Features, Judge, LearningCause, LocalPlan, Probability, Reason, Route, Trust,
    Verdict,
};

use super::fingerprint;
use crate::learning::Issued;
use crate::ledger::{ACCEPT, Decision, Document, DocumentKind, ExchangeId, Mode, Purpose};
use crate::snapshot::Snapshot;

/// The judge of one request's drafts with all that its decisions rest on.
#[derive(Debug)]
pub(crate) struct Judging {
    judge: Judge,
    certificate: Option<Arc<Issued>>,
    fingerprint: Document,
    mode: Mode,
    threshold: Option<Probability>,
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

impl Judging {
    /// The judge of requests on `route` with the system prompt `system`, answered by the model that `info` describes.
    pub(crate) fn new(
        snapshot: &Snapshot,
        route: &Route,
        plan: &LocalPlan,
        info: &ModelInfo,
        system: &str,
    ) -> Self {
        let issued = snapshot.certificate(&route.id());
        let now = fingerprint(info, plan, system);
        let judge = Judge::for_route(route.trust, issued.map(|i| i.certificate()), &now);
        let (mode, threshold, scores) = rule(route.trust, judge.learning(), issued);
        Self {
            judge,
            certificate: issued.filter(|_| scores).cloned(),
            // A fingerprint is plain text in plain fields; it always has a text form.
            fingerprint: Document::new(
                DocumentKind::Fingerprint,
                serde_json::to_string(&now).unwrap_or_default(),
            ),
            mode,
            threshold,
        }
    }

    /// Whether the route learns, so that no draft can become the answer.
    pub(crate) const fn learns(&self) -> bool {
        self.judge.learning().is_some()
    }

    /// Judges a draft.
    pub(crate) fn assess(&self, features: &Features, failed: Option<Reason>) -> Assessment {
        self.judge.assess(features, failed)
    }

    /// What the books say about a judged draft.
    pub(crate) fn decision(&self, subject: Subject, assessment: &Assessment) -> Decision {
        let Subject {
            exchange,
            purpose,
            features,
            failed,
        } = subject;
        Decision {
            exchange,
            purpose,
            features,
            certificate: self
                .certificate
                .as_ref()
                .map(|issued| issued.id().to_owned()),
            fingerprint: self.fingerprint.id.clone(),
            mode: self.mode,
            threshold: self.threshold,
            p_bad: assessment.p_bad,
            failed_check: failed.map(Reason::as_str),
            verdict: match assessment.verdict {
                Verdict::Accept => ACCEPT,
                Verdict::Escalate(reason) => reason.as_str(),
            },
            stopped: None,
            audit: None,
            at: Timestamp::now(),
        }
    }

    /// What a decision refers to.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        let certificate = self.certificate.as_ref().map(|issued| issued.document());
        certificate.into_iter().chain([&self.fingerprint])
    }

    /// Id of the certificate that accepts, if one does.
    pub(crate) fn accepting_certificate(&self) -> Option<&str> {
        let certificate = self
            .certificate
            .as_ref()
            .filter(|_| self.mode == Mode::Certified);
        certificate.map(|issued| issued.id())
    }
}

/// The rule in force, its threshold, and whether the certificate's scorer speaks.
fn rule(
    trust: Trust,
    learning: Option<LearningCause>,
    issued: Option<&Arc<Issued>>,
) -> (Mode, Option<Probability>, bool) {
    match (learning, trust) {
        // Its scorer was made for what runs; only its promise is too weak.
        (Some(LearningCause::TargetNotProven), _) => (Mode::Learning, None, true),
        (Some(_), _) => (Mode::Learning, None, false),
        (None, Trust::Risk(_)) => {
            let threshold = issued.map(|issued| issued.certificate().threshold);
            (Mode::Certified, threshold, true)
        }
        (None, Trust::Threshold(confidence)) => (Mode::Threshold, Some(confidence), false),
        (None, Trust::Everything) => (Mode::Everything, None, false),
    }
}
