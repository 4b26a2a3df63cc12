//! The thread that computes: one job after the other, step by step.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use llama_cpp_2::SeqState;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::embed::Embedder;
use super::prefix::{Key, Prefixes};
use super::text::token;
use crate::decode::{Plan, Stepper};
use crate::engine::{Event, Usage};
use crate::error::EngineError;
use crate::job::Sampling;
use crate::rates::Rates;

mod beginnings;

/// Tokens of a prompt that are read in one step: as many as the kernels need to be fast, as few as possible, because
/// a dropped job computes to the end of its step.
pub const CHUNK: usize = 64;

/// Tokens that the memory of a context holds at first; it is doubled for longer jobs, because all of it is taken at
/// once.
const FIRST_ROOM: u32 = 2048;

/// `LLAMA_FLASH_ATTN_TYPE_DISABLED` of llama.h.
const FLASH_ATTENTION_OFF: i32 = 0;

/// The one sequence of the context.
const SEQUENCE: i32 = 0;

/// What was computed for the beginnings of prompts.
pub(super) type Kept = Arc<Mutex<Prefixes<SeqState>>>;

/// How fast prompts were read so far.
pub(super) type Measured = Arc<Mutex<Rates>>;

/// One job in the engine's terms.
pub(super) struct Task {
    /// At least one token; with `plan.max_tokens` it fits into the context.
    pub(super) prompt: Vec<u32>,
    pub(super) plan: Plan,
    pub(super) lora: Option<Arc<str>>,
    /// `None` shares nothing.
    pub(super) key: Option<Key>,
    /// Has room for the whole answer: nothing here waits.
    pub(super) events: mpsc::Sender<Event>,
}

/// What the thread is asked.
pub(super) enum Ask {
    Generate(Box<Task>, oneshot::Sender<Result<(), EngineError>>),
    /// Vectors of texts as tokens.
    Embed(Vec<Vec<u32>>, oneshot::Sender<Vectors>),
}

/// One vector for each text.
pub(super) type Vectors = Result<Vec<Vec<f32>>, EngineError>;

/// What every context is made from.
pub(super) struct Frame<'m> {
    pub(super) backend: &'static LlamaBackend,
    pub(super) model: &'m LlamaModel,
    pub(super) threads: i32,
    /// Longest prompt plus answer.
    pub(super) context_tokens: u32,
}

impl Frame<'_> {
    /// For one sequence of `room` tokens.
    pub(super) fn params(&self, room: u32) -> LlamaContextParams {
        let chunk = u32::try_from(CHUNK).unwrap_or(u32::MAX);
        LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(room))
            .with_n_batch(chunk)
            .with_n_ubatch(chunk)
            .with_n_seq_max(1)
            .with_n_threads(self.threads)
            .with_n_threads_batch(self.threads)
            // llama.cpp's flash attention adds up in half precision where it computes a single token, so that the
            // same token's probabilities would depend on what it was computed together with.
            .with_flash_attention_policy(FLASH_ATTENTION_OFF)
            // Layers with a sliding window keep all tokens, so that their state can be cut, too.
            .with_swa_full(true)
            .with_no_perf(true)
    }

    fn context(&self, room: u32) -> Option<(LlamaContext<'_>, u32)> {
        let context = self.model.new_context(self.backend, self.params(room));
        context.ok().map(|context| (context, room))
    }
}

/// The context with everything that it holds.
pub(super) struct Computer<'m> {
    frame: &'m Frame<'m>,
    context: LlamaContext<'m>,
    room: u32,
    batch: LlamaBatch<'static>,
    /// Tokens that the context holds.
    held: Vec<u32>,
    /// Of a tenant's prompt in the context, how much was seen to begin another one too.
    trunk: usize,
    owner: Option<Key>,
    kept: Kept,
    loras: BTreeMap<Arc<str>, LlamaLoraAdapter>,
    lora: Option<Arc<str>>,
    embedder: Option<Embedder<'m>>,
    rates: Measured,
    steps: Arc<AtomicU64>,
}

/// What the thread tells outside of answers.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) kept: Kept,
    pub(super) rates: Measured,
    pub(super) steps: Arc<AtomicU64>,
}

