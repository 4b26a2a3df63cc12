//! The HTTP server: connections in, endpoints out, faults rendered and logged in this one place.

mod accept;
mod body;
mod endpoint;
mod respond;

pub use accept::serve;
pub use body::Body;
pub(crate) use body::{full, read_limited};
pub use respond::fault_response;

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::app::App;
use crate::exchange;
use crate::fault::{Fault, FaultKind};
use crate::ledger::ExchangeId;
use crate::snapshot::Snapshot;
use endpoint::Endpoint;

/// Answers one request. Never fails: faults become responses here.
pub(crate) async fn answer(app: Arc<App>, request: Request<Incoming>) -> Response<Body> {
    let id = ExchangeId::new();
    let result = dispatch(&app, request, id).await;
    let mut response = result.unwrap_or_else(|fault| {
        respond::log(&fault, id);
        fault_response(&fault)
    });
    respond::stamp(response.headers_mut(), id);
    response
}

async fn dispatch(
    app: &Arc<App>,
    request: Request<Incoming>,
    id: ExchangeId,
) -> Result<Response<Body>, Fault> {
    let snapshot = app.snapshot();
    match Endpoint::of(request.method(), request.uri().path())? {
        Endpoint::Health => Ok(respond::health()),
        Endpoint::Ready => Ok(respond::ready(app, &snapshot)),
        Endpoint::Metrics => Ok(respond::metrics(app)),
        Endpoint::Models => {
            snapshot.config().keys.authenticate(request.headers())?;
            Ok(respond::models(app, &snapshot))
        }
        Endpoint::Model(name) => {
            snapshot.config().keys.authenticate(request.headers())?;
            respond::model(app, &snapshot, &name)
        }
        Endpoint::ChatCompletions => chat(app, snapshot, request, id).await,
    }
}

async fn chat(
    app: &Arc<App>,
    snapshot: Arc<Snapshot>,
    request: Request<Incoming>,
    id: ExchangeId,
) -> Result<Response<Body>, Fault> {
    if app.is_draining() {
        return Err(Fault::new(
            FaultKind::ShuttingDown,
            "the gateway is shutting down; try another replica",
        ));
    }
    // Before the body is read: strangers do not get to send megabytes.
    let principal = snapshot.config().keys.authenticate(request.headers())?;
    let (head, body) = request.into_parts();
    let limits = snapshot.config().limits;
    let bytes = read_limited(&head.headers, body, limits.body, limits.body_timeout).await?;
    let exchange = exchange::Incoming {
        app: Arc::clone(app),
        snapshot,
        principal,
        id,
    };
    exchange.serve(&head.headers, &bytes).await
}
