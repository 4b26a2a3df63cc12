//! The charts of a replay: how honest the confidence is, what it is worth, what it saves.

use router_policies::{Bin, Ranking, RiskTarget};
use rust_decimal::prelude::ToPrimitive;

use super::Figures;
use super::evaluate::real;
use super::score::Tested;
use crate::chart::{Axis, Bars, Chart, Look, Series, thinned};
use crate::ledger::Usd;

/// The three charts, as far as there is something to draw.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    charts: Vec<(&'static str, Chart)>,
}

impl Pictures {
    pub(super) fn new(
        rows: &[Tested],
        ranking: Option<&Ranking>,
        (raw, calibrated): (Vec<Bin>, Vec<Bin>),
        figures: &Figures,
        target: &RiskTarget,
    ) -> Self {
        let mut charts = Vec::new();
        if raw.iter().any(|bin| bin.rows > 0) {
            charts.push(("calibration", honesty(&raw, &calibrated, figures)));
        }
        if let Some(ranking) = ranking {
            charts.push(("risk-coverage", risk(ranking, figures, target)));
            charts.push(("cost-quality", savings(rows, ranking, figures)));
        }
        Self { charts }
    }

    /// The same charts, with whom they are about in their titles.
    pub(super) fn about(mut self, name: &str) -> Self {
        for (_, chart) in &mut self.charts {
            chart.title = format!("{}: {name}", chart.title);
        }
        self
    }

    /// File names without their ending, and charts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Chart)> {
        self.charts.iter().map(|(name, chart)| (*name, chart))
    }
}

/// The calibration curve (reliability diagram).
fn honesty(raw: &[Bin], calibrated: &[Bin], figures: &Figures) -> Chart {
    let places = |bins: &[Bin]| -> Vec<(f64, f64)> {
        let filled = bins.iter().filter(|bin| bin.rows > 0);
        filled.map(|bin| (bin.predicted, bin.observed)).collect()
    };
    let error = |error: Option<f64>| {
        error.map_or_else(|| "unknown".to_owned(), |error| format!("{error:.3}"))
    };
    let (before, after) = (error(figures.ece_raw), error(figures.ece_calibrated));
    Chart {
        title: "How honest the confidence is".to_owned(),
        description: format!(
            "Calibration curve in 15 bins. The closer to the diagonal the more honest. Expected calibration error as \
             recorded {before}, calibrated {after}."
        ),
        x: Axis::around("confidence", 0.0, 1.0),
        y: Axis::around("share that was right", 0.0, 1.0),
        series: vec![
            Series::new("honest", Look::Dotted, [(0.0, 0.0), (1.0, 1.0)]),
            Series::new(
                format!("as recorded (error {before})"),
                Look::Rings,
                places(raw),
            ),
            Series::new(
                format!("calibrated (error {after})"),
                Look::Dots,
                places(calibrated),
            ),
        ],
        bars: Some(Bars {
            name: "rows per bin, as recorded",
            counts: raw.iter().map(|bin| bin.rows).collect(),
        }),
    }
}

/// The risk-coverage curve.
fn risk(ranking: &Ranking, figures: &Figures, target: &RiskTarget) -> Chart {
    let all: Vec<_> = ranking.points().collect();
    let regret: Vec<_> = all.iter().map(|p| (p.coverage, p.regret)).collect();
    // Nothing accepted has no error among the accepted, and the first few are mostly noise.
    let error: Vec<_> = all
        .iter()
        .filter(|p| p.coverage > 0.01)
        .map(|p| (p.coverage, p.risk))
        .collect();
    let limit = target.max_regret();
    let highest = regret.iter().chain(&error).map(|(_, y)| *y);
    let highest = highest.fold(limit.get() * 1.5, f64::max);
    let chosen = (figures.coverage, figures.regret_realised);
    let mut series = vec![
        Series::new("error among accepted", Look::Dashed, thinned(&error)),
        Series::new("regret over all traffic", Look::Line, thinned(&regret)),
        Series::new(
            format!("most regret, {limit}"),
            Look::Dotted,
            [(0.0, limit.get()), (1.0, limit.get())],
        ),
    ];
    if figures.coverage > 0.0 {
        series.push(Series::new("chosen", Look::Star, [chosen]));
    }
    Chart {
        title: "What is risked for how much answered locally".to_owned(),
        description: format!(
            "Risk-coverage curve. At the chosen threshold {:.1} % are answered locally, with a regret of {:.2} % of all \
             traffic.",
            chosen.0 * 100.0,
            chosen.1 * 100.0
        ),
        x: Axis::around("answered locally", 0.0, 1.0),
        y: Axis::around("wrong or regretted", 0.0, highest.min(1.0)),
        series,
        bars: None,
    }
}

