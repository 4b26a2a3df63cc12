//! How the local model drafts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Answer;
use crate::units::Probability;

/// How the local model drafts.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalPlan {
    /// A configured local model.
    pub model: String,
    /// A configured low-rank adapter of it.
    pub lora: Option<Arc<str>>,
    /// Most tokens of a draft, at least 1.
    pub max_tokens: u32,
    /// Longest time for the whole draft, waiting included.
    pub deadline: Option<Duration>,
    /// Longest predicted wait for the first token.
    pub first_token_within: Option<Duration>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What is added to the prompt.
    pub prompt: PromptAdditions,
    /// What an answer must be.
    pub answer: Answer,
}

impl LocalPlan {
    /// The model as people read it, with its low-rank adapter: `small + billing`.
    pub fn described(&self) -> String {
        let lora = self.lora.as_ref();
        let lora = lora.map_or_else(String::new, |lora| format!(" + {lora}"));
        format!("{}{lora}", self.model)
    }
}

/// How tokens are chosen. A route with a risk target is always greedy: what is proven is proven of the one draft that
/// greedy decoding makes, not of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Sampling {
    /// The most probable token, always.
    #[default]
    Greedy,
    /// Drawn at random.
    Random {
        /// Above 0, at most 2; 1 is the model's own distribution.
        temperature: f64,
        /// Nucleus, above 0.
        top_p: Probability,
        /// Makes draws repeatable.
        seed: Option<u64>,
    },
}

/// What is added to the local model's prompt, and to no other. Changes what the model answers, so it belongs to what a
/// certificate is proven for.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PromptAdditions {
    /// Put before the system prompt; not blank.
    pub system_prefix: Option<Arc<str>>,
    /// Put between the system prompt and the conversation; no text is blank.
    pub examples: Arc<[Example]>,
}

impl PromptAdditions {
    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        self.system_prefix.is_none() && self.examples.is_empty()
    }
}

/// A worked example.
#[derive(Clone, PartialEq, Eq)]
pub struct Example {
    /// What a user might say.
    pub user: String,
    /// What the model should answer.
    pub assistant: String,
}

// Prompts stay out of logs, those of the configuration too.
impl fmt::Debug for PromptAdditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptAdditions")
            .field("system_prefix", &self.system_prefix.is_some())
            .field("examples", &self.examples.len())
            .finish()
    }
}

impl fmt::Debug for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Example").finish_non_exhaustive()
    }
}
