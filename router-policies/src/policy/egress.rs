//! Where requests may go.

use std::sync::Arc;

use super::route::{ModelRef, Route};

/// One way a route may answer, and everything outside that it may reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Egress<'a> {
    /// The route or variant; [`Route::id`] names it.
    pub route: &'a Arc<Route>,
    /// The models of external APIs it may send requests to, first to last; empty if nothing leaves. The baseline is not
    /// among them unless it is also asked.
    pub reaches: Vec<&'a ModelRef>,
    /// The model that may be shown requests and their answers to compare these.
    pub judge: Option<&'a ModelRef>,
}

impl<'a> Egress<'a> {
    pub(super) fn of(route: &'a Arc<Route>) -> Self {
        Self {
            route,
            reaches: route.chain().collect(),
            judge: route.text_judge.as_ref().map(|judge| &judge.model),
        }
    }
}
