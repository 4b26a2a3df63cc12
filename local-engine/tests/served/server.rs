//! A server on loopback that plays what a test wrote, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// What to do with one chat request.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// An event stream, each part written on its own.
    Stream(Vec<String>),
    /// As above, and then nothing more, with the connection open.
    Hang(Vec<String>),
    /// As above, and then the connection breaks.
    Cut(Vec<String>),
    /// A status and a body.
    Refuse(u16, String),
}

/// The server.
pub(crate) struct Server {
    pub(crate) address: String,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    plays: Mutex<VecDeque<Play>>,
    asked: Mutex<Vec<Value>>,
    pages: Mutex<Vec<(String, u16, Value)>>,
    open: AtomicU32,
    closed: Notify,
}

impl Server {
    /// Serves a model `small` of 4,096 tokens.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        let server = Self {
            address,
            shared,
            _accepting: AbortOnDropHandle::new(accepting),
        };
        server.page(
            "/v1/models",
            200,
            json!({"data": [{"id": "small", "max_model_len": 4096}]}),
        );
        server
    }

    /// What `path` answers from now on.
    pub(crate) fn page(&self, path: &str, status: u16, body: Value) {
        let mut pages = self.shared.pages.lock();
        pages.retain(|(known, ..)| known != path);
        pages.push((path.to_owned(), status, body));
    }

    /// Adds an answer to the queue of chat requests.
    pub(crate) fn play(&self, play: Play) {
        self.shared.plays.lock().push_back(play);
    }

    /// Bodies of the chat requests so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.shared.asked.lock().clone()
    }

    /// Waits until no chat connection is open.
    pub(crate) async fn until_quiet(&self) {
        loop {
            let closed = self.shared.closed.notified();
            if self.shared.open.load(Ordering::Acquire) == 0 {
                return;
            }
            closed.await;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut open = Vec::new();
    while let Ok((socket, _)) = listener.accept().await {
        let serving = tokio::spawn(serve(socket, Arc::clone(&shared)));
        open.push(AbortOnDropHandle::new(serving));
    }
}

/// One request a connection.
async fn serve(mut socket: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let (path, body) = read(&mut socket).await?;
    if !path.ends_with("/chat/completions") {
        let page = shared
            .pages
            .lock()
            .iter()
            .find(|(known, ..)| *known == path)
            .cloned();
        let (_, status, body) = page.unwrap_or((path, 404, Value::Null));
        return respond(&mut socket, status, &body.to_string()).await;
    }
    shared.open.fetch_add(1, Ordering::AcqRel);
    shared
        .asked
        .lock()
        .push(serde_json::from_slice(&body).ok()?);
    let play = shared.plays.lock().pop_front();
    chat(
        &mut socket,
        play.unwrap_or_else(|| Play::Refuse(500, "nothing to play".into())),
    )
    .await;
    drop(socket);
    shared.open.fetch_sub(1, Ordering::AcqRel);
    shared.closed.notify_waiters();
    Some(())
}

async fn chat(socket: &mut TcpStream, play: Play) -> Option<()> {
    let (parts, then_hang) = match play {
        Play::Refuse(status, body) => return respond(socket, status, &body).await,
        Play::Stream(parts) | Play::Cut(parts) => (parts, false),
        Play::Hang(parts) => (parts, true),
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).await.ok()?;
    for part in parts {
        socket.write_all(part.as_bytes()).await.ok()?;
        socket.flush().await.ok()?;
    }
    if then_hang {
        // Ends when the client closes.
        let _ = socket.read(&mut [0]).await;
    }
    Some(())
}

async fn respond(socket: &mut TcpStream, status: u16, body: &str) -> Option<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(head.as_bytes()).await.ok()
}

async fn read(socket: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, bytes[end..].to_vec()))
}
