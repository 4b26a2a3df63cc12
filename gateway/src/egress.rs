//! Whether a request may leave the gateway. This module decides it, once a request, and nothing else can.
//!
//! Sending something out needs an upstream, [`Snapshot::upstream`](crate::snapshot::Snapshot::upstream) gives one only
//! against an [`EgressPermit`], and only [`Clearance::of`] makes a permit. So a pinned request stays inside on every
//! way through the gateway, those included that are still to be written: a forgotten question does not compile.
//!
//! # What detectors read
//!
//! Everything of the body that would leave, which is all of it: every string, number and key, at any depth, escapes of
//! JSON within strings undone. That takes in the system prompt, every message, definitions, arguments and results of
//! tools, `user`, `metadata` and fields that the gateway does not know. What they cannot read keeps the request here as
//! well: parts of messages that are no text, and long stretches of base64. Headers do not leave, so they are not read.

mod inspector;

use std::borrow::Cow;
use std::time::Duration;

use router_policies::{Action, BudgetAction, DetectorName, Finding, Pin, Reason, Route};

use crate::fault::{Fault, FaultKind, Retry};
use crate::ledger::Exhausted;
use crate::openai::ChatRequest;

pub(crate) use inspector::Inspector;

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
    /// This detector of its route found something.
    Detector(DetectorName),
    /// It holds what the detectors of its route cannot read: images, sound, files, encoded data.
    Unreadable,
    /// Its route has spent its budget, and the local model goes on alone.
    Budget(Exhausted),
}

impl Clearance {
    /// Decides about a request that takes `route`, and gives it back. Where the route has detectors, they read all of
    /// it; nothing else does, so a request is read at most once.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] when it could not be read.
    pub(crate) async fn of(
        route: &Route,
        request: ChatRequest,
        inspector: &Inspector,
    ) -> Result<(ChatRequest, Self), Fault> {
        let free = Self::Free(EgressPermit { _sealed: () });
        match (route.action, &route.pin) {
            // A split is resolved to one of its arms before; if it ever were not, it stays.
            (Action::LocalOnly | Action::Split, _) | (_, Pin::Always) => {
                Ok((request, Self::Pinned(PinnedBy::Route)))
            }
            (_, Pin::OnDetect { detectors, .. }) => {
                let (request, finding) = inspector.inspect(detectors, request).await?;
                let pinned = finding.map(|finding| Self::Pinned(finding.into()));
                Ok((request, pinned.unwrap_or(free)))
            }
            (Action::LocalFirst | Action::UpstreamOnly | Action::Shadow, Pin::Never) => {
                Ok((request, free))
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
            Self::Pinned(PinnedBy::Route | PinnedBy::Detector(_) | PinnedBy::Unreadable) => {
                "pinned"
            }
        }
    }
}

impl From<Finding> for PinnedBy {
    fn from(finding: Finding) -> Self {
        match finding {
            Finding::Private(detector) => Self::Detector(detector),
            Finding::Unreadable => Self::Unreadable,
        }
    }
}

impl PinnedBy {
    /// What would keep a request here that takes `route`, before money is asked for. For rehearsals: it permits nothing.
    pub(crate) fn foreseen(route: &Route, request: &ChatRequest) -> Option<Self> {
        match (route.action, &route.pin) {
            (Action::LocalOnly | Action::Split, _) | (_, Pin::Always) => Some(Self::Route),
            (_, Pin::OnDetect { detectors, .. }) => request.inspect(detectors).map(Self::from),
            (Action::LocalFirst | Action::UpstreamOnly | Action::Shadow, Pin::Never) => None,
        }
    }

    /// What pinned it in one word, for headers, logs and books: `route`, `budget`, `unreadable`, or `detector:` and its
    /// name.
    pub(crate) fn word(&self) -> Cow<'static, str> {
        match self {
            Self::Route => "route".into(),
            Self::Budget(_) => "budget".into(),
            Self::Unreadable => "unreadable".into(),
            Self::Detector(name) => format!("detector:{name}").into(),
        }
    }

    /// Half a sentence for the client. It names configuration, never content.
    pub(crate) fn explain(&self, route: &str) -> String {
        match self {
            Self::Route => format!("nothing may leave from the route `{route}`"),
            Self::Detector(name) => format!(
                "nothing in which the detector `{name}` finds something may leave from the route `{route}`"
            ),
            Self::Unreadable => format!(
                "nothing that detectors cannot read (images, sound, files, encoded data) may leave from the route `{route}`"
            ),
            Self::Budget(exhausted) => format!("{exhausted} on the route `{route}`"),
        }
    }

    /// What a client is told that has to go without an answer from outside.
    pub(crate) fn fault(&self, route: &str) -> Fault {
        let why = self.explain(route);
        match self {
            Self::Budget(_) => Fault::new(FaultKind::BudgetSpent, why),
            Self::Route | Self::Detector(_) | Self::Unreadable => {
                Fault::new(FaultKind::Pinned, format!("the request stays here: {why}"))
            }
        }
    }

    /// What a client is told when the local model could not answer either.
    pub(crate) fn fault_after(&self, reason: Reason, route: &str) -> Fault {
        let why = self.explain(route);
        let text = format!("the local model could not answer ({reason}), and {why}");
        match self {
            Self::Budget(_) => Fault::new(FaultKind::BudgetSpent, text),
            Self::Route | Self::Detector(_) | Self::Unreadable => {
                let fault = Fault::new(FaultKind::LocalUnavailable, text).because("pinned");
                match pause_after(reason) {
                    Some(pause) => fault.retry(Retry::After(pause)),
                    None => fault,
                }
            }
        }
    }
}

/// When a local model that did not answer may be worth another request. A verdict on a draft is none that time changes.
const fn pause_after(reason: Reason) -> Option<Duration> {
    match reason {
        // Its process is being replaced, or the jobs in front are soon done.
        Reason::EngineFailed | Reason::Busy | Reason::Slow => Some(Duration::from_secs(1)),
        // It loads, which takes as long as the model is large.
        Reason::EngineDown | Reason::Unloaded => Some(Duration::from_secs(5)),
        // Another model has to leave first.
        Reason::NoRoom => Some(Duration::from_secs(30)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
