//! Accept a draft or escalate, and why.

mod reason;

#[cfg(test)]
mod tests;

pub use reason::{Reason, UnknownReason};

use crate::certificate::{Certificate, Changed, Fingerprint};
use crate::checkpoint::{Heads, Stop, reached};
use crate::policy::Trust;
use crate::scorer::Scorer;
use crate::signals::{Features, Signals};
use crate::units::Probability;

/// What becomes of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is the answer.
    Accept,
    /// The upstream is asked, for this reason.
    Escalate(Reason),
}

/// A judged draft.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    /// Probability that the draft is good enough, `1 - p_bad`; 0 if it failed its checks.
    pub confidence: Probability,
    /// Probability that the upstream would have done better; 1 if the draft failed its checks. Record this one for
    /// [`certify`](crate::certify): near 0 it is more exact than its complement.
    pub p_bad: Probability,
    /// What becomes of the draft.
    pub verdict: Verdict,
}

/// Judges the drafts of one route. Build it once per snapshot of the configuration; cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    scorer: Scorer,
    rule: Rule,
    heads: Option<Heads>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// Accept up to this `p_bad`.
    UpTo(Probability),
    /// Accept from this confidence on.
    From(Probability),
    /// Accept whatever passes its checks.
    Everything,
    /// Accept nothing.
    Learn(LearningCause),
}

/// Why a route learns instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearningCause {
    /// Nothing has been proven yet.
    NoCertificate,
    /// What was proven is about another model, template, answer or prompt.
    Changed(Changed),
    /// What was proven is less than the route's target asks for.
    TargetNotProven,
}

impl Judge {
    /// The judge that a route's trust and its certificate make.
    ///
    /// * [`Trust::Risk`]: with a certificate that covers `now` and holds for the target, its scorer and threshold; else
    ///   the route learns, and everything escalates.
    /// * [`Trust::Threshold`]: the plain scorer, which the threshold was chosen for; certificates play no part.
    /// * [`Trust::Everything`]: the plain scorer, and no threshold.
    pub fn for_route(trust: Trust, certificate: Option<&Certificate>, now: &Fingerprint) -> Self {
        let plain = |rule| Self {
            scorer: Scorer::from_probability(),
            rule,
            heads: None,
        };
        let target = match trust {
            Trust::Risk(target) => target,
            Trust::Threshold(confidence) => return plain(Rule::From(confidence)),
            Trust::Everything => return plain(Rule::Everything),
        };
        let Some(certificate) = certificate else {
            return plain(Rule::Learn(LearningCause::NoCertificate));
        };
        if let Err(changed) = certificate.covers(now) {
            // Its scorer was fitted to another model, so it is as void as the threshold.
            return plain(Rule::Learn(LearningCause::Changed(changed)));
        }
        let rule = if certificate.holds_for(&target) {
            Rule::UpTo(certificate.threshold)
        } else {
            Rule::Learn(LearningCause::TargetNotProven)
        };
        Self {
            scorer: certificate.scorer.clone(),
            rule,
            heads: certificate.heads.clone().filter(Heads::are_proven),
        }
    }

    /// The judge of a route whose threshold follows what is proven while it serves; `None`: nothing is. `heads` are those
    /// of the certificate in force.
    pub fn serving(scorer: Scorer, threshold: Option<Probability>, heads: Option<&Heads>) -> Self {
        let rule = match threshold {
            Some(threshold) => Rule::UpTo(threshold),
            None => Rule::Learn(LearningCause::NoCertificate),
        };
        let heads = heads.filter(|heads| heads.are_proven()).cloned();
        Self {
            scorer,
            rule,
            heads,
        }
    }

    /// Why the route learns; `None` if it does not.
    pub const fn learning(&self) -> Option<LearningCause> {
        match self.rule {
            Rule::Learn(cause) => Some(cause),
            Rule::UpTo(_) | Rule::From(_) | Rule::Everything => None,
        }
    }

    /// Whether an unfinished draft is to be given up because [`assess`](Self::assess) would reject it, with the features
    /// that say so. Ask after each token but the end token; between checkpoints the answer is `None` at once.
    pub fn stop(&self, signals: &Signals) -> Option<(Stop, Features)> {
        let (decisions, features) = reached(signals)?;
        self.stop_at(decisions, &features)
            .map(|stop| (stop, features))
    }

    /// The same for a draft with these features at this many decisions. A certain rejection comes before a probable one.
    pub fn stop_at(&self, decisions: u32, features: &Features) -> Option<Stop> {
        if self.has_lost(features) {
            return Some(Stop {
                decisions,
                p_rejected: Probability::ONE,
                limit: Probability::ONE,
            });
        }
        let Rule::UpTo(threshold) = self.rule else {
            return None;
        };
        self.heads.as_ref()?.stop(decisions, features, threshold)
    }

    /// Whether no further token can make the draft acceptable: the plain scorer's `p_bad` never falls, because every token
    /// adds a logarithm of at most 0.
    fn has_lost(&self, features: &Features) -> bool {
        if self.scorer.is_learnt() {
            return false;
        }
        let p_bad = self.scorer.p_bad(features);
        match self.rule {
            Rule::UpTo(threshold) => p_bad > threshold,
            Rule::From(threshold) => p_bad.complement() < threshold,
            Rule::Everything | Rule::Learn(_) => false,
        }
    }

    /// Judges a draft: `failed` is what [`check`](crate::check) found wrong with it.
    ///
    /// While the route learns, the reason is [`Reason::Learning`] whatever else is wrong, and the confidence is still
    /// computed. Otherwise a failed check comes before the confidence.
    pub fn assess(&self, features: &Features, failed: Option<Reason>) -> Assessment {
        let p_bad = match failed {
            Some(_) => Probability::ONE,
            None => self.scorer.p_bad(features),
        };
        let confidence = p_bad.complement();
        let enough = match self.rule {
            Rule::UpTo(threshold) => p_bad <= threshold,
            Rule::From(threshold) => confidence >= threshold,
            Rule::Everything => true,
            Rule::Learn(_) => false,
        };
        let verdict = match (self.rule, failed) {
            (Rule::Learn(_), _) => Verdict::Escalate(Reason::Learning),
            (_, Some(reason)) => Verdict::Escalate(reason),
            _ if enough => Verdict::Accept,
            _ => Verdict::Escalate(Reason::LowConfidence),
        };
        Assessment {
            confidence,
            p_bad,
            verdict,
        }
    }
}
