//! One decode step without the engine: logits in, the chosen token with its statistics out.

mod answer;
mod choose;
mod stats;
mod step;
mod trie;

#[cfg(feature = "mistral")]
pub(crate) use step::{Pieces, Plan, Stepper};
#[cfg(feature = "mistral")]
pub(crate) use trie::Trie;
