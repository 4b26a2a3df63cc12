//! The life of one request, from a decoded body to a settled account.
//!
//! match → open account → cache → attempt local → score → decide → escalate → stream back → settle → tell.
//! Each step consumes what the one before made, so nothing that was not scored can be escalated, and the account
//! settles itself if any step is dropped.

mod decide;
mod deliver;
mod escalate;
mod fingerprint;
mod local;
mod relay;

use std::sync::Arc;

use http::{HeaderMap, Response};
use jiff::Timestamp;
use router_policies::{Facts, Route};

use crate::app::App;
use crate::auth::Principal;
use crate::fault::{Fault, FaultKind};
use crate::ledger::{Account, ExchangeId, Opening, Price};
use crate::openai::ChatRequest;
use crate::server::Body;

pub(crate) use fingerprint::fingerprint;
pub(crate) use local::{draft, greedy_job};

/// One request on its way through the gateway.
#[derive(Debug)]
struct Exchange {
    app: Arc<App>,
    id: ExchangeId,
    route: Arc<Route>,
    request: ChatRequest,
    /// The system prompt; the route was matched on it and certificates depend on it.
    system: String,
    principal: Principal,
    account: Account,
}

/// Answers a chat request.
///
/// # Errors
/// A [`Fault`] that is already booked, for the server to render.
pub(crate) async fn serve(
    app: Arc<App>,
    principal: Principal,
    headers: &HeaderMap,
    body: &[u8],
    id: ExchangeId,
) -> Result<Response<Body>, Fault> {
    let request = ChatRequest::decode(body)?;
    let system = request.system();
    let route = match_route(&app, &request, &system, headers)?;
    let opening = opening(&app, &route, &request, &principal, id);
    let account = app.ledger().open_exchange(opening).await;
    let exchange = Exchange {
        app,
        id,
        route,
        request,
        system,
        principal,
        account,
    };
    if exchange.request.stream {
        deliver::streamed(exchange).await
    } else {
        deliver::whole(exchange).await
    }
}

fn match_route(
    app: &App,
    request: &ChatRequest,
    system: &str,
    headers: &HeaderMap,
) -> Result<Arc<Route>, Fault> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let facts = Facts {
        model: &request.model,
        system,
        header: &header,
    };
    app.config().policy.find(&facts).cloned().ok_or_else(|| {
        Fault::new(
            FaultKind::ModelNotFound,
            "no route answers for this model; GET /v1/models lists those that are known by name",
        )
        .at("model")
    })
}

/// Answer tokens reserved where the client sets no limit.
const ASSUMED_MAX_TOKENS: u32 = 4096;

fn opening(
    app: &App,
    route: &Route,
    request: &ChatRequest,
    principal: &Principal,
    id: ExchangeId,
) -> Opening {
    let catalog = &app.config().catalog;
    // A token is at least one byte, so the length of the body bounds the prompt.
    let prompt = u64::try_from(request.bytes).unwrap_or(u64::MAX);
    let answer = u64::from(request.max_tokens.unwrap_or(ASSUMED_MAX_TOKENS));
    let reserved = route.upstream.as_ref().map_or(Price::FREE, |target| {
        catalog
            .rates(&target.upstream, &target.model)
            .map_or(Price::Unpriced, |rates| rates.worst_case(prompt, answer))
    });
    Opening {
        id,
        started_at: Timestamp::now(),
        route: route.name.clone(),
        principal: principal.name.clone(),
        client_model: request.model.clone(),
        streamed: request.stream,
        policy_version: app.config().version.clone(),
        baseline: route
            .baseline
            .as_ref()
            .map(|b| catalog.baseline(&b.upstream, &b.model)),
        reserved,
    }
}
