//! Cache, local attempt, verdict, escalation: from a request to an answer that is decided but not yet delivered.

use std::borrow::Cow;
use std::sync::Arc;

use router_policies::Reason;
use serde_json::Value;

use super::Exchange;
use super::committed::Committed;
use super::leaves::Leaves;
use crate::cache::{CacheKey, CachedAnswer};
use crate::fault::Fault;
use crate::learning::Judged;
use crate::ledger::{AttemptGuard, Settlement, Source, Usage};
use crate::openai::{Answer, completion_of};
use crate::upstream::{UpstreamStream, WholeReply};

/// An answer whose source can no longer change.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) told: Told,
    pub(super) content: Content,
    pub(super) leaves: Leaves,
}

/// Who answers and why, as headers and ledger say it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) source: Source,
    pub(super) reason: &'static str,
    /// Calibrated probability that the draft was good enough, where there was one.
    pub(super) confidence: Option<f64>,
    /// Id of the certificate that the answer rests on.
    pub(super) certificate: Option<String>,
    /// Tokens of an answer that has no attempt of its own.
    pub(super) stored_usage: Option<Usage>,
}

/// The answer itself.
#[derive(Debug)]
pub(super) enum Content {
    /// A local draft that was accepted.
    Draft(Answer),
    /// A local draft that is the answer, whatever becomes of it.
    Committed(Box<Committed>),
    /// A stored answer.
    Stored(Arc<CachedAnswer>),
    /// An upstream's complete answer.
    Whole(WholeReply),
    /// An upstream's stream, and the attempt that ends with it.
    Stream(Box<UpstreamStream>, AttemptGuard),
}

/// Why the local model does not answer, with what is known of its draft if there was one.
#[derive(Debug)]
pub(super) struct Escalation {
    pub(super) reason: Reason,
    pub(super) confidence: Option<f64>,
    pub(super) judged: Option<Box<Judged>>,
}

impl Told {
    /// A settlement that says what this says.
    pub(super) fn settlement(&self, settlement: Settlement) -> Settlement {
        Settlement {
            reason: settlement.reason.or(Some(Cow::Borrowed(self.reason))),
            confidence: self.confidence,
            certificate: self.certificate.clone(),
            answer_usage: self.stored_usage,
            ..settlement
        }
    }
}

impl Exchange {
    /// Decides who answers.
    ///
    /// # Errors
    /// When neither the local model nor the upstream can; a local-only route never asks the upstream.
    pub(super) async fn decide(&self) -> Result<Decided, Fault> {
        let key = self.cache_key();
        if let Some(stored) = self.look_up(key.as_ref()).await {
            return Ok(stored);
        }
        let decided = Box::pin(self.race()).await?;
        if let (Some(key), Some(keep_for)) = (key, self.route.cache)
            && let Some((body, usage)) = memorable(&decided.content)
        {
            self.app.cache().put(key, body, usage, keep_for).await;
        }
        Ok(decided)
    }

    fn cache_key(&self) -> Option<CacheKey> {
        self.route.cache?;
        let version = &self.snapshot.config().version;
        Some(CacheKey::new(
            &self.principal.name,
            &self.route.id(),
            version,
            self.clearance.cache_domain(),
            &self.request.essence(),
        ))
    }

    async fn look_up(&self, key: Option<&CacheKey>) -> Option<Decided> {
        let stored = self.app.cache().get(key?).await?;
        let told = Told {
            source: Source::Cache,
            reason: "stored",
            confidence: None,
            certificate: None,
            stored_usage: Some(stored.usage),
        };
        Some(Decided {
            told,
            content: Content::Stored(stored),
            leaves: Leaves::Nothing,
        })
    }
}

/// What of an answer is stored: it, and its tokens. Streams are passed on, not collected.
fn memorable(content: &Content) -> Option<(Value, Usage)> {
    match content {
        Content::Draft(answer) => {
            let usage = Usage {
                input: answer.usage.prompt_tokens,
                output: answer.usage.completion_tokens,
                ..Usage::default()
            };
            Some((completion_of(answer), usage))
        }
        Content::Whole(reply) => reply.usage.map(|usage| (reply.body.clone(), usage)),
        Content::Stored(_) | Content::Committed(_) | Content::Stream(..) => None,
    }
}
