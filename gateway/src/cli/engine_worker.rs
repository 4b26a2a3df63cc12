//! The hidden command that hosts one local model in a process of its own.

use super::Failure;

/// Loads what the parent names, then runs its jobs until it goes away.
#[cfg(feature = "mistral")]
pub(super) async fn run() -> Result<(), Failure> {
    use std::sync::Arc;

    use local_engine::mistral::Mistral;
    use local_engine::{EngineSpec, LocalEngine, worker};

    let load = |spec: EngineSpec| async {
        Mistral::load(spec)
            .await
            .map(|engine| Arc::new(engine) as Arc<dyn LocalEngine>)
    };

    let (read, write) = worker::parent_link()
        .map_err(|_| {
            Failure::input("this command is for the gateway's own use; run `smallfirst serve`")
        })?
        .into_split();
    worker::serve(load, read, write)
        .await
        .map_err(Failure::environment)
}

/// This build has no engine to host.
#[cfg(not(feature = "mistral"))]
#[expect(
    clippy::unused_async,
    reason = "the same signature as with the feature"
)]
pub(super) async fn run() -> Result<(), Failure> {
    Err(Failure::environment(
        "this build has no inference engine; build it with the feature `mistral`",
    ))
}
