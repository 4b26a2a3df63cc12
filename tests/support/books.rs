//! What the ledger holds, row by row.

use gateway::ledger::{Evidence, Ledger, LedgerError, Usd};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// All rows of a ledger.
#[derive(Debug, Clone)]
pub struct Books {
    /// Exchanges in the order in which they were opened.
    pub exchanges: Vec<ExchangeRow>,
}

/// One exchange with its end and its attempts.
#[derive(Debug, Clone)]
pub struct ExchangeRow {
    /// The `x-request-id`.
    pub id: String,
    /// Route.
    pub route: String,
    /// Name of the key.
    pub principal: String,
    /// What may be spent on it at most; `None` is unpriced.
    pub reserved: Option<String>,
    /// What kept it from leaving.
    pub pinned_by: Option<String>,
    /// How it ended; `None` while it is open.
    pub outcome: Option<String>,
    /// Who answered.
    pub source: Option<String>,
    /// Status that the client saw.
    pub status: Option<u16>,
    /// Why it was escalated, or failed.
    pub reason: Option<String>,
    /// Confidence of the draft.
    pub confidence: Option<f64>,
    /// Id of the certificate.
    pub certificate: Option<String>,
    /// What it is compared with, in USD.
    pub baseline: Option<String>,
    /// How that came about.
    pub baseline_method: Option<String>,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptRow>,
    /// What the decisions about its drafts rested on.
    pub evidence: Vec<Evidence>,
}

/// One attempt.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// `local`, `upstream`, `audit` or `learning`.
    pub engine: String,
    /// Name of the model.
    pub model: String,
    /// How it ended.
    pub outcome: String,
    /// Prompt tokens charged in full.
    pub input: i64,
    /// Answer tokens.
    pub output: i64,
    /// Whether the tokens are all of them.
    pub complete: bool,
    /// Cost in USD; `None` is unpriced.
    pub cost: Option<String>,
    /// A word for what broke.
    pub error: Option<String>,
}

impl Books {
    pub(crate) async fn of(ledger: &Ledger) -> Self {
        ledger
            .read(|connection| with_evidence(connection, read(connection).map_err(refused)?))
            .await
            .expect("a readable ledger")
    }

    /// What all attempts on an engine cost.
    ///
    /// # Panics
    /// If an amount cannot be read.
    #[must_use]
    pub fn cost_of(&self, engine: &str) -> Usd {
        let attempts = self.exchanges.iter().flat_map(|e| &e.attempts);
        let costs = attempts
            .filter(|attempt| attempt.engine == engine)
            .filter_map(|attempt| attempt.cost.as_deref());
        costs
            .map(|cost| cost.parse::<Usd>().expect("an amount"))
            .sum()
    }

    /// The only exchange.
    ///
    /// # Panics
    /// If there was none, or more than one.
    #[must_use]
    pub fn only(&self) -> &ExchangeRow {
        assert_eq!(
            self.exchanges.len(),
            1,
            "exchanges in the ledger: {self:#?}"
        );
        &self.exchanges[0]
    }

    /// The exchange of this `x-request-id`.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn exchange(&self, id: &str) -> &ExchangeRow {
        let found = self.exchanges.iter().find(|exchange| exchange.id == id);
        found.unwrap_or_else(|| panic!("no exchange {id}"))
    }
}

impl ExchangeRow {
    /// `outcome source reason`, with a dash for what is missing.
    #[must_use]
    pub fn ending(&self) -> String {
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        format!(
            "{} {} {}",
            word(&self.outcome),
            word(&self.source),
            word(&self.reason)
        )
    }

    /// Each attempt as `engine outcome`, or `engine outcome error`.
    #[must_use]
    pub fn tries(&self) -> Vec<String> {
        let attempts = self.attempts.iter();
        attempts
            .map(
                |AttemptRow {
                     engine,
                     outcome,
                     error,
                     ..
                 }| match error {
                    Some(error) => format!("{engine} {outcome} {error}"),
                    None => format!("{engine} {outcome}"),
                },
            )
            .collect()
    }
}

impl ExchangeRow {
    /// Each decision as `purpose mode verdict`, followed by its labels as `origin good|bad comparator`.
    #[must_use]
    pub fn lessons(&self) -> Vec<String> {
        let decisions = self.evidence.iter();
        decisions
            .map(|decision| {
                let mut line = format!(
                    "{} {} {}",
                    decision.purpose, decision.mode, decision.verdict
                );
                for label in &decision.labels {
                    let word = if label.bad { "bad" } else { "good" };
                    line.push_str(&format!(", {} {word} {}", label.origin, label.comparator));
                }
                line
            })
            .collect()
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Books> {
    let mut exchanges = connection.prepare(
        "SELECT id, route, principal, reserved_usd, outcome, source, status, reason, confidence, certificate,
            baseline_usd, baseline_method, pinned_by
         FROM exchanges LEFT JOIN settlements ON exchange_id = id ORDER BY started_us, id",
    )?;
    let mut attempts = connection.prepare(
        "SELECT engine, model, outcome, input_tokens, output_tokens, usage_complete, cost_usd, error_kind
         FROM attempts WHERE exchange_id = ?1 ORDER BY seq",
    )?;
    let mut exchanges: Vec<ExchangeRow> = exchanges
        .query_map([], exchange)?
        .collect::<rusqlite::Result<_>>()?;
    for exchange in &mut exchanges {
        exchange.attempts = attempts
            .query_map([&exchange.id], attempt)?
            .collect::<rusqlite::Result<_>>()?;
    }
    Ok(Books { exchanges })
}

fn with_evidence(connection: &Connection, mut books: Books) -> Result<Books, LedgerError> {
    for exchange in &mut books.exchanges {
        exchange.evidence = Evidence::read(connection, &exchange.id)?;
    }
    Ok(books)
}

fn exchange(row: &Row<'_>) -> rusqlite::Result<ExchangeRow> {
    Ok(ExchangeRow {
        id: row.get(0)?,
        route: row.get(1)?,
        principal: row.get(2)?,
        reserved: row.get(3)?,
        outcome: row.get(4)?,
        source: row.get(5)?,
        status: row.get(6)?,
        reason: row.get(7)?,
        confidence: row.get(8)?,
        certificate: row.get(9)?,
        baseline: row.get(10)?,
        baseline_method: row.get(11)?,
        pinned_by: row.get(12)?,
        attempts: Vec::new(),
        evidence: Vec::new(),
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    Ok(AttemptRow {
        engine: row.get(0)?,
        model: row.get(1)?,
        outcome: row.get(2)?,
        input: row.get(3)?,
        output: row.get(4)?,
        complete: row.get(5)?,
        cost: row.get(6)?,
        error: row.get(7)?,
    })
}

fn refused(source: rusqlite::Error) -> LedgerError {
    LedgerError::Sqlite {
        action: "read the ledger in a test",
        source,
    }
}

/// All values of all tables, as text.
pub(crate) async fn text_of(ledger: &Ledger) -> String {
    let dump = |connection: &Connection| -> rusqlite::Result<String> {
        let mut tables =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
        let tables: Vec<String> = tables
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut text = String::new();
        for table in tables {
            let mut all = connection.prepare(&format!("SELECT * FROM {table}"))?;
            let columns = all.column_count();
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    match row.get_ref(column)? {
                        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                            text.push_str(&String::from_utf8_lossy(bytes));
                        }
                        other => text.push_str(&format!("{other:?}")),
                    }
                    text.push('\n');
                }
            }
        }
        Ok(text)
    };
    ledger
        .read(move |connection| dump(connection).map_err(refused))
        .await
        .expect("a readable ledger")
}
