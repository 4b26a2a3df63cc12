//! From what LiteLLM is told to a plan of upstreams and routes.

mod reach;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::super::finding::{Finding, FindingKind};
use super::super::node::Node;
use super::super::plan::{Plan, PricePlan, UpstreamPlan};
use super::deployment::Deployment;
use super::read::{Proxy, Secret};
use crate::auth::KeyHash;
use reach::Reached;

/// Makes the plan. `source` is what the user calls the file.
pub(super) fn convert(proxy: &Proxy<'_>, source: &str, findings: &mut Vec<Finding>) -> Plan {
    let mut converter = Converter {
        proxy,
        findings,
        plan: Plan::default(),
        targets: Vec::new(),
        variables: reach::variables(proxy),
        exported: Vec::new(),
    };
    converter.master_key();
    converter.upstreams();
    converter.routes(source);
    converter.unused_upstreams();
    converter.plan.cache = proxy.cache.and_then(span);
    converter.plan
}

struct Converter<'p, 't> {
    proxy: &'p Proxy<'t>,
    findings: &'p mut Vec<Finding>,
    plan: Plan,
    /// Of each deployment: upstream and model, if it can be asked.
    targets: Vec<Option<(String, String)>>,
    /// Environment variables that hold keys already.
    variables: BTreeSet<String>,
    /// Keys that are written into the file, and the variables they are to be exported as.
    exported: Vec<(KeyHash, String)>,
}

impl<'t> Converter<'_, 't> {
    fn note(&mut self, kind: FindingKind, node: &Node<'_>, text: impl Into<String>) {
        self.findings.push(Finding::new(kind, node, text));
    }

    fn master_key(&mut self) {
        let Some((secret, node)) = &self.proxy.master_key else {
            return;
        };
        let variable = match secret {
            Secret::Env(variable) => variable.clone(),
            Secret::Written(key) => self.export_of(*key, node, "LITELLM_MASTER_KEY"),
        };
        let what = "it lets clients in and nothing more: there is no administration over HTTP; give each client a key of \
                    its own under `keys`, virtual keys of the database were not imported";
        self.note(FindingKind::Different, node, what);
        self.plan.keys.push(("master".to_owned(), variable));
    }

    /// Asks for a key that is written into the file to be put into the environment, and says under which name: `usual`,
    /// unless another key lies there.
    fn export_of(&mut self, key: KeyHash, node: &Node<'_>, usual: &str) -> String {
        let known = self.exported.iter().find(|(other, _)| *other == key);
        let variable = known
            .map(|(_, variable)| variable.clone())
            .unwrap_or_else(|| {
                let taken = |name: &str| {
                    let exported = self.exported.iter().any(|(_, variable)| variable == name);
                    exported || self.variables.contains(name)
                };
                unique(usual, '_', taken)
            });
        let what = format!(
            "the key is written into the file; export it as `{variable}`, and do not keep it in files"
        );
        self.note(FindingKind::ToDo, node, what);
        self.exported.push((key, variable.clone()));
        variable
    }

    fn upstreams(&mut self) {
        let proxy = self.proxy;
        for deployment in &proxy.deployments {
            let target = self.target(deployment);
            self.targets.push(target);
        }
    }

    /// The upstream of a deployment and its model's name there; nothing, and a finding, if it cannot be asked.
    fn target(&mut self, deployment: &Deployment<'t>) -> Option<(String, String)> {
        match self.reached(deployment) {
            Ok(reached) => {
                let model = reached.model.clone();
                let upstream = self.upstream(reached);
                if let Some(price) = &deployment.price {
                    self.price(&upstream, &model, price, deployment);
                }
                Some((upstream, model))
            }
            Err(why) => {
                self.note(FindingKind::NoCounterpart, &deployment.node, why);
                None
            }
        }
    }

    /// The name of the upstream that is reached this way, a new one if there is none yet.
    fn upstream(&mut self, reached: Reached) -> String {
        let known = &mut self.plan.upstreams;
        if let Some(same) = known.iter().find(|known| known.reach == reached.reach) {
            return same.name.clone();
        }
        let taken = |name: &str| known.iter().any(|upstream| upstream.name == name);
        let name = unique(reached.provider, '-', taken);
        known.push(UpstreamPlan {
            name: name.clone(),
            reach: reached.reach,
            prices: BTreeMap::new(),
            unpriced: Vec::new(),
        });
        name
    }

    fn price(
        &mut self,
        upstream: &str,
        model: &str,
        price: &PricePlan,
        deployment: &Deployment<'t>,
    ) {
        let mut upstreams = self.plan.upstreams.iter_mut();
        let Some(upstream) = upstreams.find(|known| known.name == upstream) else {
            return;
        };
        let known = upstream.prices.entry(model.to_owned());
        if known.or_insert_with(|| price.clone()) != price {
            let what = "the same model has another price above; that one was kept, for a model has one price at an upstream";
            self.note(FindingKind::NoCounterpart, &deployment.node, what);
        }
    }

    /// Upstreams that no route asks would only puzzle.
    fn unused_upstreams(&mut self) {
        let Plan {
            upstreams, routes, ..
        } = &mut self.plan;
        let asked = |name: &str| {
            let mut chains = routes.iter().flat_map(|route| &route.chain);
            chains.any(|(upstream, _)| upstream == name)
        };
        upstreams.retain(|upstream| asked(&upstream.name));
        for upstream in upstreams.iter_mut() {
            for (name, model) in routes.iter().flat_map(|route| &route.chain) {
                let priced =
                    upstream.prices.contains_key(model) || upstream.unpriced.contains(model);
                if *name == upstream.name && !priced {
                    upstream.unpriced.push(model.clone());
                }
            }
        }
    }
}

/// `name`, or with the first number from 2 on that makes it free.
fn unique(name: &str, joint: char, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = (2..).map(|number: u32| format!("{name}{joint}{number}"));
    numbered
        .into_iter()
        .find(|name| !taken(name))
        .unwrap_or_default()
}

/// Seconds as a span with unit; nothing for no time at all and for more than a span can hold.
fn span(seconds: Decimal) -> Option<String> {
    use rust_decimal::prelude::ToPrimitive as _;
    let millis = seconds.checked_mul(Decimal::from(1000))?.round().to_u64()?;
    (millis > 0).then(|| router_policies::Span::from_millis(millis).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_spans_with_units() {
        let span = |text: &str| span(Decimal::from_str_exact(text).unwrap());
        assert_eq!(span("600").as_deref(), Some("10m"));
        assert_eq!(span("0.25").as_deref(), Some("250ms"));
        assert_eq!(span("90.5").as_deref(), Some("1m30s500ms"));
        assert_eq!(span("0"), None);
        assert_eq!(span("79228162514264337593543950335"), None);
    }

    #[test]
    fn names_are_numbered_until_they_are_free() {
        let taken = ["a", "a-2"];
        assert_eq!(unique("a", '-', |name| taken.contains(&name)), "a-3");
        assert_eq!(unique("b", '-', |name| taken.contains(&name)), "b");
    }
}
