use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rusqlite::OptionalExtension as _;

use super::*;
use crate::ledger::samples::{local, opening, upstream, usd};
use crate::ledger::{AttemptOutcome, Engine, Settlement, Source, Usd};
use crate::report::{Query, Report};

const CHILD_LEDGER: &str = "SMALLFIRST_TEST_KILLED_LEDGER";

fn url(folder: &tempfile::TempDir) -> LedgerUrl {
    LedgerUrl::Sqlite(folder.path().join("ledger.db"))
}

async fn count(ledger: &Ledger, table: &'static str) -> i64 {
    let query = move |connection: &Connection| {
        connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .map_err(LedgerError::sqlite("count"))
    };
    ledger.read(query).await.unwrap()
}

async fn answer_locally(ledger: &Ledger) {
    let account = ledger.open_exchange(opening("intent")).await;
    account.attempt(local(AttemptOutcome::Accepted)).await;
    account
        .settle(Settlement::completed(Source::Local, 200))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_tasks_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, opened) = Ledger::open(&url(&folder)).unwrap();
    assert_eq!(opened.lost, 0);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    answer_locally(&ledger).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for table in ["exchanges", "attempts", "settlements"] {
        assert_eq!(count(&ledger, table).await, 64 * 20, "{table}");
    }
    let health = ledger.health();
    assert_eq!((health.open_accounts, health.abandoned), (0, 0));
    assert_eq!((health.overflowed, health.refused), (0, 0));
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_ledger_opens_again_with_all_its_rows_and_no_leftovers() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(&url(&folder)).unwrap();
    answer_locally(&ledger).await;
    let unsettled = ledger.open_exchange(opening("intent")).await;
    ledger.close().await.unwrap();
    assert!(!folder.path().join("ledger.db-wal").exists());
    assert!(matches!(ledger.flush().await, Err(LedgerError::Closed)));
    drop(unsettled);
    assert_eq!(
        ledger.health().overflowed,
        1,
        "the settlement had nowhere to go"
    );

    let (ledger, opened) = Ledger::open(&url(&folder)).unwrap();
    assert_eq!(opened.lost, 1);
    assert_eq!(count(&ledger, "settlements").await, 2);
    ledger.close().await.unwrap();
    let (_ledger, opened) = Ledger::open(&url(&folder)).unwrap();
    assert_eq!(opened.lost, 0, "marked once");
}

#[tokio::test]
async fn a_second_gateway_is_refused_and_a_report_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(&url(&folder)).unwrap();
    answer_locally(&ledger).await;
    let _open = ledger.open_exchange(opening("intent")).await;
    ledger.flush().await.unwrap();
    let refused = Ledger::open(&url(&folder)).unwrap_err().to_string();
    assert!(refused.contains("in use by another gateway"), "{refused}");

    let report = Report::from_url(&url(&folder), &Query::default()).unwrap();
    assert_eq!((report.totals.local, report.totals.in_flight), (1, 1));
    answer_locally(&ledger).await;
    ledger.flush().await.unwrap();
    assert_eq!(count(&ledger, "attempts").await, 2);
}

#[test]
fn other_files_are_refused_with_a_mend() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read_only(&url(&folder)).unwrap_err();
    assert!(matches!(missing, LedgerError::Missing { .. }), "{missing}");

    let LedgerUrl::Sqlite(path) = url(&folder);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE notes (text TEXT)")
        .unwrap();
    let error = read_only(&url(&folder)).unwrap_err();
    assert!(matches!(error, LedgerError::NotALedger { .. }), "{error}");

    other.pragma_update(None, "user_version", 99).unwrap();
    for error in [
        read_only(&url(&folder)).unwrap_err(),
        Ledger::open(&url(&folder)).unwrap_err(),
    ] {
        assert!(
            matches!(error, LedgerError::NewerSchema { found: 99, .. }),
            "{error}"
        );
    }

    std::fs::write(&path, "not a database, but long enough to look at").unwrap();
    let error = Ledger::open(&url(&folder)).unwrap_err().to_string();
    assert!(error.contains("check the disk space"), "{error}");
}

#[tokio::test]
async fn a_ledger_of_an_older_build_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let LedgerUrl::Sqlite(path) = url(&folder);
    let old = Connection::open(&path).unwrap();
    for migration in [include_str!("schema_v1.sql"), include_str!("schema_v2.sql")] {
        old.execute_batch(migration).unwrap();
    }
    old.execute_batch(
        "INSERT INTO exchanges (id, started_at, started_us, route, principal, client_model, streamed, policy_version)
         VALUES ('old', '2026-01-01T00:00:00Z', 0, 'r', 'p', 'm', 0, 'v'); PRAGMA user_version = 2",
    )
    .unwrap();
    drop(old);
    let (ledger, opened) = Ledger::open(&url(&folder)).unwrap();
    assert_eq!(opened.lost, 1, "it is there and was open");
    let mut pinned = opening("new");
    pinned.pinned_by = Some("detector:card".into());
    let account = ledger.open_exchange(pinned).await;
    account
        .settle(Settlement::completed(Source::Local, 200))
        .await;
    let words = ledger
        .read(|connection| {
            let failed = LedgerError::sqlite("read in a test");
            let sql = "SELECT pinned_by FROM exchanges ORDER BY started_us";
            let mut rows = connection
                .prepare(sql)
                .map_err(LedgerError::sqlite("prepare"))?;
            let words = rows.query_map([], |row| row.get::<_, Option<String>>(0));
            let words = words.and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>);
            words.map_err(failed)
        })
        .await
        .unwrap();
    assert_eq!(words, [None, Some("detector:card".to_owned())]);
}

