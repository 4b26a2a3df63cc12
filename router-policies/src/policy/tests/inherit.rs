//! Defaults, presets and overrides.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::compile_whole;
use crate::policy::{Policy, Trust};

fn policy(document: Value) -> Policy {
    compile_whole(document).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn problems(document: Value) -> Vec<String> {
    compile_whole(document)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Everything a route needs.
fn base() -> Value {
    json!({
        "local": {"model": "demo"},
        "upstream": {"name": "openai", "model": "gpt"},
        "risk": {"max_regret": "2 %"},
    })
}

fn base_with(changes: Value) -> Value {
    merged(base(), changes)
}

/// The documented rule, written down once more on plain JSON: the second document on top of the first.
fn merged(below: Value, above: Value) -> Value {
    let (Value::Object(mut below), Value::Object(above)) = (below, above) else {
        panic!("two objects are merged");
    };
    for (key, value) in above {
        let both_objects = below.get(&key).is_some_and(Value::is_object) && value.is_object();
        let replaced_whole = ["upstream", "baseline", "answer", "sampling"].contains(&key.as_str());
        if both_objects && !replaced_whole {
            let lower = below.remove(&key).unwrap();
            below.insert(key, merged(lower, value));
        } else {
            below.insert(key, value);
        }
    }
    Value::Object(below)
}

#[test]
fn a_route_may_live_on_defaults_alone() {
    let policy = policy(json!({"defaults": base(), "routes": [{"name": "a"}]}));
    assert_eq!(policy.routes()[0].local.as_ref().unwrap().model, "demo");
    assert!(policy.warnings().is_empty());
}

#[test]
fn the_nearest_layer_wins_key_by_key() {
    let policy = policy(json!({
        "defaults": base_with(json!({"local": {"max_tokens": 1, "deadline": "1s"}, "hedge_after": "1s"})),
        "presets": {
            "first": {"local": {"max_tokens": 2, "first_token_within": "1s"}, "hedge_after": "2s"},
            "second": {"extends": "third", "local": {"max_tokens": 3}},
            "third": {"local": {"max_tokens": 4, "answer": "json"}, "early_abort": true},
        },
        "routes": [
            {"name": "plain", "match": {"model": "a"}},
            {"name": "one", "match": {"model": "b"}, "extends": "first"},
            {"name": "two", "match": {"model": "c"}, "extends": ["first", "second"]},
            {"name": "own", "extends": ["second", "first"], "local": {"model": "qwen3", "max_tokens": 5}},
        ],
    }));
    let tokens: Vec<u32> = policy
        .routes()
        .iter()
        .map(|route| route.local.as_ref().unwrap().max_tokens)
        .collect();
    assert_eq!(tokens, [1, 2, 3, 5]);
    let own = &policy.routes()[3];
    let local = own.local.as_ref().unwrap();
    assert_eq!(local.model, "qwen3");
    assert_eq!(local.deadline.unwrap().as_secs(), 1, "from the defaults");
    assert_eq!(
        local.first_token_within.unwrap().as_secs(),
        1,
        "from `first`"
    );
    assert_eq!(
        local.answer,
        crate::Answer::Json,
        "from `third` through `second`"
    );
    assert_eq!(own.hedge_after.unwrap().as_secs(), 2);
    assert!(own.early_abort);
}

#[test]
fn lists_and_models_are_taken_whole() {
    let chain = json!([{"name": "openai", "model": "a"}, {"name": "openai", "model": "b"}]);
    let policy = policy(json!({
        "defaults": base_with(json!({"upstream": chain})),
        "routes": [{"name": "a", "upstream": [{"name": "anthropic", "model": "c"}]}],
    }));
    let models: Vec<&str> = policy.routes()[0]
        .chain()
        .map(|m| m.model.as_str())
        .collect();
    assert_eq!(models, ["c"]);
}

#[test]
fn risk_and_threshold_hide_each_other() {
    let trust = |layers: [Value; 3]| {
        let [defaults, preset, own] = layers;
        let own = merged(json!({"name": "a", "extends": "p"}), own);
        let defaults = merged(
            json!({"local": {"model": "demo"}, "upstream": {"name": "openai", "model": "gpt"}}),
            defaults,
        );
        policy(json!({"defaults": defaults, "presets": {"p": preset}, "routes": [own]})).routes()[0]
            .trust
    };
    let risk = json!({"risk": {"max_regret": "2 %", "assurance": "80 %"}});
    let threshold = json!({"threshold": "70 %"});
    assert!(matches!(
        trust([risk.clone(), json!({}), threshold.clone()]),
        Trust::Threshold(_)
    ));
    assert!(matches!(
        trust([threshold.clone(), risk.clone(), json!({})]),
        Trust::Risk(_)
    ));
    let assurance = |trust| match trust {
        Trust::Risk(target) => target.assurance().to_string(),
        other => panic!("{other:?}"),
    };
    let regret = json!({"risk": {"max_regret": "1 %"}});
    assert_eq!(
        assurance(trust([risk.clone(), json!({}), regret.clone()])),
        "80 %"
    );
    assert_eq!(
        assurance(trust([risk, threshold, regret])),
        "90 %",
        "hidden by the threshold between"
    );
}

#[test]
fn problems_are_told_where_the_value_was_written_and_once() {
    let found = problems(json!({
        "defaults": base_with(json!({"cache": {"ttl": "0s"}})),
        "presets": {"careful": {"risk": {"max_regret": 1}, "local": {"model": "dmo"}}},
        "routes": [
            {"name": "a", "match": {"model": "a"}, "extends": "careful"},
            {"name": "b", "extends": "careful", "teams": {"sales": {"upstream": {"name": "no", "model": "x"}}}},
        ],
    }));
    let expected = [
        "presets.careful.risk.max_regret: max_regret is 100 %",
        "presets.careful.local.model: there is no local model `dmo`",
        "defaults.cache.ttl: no time at all",
        "routes[1].teams.sales.upstream.name: there is no upstream `no`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n  is not\n{expected}");
    }
}

#[test]
fn presets_have_to_exist_and_must_not_go_in_circles() {
    let presets = json!({
        "careful": {"extends": ["fast", "carefull"]},
        "fast": {"extends": "loop"},
        "loop": {"extends": "fast"},
    });
    let found = problems(json!({
        "defaults": base(),
        "presets": presets,
        "routes": [{"name": "a", "extends": "crefal"}],
    }));
    assert_eq!(
        found,
        [
            "presets.loop.extends: the presets extend each other in a circle: `fast` → `loop` → `fast`; take one of the links out",
            "presets.careful.extends[1]: there is no preset `carefull`; did you mean `careful`?",
            "routes[0].extends: there is no preset `crefal`; did you mean `careful`?",
        ]
    );
}

#[test]
fn unused_presets_are_a_warning() {
    let policy = policy(json!({
        "defaults": base(),
        "presets": {"used": {"extends": "below"}, "below": {}, "idle": {"local": {"model": "dmo"}}},
        "routes": [{"name": "a", "extends": "used"}],
    }));
    let told: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "presets.idle: no route extends the preset `idle`, so it was not checked; use it or remove it"
        ]
    );
}

