//! Who may use a local model: clients first, learning when nobody else wants it.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, watch};

/// The order of precedence at one local model.
#[derive(Debug)]
pub(crate) struct Precedence {
    /// Drafts for clients that wait or compute.
    clients: watch::Sender<usize>,
    /// One draft to learn at a time.
    learners: Mutex<()>,
}

/// A draft for a client. While one lives, no draft is made to learn.
#[derive(Debug)]
pub(crate) struct ClientDraft(Arc<Precedence>);

impl Precedence {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            clients: watch::Sender::new(0),
            learners: Mutex::new(()),
        })
    }

    /// Announces a draft for a client; a draft to learn that is under way is given up at once.
    pub(crate) fn client(self: &Arc<Self>) -> ClientDraft {
        self.clients.send_modify(|count| *count += 1);
        ClientDraft(Arc::clone(self))
    }

    /// Waits for the one place that learning has.
    pub(super) async fn learner(&self) -> MutexGuard<'_, ()> {
        self.learners.lock().await
    }

    /// Waits until no client wants the model.
    pub(super) async fn free(&self) {
        self.until(|clients| clients == 0).await;
    }

    /// Waits until a client wants the model.
    pub(super) async fn wanted(&self) {
        self.until(|clients| clients > 0).await;
    }

    async fn until(&self, condition: impl Fn(usize) -> bool) {
        let mut watching = self.clients.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _never = watching.wait_for(|clients| condition(*clients)).await;
    }
}

impl Drop for ClientDraft {
    fn drop(&mut self) {
        self.0
            .clients
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn learning_waits_for_clients_and_gives_way() {
        let model = Precedence::new();
        assert!(model.free().now_or_never().is_some());
        assert!(model.wanted().now_or_never().is_none());
        let (one, two) = (model.client(), model.client());
        assert!(model.wanted().now_or_never().is_some());
        drop(one);
        assert!(model.free().now_or_never().is_none());
        drop(two);
        assert!(model.free().now_or_never().is_some());
    }
}
