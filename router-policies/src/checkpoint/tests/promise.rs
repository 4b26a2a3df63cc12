//! Whether what is promised is kept, over many simulated calibrations.

use super::{p, target};
use crate::checkpoint::StopPromise;
use crate::checkpoint::train::{cheapest, step_of};
use crate::random::Random;
use crate::risk::{Proof, certify};

/// Runs of a simulation, and how many may break a promise of 90 %: 10 % and three standard errors.
const RUNS: u64 = 2000;
const BROKEN: u64 = 240;

#[test]
fn the_share_of_wrong_stops_is_kept_to() {
    // An accepted draft is stopped from a price of e^x down, with x normal: so the true share of wrong stops at a price is known.
    let mut random = Random::seeded(7);
    let promise = StopPromise::usual(&target(0.02)).target().unwrap();
    let (mut broken, mut stops_nothing) = (0, 0);
    for _ in 0..RUNS {
        let from: Vec<u16> = (0..400)
            .filter_map(|_| step_of((-1.0 + 1.5 * random.normal()).exp()))
            .collect();
        match cheapest(&from, &promise, 400) {
            Some((price, _)) => {
                let share = 0.5 * erfc((price.ln() + 1.0) / 1.5 / std::f64::consts::SQRT_2);
                broken += u64::from(share > 0.02);
            }
            None => stops_nothing += 1,
        }
    }
    assert!(broken <= BROKEN, "{broken} of {RUNS}");
    assert!(broken > RUNS / 50, "the test has power: {broken}");
    assert_eq!(stops_nothing, 0);
}

#[test]
fn the_regret_is_kept_to_with_stopped_drafts_as_traffic_that_is_never_accepted() {
    // p_bad is uniform and right; heads stop a third of the drafts, good ones or bad ones first. The certificate is made
    // as a running gateway sees the drafts: a stopped one has a p_bad of 1.
    let mut random = Random::seeded(8);
    let (target, rows) = (target(0.05), 400);
    for good_ones in [true, false] {
        let mut broken = 0;
        for _ in 0..RUNS {
            let seen: Vec<_> = (0..rows)
                .map(|_| {
                    let p_bad = random.uniform();
                    let bad = random.chance(p_bad);
                    let stopped = random.chance(if bad == good_ones { 0.1 } else { 0.5 });
                    (p(if stopped { 1.0 } else { p_bad }), bad)
                })
                .collect();
            let Proof::Certified(certified) = certify(&seen, &target) else {
                continue;
            };
            // Bad drafts up to the threshold, less those that are stopped.
            let kept = if good_ones { 0.9 } else { 0.5 };
            let regret = kept * certified.threshold.get().powi(2) / 2.0;
            broken += u64::from(regret > 0.05);
        }
        assert!(broken <= BROKEN, "{broken} of {RUNS}");
    }
}

/// The complementary error function, to about 1e-7 (Numerical Recipes, §6.2).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let terms = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let sum = terms.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let tail = t * (-x * x + sum).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}
