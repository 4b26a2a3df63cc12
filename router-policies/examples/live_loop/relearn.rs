//! The same switch with a scorer that is fitted anew.

use router_policies::{
    Event, Features, Finish, Label, Labelled, Learner, LiveSettings, Observation, Probability,
    Scorer, Signals, Step, TokenSignal,
};
use serde_json::{Value, json};

use crate::stream::{Random, Recorded};
use crate::summary;

/// Drafts as the gateway sees them: features, and whether the upstream would have done better.
pub(crate) struct Drafts {
    pub(crate) rows: Vec<(Features, bool)>,
}

/// A draft of one token with the recorded confidence.
fn features(confidence: Probability) -> Option<Features> {
    let logprob = confidence.get().ln().max(-100.0);
    let margin = (confidence.get() / confidence.complement().get().max(1e-9)).ln();
    let token: TokenSignal = serde_json::from_value(json!({
        "logprob": logprob, "margin": margin.clamp(-100.0, 100.0), "entropy": 0.0, "legal_mass": 1.0, "forced": false,
    }))
    .ok()?;
    let mut signals = Signals::new();
    signals.push(0, token);
    Some(signals.features(Finish::Stop))
}

impl Drafts {
    /// Those of the calibration rows, and the others.
    pub(crate) fn of(recorded: &[Recorded]) -> [Self; 2] {
        let rows = |calibration: bool| {
            let rows = recorded
                .iter()
                .filter(|row| row.is_calibration() == calibration);
            let rows = rows.filter_map(|row| Some((features(row.confidence)?, row.bad())));
            Self {
                rows: rows.collect(),
            }
        };
        [rows(true), rows(false)]
    }

    fn draw(&self, random: &mut Random) -> Option<(Features, bool)> {
        self.rows.get(random.below(self.rows.len())).copied()
    }

    /// The true regret and coverage of what a learner accepts.
    fn truth(&self, learner: &Learner) -> (f64, f64) {
        let Some(threshold) = learner.threshold() else {
            return (0.0, 0.0);
        };
        let accepted = || {
            let within = |row: &&(Features, bool)| learner.scorer().p_bad(&row.0) <= threshold;
            self.rows.iter().filter(within)
        };
        let real = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let share = |count: usize| real(count) / real(self.rows.len());
        (
            share(accepted().filter(|row| row.1).count()),
            share(accepted().count()),
        )
    }
}

#[derive(Default)]
struct Tally {
    accepted: u32,
    regretted: u32,
    audits: u32,
    certified: Option<u32>,
    alarm: Option<u32>,
    fits: u32,
    broken: bool,
    coverage_at_end: f64,
}

fn phase(learner: &mut Learner, random: &mut Random, drafts: &Drafts, requests: u32) -> Tally {
    let mut tally = Tally::default();
    for request in 1..=requests {
        let Some((features, bad)) = drafts.draw(random) else {
            break;
        };
        let p_bad = learner.scorer().p_bad(&features);
        let sampling = learner.sampling(p_bad, true);
        let drawn = sampling.draws(random.uniform());
        tally.accepted += u32::from(sampling.accept);
        tally.regretted += u32::from(sampling.accept && bad);
        tally.audits += u32::from(sampling.accept && drawn);
        let seen = Observation {
            p_bad,
            sampling,
            label: if drawn {
                Label::of(bad)
            } else {
                Label::NotDrawn
            },
            decision_tokens: None,
            prompt_logprob: None,
        };
        let example = Labelled {
            features,
            valid: true,
            bad,
        };
        match learner.observe(&seen, drawn.then_some(&example)) {
            Some(Step::Learnt(Event::Certified(_))) => {
                tally.certified.get_or_insert(request);
                let (regret, _) = drafts.truth(learner);
                tally.broken |= regret > learner.settings().target.max_regret().get();
            }
            Some(Step::Learnt(Event::Voided(_))) => {
                tally.certified = None;
                tally.alarm.get_or_insert(request);
            }
            Some(Step::Refitted) => tally.fits += 1,
            None => {}
        }
    }
    tally.coverage_at_end = drafts.truth(learner).1;
    tally
}

fn told(tallies: &[Tally], requests: u32) -> Value {
    let each = |f: &dyn Fn(&Tally) -> f64| summary(tallies.iter().map(f).collect());
    let some = |f: &dyn Fn(&Tally) -> Option<u32>| {
        summary(tallies.iter().filter_map(f).map(f64::from).collect())
    };
    let share = |part: u32| f64::from(part) / f64::from(requests.max(1));
    json!({
        "coverage": each(&|t| share(t.accepted)),
        "coverage_at_end": each(&|t| t.coverage_at_end),
        "realised_regret": each(&|t| share(t.regretted)),
        "audits": each(&|t| f64::from(t.audits)),
        "requests_to_certificate": some(&|t| t.certified),
        "requests_to_first_alarm": some(&|t| t.alarm),
        "scorers_fitted": each(&|t| f64::from(t.fits)),
        "streams_with_a_broken_threshold": tallies.iter().filter(|t| t.broken).count(),
    })
}

/// First one kind of traffic, with a scorer fitted to its calibration rows, then another.
pub(crate) fn switch(
    settings: LiveSettings,
    calibration: &Drafts,
    traffic: [&Drafts; 2],
    [requests, seeds]: [u32; 2],
) -> Value {
    let scorer = Scorer::fit(&calibration.rows).unwrap_or_else(|_| Scorer::from_probability());
    let mut phases: [Vec<Tally>; 2] = Default::default();
    for seed in 0..seeds {
        let mut random = Random(u64::from(seed) * 7_919 + 1);
        let mut learner = Learner::new(settings, scorer.clone());
        for (drafts, tallies) in traffic.into_iter().zip(&mut phases) {
            tallies.push(phase(&mut learner, &mut random, drafts, requests));
        }
    }
    let [before, after] = phases;
    json!({ "before": told(&before, requests), "after": told(&after, requests) })
}
