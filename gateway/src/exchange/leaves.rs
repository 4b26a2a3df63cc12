//! What an exchange leaves behind to be learnt from.

use std::sync::Arc;

use router_policies::{Action, Reason, Route};

use super::Exchange;
use super::decide::Escalation;
use super::draw::ToAudit;
use crate::app::App;
use crate::egress::EgressPermit;
use crate::learning::{
    Aftermath, Audit, Collected, Comparison, Judged, Learning, Practice, Question, Said,
};
use crate::ledger::{Account, Draw, Purpose, Receipt};
use crate::openai::ChatRequest;
use crate::snapshot::Snapshot;
use crate::upstream::WholeReply;

/// What can be learnt once the client has its answer.
#[derive(Debug)]
pub(super) enum Leaves {
    /// Nothing.
    Nothing,
    /// A draft that was discarded, to be compared with the upstream's answer.
    Discarded(Box<Judged>),
    /// No draft; one can be made and compared.
    Practice(Purpose),
    /// An accepted draft that the lot fell on.
    Audit(Box<ToAudit>),
}

/// What is left of an exchange when its account is settled.
#[derive(Debug)]
pub(super) struct Remains {
    app: Arc<App>,
    snapshot: Arc<Snapshot>,
    route: Arc<Route>,
    request: ChatRequest,
    system: String,
    permit: Option<EgressPermit>,
}

impl Exchange {
    /// What an escalated exchange leaves.
    pub(super) fn leaves(&self, escalation: Escalation) -> Leaves {
        match escalation.judged {
            Some(judged) => Leaves::Discarded(judged),
            None => {
                let learns =
                    escalation.reason == Reason::Learning || self.route.action == Action::Shadow;
                let stopped = escalation.reason == Reason::StoppedEarly;
                if stopped && self.redo().1 == Draw::Drawn {
                    Leaves::Practice(Purpose::Redo)
                } else if learns && Practice::is_small(&self.request) {
                    Leaves::Practice(Purpose::Learning)
                } else {
                    Leaves::Nothing
                }
            }
        }
    }

    /// The account, and what learning needs of the rest.
    pub(super) fn part(self) -> (Account, Remains) {
        let remains = Remains {
            permit: self.clearance.permit().ok().cloned(),
            app: self.app,
            snapshot: self.snapshot,
            route: self.route,
            request: self.request,
            system: self.system,
        };
        (self.account, remains)
    }
}

impl Leaves {
    /// Whether it takes the upstream's answer to learn anything.
    const fn wants_answer(&self) -> bool {
        matches!(self, Self::Discarded(_) | Self::Practice(_))
    }

    /// What the upstream said, if it is wanted.
    pub(super) fn read(&self, reply: &WholeReply) -> Option<Said> {
        self.wants_answer()
            .then(|| Said::of_completion(&reply.body))
            .flatten()
    }

    /// What gathers a streamed answer while it is passed on, if it is wanted.
    pub(super) fn collector(&self) -> Option<Collected> {
        self.wants_answer().then(Collected::default)
    }

    /// Hands what can be learnt to the background, without waiting.
    pub(super) fn hand_over(self, remains: Remains, receipt: Receipt, said: Option<Said>) {
        let app = Arc::clone(&remains.app);
        let aftermath = match (self, said) {
            (Self::Nothing, _) | (Self::Discarded(_) | Self::Practice(_), None) => return,
            (Self::Audit(accepted), _) => Aftermath::Audit(Box::new(Audit {
                judged: accepted.judged,
                question: Question {
                    drawn: accepted.right,
                    snapshot: remains.snapshot,
                    route: remains.route,
                    request: remains.request,
                    receipt,
                },
            })),
            (Self::Discarded(judged), Some(said)) => Aftermath::Compare(Box::new(Comparison {
                judged,
                said,
                snapshot: remains.snapshot,
                route: remains.route,
                request: remains.request,
                receipt,
                permit: remains.permit,
            })),
            (Self::Practice(purpose), Some(said)) => Aftermath::Practise(Box::new(Practice {
                snapshot: remains.snapshot,
                route: remains.route,
                request: remains.request,
                system: remains.system,
                receipt,
                said,
                purpose,
                permit: remains.permit,
            })),
        };
        Learning::after(&app, aftermath);
    }
}
