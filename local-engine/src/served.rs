//! An engine that computes elsewhere: a small model behind one or several servers that speak the `OpenAI` chat API.
//!
//! Jobs go to the endpoint with the least outstanding work among those that are up and serve the same model. What
//! the servers list about each token is brought into one form; an answer without log-probabilities is no answer here.
//! Dropping a generation closes its connection, and the server stops computing.
//!
//! Only the end token may be missing from the statistics: most servers do not list it.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::{Estimate, Generation, Health, LocalEngine, ModelInfo};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::relay::{self, Relay};

mod assembly;
mod conversation;
mod dialect;
mod endpoint;
mod entry;
mod gauge;
mod identity;
mod list;
mod pool;
mod request;
mod stream;

pub use dialect::Dialect;
use pool::Pool;

/// Where a served model is, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct ServedSettings {
    /// Which kind of server.
    pub dialect: Dialect,
    /// Bases of the API, up to and including `/v1`, one for each server. All serve the same model.
    pub endpoints: Vec<Url>,
    /// The model's name in the API.
    pub model: String,
    /// Bearer key, if the servers want one.
    pub key: Option<SecretString>,
    /// Longest prompt plus answer in tokens, where the server does not tell or less is wanted.
    pub context: Option<NonZeroU32>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the first event of an answer.
    pub first_token_timeout: Duration,
    /// Longest silence within an answer.
    pub idle_timeout: Duration,
    /// Time between two looks at a server's health.
    pub probe_every: Duration,
}

impl ServedSettings {
    /// `model` at `endpoints`, with the usual patience: 2 s, 60 s, 30 s, and a look every 5 s.
    #[must_use]
    pub fn new(dialect: Dialect, endpoints: Vec<Url>, model: impl Into<String>) -> Self {
        Self {
            dialect,
            endpoints,
            model: model.into(),
            key: None,
            context: None,
            connect_timeout: Duration::from_secs(2),
            first_token_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(30),
            probe_every: Duration::from_secs(5),
        }
    }
}

impl PartialEq for ServedSettings {
    fn eq(&self, other: &Self) -> bool {
        let key = |settings: &Self| {
            let key = settings.key.as_ref();
            key.map(|key| key.expose_secret().to_owned())
        };
        let patience = |settings: &Self| {
            let Self {
                connect_timeout,
                first_token_timeout,
                idle_timeout,
                probe_every,
                ..
            } = settings;
            [
                *connect_timeout,
                *first_token_timeout,
                *idle_timeout,
                *probe_every,
            ]
        };
        (self.dialect, &self.endpoints, &self.model, self.context)
            == (other.dialect, &other.endpoints, &other.model, other.context)
            && patience(self) == patience(other)
            && key(self) == key(other)
    }
}

impl Eq for ServedSettings {}

/// A small model behind servers.
pub struct Served {
    pool: Arc<Pool>,
    /// They look after the servers, and end with this.
    _probes: Vec<AbortOnDropHandle<()>>,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("info", &self.pool.info())
            .finish_non_exhaustive()
    }
}

impl Served {
    /// Looks for the servers in the background. Call it within a tokio runtime.
    ///
    /// # Errors
    /// A text for the operator when the key or an address cannot be used.
    pub fn start(settings: ServedSettings) -> Result<Self, String> {
        let pool = Arc::new(Pool::new(settings)?);
        let probes = (0..pool.size()).map(|index| {
            let looking = Arc::clone(&pool).look_after(index);
            AbortOnDropHandle::new(tokio::spawn(looking))
        });
        let probes = probes.collect();
        Ok(Self {
            pool,
            _probes: probes,
        })
    }
}

impl LocalEngine for Served {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.pool.info()
    }

    fn health(&self) -> Health {
        self.pool.health()
    }

    /// Estimated from the bytes of earlier prompts and the tokens that the servers counted: four bytes a token
    /// before the first answer.
    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        let tokens = self.pool.gauge.tokens(&messages);
        Box::pin(std::future::ready(Ok(tokens)))
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        Estimate {
            queue: Duration::ZERO,
            prefill: self.pool.gauge.first_token(prompt_tokens),
        }
    }

    fn generate(&self, job: Job) -> Generation {
        let (sender, events) = relay::channel(job.max_tokens);
        let pool = Arc::clone(&self.pool);
        // The task ends with the receiver: a dropped generation drops the connection.
        tokio::spawn(async move {
            tokio::select! {
                () = sender.closed() => {}
                () = conversation::hold(&pool, &job, &sender) => {}
            }
        });
        Box::pin(Relay::new(events, ()))
    }
}
