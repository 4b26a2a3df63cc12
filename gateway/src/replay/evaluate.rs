//! From a recording to figures.

use router_policies::{
    Certified, Outcome, Proof, Ranking, RiskTarget, expected_error, reliability,
};
use rust_decimal::prelude::ToPrimitive;

use super::picture::Pictures;
use super::recording::Recording;
use super::score::{Judged, Tested, judge};
use super::{Figures, Part, Replay};
use crate::ledger::Usd;

pub(super) fn evaluate(recording: &Recording, target: RiskTarget) -> Replay {
    let (mut routes, mut notes, mut all) = (Vec::new(), Vec::new(), Pool::default());
    if recording.repeated > 0 {
        notes.push(format!(
            "Rows that repeat the id of another: {}; a proof takes rows to be independent",
            recording.repeated
        ));
    }
    for (name, route) in &recording.routes {
        let judged = judge(name, route, &target);
        notes.extend(judged.notes.iter().cloned());
        notes.extend(unproven(name, &judged));
        let proven = Proven::of(&judged);
        let mut part = part(name, &judged.tested, judged.ranked, proven, &target);
        part.pictures = part.pictures.about(name);
        routes.push(part);
        all.add(judged);
    }
    let alone = recording.routes.len() == 1;
    // The bound of one route says nothing about several.
    let proven = Proven {
        certified: all.certified.filter(|_| alone),
        rows: all.proving,
    };
    let mut pooled = part("pooled", &all.tested, all.ranked, proven, &target);
    pooled.pictures = pooled.pictures.about(match recording.routes.keys().next() {
        Some(name) if alone => name,
        _ => "all routes",
    });
    Replay {
        target,
        routes,
        pooled,
        notes,
    }
}

/// All routes together.
struct Pool {
    tested: Vec<Tested>,
    ranked: bool,
    proving: u64,
    certified: Option<Certified>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            tested: Vec::new(),
            ranked: true,
            proving: 0,
            certified: None,
        }
    }
}

impl Pool {
    fn add(&mut self, judged: Judged) {
        self.ranked &= judged.ranked;
        self.proving += judged.proving;
        self.certified = certified(&judged);
        self.tested.extend(judged.tested);
    }
}

/// What the calibration rows proved.
#[derive(Clone, Copy)]
pub(super) struct Proven {
    pub(super) certified: Option<Certified>,
    pub(super) rows: u64,
}

impl Proven {
    const fn of(judged: &Judged) -> Self {
        Self {
            certified: certified(judged),
            rows: judged.proving,
        }
    }
}

const fn certified(judged: &Judged) -> Option<Certified> {
    match &judged.proof {
        Some(Proof::Certified(certified)) => Some(*certified),
        _ => None,
    }
}

fn unproven(name: &str, judged: &Judged) -> Option<String> {
    match judged.proof.as_ref()? {
        Proof::Certified(_) => None,
        Proof::NotEnough { needed, have } => Some(format!(
            "{name}: nothing is proven, so everything escalates: of {needed} calibration rows that the target needs, \
             {have} are there"
        )),
        Proof::NoThreshold {
            accepted, losses, ..
        } => Some(format!(
            "{name}: nothing is proven, so everything escalates: of the {accepted} surest drafts {losses} were bad, \
             too many for the target"
        )),
    }
}

pub(super) fn part(
    name: &str,
    rows: &[Tested],
    ranked: bool,
    proven: Proven,
    target: &RiskTarget,
) -> Part {
    let outcomes: Vec<Outcome> = rows.iter().map(|row| row.outcome).collect();
    let ranking = Ranking::new(&outcomes).filter(|_| ranked);
    let claims = || rows.iter().filter_map(|row| row.claim);
    let raw = reliability(claims().map(|claim| (claim.raw, claim.observed)));
    let calibrated = reliability(claims().filter_map(|c| Some((c.calibrated?, c.observed))));
    let figures = Figures {
        n_calibration: proven.rows,
        ece_raw: expected_error(&raw),
        ece_calibrated: expected_error(&calibrated),
        threshold: proven.certified.map(|c| c.threshold.get()),
        regret_bound: proven.certified.map(|c| c.bound.get()),
        cost_ratio: cost_ratio(rows),
        ..ordered(ranking.as_ref(), policy(rows))
    };
    let pictures = Pictures::new(rows, ranking.as_ref(), (raw, calibrated), &figures, target);
    Part {
        name: name.to_owned(),
        figures,
        pictures,
    }
}

/// What the policy does, whatever the order.
fn policy(rows: &[Tested]) -> Figures {
    let n = rows.len();
    let mean =
        |value: fn(&Tested) -> f64| (n > 0).then(|| rows.iter().map(value).sum::<f64>() / real(n));
    let upstream_accuracy = mean(|row| row.outcome.upstream.get());
    let kept = mean(|row| {
        let Outcome {
            local, upstream, ..
        } = row.outcome;
        (if row.accepted { local } else { upstream }).get()
    });
    let share = |which: fn(&Tested) -> bool| mean_of(rows, which);
    Figures {
        n: u64::try_from(n).unwrap_or(u64::MAX),
        local_accuracy: mean(|row| row.outcome.local.get()),
        upstream_accuracy,
        coverage: share(|row| row.accepted),
        regret_realised: share(|row| row.accepted && row.outcome.is_bad()),
        quality_kept: kept
            .zip(upstream_accuracy)
            .and_then(|(kept, upstream)| (upstream > 0.0).then(|| kept / upstream)),
        ..Figures::default()
    }
}

fn mean_of(rows: &[Tested], which: fn(&Tested) -> bool) -> f64 {
    let hits = rows.iter().filter(|row| which(row)).count();
    real(hits) / real(rows.len().max(1))
}

/// What the order of doubt is worth.
fn ordered(ranking: Option<&Ranking>, figures: Figures) -> Figures {
    let Some(ranking) = ranking else {
        return figures;
    };
    Figures {
        auroc: ranking.auroc(),
        aurc: Some(ranking.aurc()),
        apgr: ranking.apgr(),
        cpt50: ranking.cpt(0.5),
        cpt80: ranking.cpt(0.8),
        calls_for_95_percent_quality: ranking.calls_for(0.95),
        calls_for_98_percent_quality: ranking.calls_for(0.98),
        calls_for_100_percent_quality: ranking.calls_for(1.0),
        ..figures
    }
}

/// Drafts are always paid for, calls where the draft was not accepted.
fn cost_ratio(rows: &[Tested]) -> Option<f64> {
    let (mut spent, mut everything) = (Usd::ZERO, Usd::ZERO);
    for row in rows {
        let (local, upstream) = row.costs?;
        everything = everything.saturating_add(upstream);
        spent = spent.saturating_add(local);
        if !row.accepted {
            spent = spent.saturating_add(upstream);
        }
    }
    spent.share_of(everything)?.to_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows stay far below 2^53, where the conversion is exact"
)]
pub(super) const fn real(count: usize) -> f64 {
    count as f64
}
