//! Documents that nobody would write.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::compile_whole;
use crate::policy::{Action, Pin};

/// Shared keys with values that are sometimes right.
fn fields() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "local-first",
            "local-only",
            "upstream-only",
            "shadow",
            "split"
        ])
        .prop_map(|action| json!({"action": action})),
        prop::sample::select(vec!["demo", "other", ""])
            .prop_map(|m| json!({"local": {"model": m}})),
        (0_u32..3, -1.0..3.0).prop_map(|(n, t)| {
            json!({"local": {"max_tokens": n, "sampling": {"temperature": t, "top_p": 0}}})
        }),
        "[a(\\[*]{0,4}".prop_map(|r| json!({"local": {"answer": {"regex": r}}})),
        prop::sample::select(vec!["openai", "no"]).prop_map(|n| {
            json!({"upstream": [{"name": n, "model": ""}, {"name": n, "model": ""}]})
        }),
        (0.0..=1.0).prop_map(|p: f64| json!({"risk": {"assurance": p}})),
        (0.0..=1.0).prop_map(|p: f64| json!({"risk": {"max_regret": p}})),
        (0.0..=1.0).prop_map(|p: f64| json!({"threshold": p})),
        any::<bool>().prop_map(|p| json!({"private": p})),
        prop::collection::vec("email|card|x", 0..3).prop_map(|d| json!({"private": d})),
        Just(json!({"budget": {"then": "local-only"}})),
        Just(json!({"budget": {"max": "1"}})),
        Just(json!({"cache": {}})),
    ];
    prop::collection::vec(key, 0..6).prop_map(|keys| {
        let mut all = json!({});
        for keys in keys {
            for (key, value) in keys.as_object().unwrap() {
                all[key] = value.clone();
            }
        }
        all
    })
}

/// `fields` with further keys.
fn with(fields: Value, more: &Value) -> Value {
    let mut all = fields;
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

proptest! {
    #[test]
    fn compiling_never_panics_and_what_compiles_is_consistent(
        defaults in fields(),
        presets in prop::collection::btree_map("[ab]", (fields(), prop::collection::vec("[abc]", 0..3)), 0..3),
        routes in prop::collection::vec((fields(), fields(), fields(), "[abc]", 0.0..=1.0_f64), 0..3),
    ) {
        let presets: serde_json::Map<String, Value> = presets
            .into_iter()
            .map(|(name, (fields, extends))| (name, with(fields, &json!({"extends": extends}))))
            .collect();
        let routes: Vec<Value> = routes
            .into_iter()
            .enumerate()
            .map(|(i, (own, arm, team, extends, weight))| {
                let arms = json!([
                    with(arm, &json!({"name": "x", "weight": weight})),
                    {"name": "y", "weight": 1.0 - weight},
                ]);
                let split = (own["action"] == "split").then(|| json!({"arms": arms}));
                with(own, &json!({
                    "name": format!("r{i}"), "match": {"model": format!("m{i}")},
                    "extends": extends, "teams": {"support": team}, "split": split,
                }))
            })
            .collect();
        let document = json!({"defaults": defaults, "presets": presets, "routes": routes});
        if let Ok(policy) = compile_whole(document) {
            for route in policy.routes().iter().flat_map(|route| route.variants()) {
                prop_assert_ne!(route.action, Action::Split);
                prop_assert_eq!(route.upstream.is_none(), route.action == Action::LocalOnly);
                prop_assert!(route.local.is_some() || route.action == Action::UpstreamOnly);
                prop_assert!(route.pin == Pin::Never || route.local.is_some());
                prop_assert!(route.pin != Pin::Always || route.chain().next().is_none());
            }
        }
    }
}
