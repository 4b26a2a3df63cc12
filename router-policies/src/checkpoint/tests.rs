use std::sync::Arc;

use proptest::prelude::*;

use super::heads::Head;
use super::{
    CHECKPOINTS, Heads, StopPromise, StopProof, StopTally, Stopping, Traced, Tracer, is_checkpoint,
    learn_to_stop,
};
use crate::certificate::Certificate;
use crate::certificate::tests::{certificate, fingerprint};
use crate::learn::Labelled;
use crate::number::{count, sigmoid};
use crate::policy::Trust;
use crate::random::Random;
use crate::risk::{Proof, RiskTarget};
use crate::scorer::Scorer;
use crate::signals::{Finish, Role, Signals, TokenSignal};
use crate::units::Probability;
use crate::verdict::{Judge, Verdict};

mod promise;

pub(super) fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

pub(super) fn target(max_regret: f64) -> RiskTarget {
    RiskTarget::new(p(max_regret), p(0.9)).unwrap()
}

fn token(logprob: f64) -> TokenSignal {
    #[expect(clippy::cast_possible_truncation, reason = "signals are 32-bit")]
    let logprob = logprob as f32;
    TokenSignal {
        logprob,
        margin: 1.0,
        entropy: 0.1,
        legal_mass: 1.0,
        forced: false,
        role: Role::Decision,
    }
}

/// Drafts of 6 to 40 tokens that get worse from one hidden quality down, from the first token on.
fn draft(random: &mut Random) -> Traced {
    let quality = 2.0 * random.normal();
    let length =
        [6, 12, 20, 40][usize::from(random.chance(0.5)) + 2 * usize::from(random.chance(0.5))];
    let (mut signals, mut tracer) = (Signals::new(), Tracer::default());
    for id in 0..length {
        signals.push(id, token(-(-3.5 - quality + 0.7 * random.normal()).exp()));
        tracer.look(&signals);
    }
    let labelled = Labelled {
        features: signals.features(Finish::Stop),
        valid: !random.chance(0.03),
        bad: random.chance(sigmoid(-2.0 - 1.5 * quality)),
    };
    let prefixes = tracer.finish(u64::from(length), f64::from(length));
    Traced {
        labelled,
        prefixes,
        busy: f64::from(length) + 5.0,
    }
}

pub(super) fn traffic(seed: u64, size: usize) -> Vec<Traced> {
    let mut random = Random::seeded(seed);
    (0..size).map(|_| draft(&mut random)).collect()
}

/// What 4000 drafts teach, as a certificate.
fn taught(seed: u64) -> (Certificate, Stopping) {
    let target = target(0.05);
    let stopping = learn_to_stop(&traffic(seed, 4000), &target, &StopPromise::usual(&target));
    let Proof::Certified(certified) = stopping.lesson.proof else {
        panic!("{:?}", stopping.lesson.proof)
    };
    let Some(StopProof::Proven(heads)) = &stopping.stops else {
        panic!("{:?}", stopping.stops)
    };
    let scorer = stopping.lesson.scorer.clone();
    let certificate = Certificate::new("r", target, certified, scorer, fingerprint());
    (certificate.with_heads(Some(heads.clone())), stopping)
}

fn judge(certificate: &Certificate) -> Judge {
    Judge::for_route(
        Trust::Risk(certificate.target),
        Some(certificate),
        &fingerprint(),
    )
}

#[test]
fn checkpoints_double_after_the_fourth() {
    let all: Vec<u64> = (0..300).filter(|n| is_checkpoint(*n)).collect();
    assert_eq!(all, [1, 4, 8, 16, 32, 64, 128, 256]);
    assert!(CHECKPOINTS.iter().all(|n| is_checkpoint(u64::from(*n))));
}

#[test]
fn heads_save_compute_on_drafts_that_they_have_not_seen() {
    let (certificate, stopping) = taught(1);
    let heads = certificate.heads.clone().unwrap();
    assert!(heads.bound <= p(0.02), "{heads:?}");
    let judge = judge(&certificate);
    let proven = StopTally::of(&judge, &stopping.proving);
    assert_eq!(
        (proven.accepted, proven.wrong()),
        (heads.accepted, heads.wrong),
        "the proof and the running gateway count alike"
    );
    let fresh: Vec<_> = traffic(2, 4000)
        .iter()
        .map(|row| {
            row.judged(
                certificate.scorer.p_bad(&row.labelled.features),
                certificate.threshold,
            )
        })
        .collect();
    let tally = StopTally::of(&judge, &fresh);
    assert!(tally.saved_share() > 0.2, "{tally:?}");
    assert!(tally.wrong_share() < 0.03, "{tally:?}");
    let early = tally.checkpoints.first().unwrap();
    assert_eq!(early.reached, 4000);
}

#[test]
fn stopping_only_takes_away_from_what_is_accepted() {
    // So whatever is proven about accepted and bad drafts stays true: every such draft is one without heads too.
    let (certificate, _) = taught(3);
    let (with, without) = (
        judge(&certificate),
        judge(&certificate.clone().with_heads(None)),
    );
    let (mut regret, mut regret_without) = (0, 0);
    for row in traffic(4, 4000) {
        let assessed = with.assess(&row.labelled.features, None);
        assert_eq!(assessed, without.assess(&row.labelled.features, None));
        let bad = u64::from(assessed.verdict == Verdict::Accept && row.labelled.bad);
        let stopped = row
            .prefixes
            .iter()
            .any(|prefix| with.stop_at(prefix.decisions, &prefix.features).is_some());
        regret_without += bad;
        regret += if stopped { 0 } else { bad };
    }
    assert!(regret <= regret_without, "{regret} {regret_without}");
    assert!(regret_without <= 240, "the certificate itself holds");
}

