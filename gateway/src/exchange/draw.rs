//! What becomes of a judged draft's label: told for free, drawn for an audit, or not looked for.

use router_policies::{Label, Probability, Verdict};

use super::Exchange;
use super::judging::Judgement;
use crate::learning::{Drawn, FreeLabel, Judged, Learning, Lot, Ticket};
use crate::ledger::Draw;

/// An accepted draft that is to be audited.
#[derive(Debug)]
pub(super) struct ToAudit {
    pub(super) judged: Box<Judged>,
    pub(super) right: Drawn,
}

/// A label that nobody looks for. It is told so when this is dropped, unless the draft fails before.
#[derive(Debug, Default)]
pub(super) struct Untold(Option<(Ticket, Label)>);

impl Untold {
    fn new(ticket: Option<Ticket>, label: Label) -> Self {
        Self(ticket.map(|ticket| (ticket, label)))
    }

    /// Where it is told after all.
    pub(super) fn ticket(mut self) -> Option<Ticket> {
        self.0.take().map(|(ticket, _)| ticket)
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        if let Some((ticket, label)) = self.0.take() {
            ticket.settle(label);
        }
    }
}

/// What a draw came to.
#[derive(Debug, Default)]
pub(super) struct DrawResult {
    /// For the books: the chance and what became of the draw.
    pub(super) booked: Option<(Probability, Draw)>,
    /// The right to audit, if the lot fell on the draft.
    pub(super) right: Option<Drawn>,
    /// Where the label is waited for, if there will be one.
    pub(super) ticket: Option<Ticket>,
    /// The label that is known to be none.
    pub(super) untold: Untold,
    /// Whether a draft that is not used is to be compared.
    pub(super) wanted: bool,
}

impl DrawResult {
    fn untold(ticket: Option<Ticket>) -> Self {
        Self {
            untold: Untold::new(ticket, Label::NotDrawn),
            ..Self::default()
        }
    }
}

impl Exchange {
    /// Whether an accepted draft might be audited. A request that must stay is no sample of those that may leave.
    pub(super) fn audits_open(&self) -> bool {
        self.clearance.permit().is_ok() && self.app.learning().audits_open(&self.route)
    }

    /// Draws for an accepted draft.
    pub(super) fn draw(&self, judgement: &mut Judgement) -> DrawResult {
        let accepted = judgement.assessment.verdict == Verdict::Accept;
        let Ok(permit) = self.clearance.permit() else {
            let ticket = judgement.learnt.take().map(|(_, ticket)| ticket);
            return DrawResult::untold(ticket);
        };
        if !accepted {
            return self.free_label(judgement);
        }
        let (propensity, ticket) = match judgement.learnt.take() {
            Some((sampling, ticket)) => (sampling.propensity, Some(ticket)),
            None => (self.declared_share(judgement), None),
        };
        if self.route.audit.is_none() {
            return DrawResult::untold(ticket);
        }
        let lot = Lot {
            route: &self.route,
            propensity,
            worst: self.worst,
            permit,
        };
        let (draw, right) = self.app.learning().draw(&lot);
        let (ticket, untold) = match draw {
            Draw::Drawn => (ticket, Untold::default()),
            Draw::NotDrawn => (None, Untold::new(ticket, Label::NotDrawn)),
            Draw::Capped | Draw::Busy | Draw::Unpriced | Draw::Draining => {
                (None, Untold::new(ticket, Label::Lost))
            }
        };
        DrawResult {
            booked: Some((propensity, draw)),
            right,
            ticket,
            untold,
            wanted: false,
        }
    }

    /// The label of an escalated draft comes for free, but for a judge.
    fn free_label(&self, judgement: &mut Judgement) -> DrawResult {
        let (p_bad, learnt) = (judgement.assessment.p_bad, judgement.learnt.take());
        let FreeLabel {
            ticket,
            wanted,
            booked,
        } = self.app.learning().free_label(&self.route, p_bad, learnt);
        DrawResult {
            booked,
            ticket,
            wanted,
            ..DrawResult::default()
        }
    }

    /// The chance of an audit on a route whose threshold was set by hand.
    fn declared_share(&self, judgement: &Judgement) -> Probability {
        let open = self.app.learning().audits_open(&self.route);
        let plan = Learning::audit_plan(&self.route).filter(|_| open);
        let chance = plan.map_or(Probability::ZERO, |plan| {
            plan.share(judgement.assessment.p_bad, judgement.declared_limit())
        });
        let judge = self.route.text_judge.as_ref();
        judge.map_or(chance, |judge| chance.and(judge.share))
    }
}
