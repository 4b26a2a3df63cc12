//! The arms of a split.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::super::{Arm, Split, StickyBy};
use super::Context;
use super::layers::Layers;
use super::route::{Keys, Site, answering, check_part_name, plain_action};
use crate::document::{ActionDocument, ArmDocument, RouteDocument, SplitDocument};
use crate::error::PolicyProblem;

/// How far the sum of the weights may be from 1: what is lost in writing thirds with a few digits would be more.
const TOLERANCE: f64 = 1e-9;

/// The split of a route, for everybody or for a team.
pub(super) fn split(
    site: &Site<'_>,
    entry: &RouteDocument,
    keys: &Keys<'_>,
    context: &mut Context<'_, '_>,
) -> Option<Split> {
    let Some(document) = &entry.split else {
        context.add(site.path, PolicyProblem::MissingSplit);
        return None;
    };
    // Teams override keys, never the split itself, which stands at the route.
    let path = format!("{}.split", site.route);
    check_arms(&path, document, context);
    let arms = document
        .arms
        .iter()
        .enumerate()
        .map(|(index, arm)| {
            let path = format!("{path}.arms[{index}]");
            compile_arm(&path, site, arm, keys, context)
        })
        .collect();
    Some(Split {
        by: sticky(&path, document, context),
        salt: document.salt.clone().unwrap_or_default(),
        arms,
    })
}

fn compile_arm(
    path: &str,
    site: &Site<'_>,
    arm: &ArmDocument,
    keys: &Keys<'_>,
    context: &mut Context<'_, '_>,
) -> Arm {
    if arm.action == Some(ActionDocument::Split) {
        context.add(format!("{path}.action"), PolicyProblem::NestedSplit);
    }
    let all = keys.with_arm(Layers::of(path, Rc::new(arm.fields())));
    // The route's own action is `split`, which says nothing about the arm.
    let action = all.find("action", |fields| {
        fields
            .action
            .filter(|action| *action != ActionDocument::Split)
    });
    let action = action.map(|found| found.value).unwrap_or_default();
    let part = format!("arm={}", arm.name);
    let site = Site {
        path,
        variant: Some(match &site.variant {
            None => part,
            Some(team) => format!("{team},{part}"),
        }),
        ..*site
    };
    Arm {
        name: arm.name.clone(),
        weight: arm.weight,
        route: Arc::new(answering(&site, &all, plain_action(action), context)),
    }
}

fn check_arms(path: &str, document: &SplitDocument, context: &mut Context<'_, '_>) {
    let path = format!("{path}.arms");
    if document.arms.is_empty() {
        context.add(&path, PolicyProblem::NoArms);
        return;
    }
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    for (index, arm) in document.arms.iter().enumerate() {
        let path = format!("{path}[{index}].name");
        check_part_name(&path, &arm.name, context);
        if let Some(&first) = first_of.get(arm.name.as_str()) {
            let name = arm.name.clone();
            context.add(path, PolicyProblem::DuplicateArm { name, first });
        } else {
            first_of.insert(&arm.name, index);
        }
    }
    let sum: f64 = document.arms.iter().map(|arm| arm.weight.get()).sum();
    if (sum - 1.0).abs() > TOLERANCE {
        let percent = sum * 100.0;
        context.add(path, PolicyProblem::WeightSum { percent });
    }
}

fn sticky(path: &str, document: &SplitDocument, context: &mut Context<'_, '_>) -> StickyBy {
    let Some(by) = &document.by else {
        return StickyBy::default();
    };
    by.parse().unwrap_or_else(|_| {
        let problem = PolicyProblem::UnknownSticky { by: by.clone() };
        context.add(format!("{path}.by"), problem);
        StickyBy::default()
    })
}
