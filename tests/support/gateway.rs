//! A gateway under test, over real HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use gateway::app::App;
use gateway::engines::StartEngine;
use gateway::ledger::{Document, DocumentKind, Ledger};
use gateway::reload::Reloader;
use gateway::report::{Query, Report};
use gateway::server;
use http::Method;
use local_engine::LocalEngine;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::books::Books;
use crate::builder::{Builder, CLIENT_KEY};
use crate::client::{Answer, EventStream};
use crate::wait::guarded;

pub use reqwest::RequestBuilder;

/// Name of the configuration file in the gateway's folder.
pub(crate) const CONFIG_FILE: &str = "test.yaml";
/// Name of the ledger in it.
pub(crate) const LEDGER_FILE: &str = "ledger.db";
/// Rows that may wait for the ledger's writer.
const LEDGER_QUEUE: usize = 8192;

/// A running gateway. End the test with [`stop`](Self::stop), which checks the books; dropping it instead fails the
/// test.
#[derive(Debug)]
pub struct TestGateway {
    address: SocketAddr,
    app: Arc<App>,
    ledger: Ledger,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    start_engine: Option<StartEngine>,
    folder: TempDir,
}

/// A ledger that takes nothing; see [`TestGateway::stall_ledger`].
#[derive(Debug)]
pub struct Stall(
    #[expect(dead_code, reason = "dropping it is what counts")] std::sync::mpsc::Sender<()>,
);

