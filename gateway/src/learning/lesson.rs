//! What one draft teaches.

use std::sync::Arc;

use router_policies::{Answer, Label, Route};

use super::Learning;
use super::compare::{Said, Strictness, TEXT, compare};
use super::controller::Ticket;
use super::text_judge::{Hearing, JUDGE};
use crate::app::App;
use crate::egress::EgressPermit;
use crate::ledger::{ExchangeId, LabelRow, Origin, Preferred, Purpose, Receipt, RepeatRow};
use crate::openai::ChatRequest;
use crate::snapshot::Snapshot;

/// The word of the checks of a finished draft, where they speak for a comparison.
const CHECK: &str = "check";

/// A judged draft, kept until it is known what the upstream says to the same request. Its `Debug` output has no content.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The exchange.
    pub(crate) exchange: ExchangeId,
    /// What the draft was made for.
    pub(crate) purpose: Purpose,
    /// What the route asks for.
    pub(crate) shape: Answer,
    /// What it says.
    pub(crate) said: Said,
    /// Where its label is waited for. It is lost if this is dropped.
    pub(crate) ticket: Option<Ticket>,
}

/// A draft that was not used, and the upstream's answer that was.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The draft.
    pub(crate) judged: Box<Judged>,
    /// What the upstream said.
    pub(crate) said: Said,
    /// What was in force for the request.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its route.
    pub(crate) route: Arc<Route>,
    /// The request.
    pub(crate) request: ChatRequest,
    /// Where a judge is charged.
    pub(crate) receipt: Receipt,
    /// The right to show the request to a judge.
    pub(crate) permit: Option<EgressPermit>,
}

impl Comparison {
    pub(super) async fn run(self, app: &App) {
        let hearing = self.permit.as_ref().map(|permit| Hearing {
            app,
            permit,
            snapshot: &self.snapshot,
            route: &self.route,
            request: &self.request,
            receipt: &self.receipt,
        });
        let label = app
            .learning()
            .label(self.judged, &self.said, Origin::Escalation, hearing);
        label.await;
    }
}

impl Learning {
    /// Compares a draft with what the upstream said and keeps what follows. Where a judge of texts is `hearing`, texts that
    /// differ are put before it; what it does not say is not guessed.
    pub(super) async fn label(
        &self,
        judged: Box<Judged>,
        upstream: &Said,
        origin: Origin,
        hearing: Option<Hearing<'_>>,
    ) {
        let compared = compare(
            &judged.shape,
            &judged.said,
            upstream,
            &Strictness::default(),
        );
        let texts = [judged.said.text.as_str(), upstream.text.as_str()];
        let differ = !compared.same && compared.comparator == TEXT;
        let trial = hearing.filter(|_| differ).and_then(|hearing| {
            let about = (judged.exchange, judged.purpose);
            hearing.trial(about, texts)
        });
        let (bad, comparator) = match &trial {
            None => (!compared.same, compared.comparator),
            Some(trial) => match trial.first().await {
                Preferred::Unreadable => {
                    if let Some(ticket) = judged.ticket {
                        ticket.settle(Label::Lost);
                    }
                    return;
                }
                preferred => (preferred == Preferred::Upstream, JUDGE),
            },
        };
        let label = LabelRow {
            exchange: judged.exchange,
            purpose: judged.purpose,
            origin,
            bad,
            comparator,
            at: jiff::Timestamp::now(),
        };
        self.ledger.labelled(label).await;
        if let Some(ticket) = judged.ticket {
            ticket.settle(Label::of(bad));
        }
        // Told before, for others wait behind it.
        if let Some(trial) = trial {
            trial.again().await;
        }
    }

    /// Keeps that an answer which was committed before its end failed later. It takes no comparison to know that.
    pub(crate) async fn failed_later(&self, exchange: ExchangeId, ticket: Option<Ticket>) {
        let label = LabelRow {
            exchange,
            purpose: Purpose::Answer,
            origin: Origin::Commit,
            bad: true,
            comparator: CHECK,
            at: jiff::Timestamp::now(),
        };
        self.ledger.labelled(label).await;
        if let Some(ticket) = ticket {
            ticket.settle(Label::Failed);
        }
    }

    /// Keeps whether two answers of the upstream to the same request differ.
    pub(super) async fn repeated(
        &self,
        exchange: ExchangeId,
        shape: &Answer,
        [one, other]: [&Said; 2],
    ) {
        let compared = compare(shape, one, other, &Strictness::default());
        let repeat = RepeatRow {
            exchange,
            differs: !compared.same,
            comparator: compared.comparator,
            at: jiff::Timestamp::now(),
        };
        self.ledger.repeated(repeat).await;
    }
}
