//! One audit: the upstream is asked what the local model has answered already.

use std::sync::Arc;

use router_policies::{ModelRef, Route};
use tokio::time::sleep;

use super::Drawn;
use crate::app::App;
use crate::exchange::{another_may_answer, answered_end, failed_end, pause_before_retry};
use crate::learning::compare::Said;
use crate::learning::lesson::Judged;
use crate::ledger::{AttemptPlan, Engine, Origin, Price, Receipt};
use crate::openai::ChatRequest;
use crate::snapshot::Snapshot;
use crate::upstream::Reply;

/// An audit to be made.
#[derive(Debug)]
pub(crate) struct Audit {
    /// The accepted draft.
    pub(crate) judged: Box<Judged>,
    /// The right to ask, and what for.
    pub(crate) question: Question,
}

/// What an audit asks.
#[derive(Debug)]
pub(crate) struct Question {
    /// The right to ask.
    pub(crate) drawn: Drawn,
    /// What was in force for the request.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its route.
    pub(crate) route: Arc<Route>,
    /// The request.
    pub(crate) request: ChatRequest,
    /// Where it is charged.
    pub(crate) receipt: Receipt,
}

impl Audit {
    /// Asks the models of the route's chain, one after the other, until one answers, and learns from the answer.
    pub(in crate::learning) async fn run(self, app: Arc<App>) {
        let Self { judged, question } = self;
        let asking = Arc::clone(&app.learning().auditor.asking);
        // Never closed; without a turn the label is lost, which counts.
        let Ok(_turn) = asking.acquire_owned().await else {
            return;
        };
        let Some((said, target)) = question.ask_chain().await else {
            return;
        };
        let (exchange, shape) = (judged.exchange, judged.shape.clone());
        let learning = app.learning();
        // Told before the question is repeated, for others wait behind it.
        learning.label(judged, &said, Origin::Audit).await;
        if question.drawn.twice
            && let Ok(Some(again)) = question.ask(&target).await
        {
            learning.repeated(exchange, &shape, [&said, &again]).await;
        }
    }
}

impl Question {
    /// What the first model said that answered, and which it was.
    async fn ask_chain(&self) -> Option<(Said, ModelRef)> {
        for target in self.route.chain() {
            match self.ask(target).await {
                Ok(said) => return said.map(|said| (said, target.clone())),
                Err(goes_on) if goes_on => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// What one model says; the error is whether the next one is worth asking.
    async fn ask(&self, target: &ModelRef) -> Result<Option<Said>, bool> {
        let permit = &self.drawn.permit;
        // The policy was compiled against the configured upstreams, so there is one.
        let upstream = self.snapshot.upstream(&target.upstream, permit);
        let upstream = upstream.ok_or(false)?;
        let body = self.request.whole_for_upstream(&target.model);
        let request_id = self.receipt.id().to_string();
        let mut tries = 0;
        loop {
            let guard = self.receipt.begin(self.plan(target));
            let fault = match upstream.send(&body, &request_id).await {
                Ok(Reply::Whole(whole)) => {
                    self.charge(guard.finish(answered_end(&whole)).await);
                    return Ok(Said::of_completion(&whole.body));
                }
                // It was not asked to stream. Dropping both books what came as cancelled.
                Ok(Reply::Stream(_)) => return Err(true),
                Err(fault) => fault,
            };
            self.charge(guard.finish(failed_end(&fault)).await);
            let Some(pause) = pause_before_retry(&fault, tries, upstream.retries()) else {
                return Err(another_may_answer(&fault));
            };
            tries += 1;
            sleep(pause).await;
        }
    }

    fn charge(&self, cost: Price) {
        if let Some(money) = &self.drawn.money {
            money.spend(cost);
        }
    }

    fn plan(&self, target: &ModelRef) -> AttemptPlan {
        let catalog = &self.snapshot.config().catalog;
        AttemptPlan {
            engine: Engine::Audit,
            provider: target.upstream.clone(),
            model: target.model.clone(),
            pricing: catalog.pricing(&target.upstream, &target.model),
        }
    }
}
