//! Labels for which no upstream has to be asked: it has answered already.

use router_policies::{Label, LabelSampling, Probability, Route};

use crate::learning::Learning;
use crate::learning::controller::Ticket;
use crate::ledger::Draw;

/// What becomes of the label of a draft that was not used.
#[derive(Debug, Default)]
pub(crate) struct FreeLabel {
    /// Where it is waited for, if it counts in a proof.
    pub(crate) ticket: Option<Ticket>,
    /// Whether the draft is to be compared.
    pub(crate) wanted: bool,
    /// For the books, where a judge makes it a matter of chance: the chance and what became of the draw.
    pub(crate) booked: Option<(Probability, Draw)>,
}

impl FreeLabel {
    /// The label of a draft that failed after it would have been committed: known, whatever the lot.
    pub(in crate::learning) fn certain(learnt: Option<(LabelSampling, Ticket)>) -> Self {
        Self {
            ticket: learnt.map(|(_, ticket)| ticket),
            wanted: false,
            booked: None,
        }
    }
}

impl Learning {
    /// Decides whether a draft with this `p_bad` is compared. `learnt` is how its label is drawn where it counts in a proof; a
    /// draft that failed its checks is never accepted, whatever its label.
    pub(crate) fn free_label(
        &self,
        route: &Route,
        p_bad: Probability,
        learnt: Option<(LabelSampling, Ticket)>,
    ) -> FreeLabel {
        let failed = p_bad == Probability::ONE;
        let chance = match (&learnt, &route.text_judge) {
            (_, Some(_)) if failed => Probability::ZERO,
            (Some((sampling, _)), _) => sampling.propensity,
            (None, None) => Probability::ONE,
            (None, Some(judge)) if self.audits_open(route) => judge.share,
            (None, Some(_)) => Probability::ZERO,
        };
        let drawn = chance == Probability::ONE || self.uniform() < chance.get();
        let ticket = learnt.map(|(_, ticket)| ticket);
        let ticket = if drawn && !failed {
            ticket
        } else {
            tell_none(ticket);
            None
        };
        let draw = if drawn { Draw::Drawn } else { Draw::NotDrawn };
        FreeLabel {
            ticket,
            wanted: drawn || route.text_judge.is_none(),
            booked: route.text_judge.as_ref().map(|_| (chance, draw)),
        }
    }
}

fn tell_none(ticket: Option<Ticket>) {
    if let Some(ticket) = ticket {
        ticket.settle(Label::NotDrawn);
    }
}
