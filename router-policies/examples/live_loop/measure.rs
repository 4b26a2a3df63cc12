//! What is measured.

use std::collections::BTreeMap;

use router_policies::{
    AlarmCause, Event, Label, LiveSettings, Observation, Probability, Proof, RouteLearning, certify,
};
use serde_json::{Value, json};

use crate::stream::{Random, Traffic};
use crate::{summary, truth};

/// What one phase of one stream came to.
#[derive(Default)]
struct Tally {
    requests: u32,
    accepted: u32,
    regretted: u32,
    audits: u32,
    /// Requests until the first threshold.
    certified: Option<u32>,
    alarms: Vec<(u32, u32, AlarmCause)>,
    /// A threshold was in force whose true regret breaks the target.
    broken: bool,
}

/// Sends one request through.
fn step(
    learning: &mut RouteLearning,
    random: &mut Random,
    traffic: &Traffic,
    tally: &mut Tally,
) -> (Probability, bool) {
    let (p_bad, bad) = random.row(traffic);
    let sampling = learning.sampling(p_bad, true);
    let drawn = sampling.draws(random.uniform());
    tally.requests += 1;
    tally.accepted += u32::from(sampling.accept);
    tally.regretted += u32::from(sampling.accept && bad);
    tally.audits += u32::from(sampling.accept && drawn);
    let event = learning.observe(&Observation {
        p_bad,
        sampling,
        label: if drawn {
            Label::of(bad)
        } else {
            Label::NotDrawn
        },
        decision_tokens: None,
        prompt_logprob: None,
    });
    match event {
        Some(Event::Certified(proof)) => {
            tally.certified.get_or_insert(tally.requests);
            let (regret, _) = truth(traffic, Some(proof.threshold));
            tally.broken |= regret > learning.settings().target.max_regret().get();
        }
        Some(Event::Voided(alarm)) => {
            tally.certified = None;
            tally
                .alarms
                .push((tally.requests, tally.audits, alarm.cause));
        }
        None => {}
    }
    (p_bad, bad)
}

fn run(
    learning: &mut RouteLearning,
    random: &mut Random,
    traffic: &Traffic,
    requests: u32,
) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..requests {
        step(learning, random, traffic, &mut tally);
    }
    tally
}

const fn name(cause: &AlarmCause) -> &'static str {
    match cause {
        AlarmCause::Shift { .. } => "shift",
        AlarmCause::EscalationRate { .. } => "escalation_rate",
        AlarmCause::AuditedLoss { .. } => "audited_loss",
        _ => "other",
    }
}

fn causes<'a>(tallies: impl Iterator<Item = &'a Tally>) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for (_, _, cause) in tallies.flat_map(|tally| &tally.alarms) {
        *counts.entry(name(cause)).or_insert(0) += 1;
    }
    counts
}

fn share(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
}

fn phase(tallies: &[Tally], traffic: &Traffic, thresholds: Vec<Option<Probability>>) -> Value {
    let each = |f: fn(&Tally) -> f64| summary(tallies.iter().map(f).collect());
    let final_coverage = thresholds
        .into_iter()
        .map(|t| truth(traffic, t).1)
        .collect();
    json!({
        "coverage": each(|t| share(t.accepted, t.requests)),
        "coverage_at_end": summary(final_coverage),
        "realised_regret": each(|t| share(t.regretted, t.requests)),
        "audits": each(|t| f64::from(t.audits)),
        "requests_to_certificate": summary(tallies.iter().filter_map(|t| t.certified.map(f64::from)).collect()),
        "requests_to_first_alarm": summary(tallies.iter().filter_map(|t| t.alarms.first().map(|a| f64::from(a.0))).collect()),
        "audits_to_first_alarm": summary(tallies.iter().filter_map(|t| t.alarms.first().map(|a| f64::from(a.1))).collect()),
        "alarms": causes(tallies.iter()),
        "streams_with_a_broken_threshold": tallies.iter().filter(|t| t.broken).count(),
    })
}