#[test]
fn rows_cannot_be_changed_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let LedgerUrl::Sqlite(path) = url(&folder);
    let connection = connection::writable(&path).unwrap();
    rows::insert_opening(&connection, &opening("intent")).unwrap();
    for sql in ["UPDATE exchanges SET route = 'x'", "DELETE FROM exchanges"] {
        let error = connection.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn one_bad_row_does_not_take_its_batch_along() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    account.attempt(local(AttemptOutcome::Discarded)).await;
    let again = upstream(Engine::Upstream, AttemptOutcome::Answered);
    ledger.record_attempt(account.id(), 0, again).await;
    account
        .settle(Settlement::completed(Source::Upstream, 200))
        .await;
    assert_eq!(count(&ledger, "attempts").await, 1);
    assert_eq!(count(&ledger, "settlements").await, 1);
    assert_eq!(ledger.health().refused, 1);
}

#[tokio::test]
async fn a_full_queue_makes_senders_wait_and_drops_count() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel::<()>();
    // Keeps the writer busy until the test lets go of it.
    ledger.send_now(Message::Read(Box::new(move |_| {
        let _told = begin.send(());
        let _released = held.recv();
    })));
    // From here on the writer takes nothing, so what is full stays full.
    begun.await.unwrap();
    while ledger.queue.capacity() > 0 {
        ledger.send_now(Message::Read(Box::new(|_| {})));
    }
    let waiting = account.attempt(local(AttemptOutcome::Discarded));
    let hasty = tokio::time::timeout(Duration::from_millis(20), waiting).await;
    assert!(hasty.is_err(), "it waits for room");
    assert_eq!(
        ledger.health().overflowed,
        1,
        "and is counted when its sender gives up"
    );
    drop(account);
    assert_eq!(ledger.health().overflowed, 2);
    release.send(()).unwrap();
    assert_eq!(count(&ledger, "exchanges").await, 1);
}

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "run by after_kill_9_the_ledger_opens_and_says_what_was_lost"]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD_LEDGER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (ledger, _) = Ledger::open(&LedgerUrl::Sqlite(path.into())).unwrap();
        let mut never_settled = Vec::new();
        loop {
            answer_locally(&ledger).await;
            if never_settled.len() < 8 {
                let account = ledger.open_exchange(opening("slow")).await;
                account.attempt(local(AttemptOutcome::Discarded)).await;
                never_settled.push(account);
            }
        }
    });
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn after_kill_9_the_ledger_opens_and_says_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let LedgerUrl::Sqlite(path) = url(&folder);
    let this = module_path!().split_once("::").unwrap().1;
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            &format!("{this}::child_that_is_killed"),
        ])
        .env(CHILD_LEDGER, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let child = Killed(child);
    let deadline = Instant::now() + Duration::from_secs(30);
    while Report::from_url(&url(&folder), &Query::default())
        .map_or(0, |report| report.totals.requests)
        < 200
    {
        assert!(Instant::now() < deadline, "the child wrote nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(child);

    // Before anyone opens it for writing again: nothing runs, so nothing is in flight.
    let before = Report::from_url(&url(&folder), &Query::default()).unwrap();
    assert_eq!(before.totals.in_flight, 0);
    let (ledger, opened) = Ledger::open(&url(&folder)).unwrap();
    assert!(opened.lost >= 8, "{}", opened.lost);
    let after = Report::from_ledger(&ledger, Query::default())
        .await
        .unwrap();
    assert_eq!(after, before, "marking changes no figure");
    assert_eq!(after.totals.lost, opened.lost);
    assert_eq!(
        after.totals.local + after.totals.lost,
        after.totals.requests
    );
    let reserved: Usd = (0..opened.lost).map(|_| usd("0.01")).sum();
    assert_eq!(after.totals.reserved_lost, reserved);
    assert_eq!(after.totals.cost_actual, sum_of_attempts(&ledger).await);
    assert_eq!(
        count(&ledger, "exchanges").await,
        count(&ledger, "settlements").await
    );
}

async fn sum_of_attempts(ledger: &Ledger) -> Usd {
    let query = |connection: &Connection| {
        let read = || {
            let damaged = connection
                .query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
                .optional()?;
            assert_eq!(damaged.as_deref(), Some("ok"));
            connection
                .prepare("SELECT cost_usd FROM attempts")?
                .query_map([], |row| row.get::<_, String>(0))?
                .map(|text| text.map(|text| usd(&text)))
                .sum_usd()
        };
        read().map_err(LedgerError::sqlite("sum"))
    };
    ledger.read(query).await.unwrap()
}

/// Sums what may fail.
trait SumUsd: Iterator<Item = rusqlite::Result<Usd>> + Sized {
    fn sum_usd(self) -> rusqlite::Result<Usd> {
        self.collect::<Result<Vec<_>, _>>()
            .map(|amounts| amounts.iter().sum())
    }
}

impl<I: Iterator<Item = rusqlite::Result<Usd>>> SumUsd for I {}
