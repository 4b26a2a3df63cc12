//! The money side: what every attempt cost, what every exchange was compared with.
//!
//! Append-only rows go through one writer thread into SQLite. An exchange is held by
//! an [`Account`], a guard that settles on every path out, a dropped future and a panic included.
//! The rows carry token counts, durations, names, money and statistics of drafts: never a prompt, a completion or a key.

mod account;
mod budget;
mod entry;
mod error;
mod evidence;
mod money;
mod rates;
#[cfg(test)]
pub(crate) mod samples;
mod store;
mod url;
mod words;

pub use account::{Account, AttemptEnd, AttemptGuard, AttemptPlan, Receipt};
pub use budget::{Budgets, Exhausted, Reservation};
pub use entry::{
    Attempt, AttemptOutcome, Baseline, BaselineMethod, BaselineModel, Engine, ExchangeId, Opening,
    Outcome, Settlement, Source,
};
pub use error::LedgerError;
pub use evidence::{
    ACCEPT, Decision, Disagreement, Document, DocumentKind, Draw, Evidence, JudgingRow, Label,
    LabelRow, Mode, Origin, Preferred, Purpose, Recomputed, RepeatRow, StoppedAt, Turn, content_id,
};
pub use money::{ParseUsdError, Usd};
pub use rates::{Catalog, LocalRate, Price, Pricing, Rates, Usage};
pub use store::{Health, Ledger, Opened, read_only};
pub use url::LedgerUrl;

pub(crate) use evidence::{has_table, is_kept as keeps_evidence};
pub(crate) use store::writer_is_alive;