/// First one kind of traffic, then another.
pub(crate) fn switch(
    settings: LiveSettings,
    traffic: [&Traffic; 2],
    requests: u32,
    seeds: u32,
) -> Value {
    let mut phases: [(Vec<Tally>, Vec<Option<Probability>>); 2] = Default::default();
    for seed in 0..seeds {
        let mut random = Random(u64::from(seed) * 7_919 + 1);
        let mut learning = RouteLearning::new(settings);
        for (traffic, (tallies, thresholds)) in traffic.into_iter().zip(&mut phases) {
            tallies.push(run(&mut learning, &mut random, traffic, requests));
            thresholds.push(learning.threshold());
        }
    }
    let [(before, at_before), (after, at_after)] = phases;
    json!({
        "before": phase(&before, traffic[0], at_before),
        "after": phase(&after, traffic[1], at_after),
    })
}

/// One kind of traffic that stays as it is: every alarm is false.
pub(crate) fn quiet(settings: LiveSettings, traffic: &Traffic, requests: u32, seeds: u32) -> Value {
    let (mut tallies, mut thresholds) = (Vec::new(), Vec::new());
    for seed in 0..seeds {
        let mut random = Random(u64::from(seed) * 104_729 + 2);
        let mut learning = RouteLearning::new(settings);
        tallies.push(run(&mut learning, &mut random, traffic, requests));
        thresholds.push(learning.threshold());
    }
    let alarms: u32 = causes(tallies.iter()).into_values().sum();
    let total = f64::from(requests) * f64::from(seeds);
    let mut found = phase(&tallies, traffic, thresholds);
    if let Some(found) = found.as_object_mut() {
        found.insert("false_alarms".into(), json!(alarms));
        found.insert(
            "false_alarms_per_100000".into(),
            json!(f64::from(alarms) * 1e5 / total),
        );
    }
    found
}

/// The live certificate against the exact one of [`certify`] on the same labels, at fixed numbers of them. The exact one
/// may look once; the live one has looked after every label.
pub(crate) fn parity(settings: LiveSettings, traffic: &Traffic, seeds: u32) -> Value {
    let mut found = serde_json::Map::new();
    for n in [250_u32, 500, 1_000, 2_000, 5_000] {
        let mut kinds: [(Vec<f64>, u32); 2] = Default::default();
        for seed in 0..seeds.max(100) {
            let mut random = Random(u64::from(seed) * 15_485_863 + 3);
            // A route that is kept learning, so that every label is known.
            let mut learning = RouteLearning::new(settings);
            let mut rows = Vec::new();
            let mut last = None;
            for _ in 0..n {
                let (p_bad, bad) = random.row(traffic);
                rows.push((p_bad, bad));
                let sampling = RouteLearning::new(settings).sampling(p_bad, true);
                let _ = learning.observe(&Observation {
                    p_bad,
                    sampling,
                    label: Label::of(bad),
                    decision_tokens: None,
                    prompt_logprob: None,
                });
                last = learning
                    .report()
                    .proof
                    .map(|proof| proof.threshold)
                    .or(last);
            }
            let batch = match certify(&rows, &settings.target) {
                Proof::Certified(certified) => Some(certified.threshold),
                Proof::NotEnough { .. } | Proof::NoThreshold { .. } => None,
            };
            for (threshold, (coverages, broken)) in [last, batch].into_iter().zip(&mut kinds) {
                let (regret, coverage) = truth(traffic, threshold);
                coverages.push(coverage);
                *broken += u32::from(regret > settings.target.max_regret().get());
            }
        }
        let [live, exact] = kinds
            .map(|(coverages, broken)| json!({ "coverage": summary(coverages), "broken": broken }));
        found.insert(n.to_string(), json!({ "live": live, "exact": exact }));
    }
    Value::Object(found)
}
