//! The report for programs. Money is decimal text, ratios are numbers, durations milliseconds.

use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value, json};

use super::{Agreement, Lessons, Report, ReportError, Row, Turned};

/// Pretty-printed, with a newline at the end.
pub(super) fn render(report: &Report) -> Result<String, ReportError> {
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| row_json(row, Some(report.by.as_str())))
        .collect();
    let whole = json!({
        "by": report.by.as_str(),
        "from": report.from.map(|from| from.to_string()),
        "to": report.to.map(|to| to.to_string()),
        "currency": "USD",
        "rows": rows,
        "totals": row_json(&report.totals, None),
        "baseline_methods": report.methods,
        "turns": report.turns.iter().map(turn).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&whole)?;
    text.push('\n');
    Ok(text)
}

fn row_json(row: &Row, group: Option<&str>) -> Value {
    let mut object = Map::new();
    if let Some(name) = group {
        object.insert(name.to_owned(), row.group.clone().into());
    }
    let figures = json!({
        "requests": row.requests,
        "local": row.local,
        "escalated": row.escalated,
        "cache": row.cache,
        "failed": row.failed,
        "hung_up": row.hung_up,
        "lost": row.lost,
        "in_flight": row.in_flight,
        "unpriced": row.unpriced,
        "uncompared": row.uncompared,
        "share_local": ratio(row.share_local),
        "cost_local_usd": row.cost_local,
        "cost_upstream_usd": row.cost_upstream,
        "cost_audit_usd": row.cost_audit,
        "cost_learning_usd": row.cost_learning,
        "cost_discarded_usd": row.cost_discarded,
        "cost_actual_usd": row.cost_actual,
        "cost_uncompared_usd": row.cost_uncompared,
        "reserved_lost_usd": row.reserved_lost,
        "cost_baseline_usd": row.cost_baseline,
        "net_saving_usd": row.net_saving,
        "net_saving_ratio": ratio(row.net_saving_ratio),
        "latency_p50_ms": row.latency_p50.map(milliseconds),
        "latency_p95_ms": row.latency_p95.map(milliseconds),
        "labels": row.lessons.labels,
        "audits": row.lessons.audits,
        "audits_bad": row.lessons.audits_bad,
        "repeats": row.lessons.repeats,
        "repeats_differ": row.lessons.repeats_differ,
        "stopped": row.lessons.stopped,
        "finished": row.lessons.finished,
        "stopped_wrongly": row.lessons.stopped_wrongly,
        "comparators": comparators(&row.lessons),
        "judged": row.lessons.judgings.pairs,
        "judged_again": row.lessons.judgings.again,
        "judge_contradicted": row.lessons.judgings.contradicted,
        "judge_decided": row.lessons.judgings.decided,
        "judge_for_first": row.lessons.judgings.first,
        "judge_unreadable": row.lessons.judgings.unreadable,
        "reasons": row.reasons,
    });
    if let Value::Object(figures) = figures {
        object.extend(figures);
    }
    Value::Object(object)
}

fn comparators(lessons: &Lessons) -> Value {
    let of = |agreement: &Agreement| {
        json!({
            "audits": agreement.audits,
            "audits_bad": agreement.audits_bad,
            "repeats": agreement.repeats,
            "repeats_differ": agreement.repeats_differ,
        })
    };
    let comparators = lessons.comparators.iter();
    comparators
        .map(|(word, found)| (word.clone(), of(found)))
        .collect()
}

fn turn(turn: &Turned) -> Value {
    json!({
        "at": turn.at.to_string(),
        "route": turn.route,
        "mode": turn.mode.as_str(),
        "cause": turn.cause,
    })
}

fn ratio(share: Option<Decimal>) -> Option<f64> {
    share?.round_dp(6).to_f64()
}

/// To the microsecond, through decimals: 0.3 ms shall not read 0.30000000000000004.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Decimal::new(micros, 3).to_f64().unwrap_or(f64::INFINITY)
}
