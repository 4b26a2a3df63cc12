//! What the demo found, as numbers, as JSON and as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, Table};
use router_policies::Certificate;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

use super::gateway::{CLIENT_MODEL, Calibrations, KEY, Large};
use super::grade::{Graded, Marks};
use super::traffic::{INTENT_PROMPT, Step};
use crate::cli::Failure;
use crate::cli::report::terminal_width;
use crate::ledger::Ledger;
use crate::report::{Format, Query, Report};

/// Everything the demo reports.
#[derive(Debug)]
pub(super) struct Summary {
    requests: usize,
    errors: usize,
    report: Report,
    quality: Option<Quality>,
    local_latency: Vec<Duration>,
    escalated_latency: Vec<Duration>,
    routes: Vec<RouteSummary>,
    upstream: String,
}

/// Share of right answers among labelled requests, 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Quality {
    gateway: f64,
    upstream_only: f64,
    local_only: f64,
    labelled: usize,
}

/// One certified route: what was promised and what happened.
#[derive(Debug)]
struct RouteSummary {
    name: &'static str,
    certificate: Option<Certificate>,
    calibration: String,
    requests: usize,
    local: usize,
    /// Requests answered locally and wrongly that the large model answers rightly.
    regretted: usize,
}

/// Puts the demo's findings together. Money comes from the ledger alone.
pub(super) async fn summarise(
    graded: &[Graded],
    calibrations: &Calibrations,
    ledger: &Ledger,
    large: &Large,
) -> Result<Summary, Failure> {
    let report = Report::from_ledger(ledger, Query::default())
        .await
        .map_err(Failure::environment)?;
    Ok(Summary {
        requests: graded.len(),
        errors: graded.iter().filter(|g| g.outcome.answer.is_err()).count(),
        report,
        quality: quality(graded),
        local_latency: latencies(graded, "local"),
        escalated_latency: latencies(graded, "upstream"),
        routes: [Step::Intents, Step::Slots]
            .into_iter()
            .map(|step| route_summary(step, graded, calibrations))
            .collect(),
        upstream: large.name.clone(),
    })
}

fn quality(graded: &[Graded]) -> Option<Quality> {
    let marks: Vec<Marks> = graded.iter().filter_map(|g| g.marks).collect();
    if marks.is_empty() {
        return None;
    }
    let share =
        |right: fn(&Marks) -> bool| ratio(marks.iter().filter(|m| right(m)).count(), marks.len());
    Some(Quality {
        gateway: share(|m| m.gateway),
        upstream_only: share(|m| m.upstream_only),
        local_only: share(|m| m.local_only),
        labelled: marks.len(),
    })
}

fn latencies(graded: &[Graded], source: &str) -> Vec<Duration> {
    let answered = graded
        .iter()
        .filter(|g| g.outcome.answer.is_ok() && g.outcome.source == source);
    let mut all: Vec<Duration> = answered.map(|g| g.outcome.latency).collect();
    all.sort_unstable();
    all
}

fn route_summary(step: Step, graded: &[Graded], calibrations: &Calibrations) -> RouteSummary {
    let calibration = calibrations.get(step.route());
    let of_step: Vec<&Graded> = graded
        .iter()
        .filter(|g| g.outcome.request.step == step)
        .collect();
    let local = of_step.iter().filter(|g| g.outcome.source == "local");
    let regretted = local
        .clone()
        .filter(|g| g.marks.is_some_and(|m| !m.gateway && m.upstream_only));
    RouteSummary {
        name: step.route(),
        certificate: calibration.and_then(|c| c.certificate.clone()),
        calibration: calibration
            .map(crate::cli::calibrate::describe)
            .unwrap_or_default(),
        requests: of_step.len(),
        local: local.count(),
        regretted: regretted.count(),
    }
}

impl RouteSummary {
    fn regret(&self) -> f64 {
        ratio(self.regretted, self.requests)
    }

    fn json(&self) -> Value {
        let certificate = self.certificate.as_ref();
        json!({
            "max_regret": certificate.map(|c| c.target.max_regret().get()),
            "assurance": certificate.map(|c| c.target.assurance().get()),
            "n": certificate.map(|c| c.n),
            "threshold": certificate.map(|c| c.threshold.get()),
            "bound": certificate.map(|c| c.bound.get()),
            "regret_realised": self.regret(),
            "coverage": ratio(self.local, self.requests),
            "requests": self.requests,
        })
    }
}

impl Summary {
    /// One JSON object; `certificate` is that of the intent route, `certificates` has all.
    pub(super) fn json(&self) -> String {
        let totals = &self.report.totals;
        let certificates: BTreeMap<&str, Value> =
            self.routes.iter().map(|r| (r.name, r.json())).collect();
        let value = json!({
            "requests": self.requests,
            "errors": self.errors,
            "local": totals.local,
            "escalated": totals.escalated,
            "cache": totals.cache,
            "reasons": totals.reasons,
            "cost_actual_usd": totals.cost_actual,
            "cost_baseline_usd": totals.cost_baseline,
            "net_saving_usd": totals.net_saving,
            "net_saving_ratio": totals.net_saving_ratio.and_then(|r| r.round_dp(4).to_f64()),
            "quality": self.quality.map(|q| json!({
                "gateway": q.gateway, "upstream_only": q.upstream_only, "local_only": q.local_only,
                "labelled": q.labelled,
            })),
            "latency_ms": {
                "local_p50": percentile_ms(&self.local_latency, 50),
                "local_p95": percentile_ms(&self.local_latency, 95),
                "escalated_p50": percentile_ms(&self.escalated_latency, 50),
                "escalated_p95": percentile_ms(&self.escalated_latency, 95),
            },
            "certificate": self.routes.first().map(RouteSummary::json),
            "certificates": certificates,
            "upstream": self.upstream,
        });
        format!("{value:#}")
    }

