//! The rows of the ledger: one per attempt, one per exchange when opened, one when settled.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::rates::{Price, Pricing, Rates, Usage};
use super::words::words;

words! {
    /// What an attempt ran on.
    Engine {
        /// The small model in or beside the gateway.
        Local = "local",
        /// The external API, to answer the client.
        Upstream = "upstream",
        /// The external API, to learn whether an accepted answer would have differed.
        Audit = "audit",
        /// The small model, to learn how good its draft would have been. No client waits for it.
        Learning = "learning",
    }
}

words! {
    /// How an attempt ended.
    AttemptOutcome {
        /// A local draft that was sent to the client.
        Accepted = "accepted",
        /// A draft or an answer that was complete, or stopped early, and not used.
        Discarded = "discarded",
        /// It broke: an error, a timeout, a crash.
        Failed = "failed",
        /// The upstream's answer was used (for an audit and a draft made to learn: compared).
        Answered = "answered",
        /// Stopped because nobody waited for it any more.
        Cancelled = "cancelled",
    }
}

words! {
    /// Who produced the answer that the client got.
    Source {
        /// The small model.
        Local = "local",
        /// The external API.
        Upstream = "upstream",
        /// A stored answer.
        Cache = "cache",
        /// Nobody: the client got an error or left before an answer.
        None = "none",
    }
}

words! {
    /// How an exchange ended.
    Outcome {
        /// The client got a whole answer.
        Completed = "completed",
        /// The client got an error.
        Failed = "failed",
        /// The client left before the end.
        HungUp = "hung_up",
        /// Not ended yet. Never stored: it is the absence of a settlement.
        InFlight = "in_flight",
        /// The gateway stopped before the end; written at its next start.
        Lost = "lost",
    }
}

words! {
    /// Where a baseline cost comes from.
    BaselineMethod {
        /// An estimate: the tokens of the answer that was sent, at the baseline's rates. The
        /// large model would have written other tokens and may have read its prompt cache, so
        /// take a saving computed with it as an upper bound.
        SameTokens = "same_tokens",
        /// No estimate: the baseline model itself answered, at this cost.
        Measured = "measured",
    }
}

/// Identifies one exchange; ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(Uuid);

impl ExchangeId {
    /// A new one, from the clock and random bits (UUID version 7).
    #[expect(clippy::new_without_default, reason = "every value is different")]
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl FromStr for ExchangeId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl From<Uuid> for ExchangeId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Engine {
    /// Whether it runs on this machine, so that its time is what costs.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Local | Self::Learning)
    }

    /// Whether it sends something out, so that budgets are charged with it.
    #[must_use]
    pub const fn is_outside(self) -> bool {
        !self.is_local()
    }

    /// Whether it serves the client; the others only teach.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::Local | Self::Upstream)
    }
}

/// The model a route would have used without the small one, with its rates when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaselineModel {
    /// Name of the upstream.
    pub provider: String,
    /// Name of the model there.
    pub model: String,
    /// Its rates; `None`: unknown, so the exchange cannot be compared.
    pub rates: Option<Rates>,
}

/// What is known when an exchange begins. Match the route first: matching is pure and free.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Also the `x-request-id` of the answer.
    pub id: ExchangeId,
    /// When the request came in.
    pub started_at: Timestamp,
    /// The matched route.
    pub route: String,
    /// Name of the key that pays; never the key.
    pub principal: String,
    /// The model the client asked for.
    pub client_model: String,
    /// Whether the client asked for a stream.
    pub streamed: bool,
    /// Hash of the policy that decided.
    pub policy_version: String,
    /// What the route is compared with; `None`: it declares nothing, so no saving is claimed.
    pub baseline: Option<BaselineModel>,
    /// The most that the upstream may charge for this exchange. Stays visible after a crash.
    pub reserved: Price,
    /// What keeps it from leaving: `route`, `detector:NAME` or `unreadable`; `None`: nothing. Never what was found.
    pub pinned_by: Option<Cow<'static, str>>,
}

/// One try on one engine. Reported when it ends, whatever the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// What it ran on.
    pub engine: Engine,
    /// Name of the upstream, or of the local model entry.
    pub provider: String,
    /// Name of the model there.
    pub model: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Tokens used, as far as known.
    pub usage: Usage,
    /// Whether `usage` is all of it. If not, a token-priced `cost` is a lower bound.
    pub usage_complete: bool,
    /// Compute time of the local model; zero for others.
    pub busy: Duration,
    /// From start to end, waiting included.
    pub latency: Duration,
    /// What it cost.
    pub cost: Price,
    /// The rates behind `cost`, frozen.
    pub pricing: Pricing,
    /// A short fixed word for what broke.
    pub error_kind: Option<&'static str>,
}

/// What is known when an exchange ends; start from a constructor and fill in the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// How it ended.
    pub outcome: Outcome,
    /// Who answered.
    pub source: Source,
    /// HTTP status that the client saw.
    pub status: u16,
    /// Why it was escalated, or failed: a short fixed word.
    pub reason: Option<Cow<'static, str>>,
    /// Calibrated probability that the draft was good enough, where there was a draft.
    pub confidence: Option<f64>,
    /// From the request to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Id of the certificate that the decision rested on.
    pub certificate: Option<String>,
    /// Tokens of the answer, for answers without an attempt (cache hits). Otherwise leave it
    /// `None`: the accepted attempt's own usage counts.
    pub answer_usage: Option<Usage>,
}

impl Settlement {
    /// The client got a whole answer from `source`.
    #[must_use]
    pub const fn completed(source: Source, status: u16) -> Self {
        Self::new(Outcome::Completed, source, status)
    }

    /// The client got an error; `reason` is a short fixed word.
    #[must_use]
    pub fn failed(status: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::new(Outcome::Failed, Source::None, status)
        }
    }

    /// The client left while `source` was answering. 499 is what proxies log for it.
    #[must_use]
    pub const fn hung_up(source: Source) -> Self {
        Self::new(Outcome::HungUp, source, 499)
    }

    const fn new(outcome: Outcome, source: Source, status: u16) -> Self {
        Self {
            outcome,
            source,
            status,
            reason: None,
            confidence: None,
            first_byte: None,
            certificate: None,
            answer_usage: None,
        }
    }
}

/// What the declared baseline would have cost for one completed exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The tokens that were priced.
    pub usage: Usage,
    /// At the baseline's rates.
    pub cost: Price,
    /// How `cost` came about.
    pub method: BaselineMethod,
}

/// A settlement with what the account added, as stored.
#[derive(Clone, Debug)]
pub(super) struct SettlementRow {
    pub(super) id: ExchangeId,
    pub(super) settlement: Settlement,
    pub(super) latency: Duration,
    pub(super) baseline: Option<Baseline>,
}

/// An attempt with its place in the exchange, as stored.
#[derive(Clone, Debug)]
pub(super) struct AttemptRow {
    pub(super) id: ExchangeId,
    pub(super) seq: u32,
    pub(super) attempt: Attempt,
}
