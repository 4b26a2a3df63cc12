//! The hidden command that hosts one local model in a process of its own.

use local_engine::worker;

use super::Failure;

/// Loads what the parent names with an adapter that this build has, then runs its jobs until it goes away.
pub(super) async fn run() -> Result<(), Failure> {
    let (read, write) = worker::parent_link()
        .map_err(|_| {
            Failure::input("this command is for the gateway's own use; run `smallfirst serve`")
        })?
        .into_split();
    worker::serve(local_engine::load, read, write)
        .await
        .map_err(Failure::environment)
}
