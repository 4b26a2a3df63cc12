//! A period under another policy, for people and for programs.

use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::risk::real;
use super::{Hindsight, Retried};
use crate::replay::table::{plain_table, wrapped};

pub(super) fn json(seen: &Hindsight) -> Result<String, serde_json::Error> {
    let routes: Vec<Value> = seen
        .routes
        .iter()
        .map(|(name, row)| route(name, row))
        .collect();
    let mut text = serde_json::to_string_pretty(&json!({
        "currency": "USD",
        "routes": routes,
        "not_in_policy": seen.elsewhere,
    }))?;
    text.push('\n');
    Ok(text)
}

fn route(name: &str, row: &Retried) -> Value {
    let regret = row.regret;
    json!({
        "route": name,
        "rule": row.rule,
        "requests": row.requests,
        "incomplete": row.incomplete,
        "judged": row.judged,
        "undrafted": row.undrafted,
        "stopped": row.stopped,
        "unreadable": row.unreadable,
        "uncovered": row.uncovered,
        "unpriced": row.unpriced,
        "local_recorded": row.local_recorded,
        "local_policy": row.local_policy,
        "cost_recorded_usd": row.cost_recorded,
        "cost_policy_usd": row.cost_policy,
        "cost_estimated_usd": row.cost_estimated,
        "cost_ratio": row.cost_policy.share_of(row.cost_recorded).and_then(|ratio| ratio.round_dp(6).to_f64()),
        "labelled": row.labelled,
        "regret": regret.map(|e| e.regret),
        "regret_low": regret.map(|e| e.low),
        "regret_high": regret.map(|e| e.high),
    })
}

pub(super) fn text(seen: &Hindsight, width: Option<u16>) -> String {
    let header = [
        "route",
        "requests",
        "judged",
        "local",
        "would be",
        "spent",
        "would be",
        "estimated",
        "regret (90 %)",
    ];
    let rows = seen.routes.iter().map(|(name, row)| {
        vec![
            name.clone(),
            row.requests.to_string(),
            row.judged.to_string(),
            share(row.local_recorded, row.requests),
            share(row.local_policy, row.requests),
            row.cost_recorded.human(),
            row.cost_policy.human(),
            row.cost_estimated.human(),
            regret(row),
        ]
    });
    let mut lines =
        vec!["What the period would have cost and risked under this policy, US dollars".to_owned()];
    lines.extend(plain_table(&header, rows));
    let width = usize::from(width.unwrap_or(100));
    for (name, row) in &seen.routes {
        lines.extend(wrapped(&note(name, row), width));
    }
    for (name, requests) in &seen.elsewhere {
        lines.extend(wrapped(
            &format!("{name}: not in this policy, so its {requests} requests are left out."),
            width,
        ));
    }
    lines.extend(wrapped(
        "`spent` is drafts and calls without audits; `estimated` is the part of the policy's cost for which there is no \
         bill, at the declared baseline with the tokens of the answers that were sent.",
        width,
    ));
    lines.join("\n") + "\n"
}

fn regret(row: &Retried) -> String {
    row.regret.map_or_else(
        || "unknown".to_owned(),
        |e| {
            let [regret, low, high] = [e.regret, e.low, e.high].map(|share| share * 100.0);
            format!("{regret:.2}% ({low:.2}–{high:.2})")
        },
    )
}

/// What is left out and why.
fn note(name: &str, row: &Retried) -> String {
    let counts = [
        (row.undrafted, "had no draft and stay as they were"),
        (
            row.stopped,
            "had a draft that was stopped early and stay escalated",
        ),
        (
            row.unreadable,
            "have features of another build and stay as they were",
        ),
        (
            row.uncovered,
            "had a draft that the certificate is not about and escalate",
        ),
        (row.unpriced, "have an unknown cost and are in no sum"),
        (row.incomplete, "did not complete and are not looked at"),
    ];
    let mut text = format!("{name}: accepts {}.", row.rule);
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(" {count} {what}."));
    }
    text.push_str(&format!(
        " Of the drafts that it accepts, {} are labelled.",
        row.labelled
    ));
    text
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    format!("{:.1}%", 100.0 * real(part) / real(whole))
}