/// Some of the keys that are merged, with values that are always right.
fn layer() -> impl Strategy<Value = Value> {
    let local = (
        prop::option::of(1_u32..9),
        prop::option::of(10_u32..90),
        prop::option::of("[a-z]{1,3}"),
    )
        .prop_map(|(tokens, seconds, prefix)| {
            let mut local = Map::new();
            tokens.map(|n| local.insert("max_tokens".to_owned(), json!(n)));
            seconds.map(|s| local.insert("deadline".to_owned(), json!(format!("{s}s"))));
            prefix.map(|p| local.insert("prompt".to_owned(), json!({"system_prefix": p})));
            json!({"local": local})
        });
    let rest = (
        prop::option::of("[a-z]{1,3}"),
        prop::option::of(1_u32..50),
        prop::option::of(50_u32..99),
        prop::option::of(1_u32..9),
    )
        .prop_map(|(model, regret, assurance, rate)| {
            let mut layer = Map::new();
            model.map(|m| {
                layer.insert("upstream".to_owned(), json!({"name": "openai", "model": m}))
            });
            let mut risk = Map::new();
            regret.map(|p| risk.insert("max_regret".to_owned(), json!(format!("{p} %"))));
            assurance.map(|p| risk.insert("assurance".to_owned(), json!(format!("{p} %"))));
            layer.insert("risk".to_owned(), Value::Object(risk));
            rate.map(|p| layer.insert("audit".to_owned(), json!({"rate": format!("{p} %")})));
            Value::Object(layer)
        });
    (local, rest).prop_map(|(local, rest)| merged(local, rest))
}

proptest! {
    #[test]
    fn layers_are_the_documented_merge_however_they_are_grouped(
        a in layer(), b in layer(), c in layer(), own in layer(),
    ) {
        let route = |extends: Value, own: &Value| merged(json!({"name": "a", "extends": extends}), own.clone());
        let compiled = |presets: Value, route: Value| {
            policy(json!({"defaults": base(), "presets": presets, "routes": [route]})).routes()[0].clone()
        };
        let flat = compiled(json!({"a": a, "b": b, "c": c}), route(json!(["a", "b", "c"]), &own));
        // (a b) c, a (b c), and everything merged beforehand.
        let left = merged(b.clone(), json!({"extends": "a"}));
        let left = compiled(json!({"a": a, "ab": left, "c": c}), route(json!(["ab", "c"]), &own));
        let right = merged(c.clone(), json!({"extends": "b"}));
        let right = compiled(json!({"a": a, "b": b, "bc": right}), route(json!(["a", "bc"]), &own));
        let by_hand = [a, b, c, own].into_iter().fold(json!({"name": "a"}), merged);
        let by_hand = compiled(json!({}), by_hand);
        prop_assert_eq!(&flat, &left);
        prop_assert_eq!(&flat, &right);
        prop_assert_eq!(&flat, &by_hand);
    }
}
