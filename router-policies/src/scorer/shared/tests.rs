use proptest::prelude::*;

use super::super::tests::{auroc, calibration_error, drafts};
use super::SharedScorer;
use crate::random::Random;
use crate::scorer::Scorer;
use crate::signals::Features;
use crate::units::Probability;

fn taught(route: &str, rows: &[(Features, bool)]) -> SharedScorer {
    let mut shared = SharedScorer::new();
    for (features, bad) in rows {
        shared.observe(route, features, *bad);
    }
    shared
}

#[test]
fn before_any_label_it_orders_as_the_plain_scorer() {
    let scorer = SharedScorer::new().scorer_for("any");
    let mut rows = drafts(3, 300);
    rows.sort_by_key(|(features, _)| Scorer::from_probability().p_bad(features));
    let scores: Vec<Probability> = rows
        .iter()
        .map(|(features, _)| scorer.p_bad(features))
        .collect();
    assert!(scores.is_sorted());
    assert!(scores.first() < scores.last());
    assert!(scorer.is_learnt());
}

#[test]
fn it_orders_better_the_more_it_has_seen_and_is_calibrated() {
    let test = drafts(99, 3_000);
    let plain = auroc(&Scorer::from_probability(), &test);
    let mut before = plain - 0.005;
    for (labels, most_off) in [(50, 0.15), (150, 0.10), (1_000, 0.04)] {
        let scorer = taught("a", &drafts(1, labels)).scorer_for("a");
        let learnt = auroc(&scorer, &test);
        assert!(learnt > before, "{labels}: {learnt}, before {before}");
        before = learnt - 0.005;
        let off = calibration_error(&scorer, &test);
        assert!(off < most_off, "{labels}: off by {off}");
    }
    let batch = auroc(&Scorer::fit(&drafts(1, 1_000)).unwrap(), &test);
    assert!(
        before > batch - 0.015,
        "as good as a fit of all at once: {batch}"
    );
}

#[test]
fn routes_teach_each_other_and_differ() {
    let test = drafts(99, 2_000);
    let mut shared = taught("old", &drafts(1, 1_000));
    // Nothing was ever seen of the new route; what the old one taught orders its drafts.
    let borrowed = auroc(&shared.scorer_for("new"), &test);
    assert!(
        borrowed > auroc(&Scorer::from_probability(), &test),
        "{borrowed}"
    );
    // A route whose drafts are all bad does not make those of others bad.
    for (features, _) in drafts(2, 300) {
        shared.observe("broken", &features, true);
    }
    let mean = |route: &str| {
        let scorer = shared.scorer_for(route);
        test.iter().map(|(f, _)| scorer.p_bad(f).get()).sum::<f64>() / 2_000.0
    };
    let base = test.iter().filter(|(_, bad)| *bad).count();
    let base = f64::from(u32::try_from(base).unwrap()) / 2_000.0;
    assert!(mean("broken") > 0.8, "{}", mean("broken"));
    assert!(
        (mean("old") - base).abs() < 0.08,
        "{} against {base}",
        mean("old")
    );
    assert_eq!(
        (
            shared.labels("old"),
            shared.labels("broken"),
            shared.labels("new")
        ),
        (1_000, 300, 0)
    );
    shared.forget("broken");
    assert_eq!(shared.labels("broken"), 0);
}

#[test]
fn a_scorer_once_taken_stays_as_it_was() {
    let mut shared = taught("a", &drafts(1, 300));
    let taken = shared.scorer_for("a");
    let stored = serde_json::to_string(&taken).unwrap();
    for (features, _) in drafts(2, 300) {
        shared.observe("a", &features, true);
    }
    assert_eq!(serde_json::to_string(&taken).unwrap(), stored);
    assert_ne!(shared.scorer_for("a"), taken);
}

#[test]
fn a_stored_one_goes_on_as_if_nothing_had_happened() {
    let rows = drafts(1, 400);
    let (first, second) = rows.split_at(250);
    let mut going = taught("a", first);
    let mut read: SharedScorer =
        serde_json::from_str(&serde_json::to_string(&going).unwrap()).unwrap();
    for (features, bad) in second {
        going.observe("a", features, *bad);
        read.observe("a", features, *bad);
    }
    for (features, _) in drafts(5, 100) {
        let off = going.scorer_for("a").p_bad(&features).get()
            - read.scorer_for("a").p_bad(&features).get();
        assert!(off.abs() < 1e-9);
    }
}

#[test]
fn files_of_another_version_are_forgotten_and_damaged_ones_refused() {
    let sound = serde_json::to_value(taught("a", &drafts(1, 20))).unwrap();
    let mut other = sound.clone();
    other["version"] = 2.into();
    other["state"] = "whatever it was".into();
    assert_eq!(
        serde_json::from_value::<SharedScorer>(other).unwrap(),
        SharedScorer::new()
    );
    for (pointer, value) in [
        ("/state/all/mean", serde_json::json!([1.0])),
        ("/state/routes/a/own/covariance", serde_json::json!([])),
        ("/state/routes/a/bad", serde_json::json!(21)),
        ("/state", serde_json::json!({})),
    ] {
        let mut damaged = sound.clone();
        *damaged.pointer_mut(pointer).unwrap() = value;
        assert!(
            serde_json::from_value::<SharedScorer>(damaged).is_err(),
            "{pointer}"
        );
    }
}

#[test]
fn its_weights_are_told_by_name() {
    let scorer = taught("a", &drafts(1, 400)).scorer_for("a");
    let weights = scorer.weights();
    let names: Vec<&str> = weights.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[0], "draft_log_odds");
    assert_eq!(names[1..], Features::NAMES);
    assert!(weights[0].1 > 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Labels at random, however unlikely: nothing gets out of hand.
    #[test]
    fn any_labels_can_be_learnt(seed: u64, size in 0..200_usize, chance in 0.0..1.0_f64) {
        let mut random = Random::seeded(seed);
        let rows: Vec<_> = drafts(seed, size).into_iter().map(|(f, _)| (f, random.chance(chance))).collect();
        let shared = taught("a", &rows);
        let again = taught("a", &rows);
        prop_assert_eq!(&shared, &again, "deterministic");
        let scorer = shared.scorer_for("a");
        for (features, _) in drafts(seed ^ 1, 20) {
            prop_assert!(scorer.p_bad(&features) < Probability::ONE);
        }
    }
}
