//! Everything that users see, over real HTTP: a scripted engine, a scripted upstream, a gateway on port 0.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod accept;
mod cache;
mod certificate;
mod configs;
mod drain;
mod early_abort;
mod escalate;
mod hang_up;
mod hedge;
mod isolation;
mod judge;
mod learning;
mod live;
mod local_only;
mod lora;
mod matching;
mod memory;
mod models;
mod money;
mod pass_through;
mod pinned;
mod policy;
mod private;
mod reload;
mod requests;
mod secrecy;
mod served;
mod signals;
mod stream;
mod upstream_faults;
mod window;
