//! `smallfirst report`.

use clap::Args;

use super::{Failure, say};
use crate::ledger::LedgerUrl;
use crate::report::{Format, GroupBy, Query, Report, parse_moment};

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// The ledger: `sqlite:PATH`, or just a path.
    #[arg(long)]
    ledger: LedgerUrl,
    /// One row per route, key, model or day.
    #[arg(long, default_value_t)]
    by: GroupBy,
    /// Only requests from this moment on: a date (UTC) or an RFC 3339 time.
    #[arg(long)]
    from: Option<String>,
    /// Only requests before this moment.
    #[arg(long)]
    to: Option<String>,
    /// table, csv or json.
    #[arg(long, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &ReportArguments) -> Result<(), Failure> {
    let moment = |text: &Option<String>| {
        text.as_deref()
            .map(parse_moment)
            .transpose()
            .map_err(Failure::input)
    };
    let query = Query {
        by: arguments.by,
        from: moment(&arguments.from)?,
        to: moment(&arguments.to)?,
    };
    let report = Report::from_url(&arguments.ledger, &query).map_err(Failure::input)?;
    let text = report
        .render(arguments.format, terminal_width())
        .map_err(Failure::environment)?;
    say(&text);
    Ok(())
}

/// Columns of the terminal on standard output, if there is one.
pub(crate) fn terminal_width() -> Option<u16> {
    comfy_table::Table::new().width()
}
