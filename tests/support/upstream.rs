//! A large-model API that plays scripted replies over real HTTP, counts what arrives and keeps it.

mod reply;
mod server;

pub use reply::{Reply, Step};

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::wait::guarded;

/// A running scripted upstream; it stops when dropped.
#[derive(Debug)]
pub struct ScriptedUpstream {
    address: SocketAddr,
    stage: Arc<Stage>,
    _task: AbortOnDropHandle<()>,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub text: String,
    /// Body as JSON.
    pub body: Value,
}

/// What server and test share.
#[derive(Debug)]
struct Stage {
    script: Mutex<VecDeque<Reply>>,
    /// Replies to whatever the script does not.
    answer: fn(&Value) -> Reply,
    /// `None` keeps nothing.
    received: Option<Mutex<Vec<Received>>>,
    connections: AtomicUsize,
    arrived: watch::Sender<usize>,
    abandoned: watch::Sender<usize>,
    released: Semaphore,
}

impl ScriptedUpstream {
    /// Starts one that plays `script` in order, one reply a request. A request beyond its end gets a 501.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let beyond = |_: &Value| Reply::error(501, "the script has no more replies");
        Self::staged(script.into_iter().collect(), beyond, true).await
    }

    /// Starts one that answers every body with what `answer` makes of it.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn answering(answer: fn(&Value) -> Reply) -> Self {
        Self::staged(VecDeque::new(), answer, true).await
    }

    /// Like [`answering`](Self::answering), for any number of requests: they are counted and not kept.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn counting(answer: fn(&Value) -> Reply) -> Self {
        Self::staged(VecDeque::new(), answer, false).await
    }

    async fn staged(script: VecDeque<Reply>, answer: fn(&Value) -> Reply, keeps: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port for the upstream");
        let address = listener.local_addr().expect("the upstream's address");
        let stage = Arc::new(Stage {
            script: Mutex::new(script),
            answer,
            received: keeps.then(Mutex::default),
            connections: AtomicUsize::new(0),
            arrived: watch::Sender::new(0),
            abandoned: watch::Sender::new(0),
            released: Semaphore::new(0),
        });
        let task = tokio::spawn(server::accept(listener, Arc::clone(&stage)));
        Self {
            address,
            stage,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// One that must not be asked: it has no script, and the test checks [`count`](Self::count).
    pub async fn silent() -> Self {
        Self::start([]).await
    }

    /// Address without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a reply to the end of the script.
    pub fn then(&self, reply: Reply) {
        lock(&self.stage.script).push_back(reply);
    }

    /// Takes back what is left of the script.
    pub fn forget(&self) {
        lock(&self.stage.script).clear();
    }

    /// Number of requests that arrived in full.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.stage.arrived.borrow()
    }

    /// Number of connections that were opened, whether or not anything was sent over them.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.stage.connections.load(Ordering::Acquire)
    }

    /// All requests, in order of arrival; none of those that are only [counted](Self::counting).
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        let kept = self.stage.received.as_ref();
        kept.map(|kept| lock(kept).clone()).unwrap_or_default()
    }

    /// The only request.
    ///
    /// # Panics
    /// If there was none, or more than one.
    #[must_use]
    pub fn only(&self) -> Received {
        let mut all = self.received();
        assert_eq!(all.len(), 1, "requests at the upstream");
        all.remove(0)
    }

    /// Waits until `count` requests have arrived in full, since the start.
    pub async fn arrived(&self, count: usize) {
        reaches(&self.stage.arrived, count, "a request at the upstream").await;
    }

    /// Waits until the gateway has given up `count` replies before their end by closing the connection.
    pub async fn abandoned(&self, count: usize) {
        reaches(
            &self.stage.abandoned,
            count,
            "the gateway hanging up on the upstream",
        )
        .await;
    }

    /// Lets one reply go on that waits for this; see [`Reply::held`] and [`Step::Await`].
    pub fn release(&self) {
        self.stage.released.add_permits(1);
    }
}

async fn reaches(counter: &watch::Sender<usize>, count: usize, what: &str) {
    let mut seen = counter.subscribe();
    let waiting = seen.wait_for(|n| *n >= count);
    guarded(what, waiting)
        .await
        .expect("the stage lives as long as the test");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address on which every connection is refused, for as long as the socket is kept: bound, so that nobody else
/// gets the port, and never listening.
///
/// # Panics
/// If there is no free port.
#[must_use]
pub fn nowhere() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = socket.local_addr().expect("its address");
    (format!("http://{address}"), socket)
}
