use std::cmp::Ordering;

use proptest::prelude::*;

use super::{Scorer, ScorerError};
use crate::random::Random;
use crate::signals::{Features, Finish, Role, Signals, TokenSignal};
use crate::units::Probability;

/// A draft whose margins and logprobs know something of its quality and whose length knows nothing.
fn draft(random: &mut Random) -> (Features, bool) {
    let quality = random.normal();
    let mut signals = Signals::new();
    for id in 0..3 + u32::from(random.chance(0.5)) * 5 {
        let surprise = (-2.5 - 1.5 * quality + random.normal()).exp();
        let margin = 2.0 + quality + random.normal();
        #[expect(clippy::cast_possible_truncation, reason = "signals are 32-bit")]
        let (logprob, margin) = (-surprise as f32, margin as f32);
        signals.push(
            id,
            TokenSignal {
                logprob,
                margin,
                entropy: 0.3,
                legal_mass: 1.0,
                forced: false,
                role: Role::Decision,
            },
        );
    }
    let bad = random.chance(crate::number::sigmoid(-2.0 - 2.0 * quality));
    (signals.features(Finish::Stop), bad)
}

pub(super) fn drafts(seed: u64, size: usize) -> Vec<(Features, bool)> {
    let mut random = Random::seeded(seed);
    (0..size).map(|_| draft(&mut random)).collect()
}

/// The chance that a bad draft scores worse than a good one.
pub(super) fn auroc(scorer: &Scorer, rows: &[(Features, bool)]) -> f64 {
    let scores = |wanted| -> Vec<Probability> {
        rows.iter()
            .filter(|(_, bad)| *bad == wanted)
            .map(|(f, _)| scorer.p_bad(f))
            .collect()
    };
    let (bad, good) = (scores(true), scores(false));
    let (mut wins, mut pairs) = (0.0, 0.0);
    for bad in &bad {
        for good in &good {
            pairs += 1.0;
            wins += match bad.cmp(good) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            };
        }
    }
    wins / pairs
}

/// Expected calibration error over ten bins of equal width.
pub(super) fn calibration_error(scorer: &Scorer, rows: &[(Features, bool)]) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for (features, bad) in rows {
        let p = scorer.p_bad(features).get();
        let bin = (1..10_u8)
            .take_while(|edge| p >= f64::from(*edge) / 10.0)
            .count();
        bins[bin].0 += p;
        bins[bin].1 += f64::from(u8::from(*bad));
    }
    let off: f64 = bins.iter().map(|(said, was)| (said - was).abs()).sum();
    off / f64::from(u32::try_from(rows.len()).unwrap())
}

#[test]
fn the_plain_scorer_is_the_models_own_probability() {
    let mut signals = Signals::new();
    for logprob in [0.8_f32.ln(), 0.5_f32.ln()] {
        signals.push(
            1,
            TokenSignal {
                logprob,
                margin: 1.0,
                entropy: 0.1,
                legal_mass: 1.0,
                forced: false,
                role: Role::Decision,
            },
        );
    }
    let p_bad = Scorer::from_probability()
        .p_bad(&signals.features(Finish::Stop))
        .get();
    assert!((p_bad - 0.6).abs() < 1e-7);
    let nothing = Signals::new().features(Finish::Stop);
    assert_eq!(Scorer::from_probability().p_bad(&nothing), Probability::ONE);
}

#[test]
fn a_fitted_scorer_orders_and_is_calibrated() {
    let test = drafts(99, 3_000);
    for (labels, most_off) in [(150, 0.08), (1_000, 0.03)] {
        let scorer = Scorer::fit(&drafts(1, labels)).unwrap();
        let plain = auroc(&Scorer::from_probability(), &test);
        let learnt = auroc(&scorer, &test);
        assert!(
            learnt > 0.8 && learnt > plain - 0.01,
            "{labels}: {learnt}, plain {plain}"
        );
        let off = calibration_error(&scorer, &test);
        assert!(off < most_off, "{labels}: off by {off}");
    }
}

#[test]
fn equal_rows_give_equal_scorers() {
    let rows = drafts(5, 300);
    assert_eq!(Scorer::fit(&rows).unwrap(), Scorer::fit(&rows).unwrap());
}

#[test]
fn different_drafts_are_not_tied() {
    for labels in [150, 600] {
        let scorer = Scorer::fit(&drafts(2, labels)).unwrap();
        let mut scores: Vec<_> = drafts(3, 500)
            .iter()
            .map(|(f, _)| scorer.p_bad(f))
            .collect();
        scores.sort();
        scores.dedup();
        assert!(
            scores.len() >= 499,
            "{labels}: {} different values",
            scores.len()
        );
    }
}

