//! What a route may spend, and what it saves by repeating itself.

use std::time::Duration;

use super::super::{Audit, Budget};
use super::Context;
use super::layers::Layers;
use crate::error::PolicyProblem;
use crate::live::AuditPlan;
use crate::units::{Factor, Probability};

/// The audits; `None` where none are made.
pub(super) fn audit(layers: &Layers, context: &mut Context<'_, '_>) -> Option<Audit> {
    layers.find("audit", |fields| fields.audit.as_ref())?;
    let rate = layers.find("audit.rate", |fields| fields.audit.as_ref()?.rate);
    let near = layers.find("audit.near_threshold", |fields| {
        fields.audit.as_ref()?.near_threshold
    });
    let repeat = layers.find("audit.repeat", |fields| fields.audit.as_ref()?.repeat);
    let most = layers.find("audit.max_cost_per_day", |fields| {
        fields.audit.as_ref()?.max_cost_per_day
    });
    if let Some(found) = rate.as_ref().filter(|rate| rate.value != Probability::ZERO)
        && let Err(error) = AuditPlan::new(found.value)
    {
        context.add(&found.at, error.into());
    }
    let audit = Audit {
        rate: rate.map_or(Probability::PERCENT_2, |found| found.value),
        near_threshold: near.map_or(Factor::THREE, |found| found.value),
        repeat: repeat.map_or(Probability::PERCENT_5, |found| found.value),
        max_cost_per_day: most.map(|found| found.value),
    };
    (audit.rate != Probability::ZERO).then_some(audit)
}

pub(super) fn cache(layers: &Layers, context: &mut Context<'_, '_>) -> Option<Duration> {
    let written = layers.find("cache", |fields| fields.cache.as_ref())?;
    let ttl = layers.find("cache.ttl", |fields| fields.cache.as_ref()?.ttl);
    if ttl.is_none() {
        context.missing(&written.at, "ttl", "ttl: 10m");
    }
    context.time(ttl?)
}

pub(super) fn budget(layers: &Layers, context: &mut Context<'_, '_>) -> Option<Budget> {
    let written = layers.find("budget", |fields| fields.budget.as_ref())?;
    let max = layers.find("budget.max", |fields| fields.budget.as_ref()?.max);
    let per = layers.find("budget.per", |fields| fields.budget.as_ref()?.per);
    let then = layers.find("budget.then", |fields| fields.budget.as_ref()?.then);
    let Some(max) = max else {
        context.missing(&written.at, "max", "max: \"20.00\"");
        return None;
    };
    if max.value.is_zero() {
        context.add(&max.at, PolicyProblem::ZeroBudget);
    }
    Some(Budget {
        max: max.value,
        per: per.map(|found| found.value).unwrap_or_default(),
        then: then.map(|found| found.value).unwrap_or_default(),
    })
}