#[test]
fn few_drafts_have_no_heads_and_all_go_to_the_certificate() {
    let target = target(0.05);
    let stopping = learn_to_stop(&traffic(5, 1200), &target, &StopPromise::usual(&target));
    assert_eq!(stopping.stops, None);
    assert_eq!(stopping.labelled.len(), 1200);
    let stopping = learn_to_stop(&traffic(5, 1340), &target, &StopPromise::usual(&target));
    assert_eq!(stopping.labelled.len(), 1005);
    assert!(stopping.stops.is_some());
}

#[test]
fn a_promise_that_too_few_drafts_can_keep_is_not_made() {
    let target = target(0.05);
    let strict = StopPromise::new(p(0.001), p(0.9)).unwrap();
    let stops = learn_to_stop(&traffic(6, 2000), &target, &strict).stops;
    let Some(StopProof::NotEnough { needed, have }) = stops else {
        panic!("{stops:?}")
    };
    assert!(needed == 2302 && have < 500, "{needed} {have}");
}

#[test]
fn heads_are_void_under_a_larger_threshold_and_when_their_numbers_were_edited() {
    let (certificate, stopping) = taught(1);
    let stops =
        |certificate: &Certificate| StopTally::of(&judge(certificate), &stopping.proving).stopped();
    assert!(stops(&certificate) > 0);
    let edited = |change: fn(&mut Heads)| {
        let mut certificate = certificate.clone();
        change(certificate.heads.as_mut().unwrap());
        certificate
    };
    assert_eq!(stops(&edited(|h| h.threshold = Probability::ZERO)), 0);
    assert_eq!(stops(&edited(|h| h.wrong = h.accepted)), 0);
    assert_eq!(stops(&edited(|h| h.accepted = 0)), 0);
    assert!(stops(&edited(|h| h.threshold = Probability::ONE)) > 0);
}

#[test]
fn a_certificate_keeps_its_heads_and_one_without_reads_as_before() {
    let (certificate, stopping) = taught(1);
    let text = serde_json::to_string(&certificate).unwrap();
    let back: Certificate = serde_json::from_str(&text).unwrap();
    let tally = |certificate| StopTally::of(&judge(certificate), &stopping.proving);
    assert_eq!(tally(&back), tally(&certificate));
    let checkpoints = back.heads.as_ref().unwrap().heads.iter();
    let checkpoints: Vec<u32> = checkpoints.map(|head| head.decisions).collect();
    assert_eq!(checkpoints, [1, 4, 8, 16, 32], "no draft reaches 64");
    let plain = serde_json::to_string(&self::certificate()).unwrap();
    assert!(!plain.contains("heads"));
    assert_eq!(
        serde_json::from_str::<Certificate>(&plain).unwrap().heads,
        None
    );
}

#[test]
fn a_head_of_another_version_stops_nothing() {
    let text = r#"{"kind": "probability", "version": 1}"#;
    let scorer: Scorer = serde_json::from_str(text).unwrap();
    let (certificate, stopping) = taught(1);
    let mut certificate = certificate;
    let heads = certificate.heads.as_mut().unwrap();
    let outdated = heads.heads.iter().map(|head| Head {
        scorer: scorer.clone(),
        limit: Probability::ZERO,
        ..head.clone()
    });
    heads.heads = outdated.collect::<Arc<[_]>>();
    assert_eq!(
        StopTally::of(&judge(&certificate), &stopping.proving).stopped(),
        0
    );
}

proptest! {
    /// The plain scorer's certain stops are never wrong, whatever comes after.
    #[test]
    fn certain_stops_are_never_wrong(
        logprobs in prop::collection::vec(-4.0_f64..=0.0, 1..80),
        threshold in 0.01_f64..0.99,
        frames in prop::collection::vec(any::<bool>(), 80),
    ) {
        let by_hand = Judge::for_route(Trust::Threshold(p(threshold)), None, &fingerprint());
        let proven = judge(&certificate());
        let (mut signals, mut stopped) = (Signals::new(), [false; 2]);
        for ((id, logprob), frame) in (0..).zip(&logprobs).zip(frames) {
            let role = if frame { Role::Frame } else { Role::Decision };
            signals.push(id, TokenSignal { role, ..token(*logprob) });
            for (stopped, judge) in stopped.iter_mut().zip([&by_hand, &proven]) {
                *stopped |= judge.stop(&signals).is_some();
            }
        }
        let features = signals.features(Finish::Stop);
        for (stopped, judge) in stopped.into_iter().zip([&by_hand, &proven]) {
            if stopped {
                prop_assert_ne!(judge.assess(&features, None).verdict, Verdict::Accept);
            }
        }
    }

    /// What is left to compute falls, and never below nothing.
    #[test]
    fn what_is_left_falls(length in 1_u32..300) {
        let (mut signals, mut tracer) = (Signals::new(), Tracer::default());
        for id in 0..length {
            signals.push(id, token(-0.1));
            tracer.look(&signals);
        }
        let prefixes = tracer.finish(u64::from(length), 3.0);
        let expected = (1..=length).filter(|n| is_checkpoint(u64::from(*n)));
        prop_assert_eq!(count(prefixes.len()), count(expected.count()));
        prop_assert!(prefixes.iter().all(|prefix| (0.0..3.0).contains(&prefix.left)));
        prop_assert!(prefixes.is_sorted_by(|a, b| a.left > b.left));
    }
}
