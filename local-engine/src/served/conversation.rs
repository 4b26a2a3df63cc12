//! One job at one server, or at a second one where the first fails before it said anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::assembly::Assembly;
use super::endpoint::Endpoint;
use super::pool::Pool;
use super::request;
use super::stream::{Delta, Lines, broken};
use crate::engine::{Event, FinishReason, Usage};
use crate::error::EngineError;
use crate::job::{Constraint, Job};

/// What ends a stream.
const DONE: &str = "[DONE]";

/// Tokens kept free of the context for what an estimate of the prompt may be wrong by: one in so many.
const DOUBT: u32 = 8;

/// Largest refusal that is read, in bytes.
const REFUSAL: usize = 64 << 10;

/// Runs `job` to its terminal event.
pub(super) async fn hold(pool: &Pool, job: &Job, events: &mpsc::Sender<Event>) {
    if let Err(error) = try_twice(pool, job, events).await {
        // The reader may be gone, and then nobody misses the end.
        let _ = events.try_send(Event::Failed(error));
    }
}

async fn try_twice(
    pool: &Pool,
    job: &Job,
    events: &mpsc::Sender<Event>,
) -> Result<(), EngineError> {
    let body = body(pool, job)?;
    let seat = pool.choose(None)?;
    let first = match answer(pool, &seat.endpoint, &body, job, events).await {
        Ok(()) => return Ok(()),
        Err(Trouble::Final(error)) => return Err(error),
        Err(Trouble::Unreached(error)) => error,
    };
    match pool.choose(Some(&seat.endpoint)) {
        Ok(second) => answer(pool, &second.endpoint, &body, job, events)
            .await
            .map_err(Trouble::into_error),
        Err(_) => Err(first),
    }
}

fn body(pool: &Pool, job: &Job) -> Result<String, EngineError> {
    let settings = &pool.settings;
    let prompt = pool.gauge.tokens(&job.messages);
    let max_tokens = match pool.info() {
        Some(info) => {
            let free = info.context_tokens.saturating_sub(prompt + prompt / DOUBT);
            // Where the estimate leaves nothing the server decides.
            job.max_tokens.min(free.max(1))
        }
        None => job.max_tokens,
    };
    Ok(request::body(job, &settings.model, settings.dialect, max_tokens)?.to_string())
}

/// Why a server did not answer.
enum Trouble {
    /// Before it said anything, and another one may do better.
    Unreached(EngineError),
    Final(EngineError),
}

impl Trouble {
    fn into_error(self) -> EngineError {
        match self {
            Self::Unreached(error) | Self::Final(error) => error,
        }
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Final(error)
    }
}

async fn answer(
    pool: &Pool,
    endpoint: &Arc<Endpoint>,
    body: &str,
    job: &Job,
    events: &mpsc::Sender<Event>,
) -> Result<(), Trouble> {
    let began = Instant::now();
    let unreached = |why: &str| {
        pool.fail(endpoint, why);
        Trouble::Unreached(EngineError::Died(format!(
            "its server {} {why}",
            endpoint.place()
        )))
    };
    let patience = pool.settings.first_token_timeout;
    let response = match timeout(patience, endpoint.chat(body.to_owned())).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => return Err(unreached("cannot be reached")),
        Err(_) => return Err(unreached("does not answer in time")),
    };
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(unreached(&format!(
            "answers with status {}",
            status.as_u16()
        )));
    }
    if !status.is_success() {
        return Err(refusal(pool, job, response).await.into());
    }
    let mut hearing = Hearing::new(pool, job, events, began);
    match hearing.listen(response).await {
        Err(_) if !hearing.heard => Err(unreached("broke off before the first token")),
        Err(error) => {
            if matches!(error, EngineError::Died(_)) {
                pool.fail(endpoint, "broke off in an answer");
            }
            Err(error.into())
        }
        Ok(()) => Ok(()),
    }
}

