//! The gateway's one error type for requests: what happened, whose fault it is, whether to try again.
//!
//! A [`Fault`] never logs itself and never carries prompts, completions or keys. It is rendered and logged in one
//! place, [`crate::server`].

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

/// What went wrong. The label is the `code` of the error body and of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The request is not valid; the text says where.
    InvalidRequest,
    /// The body is larger than the configured limit.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// No key, or one that is not known.
    Unauthorized,
    /// No route answers for the requested model.
    ModelNotFound,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The upstream refused the request itself (its status and error object are passed on).
    UpstreamRejected(StatusCode),
    /// The upstream refused our credentials.
    UpstreamAuth,
    /// The upstream could not be reached, or answered with a server error.
    UpstreamUnavailable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream's answer broke off or was not understood.
    UpstreamBroken,
    /// The local model's answer broke off after it had begun to be sent.
    LocalBroken,
    /// The local model could not answer and the request must not leave.
    LocalUnavailable,
    /// Something asked to send out a request that must not leave.
    Pinned,
    /// The route's budget has no room for the request.
    BudgetSpent,
    /// The gateway is shutting down.
    ShuttingDown,
    /// A defect of the gateway.
    Internal,
}

impl FaultKind {
    /// Stable lower-case name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::BodyTooLarge => "request_too_large",
            Self::BodyTimeout => "request_timeout",
            Self::Unauthorized => "invalid_api_key",
            Self::ModelNotFound => "model_not_found",
            Self::NotFound => "unknown_url",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UpstreamRejected(_) => "upstream_rejected",
            Self::UpstreamAuth => "upstream_auth",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamBroken => "upstream_broken",
            Self::LocalBroken => "local_broken",
            Self::LocalUnavailable => "local_unavailable",
            Self::Pinned => "pinned",
            Self::BudgetSpent => "budget_exceeded",
            Self::ShuttingDown => "shutting_down",
            Self::Internal => "internal_error",
        }
    }

    /// Status of the response.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ModelNotFound | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UpstreamRejected(status) => status,
            Self::UpstreamAuth
            | Self::UpstreamUnavailable
            | Self::UpstreamBroken
            | Self::LocalBroken => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::BudgetSpent => StatusCode::TOO_MANY_REQUESTS,
            Self::LocalUnavailable | Self::Pinned | Self::ShuttingDown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Who has to mend it.
    #[must_use]
    pub const fn blame(self) -> Blame {
        match self {
            Self::InvalidRequest
            | Self::BodyTooLarge
            | Self::BodyTimeout
            | Self::Unauthorized
            | Self::ModelNotFound
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::BudgetSpent
            | Self::UpstreamRejected(_) => Blame::Downstream,
            Self::UpstreamAuth
            | Self::UpstreamUnavailable
            | Self::UpstreamTimeout
            | Self::UpstreamBroken => Blame::Upstream,
            Self::LocalBroken | Self::LocalUnavailable | Self::Pinned => Blame::Local,
            Self::ShuttingDown | Self::Internal => Blame::Internal,
        }
    }

    /// `type` of the error body in the OpenAI API.
    #[must_use]
    pub const fn openai_type(self) -> &'static str {
        match self {
            Self::Unauthorized => "authentication_error",
            Self::UpstreamRejected(StatusCode::TOO_MANY_REQUESTS) => "rate_limit_error",
            Self::BudgetSpent => "insufficient_quota",
            _ => match self.blame() {
                Blame::Downstream => "invalid_request_error",
                Blame::Upstream => "upstream_error",
                Blame::Local | Blame::Internal => "server_error",
            },
        }
    }
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The client's.
    Downstream,
    /// The local model's.
    Local,
    /// The external API's.
    Upstream,
    /// Ours.
    Internal,
}

impl Blame {
    /// Stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Local => "local",
            Self::Upstream => "upstream",
            Self::Internal => "internal",
        }
    }
}

/// Whether the same request may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It will fail again.
    Never,
    /// It may succeed at once.
    Now,
    /// It may succeed after this time.
    After(Duration),
}

/// A request that ends in an error.
#[derive(Debug, Clone)]
pub struct Fault {
    kind: FaultKind,
    public: String,
    param: Option<String>,
    retry: Retry,
    reason: Option<&'static str>,
    // Boxed: faults travel in every Result of the request path, upstream error objects are rare and large.
    passed_on: Option<Box<Value>>,
}

impl Fault {
    /// A fault with the text that the client will read.
    pub fn new(kind: FaultKind, public: impl Into<String>) -> Self {
        let retry = match kind {
            FaultKind::UpstreamUnavailable
            | FaultKind::UpstreamTimeout
            | FaultKind::UpstreamBroken
            | FaultKind::LocalBroken
            | FaultKind::LocalUnavailable
            | FaultKind::ShuttingDown
            | FaultKind::BodyTimeout => Retry::Now,
            _ => Retry::Never,
        };
        Self {
            kind,
            public: public.into(),
            param: None,
            retry,
            reason: None,
            passed_on: None,
        }
    }

    /// Names the field of the request that is wrong.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Overrides when to try again.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Says in `x-smallfirst-reason` why there is no answer.
    #[must_use]
    pub const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Passes on the error object of the upstream to the client, and only there.
    #[must_use]
    pub fn passing_on(mut self, error: Value) -> Self {
        self.passed_on = Some(Box::new(error));
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }

    /// When to try again.
    #[must_use]
    pub const fn retry_hint(&self) -> Retry {
        self.retry
    }

    /// Text for the client.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Field of the request that is wrong.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// Value of `x-smallfirst-reason`, if it says one.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// Error object of the upstream, for the client only.
    #[must_use]
    pub fn passed_on(&self) -> Option<&Value> {
        self.passed_on.as_deref()
    }
}
