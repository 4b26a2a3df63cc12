//! The small model behind one seam: a [`Job`] goes in, a stream of [`Event`]s comes out.
//!
//! The crate knows no routing policy and no HTTP. Whoever holds an [`Arc<dyn LocalEngine>`](LocalEngine)
//! may rely on: exactly one terminal event per generation; statistics in natural logarithms over the
//! full vocabulary before any mask; compute that stops within one decode step once the stream is dropped.

pub mod architectures;
#[cfg(any(test, feature = "mistral", feature = "llama-cpp"))]
mod decode;
mod engine;
mod error;
mod grammar;
pub mod inspect;
mod job;
#[cfg(feature = "llama-cpp")]
pub mod llama;
mod load;
pub mod machine;
#[cfg(feature = "mistral")]
pub mod mistral;
pub mod queued;
mod rates;
mod relay;
pub mod scripted;
#[cfg(feature = "served")]
pub mod served;
mod slots;
#[cfg_attr(
    not(any(feature = "mistral", feature = "llama-cpp")),
    expect(dead_code, reason = "for adapters")
)]
mod source;
mod spec;
mod template;
mod vitals;
#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
mod watch;
pub mod worker;

pub use engine::{
    Estimate, Event, FinishReason, Generation, Health, LocalEngine, ModelInfo, Token, TokenStats,
    Usage,
};
pub use error::EngineError;
pub use job::{Constraint, Job, Message, Sampling};
pub use load::load;
pub use spec::{Adapter, EngineSpec, Quantization};
pub use vitals::{Cause, FirstTokens, Stays, Vitals};
