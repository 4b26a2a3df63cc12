//! Whether a request may leave the gateway. This module decides it, once a request, and nothing else can.
//!
//! Sending something out needs an upstream, [`Snapshot::upstream`](crate::snapshot::Snapshot::upstream) gives one only
//! against an [`EgressPermit`], and only [`Clearance::of`] makes a permit. So a pinned request stays inside on every
//! way through the gateway, those included that are still to be written: a forgotten question does not compile.

use router_policies::{Action, BudgetAction, Pin, Reason, Route};

use crate::fault::{Fault, FaultKind};
use crate::ledger::Exhausted;

/// The right to send one request out. Clone it for work that outlives the exchange, such as audits; never use it for
/// another request.
#[derive(Debug, Clone)]
pub(crate) struct EgressPermit {
    // Private, so that no other module can make one.
    _sealed: (),
}

/// What was decided about one request.
#[derive(Debug, Clone)]
pub(crate) enum Clearance {
    /// It may leave.
    Free(EgressPermit),
    /// It may not.
    Pinned(PinnedBy),
}

/// Why a request must not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PinnedBy {
    /// Nothing leaves from its route.
    Route,
    /// Its route has spent its budget, and the local model goes on alone.
    Budget(Exhausted),
}

impl Clearance {
    /// Decides about a request that takes `route`.
    pub(crate) fn of(route: &Route) -> Self {
        match (route.action, &route.pin) {
            // A split is resolved to one of its arms before; if it ever were not, it stays.
            (Action::LocalOnly | Action::Split, _) | (_, Pin::Always) => {
                Self::Pinned(PinnedBy::Route)
            }
            (Action::LocalFirst | Action::UpstreamOnly | Action::Shadow, _) => {
                Self::Free(EgressPermit { _sealed: () })
            }
        }
    }

    /// Decides again about a request for which the budget of `route` has no room.
    ///
    /// # Errors
    /// [`FaultKind::BudgetSpent`] where the route refuses such requests.
    pub(crate) fn without_money(self, route: &Route, exhausted: Exhausted) -> Result<Self, Fault> {
        let then = route.budget.map(|budget| budget.then);
        match self {
            Self::Pinned(by) => Ok(Self::Pinned(by)),
            Self::Free(_) if then == Some(BudgetAction::LocalOnly) => {
                Ok(Self::Pinned(PinnedBy::Budget(exhausted)))
            }
            Self::Free(_) => Err(PinnedBy::Budget(exhausted).fault(&route.name)),
        }
    }

    /// The permit.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) const fn permit(&self) -> Result<&EgressPermit, &PinnedBy> {
        match self {
            Self::Free(permit) => Ok(permit),
            Self::Pinned(by) => Err(by),
        }
    }

    /// Why the request must not leave; `None` if it may.
    pub(crate) const fn pinned(&self) -> Option<&PinnedBy> {
        match self {
            Self::Free(_) => None,
            Self::Pinned(by) => Some(by),
        }
    }

    /// What keeps stored answers apart: an answer made for a pinned request is never repeated to another, nor the
    /// other way round.
    pub(crate) const fn cache_domain(&self) -> &'static str {
        match self {
            // Without money a request is not private.
            Self::Free(_) | Self::Pinned(PinnedBy::Budget(_)) => "free",
            Self::Pinned(PinnedBy::Route) => "pinned",
        }
    }
}

impl PinnedBy {
    /// Half a sentence for the client. It names configuration, never content.
    pub(crate) fn explain(&self, route: &str) -> String {
        match self {
            Self::Route => format!("nothing may leave from the route `{route}`"),
            Self::Budget(exhausted) => format!("{exhausted} on the route `{route}`"),
        }
    }

    /// What a client is told that has to go without an answer from outside.
    pub(crate) fn fault(&self, route: &str) -> Fault {
        let why = self.explain(route);
        match self {
            Self::Route => Fault::new(FaultKind::Pinned, format!("the request stays here: {why}")),
            Self::Budget(_) => Fault::new(FaultKind::BudgetSpent, why),
        }
    }

    /// What a client is told when the local model could not answer either.
    pub(crate) fn fault_after(&self, reason: Reason, route: &str) -> Fault {
        let why = self.explain(route);
        let text = format!("the local model could not answer ({reason}), and {why}");
        match self {
            Self::Route => Fault::new(FaultKind::LocalUnavailable, text).because("pinned"),
            Self::Budget(_) => Fault::new(FaultKind::BudgetSpent, text),
        }
    }
}
