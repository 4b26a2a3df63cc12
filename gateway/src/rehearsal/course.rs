//! The way that a request would take.

use std::borrow::Cow;
use std::sync::Arc;

use router_policies::{Api, Asker, ModelRef, Route};

use super::Call;
use super::verify::NONE;
use crate::auth::{ANONYMOUS, Principal};
use crate::config::Declared;
use crate::egress::PinnedBy;
use crate::exchange::{Asked, no_route};
use crate::fault::{Fault, FaultKind};
use crate::openai::ChatRequest;

/// What would become of a request: one of these, of which chance decides where there are several.
#[derive(Debug, Clone)]
pub(crate) struct Course<'c> {
    /// Never empty.
    ways: Vec<Way<'c>>,
}

/// One thing that may become of a request.
#[derive(Debug, Clone)]
pub(crate) struct Way<'c> {
    /// The route as it is meant for the request.
    pub(crate) route: &'c Arc<Route>,
    /// What keeps the request from leaving.
    pub(crate) pinned: Option<PinnedBy>,
}

/// What would become of a request.
///
/// # Errors
/// What the client would be told instead of an answer.
pub(crate) fn course<'c>(declared: &'c Declared, call: &Call) -> Result<Course<'c>, Fault> {
    let request = call.request.as_ref().map_err(Clone::clone)?;
    let principal = principal(declared, call.key.as_deref())?;
    let asked = asked(declared, &principal, call, request);
    let route = declared.config().policy.find(&asked).ok_or_else(no_route)?;
    let variants = asked.with_asker("", |asker| variants(route, asker));
    let ways = variants.into_iter().map(|route| Way {
        pinned: PinnedBy::foreseen(route, request),
        route,
    });
    Ok(Course {
        ways: ways.collect(),
    })
}

/// The request as policies see it.
pub(super) fn asked<'a>(
    declared: &'a Declared,
    principal: &'a Principal,
    call: &'a Call,
    request: &'a ChatRequest,
) -> Asked<'a> {
    Asked {
        config: declared.config(),
        principal,
        api: Api::ChatCompletions,
        headers: &call.headers,
        request,
        system: &call.system,
    }
}

/// What a route may mean for a request.
fn variants<'c>(route: &'c Arc<Route>, asker: &Asker<'_>) -> Vec<&'c Arc<Route>> {
    let for_team = route.for_team(asker.team);
    let by_chance = for_team
        .split
        .as_ref()
        .filter(|split| split.keeps_nothing_together());
    match by_chance {
        Some(split) => split.arms.iter().map(|arm| &arm.route).collect(),
        None => vec![route.for_asker(asker)],
    }
}

/// Whose key it is. Without one: somebody without a team, whom the gateway lets in only where there are no keys.
pub(super) fn principal(declared: &Declared, key: Option<&str>) -> Result<Principal, Fault> {
    let Some(key) = key else {
        return Ok(Principal::named(ANONYMOUS));
    };
    let unknown = || Fault::new(FaultKind::Unauthorized, format!("there is no key `{key}`"));
    declared.principal(key).cloned().ok_or_else(unknown)
}

impl Course<'_> {
    /// All that may become of the request; at least one.
    pub(super) fn ways(&self) -> &[Way<'_>] {
        &self.ways
    }

    /// Name of the route.
    pub(crate) fn name(&self) -> &str {
        self.ways.first().map_or("", |way| way.route.name.as_str())
    }

    /// What the route may mean, `triage@team=support`; several where chance decides.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.told(|way| way.route.id().into_owned())
    }

    /// What is to be said of all that may become of the request, each answer once.
    pub(crate) fn told(&self, say: impl Fn(&Way<'_>) -> String) -> Vec<String> {
        let mut told = Vec::new();
        for way in &self.ways {
            let said = say(way);
            if !told.contains(&said) {
                told.push(said);
            }
        }
        told
    }

    /// Whether something holds whatever chance decides.
    pub(crate) fn all(&self, holds: impl Fn(&Way<'_>) -> bool) -> bool {
        self.ways.iter().all(holds)
    }
}

impl Way<'_> {
    /// The upstreams that may be asked, in turn.
    pub(crate) fn asks(&self) -> String {
        if self.pinned.is_some() {
            return NONE.to_owned();
        }
        chain_text(self.route)
    }

    /// What keeps the request from leaving, in one word.
    pub(crate) fn pinned_word(&self) -> Cow<'static, str> {
        self.pinned
            .as_ref()
            .map_or(Cow::Borrowed("nothing"), PinnedBy::word)
    }
}

/// A model as people write it.
pub(crate) fn model_text(model: &ModelRef) -> String {
    format!("{} {}", model.upstream, model.model)
}

/// The upstreams of a route in turn, in one text.
pub(crate) fn chain_text(route: &Route) -> String {
    let chain: Vec<String> = route.chain().map(model_text).collect();
    if chain.is_empty() {
        NONE.to_owned()
    } else {
        chain.join(", then ")
    }
}
