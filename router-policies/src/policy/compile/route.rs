//! One route and all its meanings.

use std::rc::Rc;
use std::sync::Arc;

use super::super::nearest::nearest;
use super::super::{Action, Commit, Pin, Route, Trust};
use super::layers::{Layers, RiskKeys, TrustKeys};
use super::{Context, commit, detectors, local, spending, split, text_judge, upstream};
use crate::document::{ActionDocument, BudgetAction, PrivateDocument, RouteDocument};
use crate::error::PolicyProblem;
use crate::matcher::Matcher;
use crate::risk::{RiskTarget, TargetError};
use crate::units::Probability;

/// What one meaning of a route is called and where problems are told that have no place of their own.
pub(super) struct Site<'a> {
    pub(super) path: &'a str,
    /// Where the route itself was written.
    pub(super) route: &'a str,
    pub(super) name: &'a str,
    pub(super) variant: Option<String>,
    pub(super) matcher: &'a Matcher,
}

/// The keys of a route, and of the team whose meaning is compiled.
pub(super) struct Keys<'a> {
    route: &'a Layers,
    team: Option<&'a Layers>,
}

impl Keys<'_> {
    /// All layers, the team's on top.
    fn all(&self) -> Layers {
        self.under_team(self.route.clone())
    }

    /// All layers, with those of an arm between the team's and the route's.
    pub(super) fn with_arm(&self, arm: Layers) -> Layers {
        self.under_team(arm.over(self.route))
    }

    fn under_team(&self, layers: Layers) -> Layers {
        match self.team {
            None => layers,
            Some(team) => team.clone().over(&layers),
        }
    }
}

pub(super) fn route(
    path: &str,
    entry: &RouteDocument,
    layers: &Layers,
    matcher: &Matcher,
    context: &mut Context<'_, '_>,
) -> Route {
    check_name(&format!("{path}.name"), &entry.name, context);
    let site = Site {
        path,
        route: path,
        name: &entry.name,
        variant: None,
        matcher,
    };
    let keys = Keys {
        route: layers,
        team: None,
    };
    let plain = meaning(&site, entry, &keys, context);
    if entry.split.is_some() && plain.action != Action::Split {
        context.add(format!("{path}.split"), PolicyProblem::SplitWithoutAction);
    }
    let mut teams = Vec::new();
    for (team, fields) in &entry.teams {
        let path = format!("{path}.teams.{team}");
        check_team(&path, team, context);
        let over = Layers::of(&path, Rc::new(fields.clone()));
        let site = Site {
            path: &path,
            variant: Some(format!("team={team}")),
            ..site
        };
        let keys = Keys {
            route: layers,
            team: Some(&over),
        };
        let route = meaning(&site, entry, &keys, context);
        teams.push((team.clone(), Arc::new(route)));
    }
    Route {
        teams: teams.into(),
        ..plain
    }
}

/// What the route means with these keys.
fn meaning(
    site: &Site<'_>,
    entry: &RouteDocument,
    keys: &Keys<'_>,
    context: &mut Context<'_, '_>,
) -> Route {
    let all = keys.all();
    match all.find("action", |fields| fields.action) {
        Some(found) if found.value == ActionDocument::Split => Route {
            split: split::split(site, entry, keys, context),
            ..blank(site, Action::Split)
        },
        found => {
            let action = found.map(|found| found.value).unwrap_or_default();
            answering(site, &all, plain_action(action), context)
        }
    }
}

/// A route with these keys that answers by itself.
pub(super) fn answering(
    site: &Site<'_>,
    layers: &Layers,
    written: Action,
    context: &mut Context<'_, '_>,
) -> Route {
    let pin = pin(layers, context);
    let action = pinned_action(site, written, &pin, context);
    let has_local = layers
        .local("model", |local| local.model.as_ref())
        .is_some();
    let has_upstream = layers.find("upstream", |f| f.upstream.as_ref()).is_some();
    check_presence(site.path, action, &pin, (has_local, has_upstream), context);
    let trust = trust(site.path, action, layers, context);
    let sampled_risk = matches!(trust, Trust::Risk(_));
    let local = local::local(layers, sampled_risk, context);
    let chain = upstream::chain(layers, context);
    let baseline = upstream::baseline(layers, context).or_else(|| chain.first().cloned());
    let leaves = action != Action::LocalOnly;
    let mut chain = chain.into_iter().filter(|_| leaves);
    let budget = spending::budget(layers, context);
    let ends_here = budget.is_some_and(|budget| budget.then == BudgetAction::LocalOnly);
    if !has_local && ends_here {
        context.add(site.path, PolicyProblem::BudgetWithoutLocal);
    }
    let audit = spending::audit(layers, context);
    let text_judge = text_judge::text_judge(layers, local.as_ref(), context);
    let text_judge = text_judge.filter(|_| leaves && audit.is_some());
    let commit = commit::commit(layers, local.as_ref(), context);
    let keeps_local = action != Action::UpstreamOnly || pin != Pin::Never || ends_here;
    Route {
        local: local.filter(|_| keeps_local),
        upstream: chain.next(),
        fallbacks: chain.collect(),
        pin,
        trust,
        commit,
        early_abort: layers
            .find("early_abort", |fields| fields.early_abort)
            .is_some_and(|found| found.value),
        hedge_after: layers
            .find("hedge_after", |fields| fields.hedge_after)
            .and_then(|found| context.time(found)),
        audit,
        text_judge,
        cache: spending::cache(layers, context),
        baseline,
        budget,
        ..blank(site, action)
    }
}

