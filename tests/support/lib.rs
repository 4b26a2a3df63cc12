//! What the end-to-end tests stand on: a gateway on port 0 ([`TestGateway`]), a large-model API that plays a script
//! ([`ScriptedUpstream`]), a client that reads events one by one ([`EventStream`]) and the captured log ([`log`]).
//!
//! Nothing waits by sleeping: either a notification is awaited, or a condition with a generous deadline ([`eventually`]).
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "test support: whatever goes wrong here fails the test that uses it"
)]

mod books;
mod builder;
mod client;
mod engine;
pub mod fire;
mod gateway;
pub mod log;
mod peril;
pub mod processes;
mod upstream;
mod wait;
pub mod worker;

pub use books::{AttemptRow, Books, ExchangeRow};
pub use builder::{Builder, CLIENT_KEY, OTHER_KEY, UPSTREAM_KEY};
pub use client::{Answer, EventStream, SseEvent, chat, chat_with, stable};
pub use engine::Gated;
pub use gateway::{RequestBuilder, Stall, TestGateway};
pub use peril::Perilous;
pub use upstream::{Received, Reply, ScriptedUpstream, Step, nowhere};
pub use wait::{GUARD, eventually, guarded};
