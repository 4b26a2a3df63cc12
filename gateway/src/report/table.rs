//! The report for people.

mod learnt;

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Report, Row, Turned};
use crate::ledger::{BaselineMethod, Mode};

/// Columns of a terminal that we do not know.
const USUAL_WIDTH: u16 = 100;
/// From here on there is room for the rarer counts and the latencies.
const ROOMY: u16 = 100;
/// From here on there is room for the bar.
const WIDE: u16 = 120;
/// Length of the bar for the share answered locally.
const BAR: u32 = 10;

/// A table with a totals row, and under it what the figures mean and leave out.
pub(super) fn render(report: &Report, width: Option<u16>) -> String {
    let width = width.unwrap_or(USUAL_WIDTH);
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_header(cells(header(report, width)));
    for row in &report.rows {
        table.add_row(cells(line(row, width)));
    }
    table.add_row(cells(line(&report.totals, width)));
    let mut lines = vec![period(report)];
    lines.extend(ruled(&table));
    for (mark, note) in notes(report) {
        lines.extend(wrapped(mark, &note, width.into()));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The table's lines, with a rule above the totals instead of one under every row.
fn ruled(table: &Table) -> Vec<String> {
    let mut lines: Vec<_> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    if table.row_count() > 1 {
        let rule = lines.first().cloned().unwrap_or_default();
        lines.insert(lines.len().saturating_sub(2), rule);
    }
    lines
}

/// The words of a note in lines of at most `width` columns, under a mark.
fn wrapped(mark: char, note: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = mark.to_string();
    for word in note.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn header(report: &Report, width: u16) -> Vec<String> {
    let mut names = vec![
        report.by.as_str(),
        "requests",
        "local",
        "share",
        "escalated",
    ];
    if width >= ROOMY {
        names.extend(["cache", "failed"]);
    }
    names.extend(["spent", "baseline*", "net saving*"]);
    if width >= ROOMY {
        names.extend(["p50", "p95"]);
    }
    names.into_iter().map(str::to_owned).collect()
}

fn line(row: &Row, width: u16) -> Vec<String> {
    let mut texts = vec![
        printable(&row.group),
        row.requests.to_string(),
        row.local.to_string(),
    ];
    texts.push(share(row.share_local, width >= WIDE));
    texts.push(row.escalated.to_string());
    if width >= ROOMY {
        texts.extend([row.cache.to_string(), row.failed.to_string()]);
    }
    texts.extend([
        row.cost_actual.human(),
        row.cost_baseline.human(),
        saving(row),
    ]);
    if width >= ROOMY {
        texts.extend([latency(row.latency_p50), latency(row.latency_p95)]);
    }
    texts
}

/// Names to the left, figures to the right.
fn cells(texts: Vec<String>) -> Vec<Cell> {
    let aligned = |(index, text)| {
        let side = if index == 0 {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        Cell::new(text).set_alignment(side)
    };
    texts.into_iter().enumerate().map(aligned).collect()
}

fn period(report: &Report) -> String {
    let moment = |at: Option<jiff::Timestamp>, open: &str| {
        at.map_or_else(|| open.to_owned(), |at| at.to_string())
    };
    let (from, to) = (
        moment(report.from, "the first request"),
        moment(report.to, "now"),
    );
    format!(
        "Spend and savings by {}, from {from} to {to}, US dollars",
        report.by
    )
}

/// What the figures mean, and everything that they leave out.
fn notes(report: &Report) -> Vec<(char, String)> {
    let totals = &report.totals;
    if totals.requests == 0 {
        return vec![(' ', "No requests in this period.".to_owned())];
    }
    let mut notes = vec![('*', method(report).to_owned()), (' ', parts(totals))];
    let more = [
        uncompared(totals),
        lost(totals),
        hung_up(totals),
        reasons(totals),
        learnt::lessons(&totals.lessons),
        learnt::comparators(&totals.lessons),
        learnt::judgings(&totals.lessons),
        learnt::stops(&totals.lessons),
    ];
    notes.extend(more.into_iter().flatten().map(|note| (' ', note)));
    notes.extend(report.turns.iter().map(|turned| ('!', turn(turned))));
    notes
}

fn method(report: &Report) -> &'static str {
    if report
        .methods
        .contains_key(BaselineMethod::SameTokens.as_str())
    {
        "Not money in the books: what the declared baselines would have cost, estimated with the \
         tokens of the answers that were sent. Take the saving as an upper bound."
    } else {
        "Not money in the books: what the declared baselines would have cost."
    }
}

fn parts(totals: &Row) -> String {
    format!(
        "Spent: {} local, {} upstream, {} audits, {} to learn; of it {} for drafts and tries \
         that no client got.",
        totals.cost_local.human(),
        totals.cost_upstream.human(),
        totals.cost_audit.human(),
        totals.cost_learning.human(),
        totals.cost_discarded.human(),
    )
}

fn uncompared(totals: &Row) -> Option<String> {
    let undeclared = totals
        .uncompared
        .saturating_sub(totals.unpriced)
        .saturating_sub(totals.in_flight);
    let kinds = [
        (totals.unpriced, "with an unknown price or usage"),
        (undeclared, "on routes without a baseline"),
        (totals.in_flight, "still in flight"),
    ];
    let kinds: Vec<_> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    (totals.uncompared > 0).then(|| {
        format!(
            "Left out of baseline and saving: {} ({}); what is known of their spend, {}, is in \
             `spent`.",
            counted(totals.uncompared),
            kinds.join(", "),
            totals.cost_uncompared.human(),
        )
    })
}

fn lost(totals: &Row) -> Option<String> {
    (totals.lost > 0).then(|| {
        format!(
            "Lost when the gateway stopped: {}; up to {} reserved for them may have been spent \
             beyond the books.",
            counted(totals.lost),
            totals.reserved_lost.human(),
        )
    })
}

fn hung_up(totals: &Row) -> Option<String> {
    let left = totals.hung_up;
    (left > 0).then(|| format!("Left by the client before the end: {}.", counted(left)))
}

fn reasons(totals: &Row) -> Option<String> {
    let counts: Vec<_> = totals
        .reasons
        .iter()
        .map(|(reason, count)| format!("{} {count}", printable(reason)))
        .collect();
    (!counts.is_empty()).then(|| format!("Reasons: {}.", counts.join(", ")))
}

fn turn(turn: &Turned) -> String {
    let what = match turn.mode {
        Mode::Learning => "escalates everything and learns",
        Mode::Certified | Mode::Threshold | Mode::Everything => "answers locally again",
    };
    let (at, route) = (turn.at, printable(&turn.route));
    format!("{at} {route} {what} ({}).", printable(&turn.cause))
}

fn counted(requests: u64) -> String {
    if requests == 1 {
        "1 request".to_owned()
    } else {
        format!("{requests} requests")
    }
}

fn saving(row: &Row) -> String {
    let amount = row.net_saving.human();
    row.net_saving_ratio.map_or_else(
        || amount.clone(),
        |ratio| format!("{amount} ({}%)", percent(ratio)),
    )
}

fn share(share: Option<Decimal>, drawn: bool) -> String {
    share.map_or_else(String::new, |share| {
        let figure = format!("{:>3}%", percent(share));
        if drawn {
            format!("{} {figure}", bar(share))
        } else {
            figure
        }
    })
}

fn percent(ratio: Decimal) -> String {
    ratio
        .saturating_mul(Decimal::ONE_HUNDRED)
        .round()
        .normalize()
        .to_string()
}

/// Ten cells, drawn to an eighth of a cell.
fn bar(share: Decimal) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share * Decimal::from(BAR * 8))
        .round()
        .to_usize()
        .unwrap_or(0);
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or("");
    let length = usize::try_from(BAR).unwrap_or(0);
    format!("{:·<length$}", format!("{}{part}", "█".repeat(eighths / 8)))
}

fn latency(duration: Option<Duration>) -> String {
    duration.map_or_else(String::new, |duration| match duration.as_millis() {
        0..1_000 => format!("{} ms", duration.as_millis()),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    })
}

/// Names come from clients: no control characters on the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}