/// A request that the server refuses. Its words may quote the prompt, so only their kind is told.
async fn refusal(pool: &Pool, job: &Job, mut response: Response) -> EngineError {
    let status = response.status().as_u16();
    let mut words = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout(Duration::from_secs(2), response.chunk()).await {
        words.extend_from_slice(&chunk);
        if words.len() > REFUSAL {
            break;
        }
    }
    let words = String::from_utf8_lossy(&words).to_ascii_lowercase();
    let long = words.contains("context")
        && (words.contains("length") || words.contains("exceed") || words.contains("size"));
    if long {
        let limit = pool.info().map_or(0, |info| info.context_tokens);
        let tokens = pool.gauge.tokens(&job.messages).max(limit);
        return EngineError::PromptTooLong { tokens, limit };
    }
    EngineError::Unsupported(format!(
        "its server refuses the request with status {status}"
    ))
}

/// Listens to one answer.
struct Hearing<'a> {
    pool: &'a Pool,
    job: &'a Job,
    events: &'a mpsc::Sender<Event>,
    began: Instant,
    assembly: Assembly,
    /// Whether anything went out.
    heard: bool,
    first_after: Duration,
    finish: Option<FinishReason>,
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

impl<'a> Hearing<'a> {
    fn new(pool: &'a Pool, job: &'a Job, events: &'a mpsc::Sender<Event>, began: Instant) -> Self {
        let labels = match &job.constraint {
            Some(Constraint::OneOf(labels)) => Some(Arc::clone(labels)),
            _ => None,
        };
        Self {
            pool,
            job,
            events,
            began,
            assembly: Assembly::new(labels),
            heard: false,
            first_after: Duration::ZERO,
            finish: None,
            prompt_tokens: None,
            completion_tokens: None,
        }
    }

    async fn listen(&mut self, mut response: Response) -> Result<(), EngineError> {
        let mut lines = Lines::new();
        loop {
            let patience = if self.heard {
                self.pool.settings.idle_timeout
            } else {
                self.pool.settings.first_token_timeout
            };
            let chunk = timeout(patience, response.chunk()).await;
            let chunk =
                chunk.map_err(|_| EngineError::Died("its server fell silent".to_owned()))?;
            let chunk = chunk.map_err(|_| EngineError::Died("its server broke off".to_owned()))?;
            let Some(chunk) = chunk else { break };
            lines.feed(&chunk);
            while let Some(data) = lines.next_data()? {
                if data == DONE {
                    return self.end();
                }
                self.take(Delta::read(&data, self.pool.settings.dialect)?);
            }
        }
        // Some servers leave the last word out; without an end the answer is not complete.
        self.end()
    }

    fn take(&mut self, delta: Delta) {
        self.finish = delta.finish.or(self.finish);
        self.prompt_tokens = delta.prompt_tokens.or(self.prompt_tokens);
        self.completion_tokens = delta.completion_tokens.or(self.completion_tokens);
        if !self.heard && delta.says_something() {
            self.start();
        }
        let tokens = self.assembly.push(&delta.text, delta.entries);
        self.emit(tokens.into_iter().map(Event::Token));
    }

    /// The first word: the prompt has been read.
    fn start(&mut self) {
        self.heard = true;
        self.first_after = self.began.elapsed();
        let event = Event::Prefilled {
            prompt_tokens: self.prompt_tokens(),
            took: self.first_after,
            reused_tokens: 0,
        };
        self.emit([event]);
    }

    fn end(&mut self) -> Result<(), EngineError> {
        let Some(reason) = self.finish else {
            return Err(broken("no end of its answer"));
        };
        if !self.heard {
            self.start();
        }
        let last = self.assembly.finish()?;
        self.emit(last.into_iter().map(Event::Token));
        if let Some(tokens) = self.prompt_tokens {
            self.pool
                .gauge
                .learn(&self.job.messages, tokens, self.first_after);
        }
        let usage = Usage {
            prompt_tokens: self.prompt_tokens(),
            completion_tokens: self
                .completion_tokens
                .unwrap_or_else(|| self.assembly.tokens()),
            busy: self.began.elapsed(),
        };
        self.emit([Event::Finished { reason, usage }]);
        Ok(())
    }

    /// As the server counted them, else estimated.
    fn prompt_tokens(&self) -> u32 {
        self.prompt_tokens
            .unwrap_or_else(|| self.pool.gauge.tokens(&self.job.messages))
    }

    fn emit(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            // There is room for the whole answer; a server that says more than it was allowed is cut off here.
            let _ = self.events.try_send(event);
        }
    }
}
