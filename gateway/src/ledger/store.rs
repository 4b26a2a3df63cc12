//! The ledger file: SQLite in WAL mode, one writer thread, append-only tables.
//!
//! **What a crash can lose.** `synchronous=FULL`: a commit is on the disk before the next begins,
//! and the writer commits whatever is queued as soon as it is free, so no timer delays a row.
//! After `kill -9` or a power cut, everything committed is there; what was still queued (normally
//! the last few milliseconds) is not. Exchanges that were open are marked lost at the next start
//! and keep their reservation. Call [`Ledger::flush`] where a row must be on the disk first.
//!
//! **One writer.** A second gateway on the same file is refused by an exclusive lock on a side
//! file, `PATH.lock`, which the system releases when the process ends, however it ends. Reports
//! open the ledger read-only and are never blocked by it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::account::Account;
use super::entry::{Attempt, AttemptRow, ExchangeId, Opening, SettlementRow};
use super::error::LedgerError;
use super::evidence::{Decision, Document, EvidenceRow, JudgingRow, LabelRow, RepeatRow, Turn};
use super::url::LedgerUrl;

mod connection;
mod evidence_rows;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

pub use connection::read_only;
pub(crate) use connection::writer_is_alive;

/// Rows that may wait for the disk before requests wait for them.
const QUEUE: usize = 8192;

/// The handle of an open ledger; clones share one writer.
#[derive(Clone, Debug)]
pub struct Ledger {
    queue: mpsc::Sender<Message>,
    counters: Arc<Counters>,
    file: Option<Arc<PathBuf>>,
}

/// What [`Ledger::open`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Exchanges that an earlier process left open, now marked lost.
    pub lost: u64,
}

/// How the ledger is doing, for metrics and readiness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Exchanges opened and not settled yet.
    pub open_accounts: u64,
    /// Exchanges that were dropped without being settled, since the start.
    pub abandoned: u64,
    /// Rows waiting for the disk.
    pub queued: usize,
    /// Rows given up because the queue was full, or closed, where nobody could wait.
    pub overflowed: u64,
    /// Rows that SQLite refused (a full disk, most likely).
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    open_accounts: AtomicU64,
    abandoned: AtomicU64,
    overflowed: AtomicU64,
    refused: AtomicU64,
}

/// What travels to the writer.
pub(super) enum Message {
    /// A new exchange.
    Open(Box<Opening>),
    /// An attempt has ended.
    Attempt(Box<AttemptRow>),
    /// An exchange has ended.
    Settle(Box<SettlementRow>),
    /// What a decision rested on, or what was learnt of it.
    Evidence(Box<EvidenceRow>),
    /// Answer once everything before this is committed.
    Flush(oneshot::Sender<()>),
    /// Look at what is committed (ledgers in memory have no second connection).
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Commit, checkpoint, end the thread, answer.
    Close(oneshot::Sender<Result<(), LedgerError>>),
}

impl Ledger {
    /// Opens the ledger for writing, making the file and its folder if need be, and marks what an
    /// earlier process left open as lost. Blocks on the disk: call it before serving.
    ///
    /// # Errors
    /// When another gateway holds the ledger, a newer build wrote it, or the disk refuses.
    pub fn open(url: &LedgerUrl) -> Result<(Self, Opened), LedgerError> {
        let LedgerUrl::Sqlite(path) = url;
        let lock = connection::lock(path)?;
        let connection = connection::writable(path)?;
        let lost = schema::mark_lost(&connection)?;
        let ledger = Self::start(connection, Some(lock), Some(path))?;
        Ok((ledger, Opened { lost }))
    }

    /// A ledger that lives and dies with this handle, for tests and dry runs.
    ///
    /// # Errors
    /// When the writer thread cannot be started.
    pub fn in_memory() -> Result<Self, LedgerError> {
        Self::start(connection::in_memory()?, None, None)
    }

