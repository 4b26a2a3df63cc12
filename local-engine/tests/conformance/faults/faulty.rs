//! A mortal engine with one fault.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::{StreamExt, stream};
use local_engine::{
    EngineError, Estimate, Event, FinishReason, Generation, Health, Job, LocalEngine, Message,
    ModelInfo, Sampling, Token,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoFacts,
    TwoEnds,
    NoPrefill,
    Miscounted,
    NoEndToken,
    LossyText,
    GreedyDraws,
    SeedIgnored,
    MoreThanCertain,
    NotANumber,
    CommonLogarithm,
    TopOnly,
    AfterTemperature,
    OneTooMany,
    CutAtTheEnd,
    StopIgnored,
    /// The stop string is noticed, and told as well.
    StopLeaked,
    PromptCut,
    ContextIgnored,
    /// Claims every constraint and obeys none.
    Unconstrained,
    /// Refuses no constraint and obeys none, as many servers do with parameters that they do not know.
    ClaimsTooLittle,
    ForcedUnmarked,
    AfterMask,
    RunsOn,
    KeepsSlot,
    WaitsForReader,
    QueueWithoutBound,
    LoraIgnored,
    LongVectors,
    DiesSilently,
    StaysDead,
}

#[derive(Debug)]
pub(super) struct Faulty {
    table: Arc<Table>,
    fault: Option<Fault>,
    deaths: Arc<AtomicU64>,
    turn: Arc<Semaphore>,
}

impl Faulty {
    pub(super) fn new(table: Arc<Table>, fault: Option<Fault>) -> Self {
        Self {
            table,
            fault,
            deaths: Arc::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(super) fn die(&self, restart_after: Duration) {
        self.deaths.fetch_add(1, Ordering::AcqRel);
        self.table.set_health(Health::Down("killed".to_owned()));
        if self.has(Fault::StaysDead) {
            return;
        }
        let table = Arc::clone(&self.table);
        tokio::spawn(async move {
            tokio::time::sleep(restart_after).await;
            table.set_health(Health::Ready);
        });
    }

    fn ask(&self, mut job: Job) -> Job {
        match self.fault {
            Some(Fault::GreedyDraws) => {
                job.sampling = Sampling::Random {
                    temperature: 2.0,
                    top_p: 1.0,
                    seed: None,
                }
            }
            Some(Fault::SeedIgnored) => {
                if let Sampling::Random { seed, .. } = &mut job.sampling {
                    *seed = None;
                }
            }
            Some(Fault::OneTooMany) => job.max_tokens += 1,
            Some(Fault::StopIgnored) => job.stop.clear(),
            Some(Fault::PromptCut) => job.messages[0].content.truncate(40),
            Some(Fault::Unconstrained | Fault::ClaimsTooLittle) => job.constraint = None,
            Some(Fault::LoraIgnored) => job.lora = None,
            _ => {}
        }
        job
    }
}

impl LocalEngine for Faulty {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.table.info().filter(|_| !self.has(Fault::NoFacts))
    }

    fn health(&self) -> Health {
        self.table.health()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.table.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.table.estimate(prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        let spoiler = Spoiler {
            fault: self.fault,
            job: job.clone(),
        };
        let inner = self.table.generate(self.ask(job));
        let held = self
            .has(Fault::WaitsForReader)
            .then(|| Arc::clone(&self.turn).try_acquire_owned().ok());
        let playing = Playing {
            inner: if self.has(Fault::RunsOn) {
                detached(inner)
            } else {
                inner
            },
            spoiler,
            pending: VecDeque::new(),
            over: false,
            deaths: Arc::clone(&self.deaths),
            born: self.deaths.load(Ordering::Acquire),
            turn: Arc::clone(&self.turn),
            held: held.flatten(),
        };
        Box::pin(stream::unfold(playing, |mut playing| async move {
            let event = playing.next().await?;
            Some((event, playing))
        }))
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        let length = if self.has(Fault::LongVectors) {
            2.0
        } else {
            1.0
        };
        let vector = move |text: String| {
            let axis = text.len() % 8;
            (0..8)
                .map(|place| if place == axis { length } else { 0.0 })
                .collect()
        };
        let vectors = texts.into_iter().map(vector).collect();
        Box::pin(std::future::ready(Ok(vectors)))
    }
}

/// Computes on when nobody reads.
fn detached(mut inner: Generation) -> Generation {
    // Room for a whole answer.
    let (sender, receiver) = mpsc::channel(4096);
    tokio::spawn(async move {
        while let Some(event) = inner.next().await {
            // Nobody may read, and that is the fault.
            let _ = sender.send(event).await;
        }
    });
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        Some((event, receiver))
    }))
}

