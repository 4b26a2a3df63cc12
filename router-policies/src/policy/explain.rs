//! Why a request takes the route it takes.

use std::sync::Arc;

use super::{Policy, Route};
use crate::matcher::{Checked, Facts, View};

/// Why a request takes the route it takes, or none.
#[derive(Debug, Clone)]
pub struct Explanation<'p> {
    /// The model that routes match: what the client wrote, or what that is an alias for.
    pub model: String,
    /// The routes that were asked, in file order; the last one takes the request, if one does.
    pub considered: Vec<Considered<'p>>,
}

/// One route and how the request stands to its conditions.
#[derive(Debug, Clone)]
pub struct Considered<'p> {
    /// The route.
    pub route: &'p Arc<Route>,
    /// Its position, from 0.
    pub position: usize,
    /// Whether it takes the request.
    pub takes: bool,
    /// Each of its conditions; none for a route that takes everything.
    pub findings: Vec<Checked>,
}

impl<'p> Explanation<'p> {
    /// The route that takes the request.
    pub fn route(&self) -> Option<&'p Arc<Route>> {
        let last = self.considered.last().filter(|last| last.takes);
        last.map(|last| last.route)
    }
}

impl Policy {
    /// What [`find`](Self::find) does, told step by step: every route in file order up to the one that takes the request,
    /// with each condition and what the request has. Without any text of the request.
    pub fn explain(&self, facts: &dyn Facts) -> Explanation<'_> {
        let model = self.model(facts.model());
        let view = View::new(facts, model);
        let mut considered = Vec::new();
        for (position, route) in self.routes().iter().enumerate() {
            let takes = route.matcher.holds(&view);
            considered.push(Considered {
                route,
                position,
                takes,
                findings: route
                    .matcher
                    .findings(&format!("routes[{position}].match"), &view),
            });
            if takes {
                break;
            }
        }
        Explanation {
            model: model.to_owned(),
            considered,
        }
    }
}