/// The cost-quality curve. Costs are shares of sending everything upstream; without recorded costs, calls are.
fn savings(rows: &[Tested], ranking: &Ranking, figures: &Figures) -> Chart {
    let costs = Costs::new(rows);
    let curve = costs.by_doubt(rows);
    let oracle = costs.by_gain(rows);
    let local = (costs.of_drafts(rows), ranking.local_accuracy());
    let upstream = (1.0, ranking.upstream_accuracy());
    let kept = figures.quality_kept.unwrap_or(0.0) * upstream.1;
    let spent = figures.cost_ratio.filter(|_| costs.priced);
    let chosen = (spent.unwrap_or(1.0 - figures.coverage), kept);
    let (low, high, far) = curve
        .iter()
        .chain(&oracle)
        .chain([&local, &upstream])
        .fold((1.0_f64, 0.0_f64, 1.0_f64), |(low, high, far), (x, y)| {
            (low.min(*y), high.max(*y), far.max(*x))
        });
    let label = if costs.priced {
        "cost, as a share of sending everything upstream"
    } else {
        "upstream calls, as a share of all requests"
    };
    Chart {
        title: "What quality costs".to_owned(),
        description: format!(
            "Cost-quality curve. The local model alone is right in {:.1} %, the upstream in {:.1} %, the policy in \
             {:.1} % at {:.1} % of the cost of sending everything upstream.",
            local.1 * 100.0,
            upstream.1 * 100.0,
            chosen.1 * 100.0,
            chosen.0 * 100.0
        ),
        // Drafts that cost next to nothing get no room of their own.
        x: Axis::around(label, 0.0, if far < 1.02 { 1.0 } else { far }),
        y: Axis::around("right", low, high),
        series: vec![
            Series::new("oracle", Look::Dashed, thinned(&oracle)),
            Series::new("at random", Look::Dotted, [local, upstream]),
            Series::new("by doubt", Look::Line, thinned(&curve)),
            Series::new("local only", Look::Triangle, [local]),
            Series::new("upstream only", Look::Square, [upstream]),
            Series::new("chosen", Look::Star, [chosen]),
        ],
        bars: None,
    }
}

/// Costs as shares of the cost of sending everything upstream. They only place points in a chart, so they need not be
/// exact.
struct Costs {
    priced: bool,
    everything: f64,
}

impl Costs {
    fn new(rows: &[Tested]) -> Self {
        let total: Option<f64> = rows
            .iter()
            .map(|r| r.costs.map(|(_, cost)| dollars(cost)))
            .sum();
        let total = total.filter(|total| *total > 0.0);
        Self {
            priced: total.is_some(),
            everything: total.unwrap_or_else(|| real(rows.len())),
        }
    }

    /// Shares for the draft and for the upstream's answer of a row. Without prices drafts are free and calls are equal.
    fn of(&self, row: &Tested) -> (f64, f64) {
        match row.costs.filter(|_| self.priced) {
            Some((local, upstream)) => (
                dollars(local) / self.everything,
                dollars(upstream) / self.everything,
            ),
            None => (0.0, 1.0 / self.everything),
        }
    }

    /// All drafts.
    fn of_drafts(&self, rows: &[Tested]) -> f64 {
        rows.iter().map(|row| self.of(row).0).sum()
    }

    /// Cost and accuracy when the most doubtful are escalated first, after drafting.
    fn by_doubt(&self, rows: &[Tested]) -> Vec<(f64, f64)> {
        let mut order: Vec<&Tested> = rows.iter().collect();
        order.sort_unstable_by_key(|row| std::cmp::Reverse(row.outcome.doubt));
        let (mut x, mut y) = (self.of_drafts(rows), accuracy(rows));
        let mut points = vec![(x, y)];
        // Rows of one doubt go together.
        for tie in order.chunk_by(|a, b| a.outcome.doubt == b.outcome.doubt) {
            for row in tie {
                x += self.of(row).1;
                y += gain(row) / real(rows.len());
            }
            points.push((x, y));
        }
        points
    }

    /// Cost and accuracy when someone who knows the outcome escalates before drafting, the greatest gain first, and
    /// stops when there is none left.
    fn by_gain(&self, rows: &[Tested]) -> Vec<(f64, f64)> {
        let mut order: Vec<&Tested> = rows.iter().filter(|row| gain(row) > 0.0).collect();
        order.sort_by(|a, b| gain(b).total_cmp(&gain(a)));
        let (mut x, mut y) = (self.of_drafts(rows), accuracy(rows));
        let mut points = vec![(x, y)];
        for row in order {
            let (local, upstream) = self.of(row);
            x += upstream - local;
            y += gain(row) / real(rows.len());
            points.push((x, y));
        }
        let mut points = thinned(&points);
        points.push((1.0, y));
        points
    }
}

fn gain(row: &Tested) -> f64 {
    row.outcome.upstream.get() - row.outcome.local.get()
}

fn accuracy(rows: &[Tested]) -> f64 {
    rows.iter().map(|row| row.outcome.local.get()).sum::<f64>() / real(rows.len())
}

fn dollars(cost: Usd) -> f64 {
    cost.as_decimal().to_f64().unwrap_or(0.0)
}
