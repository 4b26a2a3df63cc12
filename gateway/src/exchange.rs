//! The life of one request, from a decoded body to a settled account.
//!
//! match → open account → cache → attempt local → score → decide → escalate → stream back → settle → tell.
//! Each step consumes what the one before made, so nothing that was not scored can be escalated, and the account
//! settles itself if any step is dropped.

mod at_hand;
mod committed;
mod decide;
mod deliver;
mod drafting;
mod draw;
mod escalate;
mod examine;
mod fingerprint;
mod hedge;
mod job;
mod judging;
mod leaves;
mod local;
mod prompt;
mod relay;
mod routing;
mod stopping;

use std::sync::Arc;

use http::{HeaderMap, Response};
use jiff::Timestamp;
use router_policies::{Api, Route};

use crate::app::App;
use crate::auth::Principal;
use crate::egress::{Clearance, EgressPermit, PinnedBy};
use crate::fault::Fault;
use crate::ledger::{Account, ExchangeId, Exhausted, Opening, Price, Reservation};
use crate::openai::ChatRequest;
use crate::server::Body;
use crate::snapshot::Snapshot;

pub(crate) use drafting::{Drafted, NoDraft, Task, draft};
pub(crate) use escalate::{another_may_answer, answered_end, failed_end, pause_before_retry};
pub(crate) use examine::{Examined, examine};
pub(crate) use fingerprint::fingerprint;
pub(crate) use job::{job_for, job_of};
pub(crate) use judging::{Judging, Subject};
pub(crate) use local::{end_of, local_plan, shape_for};
pub(crate) use routing::{Asked, no_route, worst_case};
pub(crate) use stopping::learns_to_stop;

/// A request that is allowed in, before its body is understood.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The long-lived parts.
    pub(crate) app: Arc<App>,
    /// The configuration that was in force when the request came.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Who asks.
    pub(crate) principal: Principal,
    /// What the ledger and the client call the exchange.
    pub(crate) id: ExchangeId,
}

/// One request on its way through the gateway.
#[derive(Debug)]
struct Exchange {
    app: Arc<App>,
    snapshot: Arc<Snapshot>,
    id: ExchangeId,
    route: Arc<Route>,
    request: ChatRequest,
    /// The system prompt; the route was matched on it and certificates depend on it.
    system: String,
    /// Whether the request may leave. Ask [`egress`](Self::egress).
    clearance: Clearance,
    principal: Principal,
    account: Account,
    /// The most that asking the route's upstreams may cost.
    worst: Price,
}

impl Incoming {
    /// Answers a chat request.
    ///
    /// # Errors
    /// A [`Fault`] that is already booked, for the server to render.
    pub(crate) async fn serve(
        self,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<Body>, Fault> {
        let request = ChatRequest::decode(body)?;
        let system = request.system();
        let asked = Asked {
            config: self.snapshot.config(),
            principal: &self.principal,
            api: Api::ChatCompletions,
            headers,
            request: &request,
            system: &system,
        };
        let route = asked.route(&self.id.to_string())?;
        let (request, clearance) = Clearance::of(&route, request, self.app.inspector()).await?;
        let opening = self.opening(&route, &clearance, &request);
        let reserved = opening.reserved;
        if let Some(by) = &opening.pinned_by {
            self.app.metrics().pinned(&opening.route, by);
        }
        let account = self.app.ledger().open_exchange(opening).await;
        let (account, clearance) = self.afford(account, clearance, &route, reserved).await?;
        let exchange = Exchange {
            app: self.app,
            snapshot: self.snapshot,
            id: self.id,
            route,
            request,
            system,
            clearance,
            principal: self.principal,
            account,
            worst: reserved,
        };
        if exchange.request.stream {
            deliver::streamed(exchange).await
        } else {
            deliver::whole(exchange).await
        }
    }

    /// Reserves the worst case, or decides again about a request for which there is no money.
    async fn afford(
        &self,
        account: Account,
        clearance: Clearance,
        route: &Route,
        worst: Price,
    ) -> Result<(Account, Clearance), Fault> {
        match self.reserve(route, worst).await {
            Ok(reservation) => {
                if let Some(reservation) = reservation {
                    account.reserve(reservation);
                }
                Ok((account, clearance))
            }
            Err(exhausted) => match clearance.without_money(route, exhausted) {
                Ok(clearance) => Ok((account, clearance)),
                Err(fault) => Err(deliver::failed(account, fault).await),
            },
        }
    }

    fn opening(&self, route: &Route, clearance: &Clearance, request: &ChatRequest) -> Opening {
        let config = self.snapshot.config();
        let catalog = &config.catalog;
        let reserved = match clearance.permit() {
            Ok(_) => worst_case(config, route, request),
            Err(_) => Price::FREE,
        };
        Opening {
            id: self.id,
            started_at: Timestamp::now(),
            route: route.id().into_owned(),
            principal: self.principal.name.clone(),
            client_model: model_to_book(route, &request.model),
            streamed: request.stream,
            policy_version: config.version.clone(),
            baseline: route
                .baseline
                .as_ref()
                .map(|b| catalog.baseline(&b.upstream, &b.model)),
            reserved,
            pinned_by: clearance.pinned().map(PinnedBy::word),
        }
    }
}

impl Incoming {
    /// Reserves the worst case of the request in the route's budget; `None` where it has none or nothing can be spent.
    async fn reserve(&self, route: &Route, worst: Price) -> Result<Option<Reservation>, Exhausted> {
        let Some(budget) = route.budget.as_ref().filter(|_| worst != Price::FREE) else {
            return Ok(None);
        };
        let (budgets, ledger, route) = (self.app.budgets(), self.app.ledger(), route.id());
        let reserving = budgets.reserve(ledger, &route, budget, worst);
        reserving.await.map(Some)
    }
}

impl Exchange {
    /// The right to send this request out. Everything that asks an upstream begins here: escalations, fallbacks, audits,
    /// shadows.
    ///
    /// # Errors
    /// [`Pinned`](crate::fault::FaultKind::Pinned) for a request that must stay.
    pub(crate) fn egress(&self) -> Result<EgressPermit, Fault> {
        self.clearance
            .permit()
            .cloned()
            .map_err(|by| by.fault(&self.route.name))
    }
}

/// The client's model as the books may know it: where patterns match it, it is the client's own text.
fn model_to_book(route: &Route, model: &str) -> String {
    if route.pin.finds(model) {
        return PRIVATE.to_owned();
    }
    model.to_owned()
}

/// Stands in the books for the name of a model in which a detector found something.
const PRIVATE: &str = "(private)";
