use serde_json::json;

use super::{
    ActionDocument, AnswerDocument, LocalDocument, MatchDocument, OneOrMany, RouteDocument,
    TextMatch,
};

fn read(value: serde_json::Value) -> Result<RouteDocument, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn a_route_needs_only_a_name() {
    let route = read(json!({"name": "all"})).unwrap();
    assert_eq!(route.action, ActionDocument::LocalFirst);
    assert_eq!(route.r#match, MatchDocument::default());
    assert_eq!(route.r#match.model.as_slice(), ["*"]);
    assert_eq!(route.local, None);
    assert_eq!(route.risk, None);
}

#[test]
fn every_key_is_read() {
    let route = read(json!({
        "name": "intents",
        "match": {
            "model": ["intent-*", "classify"],
            "system": {"prefix": "You classify"},
            "headers": {"X-Team": "support"},
        },
        "action": "local-first",
        "local": {
            "model": "demo",
            "max_tokens": 16,
            "deadline": "2s",
            "first_token_within": "250ms",
            "answer": {"one_of": ["yes", "no"]},
        },
        "upstream": {"name": "openai", "model": "gpt"},
        "risk": {"max_regret": "2 %", "assurance": 0.95},
        "cache": {"ttl": "5m"},
        "baseline": {"name": "openai", "model": "gpt-large"},
    }))
    .unwrap();
    let local = route.local.clone().unwrap();
    assert_eq!(
        local.answer,
        AnswerDocument::OneOf(vec!["yes".to_owned(), "no".to_owned()])
    );
    assert_eq!(local.deadline.unwrap().as_millis(), 2_000);
    assert_eq!(
        route.r#match.system,
        Some(TextMatch::Prefix("You classify".to_owned()))
    );
    assert!((route.risk.as_ref().unwrap().max_regret.get() - 0.02).abs() < 1e-12);
    assert_eq!(route.cache.as_ref().unwrap().ttl.to_string(), "5m");

    let again = read(serde_json::to_value(&route).unwrap()).unwrap();
    assert_eq!(again, route, "what is written can be read");
}

#[test]
fn assurance_is_ninety_percent_unless_said() {
    let route = read(json!({"name": "a", "risk": {"max_regret": 0.02}})).unwrap();
    assert_eq!(route.risk.unwrap().assurance.to_string(), "90 %");
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for (document, key) in [
        (json!({"name": "a", "treshold": 0.5}), "treshold"),
        (json!({"name": "a", "match": {"models": "x"}}), "models"),
        (
            json!({"name": "a", "local": {"model": "x", "temperature": 1}}),
            "temperature",
        ),
        (
            json!({"name": "a", "risk": {"max_regret": 0.1, "delta": 0.1}}),
            "delta",
        ),
        (
            json!({"name": "a", "match": {"system": {"suffix": "x"}}}),
            "suffix",
        ),
        (json!({"name": "a", "action": "local_first"}), "local_first"),
    ] {
        let error = read(document).unwrap_err();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn answers_are_a_word_or_a_list() {
    let answer = |value| {
        serde_json::from_value::<LocalDocument>(json!({"model": "m", "answer": value}))
            .map(|l| l.answer)
    };
    assert_eq!(answer(json!("text")).unwrap(), AnswerDocument::Text);
    assert_eq!(answer(json!("json")).unwrap(), AnswerDocument::Json);
    assert!(answer(json!("yaml")).is_err());
    assert!(answer(json!(["a"])).is_err());
}

#[test]
fn one_or_many_says_what_it_wants() {
    let read = |value| serde_json::from_value::<OneOrMany<String>>(value);
    assert_eq!(read(json!("a")).unwrap().as_slice(), ["a"]);
    assert_eq!(read(json!(["a", "b"])).unwrap().as_slice(), ["a", "b"]);
    assert!(read(json!([])).unwrap().as_slice().is_empty());
    let error = read(json!(3)).unwrap_err().to_string();
    assert!(error.contains("a text or a list of texts"), "{error}");
    assert!(read(json!(["a", 3])).is_err());
}
