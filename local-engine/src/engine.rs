//! The seam itself: what an engine is asked and what it tells.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::vitals::Vitals;

/// A running generation. Dropping it stops the compute within one decode step.
pub type Generation = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// A small language model that runs under this process's control.
pub trait LocalEngine: Send + Sync + fmt::Debug {
    /// Facts about the loaded model; `None` until it has loaded for the first time.
    fn info(&self) -> Option<Arc<ModelInfo>>;

    /// Whether a job sent now could be answered.
    fn health(&self) -> Health;

    /// Completes once it is in memory: at once for an engine that always is. One that is not begins to come with the
    /// call, and goes on coming when nobody waits any more. It says nothing about its health there.
    ///
    /// # Errors
    /// [`EngineError::NoRoom`] where it may not come; [`EngineError::Load`] where it did not load a moment ago.
    fn at_hand(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async { Ok(()) })
    }

    /// Ends it for good, with all that runs there, and completes when its memory is free again.
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// How far it has come, while it cannot answer yet and knows.
    fn progress(&self) -> Option<String> {
        None
    }

    /// Number of tokens of `messages` after the chat template.
    ///
    /// # Errors
    /// [`EngineError::Loading`] or [`EngineError::Died`] while there is no model to ask;
    /// [`EngineError::Unsupported`] when the template refuses the messages.
    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>>;

    /// Number of tokens of `job`'s prompt that would be computed if it were sent now: all of them, less the beginning
    /// that the engine has kept.
    ///
    /// # Errors
    /// As [`count_tokens`](Self::count_tokens).
    fn unread_tokens(&self, job: &Job) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.count_tokens(job.messages.clone())
    }

    /// What a prompt of `prompt_tokens` sent now would have to wait for, from measured rates.
    fn estimate(&self, prompt_tokens: u32) -> Estimate;

    /// Time that an answer of `tokens` tokens would take once the prompt has been read, from measured rates; zero as long
    /// as nothing was measured.
    fn decode_time(&self, tokens: u32) -> Duration {
        let _ = tokens;
        Duration::ZERO
    }

    /// How it has fared so far; what it does not know of itself is zero.
    fn vitals(&self) -> Vitals {
        Vitals::default()
    }

    /// Starts `job`. Trouble of any kind arrives as [`Event::Failed`] on the stream.
    fn generate(&self, job: Job) -> Generation;

    /// One vector of unit length for each of `texts`, in their order.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] where the model or its adapter makes none; otherwise as for a job.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EngineError>> {
        drop(texts);
        Box::pin(async {
            Err(EngineError::Unsupported(
                "it makes no embeddings".to_owned(),
            ))
        })
    }
}

/// What is known about a loaded model. The hashes decide whether a certificate still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// What computes it: `mistralrs`, `llama.cpp`, `served` or `scripted`.
    pub adapter: String,
    /// Architecture as the model file names it, for example `llama`.
    pub architecture: String,
    /// Weight format that computes, for example `q8_0`.
    pub quantization: String,
    /// Longest prompt plus answer, in tokens.
    pub context_tokens: u32,
    /// Number of entries of the vocabulary.
    pub vocabulary: u32,
    /// SHA-256 of the weight files, lower-case hex.
    pub weights_hash: String,
    /// SHA-256 of the tokenizer file, lower-case hex.
    pub tokenizer_hash: String,
    /// SHA-256 of the chat template, lower-case hex.
    pub template_hash: String,
    /// SHA-256 of each low-rank adapter's file, lower-case hex, by the name that jobs use.
    #[serde(default)]
    pub loras: BTreeMap<String, String>,
    /// Time from start to ready.
    pub load_time: Duration,
}

/// Whether the engine can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Ready,
    /// The model is being read; requests escalate meanwhile.
    Loading,
    /// It is not in memory and comes when it is asked for; requests escalate until it is there.
    Unloaded,
    /// It stopped and is being restarted, or will not be; the text says why.
    Down(String),
}

/// Predicted waiting times, from measured prefill and decode rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Time before the job would leave the queue.
    pub queue: Duration,
    /// Time from there to the first token.
    pub prefill: Duration,
}

impl Estimate {
    /// Queue and prefill together.
    #[must_use]
    pub fn time_to_first_token(&self) -> Duration {
        self.queue + self.prefill
    }
}

/// One step of a generation. Exactly one [`Finished`](Self::Finished) or [`Failed`](Self::Failed) ends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The prompt has been read.
    Prefilled {
        /// Tokens of the rendered prompt.
        prompt_tokens: u32,
        /// How many of them, from the first one on, had been computed for an earlier prompt.
        #[serde(default)]
        reused_tokens: u32,
        /// Compute time of the prefill.
        took: Duration,
    },
    /// One token of the answer.
    Token(Token),
    /// The answer is complete.
    Finished {
        /// Why it ended.
        reason: FinishReason,
        /// What it took.
        usage: Usage,
    },
    /// The answer will not be completed.
    Failed(EngineError),
}

impl Event {
    /// Whether this event ends the generation.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Failed(_))
    }
}

/// One emitted token. The end-of-answer token is emitted too, with empty `bytes`, because its probability counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Vocabulary index.
    pub id: u32,
    /// Text of the token; may be a fragment of a UTF-8 character.
    pub bytes: Vec<u8>,
    /// Statistics of the step that chose it.
    pub stats: TokenStats,
}

/// Statistics of one decode step: natural logarithms over the full vocabulary, before any mask or temperature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TokenStats {
    /// `ln p` of the emitted token, at most 0 and finite.
    pub logprob: f32,
    /// `ln p` of the emitted token minus `ln p` of the best other one, in nats;
    /// negative when a mask forced a token that the model did not prefer.
    pub margin: f32,
    /// Shannon entropy of the step, in nats.
    pub entropy: f32,
    /// Probability mass of the tokens that the job's constraint allowed here, 0 to 1; 1 without one.
    pub legal_mass: f32,
    /// Only one text could follow here, however it is cut into tokens, so the choice says nothing.
    pub forced: bool,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinishReason {
    /// The model ended its answer, or a stop string was met.
    Stop,
    /// `max_tokens` or the context was used up.
    Length,
}

/// What a generation consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the rendered prompt.
    pub prompt_tokens: u32,
    /// Tokens emitted, the end token included.
    pub completion_tokens: u32,
    /// Time the engine computed for this job alone.
    pub busy: Duration,
}
