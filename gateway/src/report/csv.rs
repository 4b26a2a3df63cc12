//! The report for spreadsheets.

use rust_decimal::Decimal;

use super::json::milliseconds;
use super::{Report, ReportError, Row};

/// One header line and one line per group.
pub(super) fn render(report: &Report) -> Result<String, ReportError> {
    let failed = |error: &dyn std::fmt::Display| ReportError::Csv(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = std::iter::once(report.by.as_str()).chain(COLUMNS);
    writer
        .write_record(header)
        .map_err(|error| failed(&error))?;
    for row in &report.rows {
        writer
            .write_record(cells(row))
            .map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

const COLUMNS: [&str; 40] = [
    "requests",
    "local",
    "escalated",
    "cache",
    "failed",
    "hung_up",
    "lost",
    "in_flight",
    "unpriced",
    "uncompared",
    "share_local",
    "cost_local_usd",
    "cost_upstream_usd",
    "cost_audit_usd",
    "cost_learning_usd",
    "cost_discarded_usd",
    "cost_actual_usd",
    "cost_uncompared_usd",
    "reserved_lost_usd",
    "cost_baseline_usd",
    "net_saving_usd",
    "net_saving_ratio",
    "latency_p50_ms",
    "latency_p95_ms",
    "labels",
    "audits",
    "audits_bad",
    "repeats",
    "repeats_differ",
    "stopped",
    "finished",
    "stopped_wrongly",
    "repeats_differ_by",
    "judged",
    "judged_again",
    "judge_contradicted",
    "judge_decided",
    "judge_for_first",
    "judge_unreadable",
    "reasons",
];

fn cells(row: &Row) -> [String; 41] {
    [
        guarded(&row.group),
        row.requests.to_string(),
        row.local.to_string(),
        row.escalated.to_string(),
        row.cache.to_string(),
        row.failed.to_string(),
        row.hung_up.to_string(),
        row.lost.to_string(),
        row.in_flight.to_string(),
        row.unpriced.to_string(),
        row.uncompared.to_string(),
        ratio(row.share_local),
        row.cost_local.to_string(),
        row.cost_upstream.to_string(),
        row.cost_audit.to_string(),
        row.cost_learning.to_string(),
        row.cost_discarded.to_string(),
        row.cost_actual.to_string(),
        row.cost_uncompared.to_string(),
        row.reserved_lost.to_string(),
        row.cost_baseline.to_string(),
        row.net_saving.to_string(),
        ratio(row.net_saving_ratio),
        row.latency_p50
            .map(milliseconds)
            .map(|ms| ms.to_string())
            .unwrap_or_default(),
        row.latency_p95
            .map(milliseconds)
            .map(|ms| ms.to_string())
            .unwrap_or_default(),
        row.lessons.labels.to_string(),
        row.lessons.audits.to_string(),
        row.lessons.audits_bad.to_string(),
        row.lessons.repeats.to_string(),
        row.lessons.repeats_differ.to_string(),
        row.lessons.stopped.to_string(),
        row.lessons.finished.to_string(),
        row.lessons.stopped_wrongly.to_string(),
        guarded(&repeats(row)),
        row.lessons.judgings.pairs.to_string(),
        row.lessons.judgings.again.to_string(),
        row.lessons.judgings.contradicted.to_string(),
        row.lessons.judgings.decided.to_string(),
        row.lessons.judgings.first.to_string(),
        row.lessons.judgings.unreadable.to_string(),
        guarded(&reasons(row)),
    ]
}

fn ratio(share: Option<Decimal>) -> String {
    share
        .map(|share| share.round_dp(6).normalize().to_string())
        .unwrap_or_default()
}

fn repeats(row: &Row) -> String {
    let known = row.lessons.comparators.iter();
    let counted: Vec<_> = known
        .filter(|(_, found)| found.repeats > 0)
        .map(|(word, found)| format!("{word}: {} of {}", found.repeats_differ, found.repeats))
        .collect();
    counted.join("; ")
}

fn reasons(row: &Row) -> String {
    let counted: Vec<_> = row
        .reasons
        .iter()
        .map(|(reason, count)| format!("{reason}: {count}"))
        .collect();
    counted.join("; ")
}

/// Keeps a spreadsheet from running a name as a formula: clients choose model names.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_formulas() {
        for (name, cell) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\tx", "'\tx"),
            ("plain-name", "plain-name"),
        ] {
            assert_eq!(guarded(name), cell);
        }
    }
}
