use super::*;
use crate::decode::trie::Trie;
use crate::job::Sampling;

const END: u32 = 9;
const OTHER_END: u32 = 8;

/// Ten tokens: `a` to `h`, then two that end an answer.
fn plan() -> Plan {
    let pieces: Vec<Box<[u8]>> = (b'a'..=b'j').map(|letter| [letter].into()).collect();
    Plan {
        sampling: Sampling::Greedy,
        rule: Rule::Free,
        ends: [END, OTHER_END].into(),
        max_tokens: 5,
        stop: Vec::new(),
        pieces: pieces.into(),
    }
}

/// Logits under which `token` has probability `p` and the other nine share the rest.
fn favour(token: u32, p: f32) -> Vec<f32> {
    let rest = ((1.0 - p) / 9.0).ln();
    (0..10)
        .map(|other| if other == token { p.ln() } else { rest })
        .collect()
}

fn stepper(choices: &[&[u32]]) -> Stepper {
    let trie = Trie::new(choices.iter().map(|choice| choice.to_vec()));
    Stepper::new(Plan {
        rule: Rule::List(Arc::new(trie)),
        ..plan()
    })
}

#[test]
fn a_free_answer_ends_with_an_end_token_that_counts() {
    let mut stepper = Stepper::new(plan());
    let first = stepper.step(&favour(2, 0.7), 0.0).unwrap();
    assert_eq!((first.token, first.end), (2, None));
    assert_eq!(first.certain[0].bytes, b"c");
    assert!((first.certain[0].stats.logprob - 0.7_f32.ln()).abs() < 1e-5);
    let last = stepper.step(&favour(OTHER_END, 0.9), 0.0).unwrap();
    assert_eq!(last.end, Some(FinishReason::Stop));
    assert!(last.certain[0].bytes.is_empty());
    assert!((last.certain[0].stats.logprob - 0.9_f32.ln()).abs() < 1e-5);
    assert_eq!(stepper.chosen(), 2);
}

#[test]
fn a_closed_list_masks_and_reports_the_legal_mass() {
    let mut stepper = stepper(&[&[0, 1], &[2]]);
    // The model prefers `f`, which is not allowed; `a` and `c` hold a ninth of the rest each.
    let step = stepper.step(&favour(5, 0.1), 0.0).unwrap();
    let stats = step.certain[0].stats;
    assert_eq!(step.token, 0);
    assert!((stats.legal_mass - 0.2).abs() < 1e-5);
    assert!(!stats.forced);
    // Only `b` goes on from `a`, whatever the model says.
    let step = stepper.step(&favour(5, 0.91), 0.0).unwrap();
    let stats = step.certain[0].stats;
    assert_eq!(step.token, 1);
    assert!(stats.forced);
    assert!((stats.legal_mass - 0.01).abs() < 1e-5);
    assert!((stats.margin - (0.01_f32 / 0.91).ln()).abs() < 1e-4);
}

#[test]
fn a_complete_answer_may_end_or_go_on() {
    let mut stepper = stepper(&[&[0], &[0, 1]]);
    assert!(
        stepper.step(&favour(5, 0.9), 0.0).unwrap().certain[0]
            .stats
            .forced
    );
    let step = stepper.step(&favour(END, 0.55), 0.0).unwrap();
    assert_eq!((step.token, step.end), (END, Some(FinishReason::Stop)));
    // `b` and both end tokens.
    assert!((step.certain[0].stats.legal_mass - 0.65).abs() < 1e-5);
    assert!(!step.certain[0].stats.forced);
}

#[test]
fn several_end_tokens_are_no_choice() {
    let mut stepper = stepper(&[&[0]]);
    stepper.step(&favour(0, 0.9), 0.0).unwrap();
    let step = stepper.step(&favour(5, 0.9), 0.0).unwrap();
    assert!(step.certain[0].stats.forced);
    assert_eq!(step.end, Some(FinishReason::Stop));
}

#[test]
fn the_length_is_kept() {
    let mut stepper = Stepper::new(Plan {
        max_tokens: 2,
        ..plan()
    });
    assert_eq!(stepper.step(&favour(0, 0.9), 0.0).unwrap().end, None);
    assert_eq!(
        stepper.step(&favour(0, 0.9), 0.0).unwrap().end,
        Some(FinishReason::Length)
    );
}

#[test]
fn held_tokens_come_out_at_the_end() {
    let mut stepper = Stepper::new(Plan {
        stop: vec!["abc".into()],
        ..plan()
    });
    assert!(
        stepper
            .step(&favour(0, 0.9), 0.0)
            .unwrap()
            .certain
            .is_empty()
    );
    let last = stepper.step(&favour(END, 0.9), 0.0).unwrap();
    assert_eq!(last.certain.len(), 2);
    let mut stepper = Stepper::new(Plan {
        stop: vec!["ab".into()],
        ..plan()
    });
    stepper.step(&favour(0, 0.9), 0.0).unwrap();
    let last = stepper.step(&favour(1, 0.9), 0.0).unwrap();
    assert_eq!(last.end, Some(FinishReason::Stop));
    assert!(last.certain.iter().all(|token| token.bytes.is_empty()));
}

#[test]
fn no_numbers_and_no_choices_are_errors() {
    assert!(Stepper::new(plan()).step(&[f32::NAN; 10], 0.0).is_err());
    assert!(stepper(&[]).step(&favour(0, 0.9), 0.0).is_err());
}
