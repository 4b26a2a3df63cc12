//! The one thread that writes.
//!
//! It takes whatever is queued, up to [`BATCH`] messages, commits that as one transaction and
//! looks again. While a commit is under way the next batch gathers by itself, so a busy gateway
//! gets large batches and a quiet one gets its row on the disk at once.

use std::sync::Arc;

use rusqlite::{Connection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::{Counters, Message, evidence_rows, rows};
use crate::ledger::LedgerError;

/// Most messages in one transaction.
const BATCH: usize = 256;

/// Starts the thread. It ends when told to close or when the last handle is gone.
pub(super) fn spawn(
    connection: Connection,
    lock: Option<Connection>,
    messages: mpsc::Receiver<Message>,
    counters: Arc<Counters>,
) -> Result<(), LedgerError> {
    let mut writer = Writer {
        connection,
        messages,
        counters,
    };
    std::thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || {
            let asked = writer.run();
            let Writer {
                connection,
                messages,
                counters,
            } = writer;
            let tidied = tidy(connection);
            refuse_the_rest(messages, &counters);
            // Released before the answer, so that whoever waited for it can open the file again.
            drop(lock);
            match (asked, tidied) {
                (Some(done), tidied) => drop(done.send(tidied)),
                (None, Err(error)) => tracing::warn!(%error, "the ledger's last checkpoint failed"),
                (None, Ok(())) => {}
            }
        })
        .map_err(|source| LedgerError::Io {
            action: "start the ledger's writer thread".to_owned(),
            source,
        })?;
    Ok(())
}

/// Whom to tell when the writer has ended.
type Closing = oneshot::Sender<Result<(), LedgerError>>;

struct Writer {
    connection: Connection,
    messages: mpsc::Receiver<Message>,
    counters: Arc<Counters>,
}

impl Writer {
    fn run(&mut self) -> Option<Closing> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            if self.messages.blocking_recv_many(&mut batch, BATCH) == 0 {
                return None;
            }
            self.write(&batch);
            for message in batch.drain(..) {
                match message {
                    // Nobody waits for these any more: nothing to tell.
                    Message::Flush(done) => drop(done.send(())),
                    Message::Read(query) => query(&self.connection),
                    Message::Close(done) => return Some(done),
                    Message::Open(_)
                    | Message::Attempt(_)
                    | Message::Settle(_)
                    | Message::Evidence(_) => {}
                }
            }
        }
    }

    /// All rows of the batch at once; if that fails, one by one, so that a single bad row does
    /// not take the others with it.
    fn write(&mut self, batch: &[Message]) {
        let rows = batch.iter().filter(|message| message.is_row());
        if rows.clone().next().is_none() || commit(&mut self.connection, rows.clone()).is_ok() {
            return;
        }
        for row in rows {
            if let Err(error) = commit(&mut self.connection, std::iter::once(row)) {
                self.counters.refuse();
                tracing::error!(%error, "the ledger refused a row; check the disk space");
            }
        }
    }
}

impl Message {
    const fn is_row(&self) -> bool {
        matches!(
            self,
            Self::Open(_) | Self::Attempt(_) | Self::Settle(_) | Self::Evidence(_)
        )
    }
}

fn commit<'a>(
    connection: &mut Connection,
    messages: impl Iterator<Item = &'a Message>,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for message in messages {
        insert(&transaction, message)?;
    }
    transaction.commit()
}

fn insert(transaction: &Transaction<'_>, message: &Message) -> rusqlite::Result<()> {
    match message {
        Message::Open(row) => rows::insert_opening(transaction, row),
        Message::Attempt(row) => rows::insert_attempt(transaction, row),
        Message::Settle(row) => rows::insert_settlement(transaction, row),
        Message::Evidence(row) => evidence_rows::insert(transaction, row),
        Message::Flush(_) | Message::Read(_) | Message::Close(_) => Ok(()),
    }
}

/// What was sent after the close is lost; it is counted, not forgotten.
fn refuse_the_rest(mut messages: mpsc::Receiver<Message>, counters: &Counters) {
    messages.close();
    while let Ok(message) = messages.try_recv() {
        if message.is_row() {
            counters.overflow();
        }
    }
}

/// Folds the write-ahead log into the file.
fn tidy(connection: Connection) -> Result<(), LedgerError> {
    let failed = LedgerError::sqlite("close the ledger");
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(failed)?;
    connection
        .close()
        .map_err(|(_, source)| LedgerError::Sqlite {
            action: "close the ledger",
            source,
        })
}
