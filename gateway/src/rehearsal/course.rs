//! The way that a request would take.

use std::sync::Arc;

use router_policies::{Asker, Facts, ModelRef, Route};

use super::Call;
use crate::auth::Principal;
use crate::config::Declared;
use crate::egress::PinnedBy;
use crate::fault::{Fault, FaultKind};
use crate::openai::ChatRequest;

/// What would become of a request: one of these, of which chance decides where there are several.
#[derive(Debug, Clone)]
pub(crate) struct Course<'c> {
    /// The route and what it may mean for the request; never empty.
    variants: Vec<&'c Arc<Route>>,
    request: &'c ChatRequest,
}

/// What would become of a request.
///
/// # Errors
/// What the client would be told instead of an answer.
pub(crate) fn course<'c>(declared: &'c Declared, call: &'c Call) -> Result<Course<'c>, Fault> {
    let request = call.request.as_ref().map_err(Clone::clone)?;
    let principal = principal(declared, call.key.as_deref())?;
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let facts = Facts {
        model: &request.model,
        system: &call.system,
        header: &header,
    };
    let route = declared.config().policy.find(&facts).ok_or_else(|| {
        Fault::new(FaultKind::ModelNotFound, "no route takes the request").at("model")
    })?;
    let asker = Asker {
        key: &principal.name,
        team: principal.team.as_deref(),
        user: request.user(),
        request: "",
        header: &header,
    };
    let variants = variants(route, &asker);
    Ok(Course { variants, request })
}

/// Whose key it is. Without one: somebody without a team, whom the gateway lets in only where there are no keys.
fn principal(declared: &Declared, key: Option<&str>) -> Result<Principal, Fault> {
    let Some(key) = key else {
        return Ok(Principal::named("anonymous"));
    };
    let unknown = || Fault::new(FaultKind::Unauthorized, format!("there is no key `{key}`"));
    declared.principal(key).cloned().ok_or_else(unknown)
}

/// What a route may mean for the one who asks.
fn variants<'c>(route: &'c Arc<Route>, asker: &Asker<'_>) -> Vec<&'c Arc<Route>> {
    let split = route.for_team(asker.team).split.as_ref();
    match split.filter(|split| split.keeps_nothing_together()) {
        Some(split) => split.arms.iter().map(|arm| &arm.route).collect(),
        None => vec![route.for_asker(asker)],
    }
}

impl Course<'_> {
    /// Name of the route.
    pub(crate) fn name(&self) -> &str {
        self.variants
            .first()
            .map_or("", |variant| variant.name.as_str())
    }

    /// What the route may mean, `triage@team=support`; several where chance decides.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.told(|variant| variant.id().into_owned())
    }

    /// What is to be said of the variants, each answer once.
    pub(crate) fn told(&self, say: impl Fn(&Route) -> String) -> Vec<String> {
        let mut told = Vec::new();
        for variant in &self.variants {
            let said = say(variant);
            if !told.contains(&said) {
                told.push(said);
            }
        }
        told
    }

    /// Whether the request may leave the gateway by this variant.
    pub(crate) fn may_leave(&self, route: &Route) -> bool {
        PinnedBy::foreseen(route, self.request).is_none()
    }

    /// Whether something holds whatever chance decides.
    pub(crate) fn all(&self, holds: impl Fn(&Route) -> bool) -> bool {
        self.variants.iter().all(|variant| holds(variant))
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
        "none".to_owned()
    } else {
        chain.join(", then ")
    }
}
