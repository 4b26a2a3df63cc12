//! Whether a request may leave the gateway. This module decides it, once a request, and nothing else can.
//!
//! Sending something out needs an upstream, [`Snapshot::upstream`](crate::snapshot::Snapshot::upstream) gives one only
//! against an [`EgressPermit`], and only [`Clearance::of`] makes a permit. So a pinned request stays inside on every
//! way through the gateway, those included that are still to be written: a forgotten question does not compile.

use router_policies::{Action, Route};

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
}

impl Clearance {
    /// Decides about a request that takes `route`.
    pub(crate) fn of(route: &Route) -> Self {
        match route.action {
            // A split is resolved to one of its arms before; if it ever were not, it stays.
            Action::LocalOnly | Action::Split => Self::Pinned(PinnedBy::Route),
            Action::LocalFirst | Action::UpstreamOnly | Action::Shadow => {
                Self::Free(EgressPermit { _sealed: () })
            }
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
            Self::Free(_) => "free",
            Self::Pinned(_) => "pinned",
        }
    }
}

impl PinnedBy {
    /// Half a sentence for the client. It names configuration, never content.
    pub(crate) fn explain(&self, route: &str) -> String {
        match self {
            Self::Route => format!("nothing may leave from the route `{route}`"),
        }
    }
}
