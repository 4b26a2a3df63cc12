//! Asking the upstream: tries, each booked, and the waits between them.

use std::time::Duration;

use http::StatusCode;
use router_policies::ModelRef;
use tokio::time::sleep;

use super::Exchange;
use super::decide::{Content, Decided, Escalation, Told};
use crate::egress::EgressPermit;
use crate::fault::{Fault, FaultKind, Retry};
use crate::ledger::{AttemptEnd, AttemptGuard, AttemptOutcome, AttemptPlan, Engine, Source, Usage};
use crate::upstream::{Reply, WholeReply};

/// Pause before the first further try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A longer wait than this is the client's to make.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Exchange {
    /// Gets the answer from the upstream.
    ///
    /// # Errors
    /// Those of [`ask_chain`](Self::ask_chain), and that nothing may leave.
    pub(super) async fn escalate(&self, escalation: Escalation) -> Result<Decided, Fault> {
        let permit = self.egress()?;
        let content = self.ask_chain(&permit).await?;
        Ok(self.escalated(escalation, content))
    }

    /// The decision for an answer of the upstream.
    pub(super) fn escalated(&self, escalation: Escalation, content: Content) -> Decided {
        let told = Told {
            source: Source::Upstream,
            reason: escalation.reason.as_str(),
            confidence: escalation.confidence,
            certificate: None,
            stored_usage: None,
        };
        Decided {
            told,
            content,
            leaves: self.leaves(escalation),
        }
    }

    /// Gets an answer from the first model of the route's chain that gives one.
    ///
    /// # Errors
    /// A refusal of the request itself, which every other model would repeat, or the fault of the last model.
    pub(super) async fn ask_chain(&self, permit: &EgressPermit) -> Result<Content, Fault> {
        let mut failed = None;
        for target in self.route.chain() {
            match self.ask(target, permit).await {
                Ok(content) => return Ok(content),
                Err(fault) if !another_may_answer(&fault) => return Err(fault),
                Err(fault) => failed = Some(fault),
            }
        }
        // The policy was compiled against the configured upstreams, so this is a defect if it ever happens.
        Err(failed.unwrap_or_else(|| Fault::new(FaultKind::Internal, "the route has no upstream")))
    }

    /// Asks one model, as often as its upstream's settings say.
    async fn ask(&self, target: &ModelRef, permit: &EgressPermit) -> Result<Content, Fault> {
        let upstream = self.snapshot.upstream(&target.upstream, permit);
        let upstream = upstream
            .ok_or_else(|| Fault::new(FaultKind::Internal, "the upstream is not configured"))?;
        let body = self.request.for_upstream(&target.model);
        let request_id = self.id.to_string();
        let mut tries = 0;
        loop {
            let mut guard = self.account.begin(self.upstream_attempt_plan(target));
            // Whoever gives up before the answer has sent the prompt all the same, and may be charged for it.
            guard.observe(self.prompt_estimate());
            let fault = match upstream.send(&body, &request_id).await {
                Ok(reply) => return Ok(accept(reply, guard).await),
                Err(fault) => fault,
            };
            guard.finish(failed_end(&fault)).await;
            let Some(pause) = pause_before_retry(&fault, tries, upstream.retries()) else {
                return Err(fault);
            };
            tries += 1;
            sleep(pause).await;
        }
    }

    /// Four bytes a token is the usual ratio for English; rows that rest on it say that they are incomplete.
    fn prompt_estimate(&self) -> Usage {
        let messages = self.request.messages();
        let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
        Usage {
            input: u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX),
            ..Usage::default()
        }
    }

    fn upstream_attempt_plan(&self, target: &ModelRef) -> AttemptPlan {
        AttemptPlan {
            engine: Engine::Upstream,
            provider: target.upstream.clone(),
            model: target.model.clone(),
            pricing: self
                .snapshot
                .config()
                .catalog
                .pricing(&target.upstream, &target.model),
        }
    }
}

async fn accept(reply: Reply, guard: AttemptGuard) -> Content {
    match reply {
        Reply::Whole(whole) => {
            guard.finish(answered_end(&whole)).await;
            Content::Whole(whole)
        }
        Reply::Stream(stream) => Content::Stream(Box::new(stream), guard),
    }
}

pub(crate) fn answered_end(whole: &WholeReply) -> AttemptEnd {
    AttemptEnd {
        outcome: AttemptOutcome::Answered,
        usage: whole.usage.unwrap_or_default(),
        usage_complete: whole.usage.is_some(),
        busy: Duration::ZERO,
        error_kind: None,
    }
}

pub(crate) fn failed_end(fault: &Fault) -> AttemptEnd {
    // A refusal costs nothing. After a time-out or a broken answer the upstream may have worked, and charge.
    let nothing_done = matches!(
        fault.kind(),
        FaultKind::UpstreamRejected(_) | FaultKind::UpstreamAuth | FaultKind::UpstreamUnavailable
    );
    AttemptEnd {
        outcome: AttemptOutcome::Failed,
        usage: Usage::default(),
        usage_complete: nothing_done,
        busy: Duration::ZERO,
        error_kind: Some(fault.kind().code()),
    }
}

/// Whether the next model of the chain is worth asking: not if the request itself was refused, which is for the client
/// to mend.
pub(crate) fn another_may_answer(fault: &Fault) -> bool {
    match fault.kind() {
        FaultKind::UpstreamRejected(status) => matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::NOT_FOUND
                | StatusCode::PAYMENT_REQUIRED
        ),
        FaultKind::UpstreamAuth
        | FaultKind::UpstreamUnavailable
        | FaultKind::UpstreamTimeout
        | FaultKind::UpstreamBroken => true,
        _ => false,
    }
}

/// How long to wait before another try; `None` when there is none.
pub(crate) fn pause_before_retry(fault: &Fault, tries: u32, allowed: u32) -> Option<Duration> {
    if tries >= allowed {
        return None;
    }
    match fault.retry_hint() {
        Retry::Never => None,
        Retry::Now => Some(
            FIRST_PAUSE
                .saturating_mul(1 << tries.min(4))
                .min(LONGEST_PAUSE),
        ),
        Retry::After(wait) => (wait <= LONGEST_PAUSE).then_some(wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_respect_the_upstream() {
        let down = Fault::new(FaultKind::UpstreamUnavailable, "");
        assert_eq!(pause_before_retry(&down, 0, 2), Some(FIRST_PAUSE));
        assert_eq!(pause_before_retry(&down, 1, 2), Some(FIRST_PAUSE * 2));
        assert_eq!(pause_before_retry(&down, 2, 2), None);
        let later = down.clone().retry(Retry::After(Duration::from_secs(3)));
        assert_eq!(
            pause_before_retry(&later, 0, 1),
            Some(Duration::from_secs(3))
        );
        let much_later = down.retry(Retry::After(Duration::from_secs(60)));
        assert_eq!(pause_before_retry(&much_later, 0, 1), None);
        assert_eq!(
            pause_before_retry(&Fault::new(FaultKind::UpstreamAuth, ""), 0, 3),
            None
        );
    }
}