impl<'m> Computer<'m> {
    pub(super) fn new(
        frame: &'m Frame<'m>,
        loras: BTreeMap<Arc<str>, LlamaLoraAdapter>,
        shared: Shared,
    ) -> Result<Self, EngineError> {
        let none = || EngineError::Load("there is not enough memory for a context".to_owned());
        let room = FIRST_ROOM.min(frame.context_tokens);
        let (context, room) = frame.context(room).ok_or_else(none)?;
        Ok(Self {
            frame,
            context,
            room,
            batch: LlamaBatch::new(CHUNK, 1),
            held: Vec::new(),
            trunk: 0,
            owner: None,
            kept: shared.kept,
            loras,
            lora: None,
            embedder: None,
            rates: shared.rates,
            steps: shared.steps,
        })
    }

    /// Reads a chunk of anything: the first step takes longer, and a step that fails is found here. The second one is
    /// measured.
    pub(super) fn warm_up(&mut self) -> Result<(), EngineError> {
        let usual = usize::try_from(self.frame.context_tokens / 2).unwrap_or(1);
        let tokens = vec![0; CHUNK.min(usual).max(1)];
        self.decode(&tokens)?;
        self.forget();
        let began = Instant::now();
        self.decode(&tokens)?;
        let took = began.elapsed();
        self.forget();
        self.rates.lock().prefilled(count(&tokens), took);
        Ok(())
    }

    /// Answers until nobody can ask any more.
    pub(super) fn run(mut self, asks: &std::sync::mpsc::Receiver<Ask>) {
        while let Ok(ask) = asks.recv() {
            // Whoever asked may be gone.
            match ask {
                Ask::Generate(task, done) => {
                    let _ = done.send(self.generate(*task));
                }
                Ask::Embed(texts, done) => {
                    let _ = done.send(self.embed(&texts));
                }
            }
        }
    }

    fn embed(&mut self, texts: &[Vec<u32>]) -> Vectors {
        let embed = |tokens: &Vec<u32>| {
            self.steps.fetch_add(1, Ordering::AcqRel);
            Embedder::embed(&mut self.embedder, self.frame, tokens)
        };
        texts.iter().map(embed).collect()
    }

    fn generate(&mut self, task: Task) -> Result<(), EngineError> {
        let began = Instant::now();
        self.make_room(task.prompt.len(), task.plan.max_tokens)?;
        self.switch_to(task.lora.as_ref())?;
        let (key, prompt) = (task.key.clone(), task.prompt.clone());
        let (reused, stop) = self.begin(key.as_ref(), &prompt);
        let computed = self.compute(task, reused, stop, began);
        let held = key.map(|key| (key, self.held.clone()));
        self.kept.lock().hold(held);
        computed
    }

    fn compute(
        &mut self,
        task: Task,
        reused: usize,
        stop: Option<usize>,
        began: Instant,
    ) -> Result<(), EngineError> {
        if !self.read(&task, reused, stop)? {
            return Ok(());
        }
        let took = began.elapsed();
        let prompt_tokens = count(&task.prompt);
        let reused_tokens = u32::try_from(reused).unwrap_or(u32::MAX);
        // Before anybody hears of it: whoever has read the event may ask for an estimate at once.
        let read = prompt_tokens.saturating_sub(reused_tokens);
        self.rates.lock().prefilled(read, took);
        let prefilled = Event::Prefilled {
            prompt_tokens,
            reused_tokens,
            took,
        };
        emit(&task.events, prefilled);
        self.answer(task, began)
    }

    /// Grows the context. What it held and all copies are lost: some models compute differently in a larger one.
    fn make_room(&mut self, prompt: usize, max_tokens: u32) -> Result<(), EngineError> {
        let prompt = u32::try_from(prompt).unwrap_or(u32::MAX);
        let needed = prompt.saturating_add(max_tokens);
        if needed <= self.room {
            return Ok(());
        }
        let most = self.frame.context_tokens;
        let room = needed
            .checked_next_power_of_two()
            .map_or(most, |room| room.min(most));
        // The old context is there until the new one is, so that a failure changes nothing.
        let Some((context, room)) = self.frame.context(room) else {
            return Err(EngineError::Unsupported(format!(
                "there is no memory for {needed} tokens of prompt and answer"
            )));
        };
        (self.context, self.room) = (context, room);
        self.kept.lock().clear();
        self.held.clear();
        self.owner = None;
        self.lora = None;
        Ok(())
    }

