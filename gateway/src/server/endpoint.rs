//! Method and path to endpoint.

use http::Method;

use crate::fault::{Fault, FaultKind};

/// What a client can ask for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `GET /healthz`: the process lives.
    Health,
    /// `GET /readyz`: it takes requests.
    Ready,
    /// `GET /metrics`.
    Metrics,
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{id}`.
    Model(String),
    /// `POST /v1/chat/completions`.
    ChatCompletions,
}

impl Endpoint {
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Fault> {
        let (endpoint, allowed) = match path {
            "/healthz" => (Self::Health, Method::GET),
            "/readyz" => (Self::Ready, Method::GET),
            "/metrics" => (Self::Metrics, Method::GET),
            "/v1/models" => (Self::Models, Method::GET),
            "/v1/chat/completions" => (Self::ChatCompletions, Method::POST),
            _ => match path.strip_prefix("/v1/models/") {
                Some(name) if !name.is_empty() => (Self::Model(name.to_owned()), Method::GET),
                _ => {
                    return Err(Fault::new(
                        FaultKind::NotFound,
                        "no such path; try /v1/chat/completions",
                    ));
                }
            },
        };
        if *method == allowed || (allowed == Method::GET && *method == Method::HEAD) {
            return Ok(endpoint);
        }
        Err(Fault::new(
            FaultKind::MethodNotAllowed,
            format!("this path takes {allowed} only"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods() {
        let kind = |method: Method, path: &str| Endpoint::of(&method, path).map_err(|f| f.kind());
        assert_eq!(
            kind(Method::POST, "/v1/chat/completions"),
            Ok(Endpoint::ChatCompletions)
        );
        assert_eq!(
            kind(Method::GET, "/v1/models/a/b"),
            Ok(Endpoint::Model("a/b".into()))
        );
        assert_eq!(kind(Method::HEAD, "/healthz"), Ok(Endpoint::Health));
        assert_eq!(
            kind(Method::GET, "/v1/chat/completions"),
            Err(FaultKind::MethodNotAllowed)
        );
        assert_eq!(kind(Method::GET, "/v1/models/"), Err(FaultKind::NotFound));
        assert_eq!(kind(Method::GET, "/"), Err(FaultKind::NotFound));
    }
}
