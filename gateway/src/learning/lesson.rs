//! What one draft teaches.

use router_policies::{Answer, Label};

use super::Learning;
use super::compare::{Said, Strictness, compare};
use super::controller::Ticket;
use crate::ledger::{ExchangeId, LabelRow, Origin, Purpose, RepeatRow};

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

impl Learning {
    /// Compares a draft with what the upstream said and keeps what follows.
    pub(super) async fn label(&self, judged: Box<Judged>, upstream: &Said, origin: Origin) {
        let compared = compare(
            &judged.shape,
            &judged.said,
            upstream,
            &Strictness::default(),
        );
        let label = LabelRow {
            exchange: judged.exchange,
            purpose: judged.purpose,
            origin,
            bad: !compared.same,
            comparator: compared.comparator,
            at: jiff::Timestamp::now(),
        };
        let bad = label.bad;
        self.ledger.labelled(label).await;
        if let Some(ticket) = judged.ticket {
            ticket.settle(Label::of(bad));
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
