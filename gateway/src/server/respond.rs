//! Responses that are not answers of a model, and the one log line of a fault.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use local_engine::Health;
use serde_json::{Value, json};

use super::body::{Body, full};
use crate::app::App;
use crate::fault::{Blame, Fault, FaultKind, Retry};
use crate::ledger::ExchangeId;
use crate::openai;
use crate::snapshot::Snapshot;
use crate::telemetry::MEDIA_TYPE;

/// A JSON response.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A fault in the shape and with the status of the client's API.
#[must_use]
pub fn fault_response(fault: &Fault) -> Response<Body> {
    let mut response = json_response(fault.kind().status(), &openai::error_body(fault));
    let headers = response.headers_mut();
    if fault.kind() == FaultKind::MethodNotAllowed {
        let allowed = if fault.public().contains("POST") {
            "POST"
        } else {
            "GET, HEAD"
        };
        headers.insert(ALLOW, HeaderValue::from_static(allowed));
    }
    if let Some(reason) = fault.reason() {
        headers.insert("x-smallfirst-reason", HeaderValue::from_static(reason));
    }
    match fault.retry_hint() {
        Retry::After(wait) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        // Clients retry a 5xx on their own; this keeps them from repeating what cannot succeed.
        Retry::Never => {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        Retry::Now => {}
    }
    response
}

/// Tells the client the identifier under which the ledger and the log know its request.
pub(super) fn stamp(headers: &mut HeaderMap, id: ExchangeId) {
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-request-id", value);
    }
}

/// Logs a fault, once.
pub(super) fn log(fault: &Fault, id: ExchangeId) {
    let (code, blame) = (fault.kind().code(), fault.kind().blame());
    let status = fault.kind().status().as_u16();
    match blame {
        Blame::Downstream => {
            tracing::info!(request_id = %id, code, blame = blame.as_str(), status, "request refused");
        }
        // The public text of these is ours, word for word; it names configuration, never content.
        Blame::Local | Blame::Upstream | Blame::Internal => tracing::warn!(
            request_id = %id,
            code,
            blame = blame.as_str(),
            status,
            detail = fault.public(),
            "request failed"
        ),
    }
}

/// `GET /healthz`.
pub(super) fn health() -> Response<Body> {
    json_response(StatusCode::OK, &json!({ "status": "alive" }))
}

/// `GET /readyz`. A model that is still loading does not make the gateway unready: it escalates meanwhile.
pub(super) fn ready(app: &App, snapshot: &Snapshot) -> Response<Body> {
    let models: serde_json::Map<String, Value> = snapshot
        .engines()
        .map(|(name, engine)| {
            let health = match engine.health() {
                Health::Ready => json!("ready"),
                Health::Loading => match engine.progress() {
                    Some(progress) => json!(format!("loading: {progress}")),
                    None => json!("loading"),
                },
                Health::Unloaded => match engine.progress() {
                    Some(progress) => json!(format!("unloaded: {progress}")),
                    None => json!("unloaded"),
                },
                Health::Down(why) => json!(format!("down: {why}")),
            };
            (name.to_owned(), health)
        })
        .collect();
    let (status, text) = if app.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    };
    let detail = json!({
        "status": text,
        "models": models,
        "configuration": configuration(app, snapshot),
    });
    json_response(status, &detail)
}

/// A configuration that could not be taken does not make the gateway unready: the older one works.
fn configuration(app: &App, snapshot: &Snapshot) -> Value {
    let status = app.reload_status();
    let mut detail = json!({
        "version": snapshot.config().version,
        "loaded_at": status.loaded_at.to_string(),
    });
    if let Some(failure) = status.failure {
        detail["not_reloaded"] = json!({
            "at": failure.at.to_string(),
            "problem": failure.problem,
        });
    }
    detail
}

/// `GET /metrics`.
pub(super) fn metrics(app: &App) -> Response<Body> {
    let text = app.metrics().text(|metrics| {
        metrics.show(&app.learning().standings());
        for (route, open, spent) in app.learning().audit_money() {
            metrics.show_audits(&route, open, spent);
        }
        metrics.show_engines(&app.snapshot());
    });
    let mut response = Response::new(full(text));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// `GET /v1/models`.
pub(super) fn models(app: &App, snapshot: &Snapshot) -> Response<Body> {
    json_response(
        StatusCode::OK,
        &openai::model_list(
            snapshot.config().policy.client_models(),
            app.started_seconds(),
        ),
    )
}

/// `GET /v1/models/{id}`.
pub(super) fn model(app: &App, snapshot: &Snapshot, name: &str) -> Result<Response<Body>, Fault> {
    if snapshot
        .config()
        .policy
        .client_models()
        .iter()
        .any(|known| known == name)
    {
        return Ok(json_response(
            StatusCode::OK,
            &openai::model_card(name, app.started_seconds()),
        ));
    }
    Err(Fault::new(FaultKind::ModelNotFound, "no route answers for this model").at("model"))
}