    /// Tables and words for a terminal.
    pub(super) fn text(&self, address: SocketAddr, serving: bool) -> String {
        let mut text = String::new();
        let report = self
            .report
            .render(Format::Table, terminal_width())
            .unwrap_or_default();
        let _ = writeln!(text, "{report}");
        let _ = writeln!(
            text,
            "Quality against gold answers\n{}\n",
            self.quality_table()
        );
        let _ = writeln!(text, "{}\n", self.latency_line());
        let _ = writeln!(text, "Certificates\n{}", self.certificate_table());
        for route in &self.routes {
            let _ = writeln!(text, "{}: {}", route.name, route.calibration);
        }
        let _ = writeln!(text, "\n{}", self.caveat());
        let _ = writeln!(text, "\n{}", curl_lines(address, serving));
        text
    }

    fn quality_table(&self) -> Table {
        let mut table = plain_table(["answered by", "right", ""]);
        let Some(quality) = self.quality else {
            return table;
        };
        for (name, share) in [
            ("gateway", quality.gateway),
            ("large model only", quality.upstream_only),
            ("small model only", quality.local_only),
        ] {
            table.add_row([name.to_owned(), percent(share), bar(share)]);
        }
        table
    }

    fn latency_line(&self) -> String {
        let both = |sorted: &[Duration]| {
            let at = |percent| {
                percentile_ms(sorted, percent).map_or_else(|| "-".to_owned(), |ms| ms.to_string())
            };
            format!("p50 {} ms, p95 {} ms", at(50), at(95))
        };
        format!(
            "Latency as the clients saw it: local {}; escalated {}",
            both(&self.local_latency),
            both(&self.escalated_latency)
        )
    }

    fn certificate_table(&self) -> Table {
        let mut table = plain_table([
            "route",
            "promised regret",
            "proven bound",
            "labelled",
            "realised",
            "answered locally",
        ]);
        for route in &self.routes {
            let (promised, bound, n) = match &route.certificate {
                Some(c) => (
                    format!("{} at {}", c.target.max_regret(), c.target.assurance()),
                    percent(c.bound.get()),
                    c.n.to_string(),
                ),
                None => (
                    "none: everything escalates".to_owned(),
                    "-".to_owned(),
                    "-".to_owned(),
                ),
            };
            let realised = format!(
                "{} ({} of {})",
                percent(route.regret()),
                route.regretted,
                route.requests
            );
            let local = percent(ratio(route.local, route.requests));
            table.add_row([route.name.to_owned(), promised, bound, n, realised, local]);
        }
        table
    }

    fn caveat(&self) -> String {
        if self.upstream == "stand-in" {
            return "The large model here is a stand-in that knows the gold answers and errs in 3 % of them on \
                    purpose: its quality, price and speed are examples. The small model, its confidence, the \
                    decisions and the bookkeeping are real. Ledger: smallfirst-demo.db"
                .to_owned();
        }
        format!(
            "The large model is {}. Prices are examples. Ledger: smallfirst-demo.db",
            self.upstream
        )
    }
}

fn plain_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn bar(share: f64) -> String {
    let filled = (0..20)
        .filter(|i| f64::from(*i) + 0.5 < share * 20.0)
        .count();
    format!("{}{}", "█".repeat(filled), "·".repeat(20 - filled))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a demo are far below 2^52"
)]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Nearest-rank percentile of sorted values, in milliseconds with one decimal.
fn percentile_ms(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let value = sorted.get(rank - 1)?;
    Some((value.as_secs_f64() * 10_000.0).round() / 10.0)
}

fn curl_lines(address: SocketAddr, serving: bool) -> String {
    let (at, hint) = if serving {
        (address.to_string(), "Go on with")
    } else {
        (
            "127.0.0.1:8080".to_owned(),
            "Go on with `smallfirst demo --serve --listen 127.0.0.1:8080`, then",
        )
    };
    let intent = |user: &str| {
        json!({ "model": CLIENT_MODEL, "messages": [
            { "role": "system", "content": INTENT_PROMPT }, { "role": "user", "content": user }] })
        .to_string()
    };
    let mut open = json!({ "model": CLIENT_MODEL, "stream": true, "messages": [] });
    open["messages"] = json!([{ "role": "user", "content": "Plan a week of dinners for four." }]);
    let call = |body: &str| {
        format!(
            "curl -si http://{at}/v1/chat/completions -H 'authorization: Bearer {KEY}' -d '{body}'"
        )
    };
    format!(
        "{hint}:\n{}\n{}\n{}",
        call(&intent("move fifty dollars from savings to checking")),
        call(&intent("who won the war of 1812")),
        call(&open.to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let sorted: Vec<Duration> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&sorted, 50), Some(10.0));
        assert_eq!(percentile_ms(&sorted, 95), Some(19.0));
        assert_eq!(percentile_ms(&[], 50), None);
    }

    #[test]
    fn bars_fill_up() {
        assert_eq!(bar(0.0).matches('█').count(), 0);
        assert_eq!(bar(0.5).matches('█').count(), 10);
        assert_eq!(bar(1.0).matches('█').count(), 20);
    }
}
