//! A route for every name that clients ask for.

use std::collections::BTreeSet;

use super::super::super::finding::FindingKind;
use super::super::super::node::Node;
use super::super::super::plan::RoutePlan;
use super::super::read::{Fallback, Limit};
use super::{Converter, unique};

impl<'t> Converter<'_, 't> {
    pub(super) fn routes(&mut self, source: &str) {
        for group in self.groups() {
            let Some(first) = self.members(&group).first().copied() else {
                continue;
            };
            let proxy = self.proxy;
            let Some(node) = proxy.deployments.get(first).map(|found| &found.node) else {
                continue;
            };
            let chain = self.chain(&group);
            if chain.is_empty() {
                continue;
            }
            let name = self.route_name(&group);
            let route = RoutePlan {
                name,
                models: self.names(&group),
                budget: self.budget(&group, &chain),
                chain,
                origin: format!("{source}:{}, {}", node.place().line, node.path()),
            };
            self.plan.routes.push(route);
        }
        self.dangling();
        self.shared_budget();
    }

    /// Names that clients ask for, each once: first those that are spelt out, then patterns, the closest first.
    fn groups(&self) -> Vec<String> {
        let mut groups: Vec<String> = Vec::new();
        for deployment in &self.proxy.deployments {
            if !groups.contains(&deployment.group) {
                groups.push(deployment.group.clone());
            }
        }
        groups.sort_by_key(|group| {
            let pattern = group.contains('*');
            (pattern, if pattern { usize::MAX - group.len() } else { 0 })
        });
        groups
    }

    /// The deployments of a group that can be asked, in the order they are asked.
    fn members(&self, group: &str) -> Vec<usize> {
        let deployments = self.proxy.deployments.iter().enumerate();
        let mut members: Vec<usize> = deployments
            .filter(|(_, deployment)| deployment.group == group)
            .filter(|(index, _)| matches!(self.targets.get(*index), Some(Some(_))))
            .map(|(index, _)| index)
            .collect();
        members.sort_by_key(|index| {
            let order = self.proxy.deployments.get(*index).and_then(|d| d.order);
            order.unwrap_or(i64::MAX)
        });
        members
    }

    /// Whom a group's route asks: its own deployments, then those of its fallbacks, and theirs.
    fn chain(&mut self, group: &str) -> Vec<(String, String)> {
        let own = self.targets_of(group);
        if own.is_empty() {
            return own;
        }
        if own.len() > 1 {
            self.not_spread(group);
        }
        let mut chain = Vec::new();
        let mut seen = BTreeSet::new();
        self.follow(group, &mut seen, &mut chain);
        chain
    }

    fn follow(&self, group: &str, seen: &mut BTreeSet<String>, chain: &mut Vec<(String, String)>) {
        if !seen.insert(group.to_owned()) {
            return;
        }
        for target in self.targets_of(group) {
            if !chain.contains(&target) {
                chain.push(target);
            }
        }
        for (name, _) in self
            .fallback(group)
            .into_iter()
            .flat_map(|found| &found.instead)
        {
            self.follow(self.resolved(name), seen, chain);
        }
    }

    fn targets_of(&self, group: &str) -> Vec<(String, String)> {
        let mut targets = Vec::new();
        for index in self.members(group) {
            if let Some(Some(target)) = self.targets.get(index)
                && !targets.contains(target)
            {
                targets.push(target.clone());
            }
        }
        targets
    }

    /// What is asked when a group fails: its own fallback, or that of all.
    fn fallback(&self, group: &str) -> Option<&Fallback<'t>> {
        let of = |name: &str| {
            self.proxy
                .fallbacks
                .iter()
                .find(|found| found.model == name)
        };
        of(group).or_else(|| of("*"))
    }

    /// The group that a name stands for.
    fn resolved<'n>(&'n self, name: &'n str) -> &'n str {
        let alias = self.proxy.aliases.iter().find(|alias| alias.name == name);
        alias.map_or(name, |alias| &alias.model)
    }

    fn is_group(&self, name: &str) -> bool {
        self.proxy
            .deployments
            .iter()
            .any(|deployment| deployment.group == name)
    }

    fn not_spread(&mut self, group: &str) {
        let proxy = self.proxy;
        let second = proxy
            .deployments
            .iter()
            .filter(|deployment| deployment.group == group)
            .nth(1);
        if let Some(second) = second {
            let what = format!(
                "`{group}` has several deployments: they are asked in turn, the next when one fails, and requests are \
                 not spread over them; for shares of the traffic use `action: split`"
            );
            self.note(FindingKind::Different, &second.node, what);
        }
    }

    fn route_name(&self, group: &str) -> String {
        let fits = |c: char| c.is_ascii_graphic() && c != '@' && c != '*';
        let name: String = group
            .chars()
            .map(|c| if fits(c) { c } else { '-' })
            .collect();
        let name = name.trim_matches('-');
        let name = if name.is_empty() { "all-others" } else { name };
        unique(name, '-', |name| {
            self.plan.routes.iter().any(|route| route.name == name)
        })
    }

    /// The group's own name and its aliases.
    fn names(&mut self, group: &str) -> Vec<String> {
        let proxy = self.proxy;
        let mut names = vec![group.to_owned()];
        for alias in proxy.aliases.iter().filter(|alias| alias.model == group) {
            if self.is_group(&alias.name) {
                let what = "a model of this name is in `model_list`; its own route answers for it";
                self.note(FindingKind::NoCounterpart, &alias.node, what);
            } else if !names.contains(&alias.name) {
                names.push(alias.name.clone());
            }
        }
        names
    }

    /// Aliases and fallbacks that lead nowhere.
    fn dangling(&mut self) {
        let proxy = self.proxy;
        for alias in &proxy.aliases {
            if self.targets_of(&alias.model).is_empty() {
                let what = format!(
                    "there is no route for `{}`, so it has no other name either",
                    alias.model
                );
                self.note(FindingKind::NoCounterpart, &alias.node, what);
            }
        }
        for fallback in &proxy.fallbacks {
            if fallback.model != "*" && !self.is_group(&fallback.model) {
                let what = format!(
                    "there is no model `{}` whose fallback it could be",
                    fallback.model
                );
                self.note(FindingKind::NoCounterpart, &fallback.node, what);
            }
            for (name, node) in &fallback.instead {
                if self.targets_of(self.resolved(name)).is_empty() {
                    let what =
                        format!("there is no route for `{name}`, so nothing falls back to it");
                    self.note(FindingKind::NoCounterpart, node, what);
                }
            }
        }
    }

    /// The budget of a group's route: its own if it is one deployment, else that of the whole proxy.
    fn budget(
        &mut self,
        group: &str,
        chain: &[(String, String)],
    ) -> Option<(rust_decimal::Decimal, &'static str)> {
        let proxy = self.proxy;
        let limited: Vec<&Limit<'t>> = self
            .members(group)
            .iter()
            .filter_map(|index| proxy.deployments.get(*index)?.budget.as_ref())
            .collect();
        let alone = self.members(group).len() == 1;
        let (limit, own) = match (limited.as_slice(), &proxy.budget) {
            ([own], _) if alone => (*own, true),
            (others, shared) => {
                for limit in others {
                    let what = "a budget belongs to a route, and this model is one of several in it; write \
                                `budget: { max: \"...\", per: day }` on the route";
                    self.note(FindingKind::NoCounterpart, &limit.node, what);
                }
                (shared.as_ref()?, false)
            }
        };
        let per = match period(limit.duration.as_deref()) {
            Ok(per) => per,
            Err(why) => {
                if own {
                    self.note(FindingKind::NoCounterpart, &limit.node, why);
                }
                return None;
            }
        };
        if !self.priced(chain) {
            let what = format!(
                "the route `{group}` got no budget, for not all its models have a price; add the prices, then \
                 `budget: {{ max: \"{}\", per: {per} }}`",
                limit.max.normalize()
            );
            self.note(FindingKind::ToDo, &limit.node, what);
            return None;
        }
        Some((limit.max, per))
    }

    fn priced(&self, chain: &[(String, String)]) -> bool {
        chain.iter().all(|(upstream, model)| {
            let mut upstreams = self.plan.upstreams.iter();
            let known = upstreams.find(|known| known.name == *upstream);
            known.is_some_and(|known| known.prices.contains_key(model))
        })
    }

    /// What is said once of the budget of the whole proxy.
    fn shared_budget(&mut self) {
        let proxy = self.proxy;
        let Some(limit) = &proxy.budget else { return };
        let node: &Node<'t> = &limit.node;
        if let Err(why) = period(limit.duration.as_deref()) {
            return self.note(FindingKind::NoCounterpart, node, why);
        }
        let routes = self
            .plan
            .routes
            .iter()
            .filter(|route| route.budget.is_some())
            .count();
        if routes > 1 {
            let what = format!(
                "budgets belong to routes: each of {routes} routes may spend it, so together they may spend {routes} \
                 times as much; divide it among them"
            );
            self.note(FindingKind::Different, node, what);
        }
    }
}

/// The calendar period of a duration such as `30d`.
fn period(duration: Option<&str>) -> Result<&'static str, &'static str> {
    match duration.map(str::trim) {
        Some("1d" | "24h" | "86400s") => Ok("day"),
        Some("30d" | "31d" | "1mo") => Ok("month"),
        Some(_) => Err(
            "a budget is for a calendar day or a calendar month; choose `per: day` or `per: month`",
        ),
        None => Err(
            "a budget without `budget_duration` is for all time, and here it is for a day or a month; write \
                     `budget: { max: \"...\", per: month }` on the routes",
        ),
    }
}