    fn switch_to(&mut self, lora: Option<&Arc<str>>) -> Result<(), EngineError> {
        if self.lora.as_ref() == lora {
            return Ok(());
        }
        let name = lora.or(self.lora.as_ref()).cloned();
        let adapter = name.as_ref().and_then(|name| self.loras.get_mut(name));
        let unknown = || EngineError::Unsupported("this low-rank adapter is unknown".to_owned());
        let adapter = adapter.ok_or_else(unknown)?;
        let switched = if lora.is_some() {
            let set = self.context.lora_adapter_set(adapter, 1.0);
            set.map_err(|error| error.to_string())
        } else {
            let removed = self.context.lora_adapter_remove(adapter);
            removed.map_err(|error| error.to_string())
        };
        switched.map_err(EngineError::Internal)?;
        self.lora = lora.cloned();
        Ok(())
    }

    /// Reads the rest of the prompt; `false` when nobody waits for the answer any more.
    fn read(
        &mut self,
        task: &Task,
        mut from: usize,
        stop: Option<usize>,
    ) -> Result<bool, EngineError> {
        while from < task.prompt.len() {
            if task.events.is_closed() {
                return Ok(false);
            }
            let end = task.prompt.len().min(from + CHUNK);
            let end = stop
                .filter(|stop| from < *stop)
                .map_or(end, |stop| end.min(stop));
            self.decode(task.prompt.get(from..end).unwrap_or_default())?;
            from = end;
            if let (true, Some(key)) = (Some(from) == stop, &task.key) {
                self.keep(key.clone(), self.held.clone());
            }
        }
        Ok(true)
    }

    fn answer(&mut self, task: Task, began: Instant) -> Result<(), EngineError> {
        let prompt_tokens = count(&task.prompt);
        let mut draws = draws(task.plan.sampling);
        let mut stepper = Stepper::new(task.plan);
        loop {
            let step = stepper.step(self.logits(), draws.f64())?;
            for token in step.certain {
                emit(&task.events, Event::Token(token));
            }
            if let Some(reason) = step.end {
                let usage = Usage {
                    prompt_tokens,
                    completion_tokens: stepper.chosen(),
                    busy: began.elapsed(),
                };
                emit(&task.events, Event::Finished { reason, usage });
                return Ok(());
            }
            if task.events.is_closed() {
                return Ok(());
            }
            self.decode(&[step.token])?;
        }
    }

    /// Computes `tokens`, at most a chunk, behind those that the context holds.
    fn decode(&mut self, tokens: &[u32]) -> Result<(), EngineError> {
        self.steps.fetch_add(1, Ordering::AcqRel);
        self.batch.clear();
        for (place, id) in tokens.iter().enumerate() {
            let position = i32::try_from(self.held.len() + place).unwrap_or(i32::MAX);
            let last = place + 1 == tokens.len();
            let added = self.batch.add(token(*id), position, &[SEQUENCE], last);
            added.map_err(|error| EngineError::Internal(error.to_string()))?;
        }
        if let Err(error) = self.context.decode(&mut self.batch) {
            self.forget();
            return Err(EngineError::Internal(error.to_string()));
        }
        self.held.extend_from_slice(tokens);
        Ok(())
    }

    /// Of the last token that was computed.
    fn logits(&self) -> &[f32] {
        self.context.get_logits_ith(self.batch.n_tokens() - 1)
    }
}

fn draws(sampling: Sampling) -> fastrand::Rng {
    match sampling {
        Sampling::Random {
            seed: Some(seed), ..
        } => fastrand::Rng::with_seed(seed),
        Sampling::Random { .. } | Sampling::Greedy => fastrand::Rng::new(),
    }
}

/// There is room for the whole answer, so this only fails when the reader is gone; the next step sees that.
fn emit(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.try_send(event);
}

pub(super) fn count(tokens: &[u32]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}
