//! The local attempt: a draft, its signals, its verdict.

use std::sync::Arc;
use std::time::Duration;

use local_engine::{Health, Job, LocalEngine, Usage as EngineUsage};
use router_policies::{
    Answer as Shape, Features, Finish, LocalPlan, Reason, Signals, Stop, Verdict, features_at,
};
use tokio_util::sync::CancellationToken;

use super::Exchange;
use super::committed::{Begun, Committed};
use super::decide::Escalation;
use super::drafting::{Drafted, Pause, Run, Task};
use super::draw::ToAudit;
use super::examine::{Examined, examine};
use super::job::job_for;
use super::judging::{Judging, Subject};
use super::stopping::{Stopped, learns_to_stop};
use crate::learning::{Judged, Learning, Said};
use crate::ledger::{
    AttemptEnd, AttemptGuard, AttemptOutcome, AttemptPlan, Engine, Pricing, Purpose, Usage,
};
use crate::openai::{Answer, AnswerUsage, ChatRequest, Obstacle};
use crate::snapshot::Snapshot;

/// What came of the local attempt.
#[derive(Debug)]
pub(super) enum LocalResult {
    Accepted {
        answer: Answer,
        confidence: Option<f64>,
        certificate: Option<String>,
        audit: Option<Box<ToAudit>>,
    },
    /// A draft that is not at its end, and the answer all the same.
    Committed {
        committed: Box<Committed>,
        confidence: f64,
        certificate: Option<String>,
    },
    Escalate(Escalation),
}

/// What is seen of a draft on its way.
enum Seen {
    /// It will be rejected anyway.
    Lost(Stop, Features),
    /// It has come to where it is committed.
    There(Features),
}

/// Who drafts and who judges.
struct Drafter<'a> {
    plan: &'a LocalPlan,
    engine: &'a Arc<dyn LocalEngine>,
    judging: Judging,
    /// Longest time for the draft.
    deadline: Option<Duration>,
}

/// Escalates for a reason that is none of the draft's.
fn unjudged(reason: Reason) -> LocalResult {
    LocalResult::Escalate(Escalation {
        reason,
        confidence: None,
        judged: None,
    })
}

impl Exchange {
    /// Makes and judges a draft, unless it is `overtaken` before its end.
    pub(super) async fn attempt_local(&self, overtaken: &CancellationToken) -> LocalResult {
        let Drafter {
            plan,
            engine,
            judging,
            deadline,
        } = match self.drafter().await {
            Ok(drafter) => drafter,
            Err(reason) => return unjudged(reason),
        };
        let first = self.app.learning().client(&plan.model);
        let guard = self
            .account
            .begin(local_plan(&self.snapshot, plan, Engine::Local));
        let shape = shape_for(&self.request, plan);
        let task = Task {
            deadline,
            ..self.task(plan, engine, &shape, overtaken)
        };
        let mut run = Run::begin(task);
        let (judge, given_up) = judging.watch();
        let commits_after = self.commits_after(&shape);
        let look = |signals: &Signals| {
            if let Some(features) = commits_after.and_then(|at| features_at(signals, at)) {
                return Some(Seen::There(features));
            }
            let stop = self.route.early_abort.then(|| judge.stop(signals))?;
            stop.map(|(stop, features)| Seen::Lost(stop, features))
        };
        match run.go_on(look).await {
            Ok(Pause::Finished(drafted)) => self.conclude(guard, plan, &judging, *drafted).await,
            Ok(Pause::Seen(Seen::There(features))) => {
                let begun = Begun {
                    run,
                    attempt: guard,
                    first,
                    shape,
                };
                self.commit(begun, &judging, features).await
            }
            Ok(Pause::Seen(Seen::Lost(stop, features))) => {
                let (why, usage) = ((stop, features), run.usage());
                drop(run);
                let stopped = Stopped { why, usage };
                self.give_up(guard, &judging, &given_up, stopped).await
            }
            Ok(Pause::Overtaken) => {
                let usage = run.usage();
                drop(run);
                // Traffic that is not accepted, like a draft that was given up.
                judging.count_stopped(self.audits_open());
                let end = end_of(AttemptOutcome::Discarded, &usage, usage.busy, None);
                guard.finish(end).await;
                unjudged(Reason::Hedged)
            }
            Err(none) => {
                let (usage, busy) = (EngineUsage::default(), guard.elapsed());
                let end = end_of(AttemptOutcome::Failed, &usage, busy, Some(none.error));
                guard.finish(end).await;
                unjudged(none.reason)
            }
        }
    }