#[test]
fn a_fit_needs_both_kinds_of_rows() {
    let rows: Vec<_> = drafts(1, 200)
        .into_iter()
        .map(|(f, _)| (f, false))
        .collect();
    assert_eq!(
        Scorer::fit(&rows),
        Err(ScorerError::TooFewLabels {
            bad: 0,
            good: 200,
            least: 5
        })
    );
    assert!(matches!(
        Scorer::fit(&[]),
        Err(ScorerError::TooFewLabels { .. })
    ));
}

#[test]
fn labels_without_a_pattern_give_the_base_rate() {
    let mut random = Random::seeded(4);
    for size in [100, 1_000] {
        let rows: Vec<_> = drafts(8, size)
            .into_iter()
            .map(|(f, _)| (f, random.chance(0.2)))
            .collect();
        let scorer = Scorer::fit(&rows).unwrap();
        let test = drafts(9, 500);
        let mean = test.iter().map(|(f, _)| scorer.p_bad(f).get()).sum::<f64>() / 500.0;
        assert!((mean - 0.2).abs() < 0.1, "{size}: {mean}");
    }
}

#[test]
fn a_stored_scorer_scores_the_same() {
    let test = drafts(7, 100);
    for scorer in [
        Scorer::from_probability(),
        Scorer::fit(&drafts(1, 100)).unwrap(),
        Scorer::fit(&drafts(1, 400)).unwrap(),
    ] {
        let stored = serde_json::to_string(&scorer).unwrap();
        let read: Scorer = serde_json::from_str(&stored).unwrap();
        for (features, _) in &test {
            let off = read.p_bad(features).get() - scorer.p_bad(features).get();
            assert!(off.abs() < 1e-12);
        }
        assert_eq!(read.is_learnt(), scorer.is_learnt());
    }
}

#[test]
fn a_stored_scorer_is_readable() {
    let stored = serde_json::to_value(Scorer::fit(&drafts(1, 400)).unwrap()).unwrap();
    assert_eq!(stored["kind"], "learnt");
    assert_eq!(stored["version"], Features::VERSION);
    assert_eq!(stored["labels"], 400);
    assert_eq!(stored["terms"][0]["feature"], "sum_logprob");
    assert!(stored["calibration"]["isotonic"]["steps"].is_array());
    assert_eq!(
        serde_json::to_string(&Scorer::from_probability()).unwrap(),
        r#"{"kind":"probability","version":3}"#
    );
    let weights = Scorer::fit(&drafts(1, 400)).unwrap();
    assert_eq!(weights.weights().len(), Features::COUNT + 1);
    assert!(Scorer::from_probability().weights().is_empty());
}

#[test]
fn a_scorer_of_another_version_is_read_and_accepts_nothing() {
    let learnt = Scorer::fit(&drafts(1, 100)).unwrap();
    let mut other = serde_json::to_value(&learnt).unwrap();
    other["version"] = 1.into();
    for stored in [other, serde_json::json!({"kind": "probability"})] {
        let read: Scorer = serde_json::from_value(stored).unwrap();
        assert_eq!(read.version(), 1);
        for (features, _) in drafts(2, 20) {
            assert_eq!(read.p_bad(&features), Probability::ONE);
        }
        let again = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Scorer>(&again).unwrap(), read);
    }
    for current in [learnt, Scorer::from_probability()] {
        assert_eq!(current.version(), Features::VERSION);
    }
}

#[test]
fn a_damaged_scorer_is_refused() {
    let sound = serde_json::to_value(Scorer::fit(&drafts(1, 400)).unwrap()).unwrap();
    let read = |value: serde_json::Value| {
        serde_json::from_value::<Scorer>(value)
            .unwrap_err()
            .to_string()
    };
    let mut other = sound.clone();
    other["terms"][3]["feature"] = "mood".into();
    assert!(read(other).contains("features are others"));
    let mut other = sound.clone();
    other["terms"][3]["scale"] = 0.into();
    assert!(read(other).contains("out of range"));
    let mut other = sound.clone();
    other["calibration"]["isotonic"]["steps"][0]["p_bad"] = 0.999.into();
    assert!(read(other).contains("does not increase"));
    let mut other = sound.clone();
    other["calibration"]["isotonic"]["steps"] = serde_json::json!([]);
    assert!(read(other).contains("does not increase"));
    let mut other = sound;
    other["extra"] = 1.into();
    assert!(read(other).contains("extra"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_labels_of_both_kinds_can_be_fitted(seed: u64, size in 20..260_usize, flip in 0.0..0.5_f64) {
        let mut random = Random::seeded(seed);
        let rows: Vec<_> =
            drafts(seed, size).into_iter().map(|(f, bad)| (f, bad ^ random.chance(flip))).collect();
        if let Ok(scorer) = Scorer::fit(&rows) {
            for (features, _) in drafts(seed ^ 1, 20) {
                prop_assert!(scorer.p_bad(&features) < Probability::ONE, "nothing went wrong");
            }
        } else {
            prop_assert!(rows.iter().filter(|r| r.1).count() < 5 || rows.iter().filter(|r| !r.1).count() < 5);
        }
    }
}