struct Playing {
    inner: Generation,
    spoiler: Spoiler,
    pending: VecDeque<Event>,
    over: bool,
    deaths: Arc<AtomicU64>,
    born: u64,
    turn: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Playing {
    async fn next(&mut self) -> Option<Event> {
        let fault = self.spoiler.fault;
        if matches!(fault, Some(Fault::KeepsSlot | Fault::WaitsForReader)) && self.held.is_none() {
            self.held = Arc::clone(&self.turn).acquire_owned().await.ok();
        }
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            let event = self.inner.next().await;
            if self.deaths.load(Ordering::Acquire) != self.born {
                self.over = true;
                let died = Event::Failed(EngineError::Died("killed".to_owned()));
                return (fault != Some(Fault::DiesSilently)).then_some(died);
            }
            self.over = event.as_ref().is_none_or(Event::is_terminal);
            if self.over && fault != Some(Fault::WaitsForReader) {
                self.held = None;
            }
            self.pending.extend(
                event
                    .into_iter()
                    .flat_map(|event| self.spoiler.spoil(event)),
            );
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        if self.spoiler.fault == Some(Fault::KeepsSlot)
            && !self.over
            && let Some(held) = self.held.take()
        {
            held.forget();
        }
    }
}

/// Spoils events.
struct Spoiler {
    fault: Option<Fault>,
    job: Job,
}

impl Spoiler {
    fn spoil(&self, event: Event) -> Vec<Event> {
        match (self.fault, event) {
            (Some(Fault::NoPrefill), Event::Prefilled { .. }) => Vec::new(),
            (Some(Fault::Miscounted), mut event) if matches!(event, Event::Prefilled { .. }) => {
                if let Event::Prefilled { prompt_tokens, .. } = &mut event {
                    *prompt_tokens = 1;
                }
                vec![event]
            }
            (Some(Fault::NoEndToken), Event::Token(token)) if token.bytes.is_empty() => Vec::new(),
            (_, Event::Token(token)) => vec![Event::Token(self.token(token))],
            (Some(Fault::TwoEnds), end) if end.is_terminal() => vec![end.clone(), end],
            (Some(Fault::CutAtTheEnd), Event::Finished { usage, .. })
                if usage.completion_tokens == self.job.max_tokens =>
            {
                let reason = FinishReason::Length;
                vec![Event::Finished { reason, usage }]
            }
            (_, event) => vec![event],
        }
    }

    fn token(&self, mut token: Token) -> Token {
        let (stats, drawn) = (&mut token.stats, self.job.sampling != Sampling::Greedy);
        match self.fault {
            Some(Fault::LossyText) => {
                token.bytes = String::from_utf8_lossy(&token.bytes)
                    .into_owned()
                    .into_bytes();
            }
            Some(Fault::StopLeaked) if token.bytes.is_empty() && !self.job.stop.is_empty() => {
                token.bytes = self.job.stop[0].clone().into_bytes();
            }
            Some(Fault::MoreThanCertain) => stats.logprob = 1e-3,
            Some(Fault::NotANumber) => stats.margin = f32::INFINITY,
            Some(Fault::CommonLogarithm) => stats.logprob *= std::f32::consts::LOG10_E,
            Some(Fault::TopOnly) => stats.entropy *= 0.9,
            Some(Fault::AfterTemperature) if drawn => stats.logprob *= 0.5,
            Some(Fault::ForcedUnmarked) => stats.forced = false,
            Some(Fault::AfterMask) if stats.forced => stats.logprob = 0.0,
            _ => {}
        }
        token
    }
}
