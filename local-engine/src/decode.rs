//! One decode step without the engine: logits in, the chosen token with its statistics out.

mod answer;
mod choose;
mod stats;
mod step;
mod trie;

#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
pub(crate) use step::{Pieces, Plan, Stepper};
#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
pub(crate) use trie::Trie;
