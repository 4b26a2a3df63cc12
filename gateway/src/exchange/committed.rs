//! Drafts that become the answer before their end (`commit: window`).
//!
//! The verdict falls once, where the route says; the certificate is about the draft as it was then. What is rejected is given
//! up at once. What is accepted is sent as it is made, and nothing takes it back: if it fails later, the client is
//! told, and it counts as an accepted bad answer, which takes no audit to know.

mod drafting;

use std::time::Duration;

use router_policies::{Answer as Shape, Features, Verdict};

use super::Exchange;
use super::decide::Escalation;
use super::drafting::Run;
use super::draw::{DrawResult, ToAudit, Untold};
use super::judging::{Judging, Subject};
use super::leaves::Leaves;
use super::local::{LocalResult, end_of};
use crate::learning::{ClientDraft, Drawn, Judged, Learning, Said, Ticket};
use crate::ledger::{AttemptGuard, AttemptOutcome, ExchangeId, Purpose};

pub(super) use drafting::Drafting;

/// Longest silence of the engine in the middle of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A draft that has come to where it is committed or not.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) run: Run,
    pub(super) attempt: AttemptGuard,
    /// As long as it lives, no draft to learn takes the model.
    pub(super) first: ClientDraft,
    pub(super) shape: Shape,
}

/// A draft that is the answer.
#[derive(Debug)]
pub(super) struct Committed {
    run: Run,
    attempt: AttemptGuard,
    _first: ClientDraft,
    shape: Shape,
    label: Pending,
}

/// The label of a committed draft, which nobody can know before its end.
#[derive(Debug)]
struct Pending {
    right: Option<Drawn>,
    ticket: Option<Ticket>,
    untold: Untold,
}

impl Exchange {
    /// Decides on a draft that is not at its end, and writes down what that rests on.
    pub(super) async fn commit(
        &self,
        begun: Begun,
        judging: &Judging,
        features: Features,
    ) -> LocalResult {
        let Begun {
            mut run,
            attempt,
            first,
            shape,
        } = begun;
        let (open, course) = (self.audits_open(), run.course());
        let mut judgement = judging.judge_unfinished(&features, open, course);
        let assessment = judgement.assessment;
        let drawn = match assessment.verdict {
            Verdict::Accept => self.draw(&mut judgement),
            Verdict::Escalate(_) => DrawResult::default(),
        };
        let subject = Subject {
            exchange: self.id,
            purpose: Purpose::Answer,
            features,
            failed: None,
        };
        let decision = judging.decision(subject, &judgement, drawn.booked);
        let documents = judging.documents(&judgement);
        self.app.learning().keep(documents, decision).await;
        Learning::tend(&self.app);
        let confidence = assessment.confidence.get();
        match assessment.verdict {
            Verdict::Accept => {
                run.commit(PATIENCE);
                let committed = Committed {
                    run,
                    attempt,
                    _first: first,
                    shape,
                    label: Pending {
                        right: drawn.right,
                        ticket: drawn.ticket,
                        untold: drawn.untold,
                    },
                };
                LocalResult::Committed {
                    committed: Box::new(committed),
                    confidence,
                    certificate: judgement.accepting_certificate().map(str::to_owned),
                }
            }
            Verdict::Escalate(reason) => {
                let usage = run.usage();
                drop(run);
                let end = end_of(AttemptOutcome::Discarded, &usage, usage.busy, None);
                attempt.finish(end).await;
                LocalResult::Escalate(Escalation {
                    reason,
                    confidence: Some(confidence),
                    judged: None,
                })
            }
        }
    }
}

impl Pending {
    /// The draft came to a good end and says this.
    fn whole(self, exchange: ExchangeId, shape: Shape, text: String) -> Leaves {
        let Some(right) = self.right else {
            return Leaves::Nothing;
        };
        let judged = Box::new(Judged {
            exchange,
            purpose: Purpose::Answer,
            shape,
            said: Said::text(text),
            ticket: self.ticket,
        });
        Leaves::Audit(Box::new(ToAudit { judged, right }))
    }

    /// It did not.
    async fn failed(self, learning: &Learning, exchange: ExchangeId) {
        let ticket = self.ticket.or_else(|| self.untold.ticket());
        learning.failed_later(exchange, ticket).await;
    }
}
