//! The money report: what was spent, and what the declared baselines would have cost.
//!
//! Two kinds of figure, never in one column. *Spent* is real: the sum of every attempt, discarded
//! drafts, failed tries, audits and drafts made to learn included. *Baseline* and *net saving* are counterfactual, for
//! the exchanges that can be compared:
//!
//! * a completed exchange is compared with its baseline cost (see [`BaselineMethod`]);
//! * a failed, hung-up or lost one has no baseline: its spend counts against the savings;
//! * one with a part whose price or usage is unknown, on a route without a baseline, or still in
//!   flight is *uncompared*: left out of baseline and saving, counted, and its known spend shown.
//!
//! So in every row `net saving = baseline - (spent - spent on uncompared)`, and it may be
//! negative.
//!
//! [`BaselineMethod`]: crate::ledger::BaselineMethod

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::ledger::{Ledger, LedgerError, LedgerUrl, Usd, read_only, writer_is_alive};

mod csv;
mod facts;
mod json;
mod lessons;
mod table;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use facts::{each, money, value, word};

pub use lessons::{Agreement, Judgings, Lessons, Turned};

/// What to report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// One row per what.
    pub by: GroupBy,
    /// Only exchanges that started at this moment or later.
    pub from: Option<Timestamp>,
    /// Only exchanges that started before this moment.
    pub to: Option<Timestamp>,
}

/// What a row of the report stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// A route of the policy.
    #[default]
    Route,
    /// A client key, by its name.
    Key,
    /// The model the client asked for.
    Model,
    /// A day in UTC.
    Day,
}

impl GroupBy {
    /// The word on the command line, which is also the name of the group column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Key => "key",
            Self::Model => "model",
            Self::Day => "day",
        }
    }
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For spreadsheets; rows only, so that a column sum is not doubled by a totals row.
    Csv,
    /// For programs.
    Json,
}

/// A report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What the rows stand for.
    pub by: GroupBy,
    /// Start of the period, included; `None`: from the first exchange.
    pub from: Option<Timestamp>,
    /// End of the period, excluded; `None`: to the last exchange.
    pub to: Option<Timestamp>,
    /// One row per group, by name.
    pub rows: Vec<Row>,
    /// All of them; its `group` is `total`.
    pub totals: Row,
    /// Compared exchanges by how their baseline came about.
    pub methods: BTreeMap<String, u64>,
    /// Routes that began or stopped answering locally in the period, oldest first.
    pub turns: Vec<Turned>,
}

/// One line of a report. Every request is in exactly one of `local`, `escalated`, `cache`,
/// `failed`, `hung_up`, `lost` and `in_flight`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Name of the group.
    pub group: String,
    /// Exchanges.
    pub requests: u64,
    /// Answered by the small model.
    pub local: u64,
    /// Answered by the upstream.
    pub escalated: u64,
    /// Answered from the cache.
    pub cache: u64,
    /// The client got an error.
    pub failed: u64,
    /// The client left before the end.
    pub hung_up: u64,
    /// Cut off when the gateway stopped.
    pub lost: u64,
    /// Not ended yet.
    pub in_flight: u64,
    /// Left out of baseline and saving.
    pub uncompared: u64,
    /// With a part whose price or usage is unknown; these are among `uncompared`.
    pub unpriced: u64,
    /// `local` as a share of `requests`, 0 to 1.
    pub share_local: Option<Decimal>,
    /// Spent on the small model.
    pub cost_local: Usd,
    /// Spent on upstreams to answer clients.
    pub cost_upstream: Usd,
    /// Spent on upstreams to audit accepted answers.
    pub cost_audit: Usd,
    /// Spent on drafts that were only made to learn.
    pub cost_learning: Usd,
    /// Spent on drafts and tries that no client got; part of `cost_local` and `cost_upstream`.
    pub cost_discarded: Usd,
    /// All that was spent, as far as priced: local + upstream + audit + learning.
    pub cost_actual: Usd,
    /// The part of `cost_actual` that belongs to uncompared exchanges.
    pub cost_uncompared: Usd,
    /// What the compared exchanges would have cost on their baselines.
    pub cost_baseline: Usd,
    /// Baseline less what was spent on the compared exchanges. May be negative.
    pub net_saving: Usd,
    /// `net_saving` as a share of `cost_baseline`.
    pub net_saving_ratio: Option<Decimal>,
    /// Reserved by lost exchanges: at most this much spend may be missing.
    pub reserved_lost: Usd,
    /// Median time to the end of an answer (nearest rank; answered exchanges only).
    pub latency_p50: Option<Duration>,
    /// 95th percentile of the same.
    pub latency_p95: Option<Duration>,
    /// What was learnt.
    pub lessons: Lessons,
    /// How often each reason for escalating or failing was given.
    pub reasons: BTreeMap<String, u64>,
}

