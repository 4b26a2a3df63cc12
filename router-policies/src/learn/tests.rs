use super::{FIT_FROM, Labelled, learn};
use crate::number::sigmoid;
use crate::random::Random;
use crate::risk::{Proof, RiskTarget};
use crate::signals::{Features, Finish, Role, Signals, TokenSignal};
use crate::units::Probability;

fn target() -> RiskTarget {
    let p = |value| Probability::new(value).unwrap();
    RiskTarget::new(p(0.05), p(0.9)).unwrap()
}

fn features(random: &mut Random, quality: f64) -> Features {
    let mut signals = Signals::new();
    for id in 0..3 {
        #[expect(clippy::cast_possible_truncation, reason = "signals are 32-bit")]
        let logprob = -(-2.5 - quality + random.normal()).exp() as f32;
        signals.push(
            id,
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
    signals.features(Finish::Stop)
}

/// Drafts whose quality shows in the margins alone.
fn hidden(seed: u64, size: usize) -> Vec<Labelled> {
    let mut random = Random::seeded(seed);
    (0..size)
        .map(|_| {
            let quality = 2.0 * random.normal();
            let mut signals = Signals::new();
            #[expect(clippy::cast_possible_truncation, reason = "signals are 32-bit")]
            signals.push(
                0,
                TokenSignal {
                    logprob: -(-2.5 + random.normal()).exp() as f32,
                    margin: (5.0 + quality) as f32,
                    entropy: 0.1,
                    legal_mass: 1.0,
                    forced: false,
                    role: Role::Decision,
                },
            );
            Labelled {
                features: signals.features(Finish::Stop),
                valid: true,
                bad: random.chance(sigmoid(-1.5 - 2.0 * quality)),
            }
        })
        .collect()
}

fn traffic(seed: u64, size: usize) -> Vec<Labelled> {
    let mut random = Random::seeded(seed);
    (0..size)
        .map(|_| {
            let quality = 2.0 * random.normal();
            let bad = random.chance(sigmoid(-1.5 - 1.5 * quality));
            let features = features(&mut random, quality);
            Labelled {
                features,
                valid: !random.chance(0.05),
                bad,
            }
        })
        .collect()
}

#[test]
fn a_few_rows_all_go_into_the_proof() {
    let lesson = learn(&traffic(1, FIT_FROM - 1), &target());
    assert!(!lesson.scorer.is_learnt());
    assert!(
        matches!(lesson.proof, Proof::Certified(c) if c.n == 999 && c.accepted > 50),
        "{:?}",
        lesson.proof
    );
}

#[test]
fn of_many_rows_a_quarter_is_spent_where_fitting_pays() {
    let rows = hidden(1, 2_000);
    let lesson = learn(&rows, &target());
    assert!(lesson.scorer.is_learnt());
    let n = match lesson.proof {
        Proof::Certified(c) => c.n,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(n, 1_500);
    assert_eq!(lesson.proving(&rows).len(), 1_500);
    assert_eq!(lesson.proving(&rows)[0], &rows[1]);
}

#[test]
fn one_sided_rows_fall_back_to_the_plain_scorer() {
    let rows: Vec<_> = traffic(1, 1_000)
        .iter()
        .map(|r| Labelled { bad: false, ..*r })
        .collect();
    let lesson = learn(&rows, &target());
    assert!(!lesson.scorer.is_learnt());
    assert!(matches!(lesson.proof, Proof::Certified(c) if c.n == 1_000 && c.losses == 0));
}

#[test]
fn invalid_drafts_are_traffic_but_never_accepted() {
    let rows: Vec<_> = traffic(1, 300)
        .iter()
        .map(|r| Labelled { valid: false, ..*r })
        .collect();
    assert!(matches!(
        learn(&rows, &target()).proof,
        Proof::NoThreshold {
            n: 300,
            accepted: 0,
            ..
        }
    ));
}

#[test]
fn nothing_teaches_nothing() {
    assert!(matches!(
        learn(&[], &target()).proof,
        Proof::NotEnough { have: 0, .. }
    ));
}

/// Fit and proof together keep the promise: fresh traffic shows the true regret of each certified scorer.
#[test]
fn what_was_learnt_keeps_the_target() {
    const RUNS: u32 = 60;
    for sample in [traffic as fn(u64, usize) -> Vec<Labelled>, hidden] {
        let fresh = sample(1_000_003, 6_000);
        let mut broken = 0;
        for run in 0..RUNS {
            let lesson = learn(&sample(u64::from(run) + 17, 1_200), &target());
            let Proof::Certified(certified) = lesson.proof else {
                panic!("run {run}: {:?}", lesson.proof)
            };
            let losses = fresh
                .iter()
                .filter(|r| {
                    r.valid && r.bad && lesson.scorer.p_bad(&r.features) <= certified.threshold
                })
                .count();
            broken += u32::from(f64::from(u32::try_from(losses).unwrap()) / 6_000.0 > 0.05);
        }
        // 10 % of 60 runs and three standard errors.
        assert!(broken <= 13, "{broken} of {RUNS}");
    }
}
