//! Does the promise hold? Many calibration sets are drawn from traffic whose true regret at every threshold is known, and
//! the certified thresholds that break the target are counted. Seeded, so the counts are the same on every run.

use super::super::{Proof, certify};
use super::target;
use crate::random::Random;
use crate::units::Probability;

/// A kind of traffic: scores, the chance of a bad draft given the score, and the resulting true regret.
struct Traffic {
    name: &'static str,
    score: fn(&mut Random) -> f64,
    bad_given: fn(f64) -> f64,
    regret_up_to: fn(f64) -> f64,
}

const TRAFFIC: [Traffic; 4] = [
    Traffic {
        name: "calibrated",
        score: Random::uniform,
        bad_given: |score| score,
        regret_up_to: |threshold| threshold * threshold / 2.0,
    },
    Traffic {
        name: "over-confident: nine times as bad as it says, up to 90 %",
        score: |random| random.uniform() / 10.0,
        bad_given: |score| 9.0 * score,
        regret_up_to: |threshold| 45.0 * threshold.min(0.1) * threshold.min(0.1),
    },
    Traffic {
        name: "a score that knows nothing",
        score: Random::uniform,
        bad_given: |_| 0.1,
        regret_up_to: |threshold| 0.1 * threshold,
    },
    Traffic {
        name: "two values only, the second just over the target",
        score: |random| if random.chance(0.5) { 0.01 } else { 0.3 },
        bad_given: |score| if score < 0.1 { 0.01 } else { 0.08 },
        regret_up_to: |threshold| {
            let low = if threshold >= 0.01 { 0.005 } else { 0.0 };
            let high = if threshold >= 0.3 { 0.04 } else { 0.0 };
            low + high
        },
    },
];

const RUNS: u32 = 2_000;

/// Share of runs whose certificate breaks the target, and mean number of rows accepted.
fn simulate(traffic: &Traffic, rows: usize, max_regret: f64, assurance: f64) -> (f64, f64) {
    let target = target(max_regret, assurance);
    let (mut broken, mut accepted) = (0, 0.0);
    for run in 0..RUNS {
        let mut random = Random::seeded(u64::from(run) * 7_919 + 1);
        let sample: Vec<_> = (0..rows)
            .map(|_| {
                let score = (traffic.score)(&mut random);
                let bad = random.chance((traffic.bad_given)(score));
                (Probability::new(score).unwrap(), bad)
            })
            .collect();
        if let Proof::Certified(certified) = certify(&sample, &target) {
            accepted += crate::number::real(certified.accepted);
            if (traffic.regret_up_to)(certified.threshold.get()) > max_regret {
                broken += 1;
            }
        }
    }
    (
        f64::from(broken) / f64::from(RUNS),
        accepted / f64::from(RUNS),
    )
}

#[test]
fn targets_are_broken_no_more_often_than_promised() {
    for (rows, max_regret, assurance) in [(200, 0.02, 0.9), (500, 0.02, 0.9), (400, 0.044, 0.8)] {
        let delta: f64 = 1.0 - assurance;
        // Three standard errors of a share of 2,000 runs.
        let most = delta + 3.0 * (delta * (1.0 - delta) / f64::from(RUNS)).sqrt();
        for traffic in &TRAFFIC {
            let (broken, _) = simulate(traffic, rows, max_regret, assurance);
            assert!(
                broken <= most,
                "{}, {rows} rows, {max_regret}: {broken} broken, at most {most}",
                traffic.name
            );
        }
    }
}

/// The bound would hold if nothing were ever accepted; it must not be bought like that.
#[test]
fn useful_shares_are_accepted() {
    let (broken, accepted) = simulate(&TRAFFIC[0], 500, 0.02, 0.9);
    // With the true risk known one would accept a share of 0.2, 100 rows.
    assert!(accepted > 50.0, "{accepted}");
    assert!(broken > 0.005, "{broken}: the bound is needlessly loose");
    let (_, more) = simulate(&TRAFFIC[0], 2_000, 0.02, 0.9);
    assert!(more / 4.0 > accepted, "more rows accept a larger share");
}