impl Report {
    /// Reads a ledger file, beside a running gateway or without one. Blocks on the disk.
    ///
    /// # Errors
    /// When the file is missing, is not a ledger, or is damaged.
    pub fn from_url(url: &LedgerUrl, query: &Query) -> Result<Self, LedgerError> {
        // Asked before reading: what is open when no gateway runs can never be settled.
        let alive = writer_is_alive(url);
        let connection = read_only(url)?;
        facts::load(&connection, query, alive).map(|facts| tally::report(query, facts))
    }

    /// Reads an open ledger, with everything sent to it so far.
    ///
    /// # Errors
    /// When the ledger is closed or damaged.
    pub async fn from_ledger(ledger: &Ledger, query: Query) -> Result<Self, LedgerError> {
        let facts = ledger
            .read(move |connection| facts::load(connection, &query, true))
            .await?;
        Ok(tally::report(&query, facts))
    }

    /// The report as text that ends in a newline. `width` is the terminal's, in columns; `None`
    /// when there is no terminal. Only tables use it.
    ///
    /// # Errors
    /// When the text cannot be put together.
    pub fn render(&self, format: Format, width: Option<u16>) -> Result<String, ReportError> {
        match format {
            Format::Table => Ok(table::render(self, width)),
            Format::Csv => csv::render(self),
            Format::Json => json::render(self),
        }
    }
}

/// A report that cannot be asked for or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Not a grouping.
    #[error("cannot group by `{0}`; choose route, key, model or day")]
    Grouping(String),
    /// Not a format.
    #[error("cannot write `{0}`; choose table, csv or json")]
    Format(String),
    /// Not a moment.
    #[error("`{0}` is not a moment; write 2026-01-31 (midnight UTC) or 2026-01-31T09:00:00Z")]
    Moment(String),
    /// The CSV writer refused.
    #[error("cannot write the report as CSV: {0}")]
    Csv(String),
    /// The JSON writer refused.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// A moment on the command line: a date (its midnight in UTC) or an RFC 3339 timestamp.
///
/// # Errors
/// When it is neither.
pub fn parse_moment(text: &str) -> Result<Timestamp, ReportError> {
    let refused = |_: jiff::Error| ReportError::Moment(text.to_owned());
    // A timestamp also reads as a date, so the longer form goes first.
    text.parse::<Timestamp>().or_else(|_| {
        let day = Date::strptime("%Y-%m-%d", text).map_err(refused)?;
        day.to_zoned(TimeZone::UTC)
            .map(|midnight| midnight.timestamp())
            .map_err(refused)
    })
}

impl FromStr for GroupBy {
    type Err = ReportError;

    fn from_str(word: &str) -> Result<Self, ReportError> {
        [Self::Route, Self::Key, Self::Model, Self::Day]
            .into_iter()
            .find(|by| by.as_str() == word)
            .ok_or_else(|| ReportError::Grouping(word.to_owned()))
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ReportError;

    fn from_str(word: &str) -> Result<Self, ReportError> {
        match word {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            _ => Err(ReportError::Format(word.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
        })
    }
}
