//! One decode step without the engine: logits in, the chosen token with its statistics out.

mod answer;
mod choose;
mod grammar;
mod legal;
mod rules;
mod stats;
mod step;
mod trie;

#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
pub(crate) use legal::Rule;
#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
pub(crate) use rules::Rules;
#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
pub(crate) use step::{Pieces, Plan, Stepper};
