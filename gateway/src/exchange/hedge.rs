//! The local attempt and the upstream: one after the other, or beside each other when the draft takes longer than the route
//! likes (`hedge_after`).
//!
//! Beside each other, a draft that is accepted before the upstream's answer begins wins, and the call is cut off; else the answer of
//! the upstream does, and the draft is given up. A rejected draft waits for the call that is on its way already. Both are booked.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Exchange;
use super::decide::{Content, Decided, Told};
use super::leaves::Leaves;
use super::local::LocalResult;
use crate::egress::EgressPermit;
use crate::fault::Fault;
use crate::ledger::Source;

impl Exchange {
    /// The answer of whoever may give it, and is first to.
    ///
    /// # Errors
    /// When neither the local model nor the upstream gives one; a request that must stay never asks the upstream.
    pub(super) async fn race(&self) -> Result<Decided, Fault> {
        let overtaken = CancellationToken::new();
        let Some((wait, permit)) = self.hedge() else {
            let result = self.attempt_local(&overtaken).await;
            return self.after_local(result).await;
        };
        let mut local = pin!(self.attempt_local(&overtaken));
        if let Ok(result) = timeout(wait, &mut local).await {
            return self.after_local(result).await;
        }
        let mut above = pin!(self.ask_chain(&permit));
        let (result, answered) = tokio::select! {
            biased;
            result = &mut local => (result, None),
            answered = &mut above => {
                if answered.is_ok() {
                    overtaken.cancel();
                }
                // At its end within a step; or, if the upstream failed, the only hope.
                (local.await, Some(answered))
            }
        };
        match (result, answered) {
            (LocalResult::Escalate(escalation), answered) => {
                let content: Result<Content, Fault> = match answered {
                    Some(answered) => answered,
                    None => above.await,
                };
                Ok(self.escalated(escalation, content?))
            }
            // What the call came to that is cut off here is booked by its guard.
            (accepted, _) => self.after_local(accepted).await,
        }
    }

    /// When the upstream is to be asked beside the draft; never if nothing may leave.
    fn hedge(&self) -> Option<(Duration, EgressPermit)> {
        let wait = self.route.hedge_after?;
        self.egress().ok().map(|permit| (wait, permit))
    }

    async fn after_local(&self, result: LocalResult) -> Result<Decided, Fault> {
        match result {
            LocalResult::Accepted {
                answer,
                confidence,
                certificate,
                audit,
            } => Ok(Decided {
                told: Told {
                    source: Source::Local,
                    reason: "accepted",
                    confidence,
                    certificate,
                    stored_usage: None,
                },
                content: Content::Draft(answer),
                leaves: audit.map_or(Leaves::Nothing, Leaves::Audit),
            }),
            LocalResult::Committed {
                committed,
                confidence,
                certificate,
            } => Ok(Decided {
                told: Told {
                    source: Source::Local,
                    reason: "accepted",
                    confidence: Some(confidence),
                    certificate,
                    stored_usage: None,
                },
                content: Content::Committed(committed),
                leaves: Leaves::Nothing,
            }),
            LocalResult::Escalate(escalation) => match self.clearance.pinned() {
                Some(by) => Err(by.fault_after(escalation.reason, &self.route.name)),
                None => self.escalate(escalation).await,
            },
        }
    }
}
