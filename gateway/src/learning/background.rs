//! Work that no client waits for: bounded, counted, and ended with the gateway.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Most pieces of work that wait or run. Each holds a request in memory.
const ROOM: usize = 256;

/// The work in the background.
#[derive(Debug)]
pub(super) struct Background {
    room: Arc<Semaphore>,
    running: Arc<watch::Sender<usize>>,
    dropped: AtomicU64,
    /// No new work, and none that takes the local model.
    stopping: CancellationToken,
    /// Nothing goes on any more.
    cutting: CancellationToken,
}

/// One piece of work, from the moment it is taken on.
struct Running(Arc<watch::Sender<usize>>);

impl Background {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ROOM)),
            running: Arc::new(watch::Sender::new(0)),
            dropped: AtomicU64::new(0),
            stopping: CancellationToken::new(),
            cutting: CancellationToken::new(),
        }
    }

    /// Takes on a piece of work, or drops and counts it if there is no room or the gateway is about to stop. Never waits.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let room = Arc::clone(&self.room).try_acquire_owned();
        let (Ok(room), false) = (room, self.stopping.is_cancelled()) else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.spawn_placed(async move {
            let _held = room;
            work.await;
        });
    }

    /// Takes on a piece of work whose number something else bounds. Never waits.
    pub(super) fn spawn_placed(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.running.send_modify(|count| *count += 1);
        let running = Running(Arc::clone(&self.running));
        let cut = self.cutting.clone();
        tokio::spawn(async move {
            let _held = running;
            cut.run_until_cancelled(work).await;
        });
    }

    /// Completes when the gateway is about to stop.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Pieces of work that were dropped for want of room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&self) {
        let mut running = self.running.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _never = running.wait_for(|count| *count == 0).await;
    }

    /// Takes on nothing more, lets what runs end within `grace`, and cuts the rest.
    pub(super) async fn stop(&self, grace: Duration) {
        self.stopping.cancel();
        if timeout(grace, self.settled()).await.is_err() {
            self.cutting.cancel();
            self.settled().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_no_room_is_dropped_and_counted() {
        let background = Background::new();
        for _ in 0..ROOM + 3 {
            background.spawn(std::future::pending());
        }
        assert_eq!(background.dropped(), 3);
        // Nothing of it ever ends by itself.
        background.stop(Duration::ZERO).await;
        background.settled().await;
        background.spawn(async {});
        assert_eq!(background.dropped(), 4, "stopped is stopped");
    }
}
