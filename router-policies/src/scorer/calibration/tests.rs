use proptest::prelude::*;

use super::{Calibration, Step, pool};
use crate::number::sigmoid;

fn steps(calibration: &Calibration) -> &[Step] {
    match calibration {
        Calibration::Isotonic { steps } => steps,
        Calibration::Platt { .. } => panic!("not isotonic"),
    }
}

#[test]
fn pooling_adjacent_violators() {
    let rows = [
        (1.0, false),
        (2.0, true),
        (3.0, false),
        (4.0, true),
        (5.0, true),
    ];
    let blocks = pool(&rows);
    let found: Vec<(f64, f64)> = blocks.iter().map(|b| (b.centre(), b.share())).collect();
    assert_eq!(found, [(1.0, 0.0), (2.5, 0.5), (4.5, 1.0)]);
}

#[test]
fn certainty_is_not_learnt_from_a_few_labels() {
    let calibration = Calibration::isotonic(vec![(0.0, false), (1.0, false), (2.0, true)]);
    let found: Vec<f64> = steps(&calibration).iter().map(|s| s.p_bad.get()).collect();
    assert_eq!(found, [0.125, 0.875]);
}

#[test]
fn between_steps_and_beyond() {
    let calibration = Calibration::isotonic(vec![(-1.0, false), (1.0, true)]);
    let at = |score| calibration.log_odds(score);
    let end = 5.0_f64.ln();
    for (score, expected) in [
        (-1.0, -end),
        (0.0, 0.0),
        (1.0, end),
        (3.0, end + 2.0),
        (-4.0, -end - 3.0),
    ] {
        assert!((at(score) - expected).abs() < 1e-12, "{score}");
    }
}

#[test]
fn platt_finds_the_sigmoid_that_made_the_labels() {
    let mut random = crate::random::Random::seeded(11);
    let scored: Vec<_> = (0..20_000)
        .map(|_| {
            let score = 2.0 * random.normal();
            (score, random.chance(sigmoid(0.7 * score - 1.2)))
        })
        .collect();
    let Calibration::Platt { slope, intercept } = Calibration::platt(&scored).unwrap() else {
        panic!("not Platt's")
    };
    assert!(
        (slope - 0.7).abs() < 0.05 && (intercept + 1.2).abs() < 0.05,
        "{slope} {intercept}"
    );
}

#[test]
fn platt_never_turns_the_order_round() {
    let scored: Vec<_> = (0..40_u8).map(|i| (f64::from(i), i < 10)).collect();
    let calibration = Calibration::platt(&scored).unwrap();
    assert!(calibration.log_odds(1.0) > calibration.log_odds(0.0));
    assert!(
        (sigmoid(calibration.log_odds(19.5)) - 11.0 / 42.0).abs() < 1e-9,
        "the base rate"
    );
    assert!(calibration.verify().is_ok());
}

/// Isotonic regression by its min-max formula: the value at i is the largest, over starts up to i, of the least mean from
/// there to any end from i on.
fn by_formula(labels: &[bool]) -> Vec<f64> {
    let mean = |from: usize, to: usize| {
        let part = &labels[from..=to];
        let bad = part.iter().filter(|bad| **bad).count();
        f64::from(u32::try_from(bad).unwrap()) / f64::from(u32::try_from(part.len()).unwrap())
    };
    let least = |from: usize, i: usize| {
        (i..labels.len())
            .map(|to| mean(from, to))
            .fold(2.0, f64::min)
    };
    (0..labels.len())
        .map(|i| (0..=i).map(|from| least(from, i)).fold(-1.0, f64::max))
        .collect()
}

proptest! {
    #[test]
    fn pooling_agrees_with_the_formula(labels in prop::collection::vec(any::<bool>(), 1..40)) {
        let rows: Vec<_> = (0..100_u8).map(f64::from).zip(labels.iter().copied()).collect();
        let found: Vec<f64> = pool(&rows)
            .iter()
            .flat_map(|block| (0..100).take_while(|i| f64::from(*i) < block.rows).map(|_| block.share()))
            .collect();
        let expected = by_formula(&labels);
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            prop_assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn calibration_is_strictly_increasing(
        rows in prop::collection::vec((-4..4_i8, any::<bool>()), 1..300),
        fine in prop::collection::vec(-6.0..6.0_f64, 2..40),
    ) {
        let scored: Vec<_> = rows.iter().map(|(s, bad)| (f64::from(*s), *bad)).collect();
        let calibration = Calibration::isotonic(scored);
        prop_assert!(calibration.verify().is_ok());
        let mut scores = fine;
        scores.sort_by(f64::total_cmp);
        for pair in scores.windows(2) {
            if pair[1] - pair[0] > 1e-6 {
                prop_assert!(calibration.log_odds(pair[0]) < calibration.log_odds(pair[1]));
            }
        }
    }
}
