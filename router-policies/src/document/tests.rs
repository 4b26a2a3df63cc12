use serde_json::json;

use super::{
    AnswerDocument, LocalDocument, MatchDocument, OneOrMany, PrivateDocument, RouteDocument,
    TextMatch,
};

fn read(value: serde_json::Value) -> Result<RouteDocument, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn a_route_needs_only_a_name() {
    let route = read(json!({"name": "all"})).unwrap();
    assert_eq!(route.action, None);
    assert_eq!(route.r#match, MatchDocument::default());
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
            "api": "chat-completions",
            "path": ["/v1/*"],
            "key": "agents",
            "team": ["support", "sales-*"],
            "tags": {"tier": "gold"},
            "prompt_tokens": {"min": 1, "max": 4000},
            "turns": {"max": 3},
            "tools": {"any_of": ["search_*"]},
            "response_format": ["json_schema", "enum"],
            "modality": "image",
            "language": ["de", "en"],
            "user_message": {"regex": "(?i)refund"},
            "any": [{"tools": "absent"}, {"all": [{"tools": {"only": "a"}}]}],
            "not": {"model": "x"},
        },
        "action": "local-first",
        "extends": ["careful"],
        "teams": {"support": {"threshold": "80 %"}},
        "split": {"by": "user", "salt": "1", "arms": [
            {"name": "small", "weight": "100 %", "action": "local-only"},
        ]},
        "commit": "window",
        "commit_after": 8,
        "early_abort": true,
        "hedge_after": "800ms",
        "audit": {"rate": "1 %", "near_threshold": "2.5x", "repeat": "10 %", "max_cost_per_day": "0.50"},
        "budget": {"max": "20.00", "per": "day", "then": "local-only"},
        "private": ["email"],
        "local": {
            "lora": "tickets",
            "sampling": {"temperature": 0.5, "top_p": "90 %", "seed": 7},
            "prompt": {"system_prefix": "Be brief.", "examples": [{"user": "a", "assistant": "b"}]},
            "model": "demo",
            "max_tokens": 16,
            "deadline": "2s",
            "first_token_within": "250ms",
            "answer": {"one_of": ["yes", "no"]},
        },
        "upstream": [{"name": "openai", "model": "gpt"}, {"name": "other", "model": "gpt"}],
        "risk": {"max_regret": "2 %", "assurance": 0.95},
        "cache": {"ttl": "5m"},
        "baseline": {"name": "openai", "model": "gpt-large"},
    }))
    .unwrap();
    let local = route.local.clone().unwrap();
    assert_eq!(
        local.answer,
        Some(AnswerDocument::OneOf(vec![
            "yes".to_owned(),
            "no".to_owned()
        ]))
    );
    assert_eq!(local.deadline.unwrap().as_millis(), 2_000);
    assert_eq!(
        route.r#match.system,
        Some(TextMatch::Prefix("You classify".to_owned()))
    );
    assert_eq!(
        route.risk.as_ref().unwrap().max_regret.unwrap().to_string(),
        "2 %"
    );
    assert_eq!(route.cache.as_ref().unwrap().ttl.unwrap().to_string(), "5m");

    let again = read(serde_json::to_value(&route).unwrap()).unwrap();
    assert_eq!(again, route, "what is written can be read");
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for (document, key) in [
        (json!({"name": "a", "treshold": 0.5}), "treshold"),
        (json!({"name": "a", "match": {"models": "x"}}), "models"),
        (
            json!({"name": "a", "local": {"model": "x", "temprature": 1}}),
            "temprature",
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
            .map(|l| l.answer.unwrap())
    };
    assert_eq!(answer(json!("text")).unwrap(), AnswerDocument::Text);
    assert_eq!(answer(json!("json")).unwrap(), AnswerDocument::Json);
    assert_eq!(
        answer(json!({"regex": "a+"})).unwrap(),
        AnswerDocument::Regex("a+".to_owned())
    );
    assert_eq!(
        answer(json!({"json_schema": {"type": "object"}})).unwrap(),
        AnswerDocument::JsonSchema(json!({"type": "object"}))
    );
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
    assert!(
        error.contains("a single entry or a list of entries"),
        "{error}"
    );
    assert!(read(json!(["a", 3])).is_err());
}

#[test]
fn private_is_a_yes_a_no_or_a_list() {
    let read = |value| serde_json::from_value::<PrivateDocument>(value);
    assert_eq!(read(json!(true)).unwrap(), PrivateDocument::All(true));
    let list = PrivateDocument::Detected(vec!["email".to_owned()]);
    assert_eq!(read(json!(["email"])).unwrap(), list);
    let error = read(json!("email")).unwrap_err().to_string();
    assert!(error.contains("a list of detectors"), "{error}");
}

#[test]
fn money_is_text_and_factors_are_at_least_one() {
    for (wrong, what) in [
        (json!({"budget": {"max": 20.0}}), "an amount in USD as text"),
        (
            json!({"budget": {"max": "-1"}}),
            "`-1` is not an amount in USD",
        ),
        (
            json!({"budget": {"max": "1e3"}}),
            "`1e3` is not an amount in USD",
        ),
        (
            json!({"audit": {"near_threshold": "0.5x"}}),
            "`0.5x` is not a factor",
        ),
        (
            json!({"audit": {"near_threshold": "inf"}}),
            "`inf` is not a factor",
        ),
        (
            json!({"audit": {"near_threshold": 0}}),
            "`0` is not a factor",
        ),
    ] {
        let mut route = json!({"name": "a"});
        for (key, value) in wrong.as_object().unwrap() {
            route[key] = value.clone();
        }
        let error = read(route).unwrap_err();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn additions_to_the_prompt_are_not_debugged() {
    let local: LocalDocument = serde_json::from_value(json!({
        "prompt": {"system_prefix": "secret", "examples": [{"user": "secret", "assistant": "secret"}]}
    }))
    .unwrap();
    assert!(!format!("{local:?}").contains("secret"));
}