    /// What a client's draft is made from.
    fn task<'a>(
        &self,
        plan: &LocalPlan,
        engine: &'a Arc<dyn LocalEngine>,
        shape: &'a Shape,
        overtaken: &CancellationToken,
    ) -> Task<'a> {
        Task {
            engine,
            shape,
            job: Job {
                tenant: Some(self.principal.name.as_str().into()),
                ..job_for(&self.request, plan)
            },
            deadline: plan.deadline,
            commit: self.route.commit,
            traced: learns_to_stop(&self.route),
            overtaken: overtaken.clone(),
        }
    }

    /// Decision tokens after which a stream begins; `None`: at the end of the draft. What must be JSON because the client says
    /// so is checked as a whole.
    fn commits_after(&self, shape: &Shape) -> Option<u32> {
        let begins = self.request.stream && *shape == Shape::Text;
        self.route.commit.decisions().filter(|_| begins)
    }

    /// Who drafts and who judges, or why no draft is made.
    async fn drafter(&self) -> Result<Drafter<'_>, Reason> {
        // What must not leave is answered here whatever the action; nobody else may.
        let answers = self.route.action.answers_locally() || self.clearance.pinned().is_some();
        let plan = self.route.local.as_ref().filter(|_| answers);
        let plan = plan.ok_or(Reason::Policy)?;
        if self.local_obstacle(plan).is_some() {
            return Err(Reason::Unsupported);
        }
        let engine = self.snapshot.engine(&plan.model);
        let engine = engine.ok_or(Reason::EngineDown)?;
        let deadline = self.at_hand(plan, engine).await?;
        let info = engine.info().filter(|_| engine.health() == Health::Ready);
        let info = info.ok_or(Reason::EngineDown)?;
        let shape = shape_for(&self.request, plan);
        let route = (&*self.route, plan, &shape);
        let learning = self.app.learning();
        let judging = Judging::new(learning, &self.snapshot, route, &info, &self.system);
        if judging.learns() {
            // Nothing is proven for this route, so no draft could be accepted. One may be made later, to learn.
            return Err(Reason::Learning);
        }
        Ok(Drafter {
            plan,
            engine,
            judging,
            deadline,
        })
    }

    /// Judges a draft, writes down what the verdict rests on, and books the attempt.
    async fn conclude(
        &self,
        guard: AttemptGuard,
        plan: &LocalPlan,
        judging: &Judging,
        mut drafted: Drafted,
    ) -> LocalResult {
        let shape = shape_for(&self.request, plan);
        let Examined { text, failed } = examine(&shape, &mut drafted, || self.request.messages());
        let open = self.audits_open();
        let course = drafted.course.take();
        let mut judgement = judging.judge(&drafted.features, failed, open, course);
        let assessment = judgement.assessment;
        let drawn = self.draw(&mut judgement);
        let subject = Subject {
            exchange: self.id,
            purpose: Purpose::Answer,
            features: drafted.features,
            failed,
        };
        let decision = judging.decision(subject, &judgement, drawn.booked);
        let judged = Box::new(Judged {
            exchange: self.id,
            purpose: Purpose::Answer,
            shape,
            said: Said::text(text),
            ticket: drawn.ticket,
        });
        let documents = judging.documents(&judgement);
        self.app.learning().keep(documents, decision).await;
        Learning::tend(&self.app);
        let confidence = Some(assessment.confidence.get());
        let (usage, busy) = (drafted.usage, drafted.usage.busy);
        let end = |outcome| end_of(outcome, &usage, busy, None);
        match assessment.verdict {
            Verdict::Accept => {
                guard.finish(end(AttemptOutcome::Accepted)).await;
                LocalResult::Accepted {
                    answer: self.answer_from(drafted),
                    confidence,
                    certificate: judgement.accepting_certificate().map(str::to_owned),
                    audit: drawn.right.map(|right| Box::new(ToAudit { judged, right })),
                }
            }
            Verdict::Escalate(reason) => {
                guard.finish(end(AttemptOutcome::Discarded)).await;
                LocalResult::Escalate(Escalation {
                    reason,
                    confidence,
                    judged: Some(judged).filter(|_| drawn.wanted),
                })
            }
        }
    }

    fn local_obstacle(&self, plan: &LocalPlan) -> Option<Obstacle> {
        let json_promised = matches!(
            plan.answer,
            Shape::Json | Shape::JsonSchema(_) | Shape::Text
        );
        if self.request.wants_json && !json_promised {
            return Some(Obstacle::Field("response_format"));
        }
        self.request.obstacle()
    }

    fn answer_from(&self, drafted: Drafted) -> Answer {
        Answer {
            id: format!("chatcmpl-{}", self.id),
            created: jiff::Timestamp::now().as_second(),
            model: self.request.model.clone(),
            finish_reason: finish_word(drafted.finish),
            usage: usage_shown(&drafted.usage),
            pieces: drafted.pieces,
        }
    }
}

pub(super) const fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

/// Token counts as clients read them.
pub(super) fn usage_shown(usage: &EngineUsage) -> AnswerUsage {
    AnswerUsage {
        prompt_tokens: usage.prompt_tokens.into(),
        completion_tokens: usage.completion_tokens.into(),
    }
}

/// What the answer must be: the route's word, tightened by what the client asked for.
pub(crate) fn shape_for(request: &ChatRequest, plan: &LocalPlan) -> Shape {
    match &plan.answer {
        Shape::Text if request.wants_json => Shape::Json,
        shape => shape.clone(),
    }
}

/// How a draft is booked.
pub(crate) fn local_plan(snapshot: &Snapshot, plan: &LocalPlan, engine: Engine) -> AttemptPlan {
    let model = snapshot.config().models.get(&plan.model);
    AttemptPlan {
        engine,
        provider: "local".to_owned(),
        model: plan.model.clone(),
        pricing: model.map_or(Pricing::Unknown, |model| Pricing::BusyTime(model.rate)),
    }
}

/// How an attempt of the local model ended.
pub(crate) fn end_of(
    outcome: AttemptOutcome,
    usage: &EngineUsage,
    busy: Duration,
    error_kind: Option<&'static str>,
) -> AttemptEnd {
    AttemptEnd {
        outcome,
        usage: Usage {
            input: usage.prompt_tokens.into(),
            output: usage.completion_tokens.into(),
            ..Usage::default()
        },
        usage_complete: error_kind.is_none(),
        busy,
        error_kind,
    }
}