    fn start(
        connection: Connection,
        lock: Option<Connection>,
        file: Option<&Path>,
    ) -> Result<Self, LedgerError> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        writer::spawn(connection, lock, messages, Arc::clone(&counters))?;
        Ok(Self {
            queue,
            counters,
            file: file.map(|path| Arc::new(path.to_owned())),
        })
    }

    /// Opens an exchange. Waits only while the queue is full.
    pub async fn open_exchange(&self, opening: Opening) -> Account {
        // The account first: if this future is dropped while it waits, the exchange still settles.
        let account = Account::new(self.clone(), opening.id, opening.baseline.clone());
        self.send(Message::Open(Box::new(opening))).await;
        account
    }

    /// Records one more attempt of an exchange by its number. [`Account::attempt`] and
    /// [`Account::begin`] number attempts themselves.
    pub async fn record_attempt(&self, id: ExchangeId, seq: u32, attempt: Attempt) {
        self.send(Message::Attempt(Box::new(AttemptRow { id, seq, attempt })))
            .await;
    }

    /// Records what a decision rested on. Its documents must be [noted](Self::note) before.
    pub async fn decided(&self, decision: Decision) {
        self.evidence(EvidenceRow::Decision(Box::new(decision)))
            .await;
    }

    /// Keeps a document that decisions refer to; one that is there already stays.
    pub async fn note(&self, document: Document) {
        self.evidence(EvidenceRow::Document(document)).await;
    }

    /// Records what was learnt of a draft.
    pub async fn labelled(&self, label: LabelRow) {
        self.evidence(EvidenceRow::Label(label)).await;
    }

    /// Records whether the upstream contradicted itself.
    pub async fn repeated(&self, repeat: RepeatRow) {
        self.evidence(EvidenceRow::Repeat(repeat)).await;
    }

    /// Records a word of a judge of texts.
    pub async fn judged(&self, judging: JudgingRow) {
        self.evidence(EvidenceRow::Judging(judging)).await;
    }

    /// Records that a route began to answer locally, or stopped.
    pub async fn turned(&self, turn: Turn) {
        self.evidence(EvidenceRow::Turn(turn)).await;
    }

    async fn evidence(&self, row: EvidenceRow) {
        self.send(Message::Evidence(Box::new(row))).await;
    }

    /// Waits until everything sent before is on the disk (or was refused and counted).
    ///
    /// # Errors
    /// When the ledger is closed.
    pub async fn flush(&self) -> Result<(), LedgerError> {
        let (done, waiting) = oneshot::channel();
        self.queue
            .send(Message::Flush(done))
            .await
            .map_err(|_| LedgerError::Closed)?;
        waiting.await.map_err(|_| LedgerError::Closed)
    }

    /// Writes everything sent before, tidies the file and ends the writer.
    ///
    /// # Errors
    /// When the ledger is closed already, or the last checkpoint fails (no row is lost then).
    pub async fn close(&self) -> Result<(), LedgerError> {
        let (done, waiting) = oneshot::channel();
        self.queue
            .send(Message::Close(done))
            .await
            .map_err(|_| LedgerError::Closed)?;
        waiting.await.map_err(|_| LedgerError::Closed)?
    }

    /// Runs a query over everything sent before, away from the async executor.
    ///
    /// # Errors
    /// When the ledger is closed or the query fails.
    pub async fn read<T, F>(&self, query: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    {
        self.flush().await?;
        if let Some(path) = &self.file {
            let path = Arc::clone(path);
            let answer = tokio::task::spawn_blocking(move || query(&connection::reader(&path)?));
            return answer.await.map_err(|_| LedgerError::Closed)?;
        }
        let (done, waiting) = oneshot::channel();
        let read = Message::Read(Box::new(move |connection| {
            // Nobody waits for it any more: nothing to tell.
            let _gone = done.send(query(connection));
        }));
        self.queue
            .send(read)
            .await
            .map_err(|_| LedgerError::Closed)?;
        waiting.await.map_err(|_| LedgerError::Closed)?
    }

    /// Exchanges opened and not settled yet.
    #[must_use]
    pub fn open_accounts(&self) -> u64 {
        self.counters.open_accounts.load(Ordering::Acquire)
    }

    /// Counters for metrics and readiness.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            open_accounts: self.open_accounts(),
            abandoned: self.counters.abandoned.load(Ordering::Relaxed),
            queued: self
                .queue
                .max_capacity()
                .saturating_sub(self.queue.capacity()),
            overflowed: self.counters.overflowed.load(Ordering::Relaxed),
            refused: self.counters.refused.load(Ordering::Relaxed),
        }
    }

    /// Queues a row, waiting for room. A caller that is dropped while waiting does not lose it
    /// in silence.
    pub(super) async fn send(&self, message: Message) {
        let message = match self.queue.try_send(message) {
            Ok(()) => return,
            Err(TrySendError::Closed(_)) => return self.counters.overflow(),
            Err(TrySendError::Full(message)) => message,
        };
        let mut waiting = Waiting {
            ledger: self,
            message: Some(message),
        };
        if let Ok(room) = self.queue.reserve().await
            && let Some(message) = waiting.message.take()
        {
            room.send(message);
        }
    }

    /// Queues a row, or counts it as overflowed.
    pub(super) fn send_now(&self, message: Message) {
        if self.queue.try_send(message).is_err() {
            self.counters.overflow();
        }
    }

    pub(super) fn account_opened(&self) {
        self.counters.open_accounts.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn account_settled(&self, abandoned: bool) {
        self.counters.open_accounts.fetch_sub(1, Ordering::AcqRel);
        if abandoned {
            self.counters.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Counters {
    fn overflow(&self) {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// A row that waits for room in the queue; if its sender is dropped, it tries once more.
struct Waiting<'a> {
    ledger: &'a Ledger,
    message: Option<Message>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.ledger.send_now(message);
        }
    }
}
