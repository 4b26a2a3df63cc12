//! Waiting with a guard: a test that hangs fails and says what it waited for.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

/// How long anything may take before its test fails. Only a guard: no test waits this long when it passes.
pub const GUARD: Duration = Duration::from_secs(60);

/// Awaits `future`, but not for ever; `what` says in the failure what did not come.
///
/// # Panics
/// After [`GUARD`].
pub async fn guarded<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(GUARD, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// Waits until `condition` holds, for things that tell nobody when they change.
///
/// # Panics
/// After [`GUARD`].
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + GUARD;
    let mut ticks = interval(Duration::from_millis(2));
    while !condition() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        ticks.tick().await;
    }
}
