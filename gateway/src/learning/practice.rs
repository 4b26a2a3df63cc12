//! Drafts that are made to learn: the client has the upstream's answer already, and nobody waits.
//!
//! One at a time per local model, only while no client wants it. A client that comes takes the model at once; the
//! draft is booked as cancelled and tried again when the model is free.

use std::sync::Arc;
use std::time::Duration;

use local_engine::{Health, LocalEngine};
use router_policies::{Action, LocalPlan, Route};
use tokio_util::sync::CancellationToken;

use super::compare::Said;
use super::lesson::Judged;
use super::text_judge::{FreeLabel, Hearing};
use crate::app::App;
use crate::egress::EgressPermit;
use crate::exchange::{
    Drafted, Examined, Judging, NoDraft, Subject, Task, draft, end_of, examine, job_for,
    learns_to_stop, local_plan, shape_for,
};
use crate::ledger::{AttemptGuard, AttemptOutcome, Engine, Origin, Purpose, Receipt};
use crate::openai::ChatRequest;
use crate::snapshot::Snapshot;

/// A draft to be made.
#[derive(Debug)]
pub(crate) struct Practice {
    /// What was in force for the request.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its route.
    pub(crate) route: Arc<Route>,
    /// The request.
    pub(crate) request: ChatRequest,
    /// Its system prompt.
    pub(crate) system: String,
    /// Where it is charged.
    pub(crate) receipt: Receipt,
    /// What the upstream said.
    pub(crate) said: Said,
    /// What the draft is made for.
    pub(crate) purpose: Purpose,
    /// The right to show the request to a judge.
    pub(crate) permit: Option<EgressPermit>,
}

/// How often a draft is tried that clients interrupt.
const TRIES: u32 = 3;
/// Longest draft on a route without a deadline.
const LONGEST: Duration = Duration::from_secs(120);
/// Largest request that is kept for a draft, in bytes.
const LARGEST: usize = 256 << 10;

/// How a try ended.
enum Try {
    Made(Box<Drafted>, AttemptGuard),
    None(NoDraft, AttemptGuard),
    Interrupted,
}

impl Practice {
    /// Whether the request is small enough to be kept until the model is free.
    pub(crate) const fn is_small(request: &ChatRequest) -> bool {
        request.bytes <= LARGEST
    }

    /// Makes the draft and learns from it.
    pub(super) async fn run(self, app: Arc<App>) {
        let stopping = app.learning().background.stopping();
        // What is given up here was begun for nobody; its attempt books itself.
        let _given_up = stopping.run_until_cancelled(self.practise(&app)).await;
    }

    async fn practise(&self, app: &App) {
        let Some(plan) = &self.route.local else {
            return;
        };
        let Some(engine) = self.snapshot.engine(&plan.model) else {
            return;
        };
        let precedence = app.learning().precedence(&plan.model);
        let turn = precedence.learner().await;
        for _ in 0..TRIES {
            precedence.free().await;
            let attempt = tokio::select! {
                biased;
                () = precedence.wanted() => Try::Interrupted,
                attempt = self.attempt(engine, plan) => attempt,
            };
            match attempt {
                Try::Interrupted => {}
                Try::None(none, guard) => {
                    let busy = guard.elapsed();
                    let end = end_of(
                        AttemptOutcome::Failed,
                        &<_>::default(),
                        busy,
                        Some(none.error),
                    );
                    guard.finish(end).await;
                    return;
                }
                Try::Made(drafted, guard) => {
                    let (usage, busy) = (drafted.usage, drafted.usage.busy);
                    let end = end_of(AttemptOutcome::Answered, &usage, busy, None);
                    guard.finish(end).await;
                    // What is left does not take the model.
                    drop(turn);
                    self.learn(app, engine, plan, *drafted).await;
                    return;
                }
            }
        }
    }

    async fn attempt(&self, engine: &Arc<dyn LocalEngine>, plan: &LocalPlan) -> Try {
        let guard = self
            .receipt
            .begin(local_plan(&self.snapshot, plan, Engine::Learning));
        let job = job_for(&self.request, plan);
        let job = local_engine::Job {
            first_token_within: None,
            ..job
        };
        let task = Task {
            engine,
            shape: &shape_for(&self.request, plan),
            job,
            deadline: Some(plan.deadline.unwrap_or(LONGEST)),
            commit: self.route.commit,
            traced: learns_to_stop(&self.route),
            overtaken: CancellationToken::new(),
        };
        match draft(task).await {
            Ok(drafted) => Try::Made(Box::new(drafted), guard),
            Err(none) => Try::None(none, guard),
        }
    }

    async fn learn(
        &self,
        app: &App,
        engine: &Arc<dyn LocalEngine>,
        plan: &LocalPlan,
        mut drafted: Drafted,
    ) {
        let Some(info) = engine.info().filter(|_| engine.health() == Health::Ready) else {
            return;
        };
        let learning = app.learning();
        let shape = shape_for(&self.request, plan);
        let judging = Judging::new(
            learning,
            &self.snapshot,
            (&self.route, plan, &shape),
            &info,
            &self.system,
        );
        let Examined { text, failed } = examine(&shape, &mut drafted, || self.request.messages());
        // What is committed before its end would have been sent, whatever failed later.
        let failed_later = drafted.at_commit.and(failed).is_some();
        let failed = failed.filter(|_| !failed_later);
        // A draft that was stopped early counted when it was stopped.
        let mut judgement = if self.purpose == Purpose::Redo {
            judging.judge_again(&drafted.features, failed)
        } else {
            let (open, course) = (learning.audits_open(&self.route), drafted.course.take());
            judging.judge(&drafted.features, failed, open, course)
        };
        let subject = Subject {
            exchange: self.receipt.id(),
            purpose: self.purpose,
            features: drafted.features,
            failed,
        };
        let p_bad = judgement.assessment.p_bad;
        let learnt = judgement.learnt.take();
        let free = if failed_later {
            FreeLabel::certain(learnt)
        } else {
            learning.free_label(&self.route, p_bad, learnt)
        };
        let decision = judging.decision(subject, &judgement, free.booked);
        let judged = Box::new(Judged {
            exchange: decision.exchange,
            purpose: self.purpose,
            shape,
            said: Said::text(text),
            ticket: free.ticket,
        });
        learning.keep(judging.documents(&judgement), decision).await;
        if failed_later {
            return learning.failed_later(judged.exchange, judged.ticket).await;
        }
        if !free.wanted {
            return;
        }
        let origin = match self.purpose {
            Purpose::Redo => Origin::FinishedAbort,
            Purpose::Answer | Purpose::Learning if self.route.action == Action::Shadow => {
                Origin::Shadow
            }
            Purpose::Answer | Purpose::Learning => Origin::Escalation,
        };
        let hearing = self.permit.as_ref().map(|permit| Hearing {
            app,
            permit,
            snapshot: &self.snapshot,
            route: &self.route,
            request: &self.request,
            receipt: &self.receipt,
        });
        learning.label(judged, &self.said, origin, hearing).await;
    }
}
