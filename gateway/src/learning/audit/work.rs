//! One audit: the upstream is asked what the local model has answered already.

use std::sync::Arc;

use router_policies::{ModelRef, Route};

use super::Drawn;
use super::call::Call;
use crate::app::App;
use crate::learning::compare::Said;
use crate::learning::lesson::Judged;
use crate::learning::text_judge::Hearing;
use crate::ledger::{Origin, Receipt};
use crate::openai::ChatRequest;
use crate::snapshot::Snapshot;

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
        let learning = app.learning();
        // Without a turn the label is lost, which counts.
        let Some(turn) = learning.auditor.turn().await else {
            return;
        };
        let Some((said, target)) = question.ask_chain().await else {
            return;
        };
        drop(turn);
        let (exchange, shape) = (judged.exchange, judged.shape.clone());
        // Told before the question is repeated, for others wait behind it.
        let hearing = question.hearing(&app);
        learning.label(judged, &said, Origin::Audit, hearing).await;
        if question.drawn.twice
            && let Some(_turn) = learning.auditor.turn().await
            && let Ok(Some(again)) = question.ask(&target).await
        {
            learning.repeated(exchange, &shape, [&said, &again]).await;
        }
    }
}

impl Question {
    /// What a judge of texts is told.
    fn hearing<'a>(&'a self, app: &'a App) -> Option<Hearing<'a>> {
        Some(Hearing {
            app,
            permit: &self.drawn.permit,
            snapshot: &self.snapshot,
            route: &self.route,
            request: &self.request,
            receipt: &self.receipt,
        })
    }

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
        let call = Call {
            permit: &self.drawn.permit,
            snapshot: &self.snapshot,
            receipt: &self.receipt,
            target,
            money: self.drawn.money.as_ref(),
        };
        let body = self.request.whole_for_upstream(&target.model);
        let whole = call.make(&body).await?;
        Ok(Said::of_completion(&whole.body))
    }
}