impl TestGateway {
    /// What to build one from.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn serve(app: Arc<App>, ledger: Ledger, folder: TempDir) -> Self {
        let listener = TcpListener::bind(app.snapshot().config().listen)
            .await
            .expect("a port for the gateway");
        let address = listener.local_addr().expect("the gateway's address");
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server::serve(Arc::clone(&app), listener, async move {
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let (stop, serving) = (Some(stop), Some(serving));
        Self {
            address,
            app,
            ledger,
            client,
            stop,
            serving,
            start_engine: None,
            folder,
        }
    }

    pub(crate) fn with_engines_from(mut self, start: Option<StartEngine>) -> Self {
        self.start_engine = start;
        self
    }

    /// Address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The running parts.
    #[must_use]
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// A request without a key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A chat request of `team-a`, not sent yet.
    pub fn post(&self, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "/v1/chat/completions")
            .bearer_auth(CLIENT_KEY)
            .json(body)
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Panics
    /// If the connection fails.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(
            guarded("a response", request.send())
                .await
                .expect("a response"),
        )
        .await
    }

    /// The whole answer to a chat request of `team-a`.
    pub async fn ask(&self, body: &Value) -> Answer {
        self.send(self.post(body)).await
    }

    /// The streamed answer to a chat request of `team-a`; asks for a stream.
    ///
    /// # Panics
    /// If the connection fails.
    pub async fn stream(&self, body: &Value) -> EventStream {
        let mut body = body.clone();
        body["stream"] = json!(true);
        let response = guarded("response headers", self.post(&body).send()).await;
        EventStream::new(response.expect("a response"))
    }

    /// The answer to a GET of `team-a`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(CLIENT_KEY))
            .await
    }

    /// Replaces the configuration file, without telling the gateway; `{upstream}` is not understood here.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write_config(&self, yaml: &str) {
        let file = self.folder.path().join(CONFIG_FILE);
        std::fs::write(file, yaml).expect("the configuration, written");
    }

    /// A reloader of the configuration file; models that a new configuration adds are played by `engine`.
    #[must_use]
    pub fn reloader(&self, engine: Arc<dyn LocalEngine>) -> Reloader {
        let start = StartEngine::new(move |_, _| Ok(Arc::clone(&engine)));
        let file = self.folder.path().join(CONFIG_FILE);
        Reloader::new(Arc::clone(&self.app), file, start)
    }

    /// A reloader of the configuration file, whose models are started [as they were](Builder::starting_engines).
    ///
    /// # Panics
    /// If they were not started so, or the second time.
    pub fn take_reloader(&mut self) -> Reloader {
        let start = self.start_engine.take().expect("what starts engines");
        let file = self.folder.path().join(CONFIG_FILE);
        Reloader::new(Arc::clone(&self.app), file, start)
    }

    /// The engine of a model.
    ///
    /// # Panics
    /// If it is not configured.
    #[must_use]
    pub fn engine(&self, model: &str) -> Arc<dyn LocalEngine> {
        let snapshot = self.app.snapshot();
        Arc::clone(snapshot.engine(model).expect("a configured model"))
    }

    /// What the ledger holds now.
    pub async fn books(&self) -> Books {
        Books::of(&self.ledger).await
    }

    /// The report by route.
    ///
    /// # Panics
    /// If the ledger cannot be read.
    pub async fn report(&self) -> Report {
        Report::from_ledger(&self.ledger, Query::default())
            .await
            .expect("a report")
    }

    /// Waits until nothing is being learnt.
    pub async fn learnt(&self) {
        guarded("the end of learning", self.app.learning().settled()).await;
    }

    /// Everything that the ledger holds, as text.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn ledger_text(&self) -> String {
        crate::books::text_of(&self.ledger).await
    }

    /// The bytes of the ledger's files, write-ahead log included.
    ///
    /// # Panics
    /// If it is not [in a file](Builder::ledger_file), or cannot be read.
    pub async fn ledger_bytes(&self) -> Vec<u8> {
        self.ledger.flush().await.expect("an open ledger");
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).expect("the gateway's folder") {
            let path = entry.expect("an entry of the gateway's folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(LEDGER_FILE) {
                bytes.extend(std::fs::read(&path).expect("a file of the ledger"));
            }
        }
        assert!(!bytes.is_empty(), "the ledger is not in a file");
        bytes
    }

    /// Stops the writer of a ledger in memory and fills its queue, so that everything waits for it, until the returned
    /// handle is dropped.
    pub async fn stall_ledger(&self) -> Stall {
        let (stall, released) = std::sync::mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let ledger = self.ledger.clone();
        tokio::spawn(async move {
            let wait = move |_: &_| {
                let _ = began.send(());
                // Ends with an error as soon as the handle is dropped.
                let _ = released.recv();
                Ok(())
            };
            let _ = ledger.read(wait).await;
        });
        let _ = guarded("the writer to stall", begun).await;
        let mut number = 0;
        while self.ledger.health().queued < LEDGER_QUEUE {
            number += 1;
            let document = Document::new(DocumentKind::Fingerprint, format!("filler {number}"));
            self.ledger.note(document).await;
        }
        Stall(stall)
    }

    /// Accounts that are open now.
    #[must_use]
    pub fn open_accounts(&self) -> u64 {
        self.ledger.open_accounts()
    }

    /// Begins to stop, without waiting for it.
    pub fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// The path of a file in the gateway's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// [`stop`](Self::stop), leaving the folder to another gateway.
    ///
    /// # Panics
    /// As [`stop`](Self::stop).
    pub async fn stop_and_leave(mut self) -> (Books, TempDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = std::mem::replace(&mut self.folder, folder);
        (self.stop().await, folder)
    }

    /// Stops gracefully, checks that nothing was left unsettled, and returns the books.
    ///
    /// # Panics
    /// If an account is still open, or a row was lost.
    pub async fn stop(mut self) -> Books {
        self.begin_stop();
        let serving = self.serving.take().expect("a gateway is stopped once");
        guarded("the gateway to drain", serving)
            .await
            .expect("a server that does not panic");
        assert_eq!(self.open_accounts(), 0, "accounts left open");
        let books = self.books().await;
        let health = self.ledger.health();
        assert_eq!(
            (health.overflowed, health.refused),
            (0, 0),
            "rows that never reached the ledger"
        );
        let open: Vec<_> = books
            .exchanges
            .iter()
            .filter(|e| e.outcome.is_none())
            .collect();
        assert!(open.is_empty(), "exchanges without a settlement: {open:#?}");
        books
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        // After a failure the test says what failed; a second panic would only hide it.
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.open_accounts(), 0, "accounts left open");
        assert!(
            self.serving.is_none(),
            "end the test with `stop`, so that the books are checked"
        );
    }
}
