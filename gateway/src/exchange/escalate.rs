//! Asking the upstream: tries, each booked, and the waits between them.

use std::time::Duration;

use router_policies::ModelRef;
use tokio::time::sleep;

use super::Exchange;
use super::decide::{Content, Decided, Escalation, Told};
use crate::egress::EgressPermit;
use crate::fault::{Fault, FaultKind, Retry};
use crate::ledger::{AttemptEnd, AttemptGuard, AttemptOutcome, AttemptPlan, Engine, Source, Usage};
use crate::upstream::{Reply, Upstream, WholeReply};

/// Pause before the first further try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A longer wait than this is the client's to make.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Exchange {
    /// Gets the answer from the route's upstream.
    ///
    /// # Errors
    /// The fault of the last try.
    pub(super) async fn escalate(&self, escalation: Escalation) -> Result<Decided, Fault> {
        let permit = self.egress()?;
        let (target, upstream) = self.upstream_target(&permit)?;
        let body = self.request.for_upstream(&target.model);
        let request_id = self.id.to_string();
        let told = Told {
            source: Source::Upstream,
            reason: escalation.reason.as_str(),
            confidence: escalation.confidence,
            certificate: None,
            stored_usage: None,
        };
        let leaves = self.leaves(escalation);
        let mut tries = 0;
        loop {
            let guard = self.account.begin(self.upstream_attempt_plan(target));
            match upstream.send(&body, &request_id).await {
                Ok(reply) => {
                    return Ok(Decided {
                        told,
                        content: accept(reply, guard).await,
                        leaves,
                    });
                }
                Err(fault) => {
                    guard.finish(failed_end(&fault)).await;
                    let pause = pause_before_retry(&fault, tries, upstream.retries());
                    let Some(pause) = pause else {
                        return Err(fault);
                    };
                    tries += 1;
                    sleep(pause).await;
                }
            }
        }
    }

    fn upstream_target(&self, permit: &EgressPermit) -> Result<(&ModelRef, &Upstream), Fault> {
        let target = self.route.upstream.as_ref();
        // The policy was compiled against the configured upstreams, so this is a defect if it ever fails.
        target
            .and_then(|target| Some((target, self.snapshot.upstream(&target.upstream, permit)?)))
            .ok_or_else(|| Fault::new(FaultKind::Internal, "the route has no upstream"))
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

fn answered_end(whole: &WholeReply) -> AttemptEnd {
    AttemptEnd {
        outcome: AttemptOutcome::Answered,
        usage: whole.usage.unwrap_or_default(),
        usage_complete: whole.usage.is_some(),
        busy: Duration::ZERO,
        error_kind: None,
    }
}

fn failed_end(fault: &Fault) -> AttemptEnd {
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

/// How long to wait before another try; `None` when there is none.
fn pause_before_retry(fault: &Fault, tries: u32, allowed: u32) -> Option<Duration> {
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
