//! Drafts that are given up before their end.

use local_engine::Usage as EngineUsage;
use router_policies::{FINISHED, Features, Probability, Reason, Route, Stop, Trust};
use sha2::{Digest, Sha256};

use super::Exchange;
use super::decide::Escalation;
use super::judging::{Judgement, Judging, Subject};
use super::local::{LocalResult, end_of};
use crate::learning::{Learning, Practice};
use crate::ledger::{AttemptGuard, AttemptOutcome, Decision, Draw, ExchangeId, Purpose, StoppedAt};

/// A draft that was given up.
#[derive(Debug)]
pub(super) struct Stopped {
    /// Where and why, with the features that say so.
    pub(super) why: (Stop, Features),
    /// What it consumed.
    pub(super) usage: EngineUsage,
}

/// Whether whole drafts on `route` teach it to give others up.
pub(crate) fn learns_to_stop(route: &Route) -> bool {
    route.early_abort && matches!(route.trust, Trust::Risk(_))
}

impl Exchange {
    /// Books a draft that a checkpoint gave up, and what that rested on. The engine has stopped already.
    pub(super) async fn give_up(
        &self,
        guard: AttemptGuard,
        judging: &Judging,
        judgement: &Judgement,
        Stopped { why, usage }: Stopped,
    ) -> LocalResult {
        let (stop, features) = why;
        judging.count_stopped(self.audits_open());
        let subject = Subject {
            exchange: self.id,
            purpose: Purpose::Answer,
            features,
            failed: None,
        };
        let decision = Decision {
            stopped: Some(StoppedAt {
                decisions: stop.decisions,
                p_rejected: stop.p_rejected.get(),
                limit: stop.limit.get(),
            }),
            ..judging.decision(subject, judgement, Some(self.redo()))
        };
        let documents = judging.documents(judgement);
        self.app.learning().keep(documents, decision).await;
        Learning::tend(&self.app);
        let end = end_of(AttemptOutcome::Discarded, &usage, usage.busy, None);
        guard.finish(end).await;
        LocalResult::Escalate(Escalation {
            reason: Reason::StoppedEarly,
            confidence: None,
            judged: None,
        })
    }

    /// Chance that a draft of this request that was given up is made again to its end, and what became of the draw.
    pub(super) fn redo(&self) -> (Probability, Draw) {
        if !Practice::is_small(&self.request) {
            return (Probability::ZERO, Draw::NotDrawn);
        }
        let draw = if is_drawn(self.id) {
            Draw::Drawn
        } else {
            Draw::NotDrawn
        };
        (FINISHED, draw)
    }
}

/// The lot is in the random part of the exchange's id, so that the draw can be checked in the books.
fn is_drawn(id: ExchangeId) -> bool {
    let hash = Sha256::digest(format!("finish {id}"));
    let lot = hash
        .iter()
        .take(4)
        .fold(0_u32, |lot, byte| lot << 8 | u32::from(*byte));
    f64::from(lot) / 2_f64.powi(32) < FINISHED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_ten_is_drawn_and_always_the_same() {
        let ids: Vec<ExchangeId> = (0..4000).map(|_| ExchangeId::new()).collect();
        let drawn = ids.iter().filter(|id| is_drawn(**id)).count();
        // 400 and five standard deviations.
        assert!((305..=495).contains(&drawn), "{drawn}");
        assert!(ids.iter().all(|id| is_drawn(*id) == is_drawn(*id)));
    }
}
