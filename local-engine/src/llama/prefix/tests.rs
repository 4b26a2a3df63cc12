use proptest::prelude::*;

use super::*;

fn key(tenant: &str) -> Key {
    Key {
        tenant: tenant.into(),
        lora: None,
    }
}

fn kept(start: &Start<u32>) -> Option<(u32, usize)> {
    match start {
        Start::Kept(state, tokens) => Some((**state, *tokens)),
        Start::Nothing | Start::Live(_) => None,
    }
}

#[test]
fn the_longest_beginning_serves() {
    let mut prefixes = Prefixes::new(100, true);
    prefixes.keep(key("a"), vec![1, 2, 3], 10, 7);
    prefixes.keep(key("a"), vec![1, 2, 4, 5], 10, 8);
    let start = prefixes.start(Some(&key("a")), &[1, 2, 4, 9]);
    assert_eq!(kept(&start), Some((8, 3)));
    prefixes.hold(Some((key("a"), vec![1, 2, 4, 9])));
    let start = prefixes.start(Some(&key("a")), &[1, 2, 4, 9]);
    assert!(matches!(start, Start::Live(3)), "one is left to read");
}

#[test]
fn nothing_passes_between_keys() {
    let mut prefixes = Prefixes::new(100, true);
    prefixes.keep(key("a"), vec![1, 2, 3], 10, 7);
    prefixes.hold(Some((key("a"), vec![1, 2, 3])));
    let adapted = Key {
        lora: Some("l".into()),
        ..key("a")
    };
    for other in [Some(key("b")), Some(adapted), None] {
        let start = prefixes.start(other.as_ref(), &[1, 2, 3, 4]);
        assert_eq!(start.tokens(), 0, "{other:?}");
    }
    assert_eq!(prefixes.seen(&key("b"), &[1, 2, 3]), 0);
    assert!(!prefixes.covers(&key("b"), &[1]));
}

#[test]
fn what_cannot_be_cut_serves_whole_or_not() {
    let mut prefixes = Prefixes::new(100, false);
    prefixes.keep(key("a"), vec![1, 2], 10, 7);
    prefixes.keep(key("a"), vec![1, 2, 3], 10, 8);
    let start = |prompt: &[u32]| kept(&prefixes.start(Some(&key("a")), prompt));
    assert_eq!(start(&[1, 2, 3, 4]), Some((8, 3)));
    assert_eq!(start(&[1, 2, 3]), Some((7, 2)));
    assert_eq!(start(&[1, 2, 9]), Some((7, 2)));
    assert_eq!(start(&[1, 9]), None);
    assert_eq!(prefixes.seen(&key("a"), &[1, 9]), 1);
}

#[test]
fn a_budget_of_nothing_keeps_nothing() {
    let mut prefixes = Prefixes::new(0, true);
    prefixes.keep(key("a"), vec![1], 0, 7);
    prefixes.hold(Some((key("a"), vec![1])));
    assert_eq!(prefixes.start(Some(&key("a")), &[1, 2]).tokens(), 0);
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut prefixes = Prefixes::new(30, true);
    for (tenant, state) in [("a", 1), ("b", 2), ("c", 3)] {
        prefixes.keep(key(tenant), vec![state; 3], 10, state);
    }
    assert!(prefixes.covers(&key("a"), &[1, 1]));
    prefixes.keep(key("d"), vec![4], 10, 4);
    let found = |tenant: &str, token| prefixes.start(Some(&key(tenant)), &[token, token, token]);
    assert_eq!(found("a", 1).tokens(), 2);
    assert_eq!(found("b", 2).tokens(), 0);
    assert_eq!(prefixes.bytes(), 30);
}

#[test]
fn a_longer_one_takes_the_place_of_its_beginning() {
    let mut prefixes = Prefixes::new(30, true);
    prefixes.keep(key("a"), vec![1, 2], 10, 1);
    prefixes.keep(key("a"), vec![1, 2, 3], 15, 2);
    assert_eq!(prefixes.bytes(), 15);
    prefixes.keep(key("a"), vec![9], 31, 3);
    assert_eq!(prefixes.bytes(), 15);
    prefixes.clear();
    assert_eq!(prefixes.bytes(), 0);
}

proptest! {
    #[test]
    fn the_budget_holds_whatever_comes(
        budget in 0_u64..60,
        kept in proptest::collection::vec(
            (0_u8..3, proptest::collection::vec(0_u32..3, 1..6), 0_u64..40), 0..30),
        cuttable: bool,
    ) {
        let mut prefixes = Prefixes::new(budget, cuttable);
        for (tenant, tokens, bytes) in kept {
            let key = key(&tenant.to_string());
            prefixes.keep(key.clone(), tokens.clone(), bytes, tokens.clone());
            let sum: u64 = prefixes.entries.iter().map(|entry| entry.bytes).sum();
            prop_assert_eq!(sum, prefixes.bytes());
            prop_assert!(prefixes.bytes() <= budget);
            let prompt = [&tokens[..], &[7]].concat();
            let start = prefixes.start(Some(&key), &prompt);
            if let Start::Kept(state, used) = &start {
                prop_assert_eq!(&state[..*used], &prompt[..*used]);
            }
            if bytes <= budget && budget > 0 {
                prop_assert_eq!(start.tokens(), tokens.len());
            }
        }
    }
}