/// A route that does nothing yet.
fn blank(site: &Site<'_>, action: Action) -> Route {
    Route {
        name: site.name.to_owned(),
        variant: site.variant.clone(),
        action,
        local: None,
        upstream: None,
        fallbacks: Arc::default(),
        pin: Pin::Never,
        trust: Trust::Everything,
        commit: Commit::Complete,
        early_abort: false,
        hedge_after: None,
        audit: None,
        text_judge: None,
        cache: None,
        baseline: None,
        budget: None,
        split: None,
        teams: Arc::default(),
        matcher: site.matcher.clone(),
    }
}

pub(super) const fn plain_action(action: ActionDocument) -> Action {
    match action {
        ActionDocument::LocalFirst => Action::LocalFirst,
        ActionDocument::LocalOnly => Action::LocalOnly,
        ActionDocument::UpstreamOnly => Action::UpstreamOnly,
        ActionDocument::Shadow => Action::Shadow,
        ActionDocument::Split => Action::Split,
    }
}

fn pin(layers: &Layers, context: &mut Context<'_, '_>) -> Pin {
    let Some(found) = layers.find("private", |fields| fields.private.as_ref()) else {
        return Pin::Never;
    };
    match found.value {
        PrivateDocument::All(true) => Pin::Always,
        PrivateDocument::All(false) => Pin::Never,
        PrivateDocument::Detected(names) => detectors::pin(&found.at, names, context),
    }
}

/// A route that is pinned as a whole is local-only from here on, so that everything that obeys the action obeys the pin.
fn pinned_action(
    site: &Site<'_>,
    written: Action,
    pin: &Pin,
    context: &mut Context<'_, '_>,
) -> Action {
    if *pin != Pin::Always {
        return written;
    }
    if matches!(written, Action::UpstreamOnly | Action::Shadow) {
        let action = written.as_str();
        context.add(site.path, PolicyProblem::PinnedAway { action });
    }
    Action::LocalOnly
}

fn check_presence(
    path: &str,
    action: Action,
    pin: &Pin,
    (local, upstream): (bool, bool),
    context: &mut Context<'_, '_>,
) {
    let name = action.as_str();
    if !local && *pin != Pin::Never {
        context.add(path, PolicyProblem::PinnedWithoutLocal);
    } else if !local && action != Action::UpstreamOnly {
        context.add(path, PolicyProblem::MissingLocal { action: name });
    }
    if !upstream && action != Action::LocalOnly {
        context.add(path, PolicyProblem::MissingUpstream { action: name });
    }
}

fn trust(path: &str, action: Action, layers: &Layers, context: &mut Context<'_, '_>) -> Trust {
    match layers.trust() {
        TrustKeys::Neither => {
            if action == Action::LocalFirst {
                context.add(path, PolicyProblem::NoTrust);
            }
            Trust::Everything
        }
        TrustKeys::Threshold(found) => Trust::Threshold(found.value),
        TrustKeys::Both(at, risk) => {
            context.add(at, PolicyProblem::RiskAndThreshold);
            target(&risk, context).map_or(Trust::Everything, Trust::Risk)
        }
        TrustKeys::Risk(risk) => target(&risk, context).map_or(Trust::Everything, Trust::Risk),
    }
}

fn target(risk: &RiskKeys, context: &mut Context<'_, '_>) -> Option<RiskTarget> {
    let Some(max_regret) = &risk.max_regret else {
        context.missing(&risk.at, "max_regret", "max_regret: 2 %");
        return None;
    };
    let assurance = risk.assurance.as_ref();
    let error = match RiskTarget::new(
        max_regret.value,
        assurance.map_or(Probability::PERCENT_90, |found| found.value),
    ) {
        Ok(target) => return Some(target),
        Err(error) => error,
    };
    let at = match (&error, assurance) {
        (TargetError::Assurance(_), Some(found)) => &found.at,
        _ => &max_regret.at,
    };
    context.add(at, error.into());
    None
}

fn check_name(path: &str, name: &str, context: &mut Context<'_, '_>) {
    if name.trim().is_empty() {
        context.add(path, PolicyProblem::EmptyName);
    } else if !name.chars().all(|c| c.is_ascii_graphic() && c != '@') {
        context.add(
            path,
            PolicyProblem::NameCharacters {
                name: name.to_owned(),
            },
        );
    }
}

/// The name of a team or an arm becomes part of a variant, where only these characters are unambiguous.
pub(super) fn check_part_name(path: &str, name: &str, context: &mut Context<'_, '_>) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    if name.is_empty() {
        context.add(path, PolicyProblem::EmptyName);
    } else if !name.chars().all(allowed) {
        context.add(
            path,
            PolicyProblem::NameCharacters {
                name: name.to_owned(),
            },
        );
    }
}

fn check_team(path: &str, team: &str, context: &mut Context<'_, '_>) {
    check_part_name(path, team, context);
    let Some(known) = context.names.teams.filter(|known| !known.contains(&team)) else {
        return;
    };
    let problem = PolicyProblem::UnknownTeam {
        nearest: nearest(team, known).map(str::to_owned),
        known: known.iter().map(ToString::to_string).collect(),
        name: team.to_owned(),
    };
    context.add(path, problem);
}
