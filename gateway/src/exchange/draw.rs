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

/// What a draw came to.
#[derive(Debug, Default)]
pub(super) struct DrawResult {
    /// For the books: the chance and what became of the draw.
    pub(super) booked: Option<(Probability, Draw)>,
    /// The right to audit, if the lot fell on the draft.
    pub(super) right: Option<Drawn>,
    /// Where the label is waited for, if there will be one.
    pub(super) ticket: Option<Ticket>,
    /// Whether a draft that is not used is to be compared.
    pub(super) wanted: bool,
}

impl Exchange {
    /// Whether an accepted draft might be audited. A request that must stay is no sample of those that may leave.
    pub(super) fn audits_open(&self) -> bool {
        self.clearance.permit().is_ok() && self.app.learning().audits_open(&self.route)
    }

    /// Draws for an accepted draft, and tells the label that is known to be none.
    pub(super) fn draw(&self, judgement: &mut Judgement) -> DrawResult {
        let accepted = judgement.assessment.verdict == Verdict::Accept;
        let Ok(permit) = self.clearance.permit() else {
            let ticket = judgement.learnt.take().map(|(_, ticket)| ticket);
            unseen(ticket, Label::NotDrawn);
            return DrawResult::default();
        };
        if !accepted {
            return self.free_label(judgement);
        }
        let (propensity, ticket) = match judgement.learnt.take() {
            Some((sampling, ticket)) => (sampling.propensity, Some(ticket)),
            None => (self.declared_share(judgement), None),
        };
        if self.route.audit.is_none() {
            unseen(ticket, Label::NotDrawn);
            return DrawResult::default();
        }
        let lot = Lot {
            route: &self.route,
            propensity,
            worst: self.worst,
            permit,
        };
        let (draw, right) = self.app.learning().draw(&lot);
        let ticket = match draw {
            Draw::Drawn => ticket,
            Draw::NotDrawn => unseen(ticket, Label::NotDrawn),
            Draw::Capped | Draw::Busy | Draw::Unpriced | Draw::Draining => {
                unseen(ticket, Label::Lost)
            }
        };
        DrawResult {
            booked: Some((propensity, draw)),
            right,
            ticket,
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
            right: None,
            ticket,
            wanted,
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

fn unseen(ticket: Option<Ticket>, label: Label) -> Option<Ticket> {
    if let Some(ticket) = ticket {
        ticket.settle(label);
    }
    None
}
