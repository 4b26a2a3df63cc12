use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Asker, Split, StickyBy};
use crate::policy::{Names, Policy, Route};

const NAMES: Names<'static> = Names {
    local_models: &["demo"],
    upstreams: &["openai"],
    loras: &[],
    teams: None,
    keys: None,
    apis: None,
};

/// A split of the arms `a`, `b`, `c` … with these weights in percent.
fn split(weights: &[u32], extra: &Value) -> Split {
    let arms: Vec<Value> = weights
        .iter()
        .zip('a'..)
        .map(|(weight, name)| json!({"name": name, "weight": format!("{weight} %")}))
        .collect();
    let mut block = json!({"arms": arms});
    for (key, value) in extra.as_object().unwrap() {
        block[key] = value.clone();
    }
    let document = json!({"routes": [{
        "name": "trial", "action": "split", "split": block, "threshold": "90 %",
        "local": {"model": "demo"}, "upstream": {"name": "openai", "model": "gpt"},
    }]});
    let policy = Policy::compile(&serde_json::from_value(document).unwrap(), &NAMES).unwrap();
    policy.routes()[0].split.clone().unwrap()
}

fn asker<'a>(key: &'a str, request: &'a str) -> Asker<'a> {
    Asker {
        key,
        team: None,
        user: None,
        request,
        header: &|_| None,
    }
}

fn arm(split: &Split, key: &str) -> String {
    split.arm("trial", &asker(key, "r")).unwrap().name.clone()
}

#[test]
fn the_same_key_keeps_its_arm_and_other_routes_and_salts_deal_anew() {
    let one = split(&[50, 50], &json!({}));
    let salted = split(&[50, 50], &json!({"salt": "second trial"}));
    let keys: Vec<String> = (0..200).map(|i| format!("key-{i}")).collect();
    let moved = |other: &dyn Fn(&str) -> String| {
        keys.iter()
            .filter(|key| arm(&one, key) != other(key))
            .count()
    };
    assert_eq!(moved(&|key| arm(&one, key)), 0);
    assert!((60..140).contains(&moved(&|key| arm(&salted, key))));
    let elsewhere = |key: &str| one.arm("other", &asker(key, "r")).unwrap().name.clone();
    assert!((60..140).contains(&moved(&elsewhere)));
}

#[test]
fn arms_are_the_same_on_every_machine() {
    // Recorded once. If this fails, running trials would be dealt anew by an update.
    let split = split(&[90, 10], &json!({}));
    let dealt: String = (0..40).map(|i| arm(&split, &format!("key-{i}"))).collect();
    assert_eq!(dealt, RECORDED);
}

const RECORDED: &str = "aaaaaabaaaaaaaaaaaaaaaaaaaaaaaaaabaaaaaa";

#[test]
fn what_stays_together_is_what_the_split_says() {
    let header = |name: &str| (name == "x-tenant").then_some("acme");
    let full = Asker {
        key: "k",
        team: Some("t"),
        user: Some("u"),
        request: "r",
        header: &header,
    };
    for (by, expected) in [
        ("key", ("key", "k")),
        ("team", ("team", "t")),
        ("user", ("user", "u")),
        ("request", ("request", "r")),
        ("header:X-Tenant", ("header", "acme")),
        ("header:x-other", ("key", "k")),
    ] {
        let split = split(&[50, 50], &json!({"by": by}));
        assert_eq!(split.sticky(&full), expected, "{by}");
        let bare = split.sticky(&asker("k", "r"));
        let kind = if by == "request" {
            ("request", "r")
        } else {
            ("key", "k")
        };
        assert_eq!(bare, kind, "{by} without it");
    }
    assert_eq!("key".parse(), Ok(StickyBy::Key));
    for wrong in ["", "header", "header:", "header:a b", "cookie", "Key"] {
        assert!(wrong.parse::<StickyBy>().is_err(), "{wrong}");
    }
}

#[test]
fn an_arm_of_weight_zero_gets_nothing() {
    let split = split(&[100, 0], &json!({}));
    assert!((0..500).all(|i| arm(&split, &format!("key-{i}")) == "a"));
}

#[test]
fn the_asker_is_not_debugged_whole() {
    let shown = format!(
        "{:?}",
        Asker {
            user: Some("jane@example.org"),
            ..asker("k", "r")
        }
    );
    assert!(shown.contains('k') && !shown.contains("jane"), "{shown}");
}

/// Three weights in percent that add up to 100.
fn weights() -> impl Strategy<Value = [u32; 3]> {
    (0_u32..=100, 0_u32..=100).prop_map(|(x, y)| {
        let (low, high) = (x.min(y), x.max(y));
        [low, high - low, 100 - high]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shares_come_close_to_the_weights(weights in weights(), salt in "[a-z]{0,6}") {
        let split = split(&weights, &json!({"salt": salt}));
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for i in 0..2_000 {
            *counts.entry(arm(&split, &format!("key-{i}"))).or_default() += 1;
        }
        for (weight, name) in weights.iter().zip(["a", "b", "c"]) {
            let expected = f64::from(*weight) * 20.0;
            let found = f64::from(counts.get(name).copied().unwrap_or_default());
            // Six standard deviations of the largest binomial there is.
            prop_assert!((found - expected).abs() < 135.0, "{name}: {found} for {expected}");
        }
    }

    #[test]
    fn only_what_has_to_move_moves(before in weights(), after in weights()) {
        let (old, new) = (split(&before, &json!({})), split(&after, &json!({})));
        let index = |name: &str| usize::from(name.as_bytes()[0] - b'a');
        for i in 0..300 {
            let key = format!("key-{i}");
            let (from, to) = (index(&arm(&old, &key)), index(&arm(&new, &key)));
            if from != to {
                // Nothing moves between arms whose weights did not change, nor from one that only grew to one that
                // only shrank.
                prop_assert!(after[from] < before[from] || after[to] > before[to]);
            }
        }
    }

    #[test]
    fn with_two_arms_nothing_moves_against_the_change(before in 0_u32..=100, after in 0_u32..=100) {
        let old = split(&[before, 100 - before], &json!({}));
        let new = split(&[after, 100 - after], &json!({}));
        for i in 0..300 {
            let key = format!("key-{i}");
            let (from, to) = (arm(&old, &key), arm(&new, &key));
            if from != to {
                prop_assert_eq!(to == "a", after > before);
            }
        }
    }
}

/// Kept out of the properties: what an arm means is a route of its own.
#[test]
fn every_arm_is_a_route_that_answers() {
    let split = split(&[50, 50], &json!({}));
    let ids: Vec<String> = split
        .arms
        .iter()
        .map(|arm| Route::id(&arm.route).into_owned())
        .collect();
    assert_eq!(ids, ["trial@arm=a", "trial@arm=b"]);
}
