//! The adapters that the suite is run against. A further one is a function that makes a
//! [`Subject`](crate::suite::Subject) and a line with `conformance!` in `main.rs`.

#[cfg(feature = "llama-cpp")]
mod llama;
#[cfg(feature = "mistral")]
mod mistral;
mod scripted;
mod worker;

#[cfg(feature = "llama-cpp")]
pub(crate) use llama::llama;
#[cfg(feature = "mistral")]
pub(crate) use mistral::mistral;
pub(crate) use scripted::{queued, scripted};
pub(crate) use worker::{run_child, worker};
