//! What routes mean in one configuration that they do not mean in another.

use std::collections::BTreeMap;

use router_policies::{BudgetPeriod, LocalPlan, Pin, Route, Trust};

use super::super::course::chain_text;
use crate::config::Declared;

/// Something about a route that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The route or variant.
    pub(crate) route: String,
    /// What differs: `action`, `asks`, `may reach` …
    pub(crate) what: &'static str,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Stands for a route that one of the two does not have.
const ABSENT: &str = "-";

/// All that differs, routes of the old one first, each in file order.
pub(crate) fn changes(old: &Declared, new: &Declared) -> Vec<Change> {
    let (before, after) = (Meanings::of(old), Meanings::of(new));
    let mut found = Vec::new();
    for (id, known) in &before.of_routes {
        match after.find(id) {
            Some(now) => found.extend(differing(id, known, now)),
            None => found.push(Change::new(id, "route", known.action(), ABSENT)),
        }
    }
    for (id, now) in &after.of_routes {
        if before.find(id).is_none() {
            found.push(Change::new(id, "route", ABSENT, now.action()));
        }
    }
    found.extend(matching(old, new));
    found
}

impl Change {
    fn new(
        route: &str,
        what: &'static str,
        old: impl Into<String>,
        new: impl Into<String>,
    ) -> Self {
        Self {
            route: route.to_owned(),
            what,
            old: old.into(),
            new: new.into(),
        }
    }
}

/// What every route and variant of a configuration means, in file order.
struct Meanings {
    of_routes: Vec<(String, Meaning)>,
    positions: BTreeMap<String, usize>,
}

/// What a route means, aspect by aspect.
struct Meaning([(&'static str, String); 8]);

impl Meanings {
    fn of(declared: &Declared) -> Self {
        let egress = declared.config().policy.egress();
        let of_routes: Vec<(String, Meaning)> = egress
            .iter()
            .map(|egress| {
                (
                    egress.route.id().into_owned(),
                    Meaning::of(declared, egress.route),
                )
            })
            .collect();
        let ids = of_routes.iter().map(|(id, _)| id.clone());
        Self {
            positions: ids.zip(0..).collect(),
            of_routes,
        }
    }

    fn find(&self, id: &str) -> Option<&Meaning> {
        let position = *self.positions.get(id)?;
        self.of_routes.get(position).map(|(_, meaning)| meaning)
    }
}

impl Meaning {
    fn of(declared: &Declared, route: &Route) -> Self {
        let local = route.local.as_ref();
        let local = local.map_or_else(|| "none".to_owned(), LocalPlan::described);
        let cache = route.cache.map_or_else(
            || "never".to_owned(),
            |ttl| format!("for {} s", ttl.as_secs_f64()),
        );
        Self([
            ("action", route.action.as_str().to_owned()),
            ("local model", local),
            ("asks", chain_text(route)),
            ("may reach", hosts(declared, route)),
            ("accepts", accepts(route)),
            ("keeps here", keeps(route)),
            ("repeats", cache),
            ("may spend", budget(route)),
        ])
    }

    fn action(&self) -> &str {
        &self.0[0].1
    }
}

fn differing<'m>(
    id: &'m str,
    old: &'m Meaning,
    new: &'m Meaning,
) -> impl Iterator<Item = Change> + 'm {
    let pairs = old.0.iter().zip(&new.0);
    pairs
        .filter(|(old, new)| old != new)
        .map(move |((what, old), (_, new))| Change::new(id, what, old, new))
}

/// Routes whose conditions differ, and whether the routes that both have stand in another order.
fn matching(old: &Declared, new: &Declared) -> Vec<Change> {
    let (before, after) = (&old.config().policy, &new.config().policy);
    let mut found: Vec<Change> = before
        .routes()
        .iter()
        .filter_map(|route| Some((route, after.route(&route.name)?)))
        .filter(|(route, now)| route.matcher() != now.matcher())
        .map(|(route, _)| Change::new(&route.name, "match", "its conditions", "other conditions"))
        .collect();
    let order = |these: &router_policies::Policy, others: &router_policies::Policy| {
        let names = these.routes().iter().map(|route| route.name.clone());
        let common: Vec<String> = names.filter(|name| others.route(name).is_some()).collect();
        common.join(", ")
    };
    let (was, is) = (order(before, after), order(after, before));
    if was != is {
        found.push(Change::new("all", "order", was, is));
    }
    found
}

fn hosts(declared: &Declared, route: &Route) -> String {
    let judge = route.text_judge.as_ref().map(|judge| &judge.model);
    let mut hosts: Vec<&str> = route
        .chain()
        .chain(judge)
        .map(|model| declared.host(model))
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.is_empty() {
        "nothing outside".to_owned()
    } else {
        hosts.join(", ")
    }
}

fn keeps(route: &Route) -> String {
    match &route.pin {
        Pin::Never => "nothing".to_owned(),
        Pin::Always => "everything".to_owned(),
        Pin::OnDetect { names, .. } => format!("what has {}", names.join(", ")),
    }
}

fn accepts(route: &Route) -> String {
    if !route.action.answers_locally() {
        return "no draft".to_owned();
    }
    match route.trust {
        Trust::Risk(target) => format!("risk {} at {}", target.max_regret(), target.assurance()),
        Trust::Threshold(at_least) => format!("confidence from {at_least} on"),
        Trust::Everything => "every draft of the right form".to_owned(),
    }
}

fn budget(route: &Route) -> String {
    route.budget.map_or_else(
        || "without bound".to_owned(),
        |budget| {
            let per = match budget.per {
                BudgetPeriod::Day => "day",
                BudgetPeriod::Month => "month",
            };
            format!("{} USD a {per}", budget.max)
        },
    )
}
