use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Action, Answer, ModelRef, Names, Policy, Trust};
use crate::document::{Api, PolicyDocument, UnmatchedDocument};
use crate::error::{PolicyError, PolicyProblem};
use crate::matcher::Glob;
use crate::matcher::sample::Sample;

mod act;
mod arbitrary;
mod inherit;
mod matching;
mod problems;

const NAMES: Names<'static> = Names {
    local_models: &["demo", "qwen3"],
    upstreams: &["openai", "anthropic"],
    loras: &[("qwen3", "billing")],
    teams: Some(&["support", "sales"]),
    keys: Some(&["agents", "batch"]),
    apis: Some(&[Api::ChatCompletions]),
};

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better at the many calls"
)]
fn compile(routes: Value) -> Result<Policy, Vec<PolicyError>> {
    compile_whole(json!({"routes": routes}))
}

/// The whole of a policy; without a default route it says that the rest is rejected.
fn compile_whole(document: Value) -> Result<Policy, Vec<PolicyError>> {
    let mut document: PolicyDocument = serde_json::from_value(document).unwrap();
    let compiled = Policy::compile(&document, &NAMES);
    let lacks = |error: &PolicyError| error.problem == PolicyProblem::NoDefaultRoute;
    if compiled
        .as_ref()
        .is_err_and(|errors| errors.iter().any(lacks))
    {
        document.unmatched = Some(UnmatchedDocument::Reject);
        return Policy::compile(&document, &NAMES);
    }
    compiled
}

/// The problems as texts.
fn problems(routes: Value) -> Vec<String> {
    compile(routes)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// A sound local-first route with some keys replaced.
#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better at the many calls"
)]
fn route(name: &str, changes: Value) -> Value {
    let mut route = json!({
        "name": name,
        "local": {"model": "demo"},
        "upstream": {"name": "openai", "model": "gpt"},
        "risk": {"max_regret": "2 %"},
    });
    for (key, value) in changes.as_object().unwrap() {
        route[key] = value.clone();
    }
    route
}

#[test]
fn a_sound_route_is_compiled() {
    let policy = compile(json!([route(
        "intents",
        json!({
            "local": {"model": "demo", "deadline": "2s", "first_token_within": "250ms",
                      "answer": {"one_of": ["yes", "no"]}},
            "cache": {"ttl": "5m"},
            "baseline": {"name": "anthropic", "model": "opus"},
        })
    )]))
    .unwrap();
    let route = policy.route("intents").unwrap();
    let local = route.local.as_ref().unwrap();
    assert_eq!(route.action, Action::LocalFirst);
    assert_eq!(local.max_tokens, 512);
    assert_eq!(local.deadline, Some(Duration::from_secs(2)));
    assert_eq!(local.first_token_within, Some(Duration::from_millis(250)));
    assert_eq!(
        local.answer,
        Answer::OneOf(["yes".to_owned(), "no".to_owned()].into())
    );
    assert_eq!(route.cache, Some(Duration::from_secs(300)));
    let baseline = ModelRef {
        upstream: "anthropic".to_owned(),
        model: "opus".to_owned(),
    };
    assert_eq!(route.baseline, Some(baseline));
    assert!(matches!(route.trust, Trust::Risk(t) if t.assurance().to_string() == "90 %"));
}

#[test]
fn the_first_match_in_file_order_wins() {
    let policy = compile(json!([
        route("exact", json!({"match": {"model": "gpt-4"}})),
        route("family", json!({"match": {"model": "gpt-*"}})),
        route("rest", json!({})),
    ]))
    .unwrap();
    let found = |model| policy.find(&Sample::of(model)).unwrap().name.clone();
    assert_eq!(found("gpt-4"), "exact");
    assert_eq!(found("gpt-5"), "family");
    assert_eq!(found("claude"), "rest");
}

#[test]
fn no_match_is_none() {
    let policy = compile(json!([route(
        "exact",
        json!({"match": {"model": "gpt-4"}})
    )]))
    .unwrap();
    assert!(policy.find(&Sample::of("other")).is_none());
    assert!(policy.route("other").is_none());
}

#[test]
fn clients_are_told_the_literal_models_once() {
    let policy = compile(json!([
        route(
            "a",
            json!({"match": {"model": ["smallfirst", "gpt-*", "fast"]}})
        ),
        route("b", json!({"match": {"model": ["fast", "deep"]}})),
    ]))
    .unwrap();
    assert_eq!(policy.client_models(), ["smallfirst", "fast", "deep"]);
}

#[test]
fn nothing_can_leave_a_local_only_route() {
    let policy = compile(json!([route(
        "private",
        json!({"action": "local-only", "risk": null})
    )]))
    .unwrap();
    let route = &policy.routes()[0];
    assert_eq!(route.upstream, None);
    assert_eq!(
        route.baseline.as_ref().unwrap().upstream,
        "openai",
        "still what it is compared with"
    );
    assert_eq!(route.trust, Trust::Everything);
}

#[test]
fn an_upstream_only_route_has_no_local_plan() {
    let policy = compile(json!([route(
        "big",
        json!({"action": "upstream-only", "risk": null, "threshold": 0.9})
    )]))
    .unwrap();
    assert_eq!(policy.routes()[0].local, None);
    assert!(matches!(policy.routes()[0].trust, Trust::Threshold(_)));
}

#[test]
fn all_problems_are_told_at_once_in_file_order() {
    let found = problems(json!([
        {"name": "", "local": {"model": "dmo"}, "upstream": {"name": "opnai", "model": ""},
         "risk": {"max_regret": 0, "assurance": "20 %"}},
        {"name": "late", "threshold": "80 %", "risk": {"max_regret": 1}},
        {"name": "late", "action": "upstream-only"},
    ]));
    let expected = [
        "routes[0].name: the name is empty",
        "routes[0].risk.max_regret: max_regret is 0 %; it must be above 0 %",
        "routes[0].local.model: there is no local model `dmo`; did you mean `demo`?",
        "routes[0].upstream.name: there is no upstream `opnai`; did you mean `openai`?",
        "routes[0].upstream.model: the model is empty",
        "routes[1]: the action `local-first` needs `local`",
        "routes[1]: the action `local-first` needs `upstream`",
        "routes[1]: `risk` and `threshold` exclude each other",
        "routes[1].risk.max_regret: max_regret is 100 %",
        "routes[1].match: never reached: routes[0] (``) matches",
        "routes[2].name: `late` is already the name of routes[1]",
        "routes[2]: the action `upstream-only` needs `upstream`",
        "routes[2].match: never reached",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n  is not\n{expected}");
    }
}

#[test]
fn single_problems() {
    for (changes, expected) in [
        (
            json!({"name": "two words"}),
            "routes[0].name: the name `two words` has characters",
        ),
        (
            json!({"match": {"model": []}}),
            "routes[0].match.model: an empty list matches nothing",
        ),
        (
            json!({"match": {"model": ["a", ""]}}),
            "routes[0].match.model[1]: the text to compare",
        ),
        (
            json!({"match": {"system": {"prefix": ""}}}),
            "routes[0].match.system: the text to compare",
        ),
        (
            json!({"match": {"headers": {"x y": "1"}}}),
            "routes[0].match.headers.x y: `x y` cannot be",
        ),
        (
            json!({"match": {"headers": {"x": ""}}}),
            "routes[0].match.headers.x: the text to compare",
        ),
        (
            json!({"match": {"headers": {"X": "1", "x": "2"}}}),
            "routes[0].match.headers.x: header `x` appears twice",
        ),
        (
            json!({"risk": null}),
            "routes[0]: `local-first` needs to know what to accept",
        ),
        (
            json!({"local": null}),
            "routes[0]: the action `local-first` needs `local`",
        ),
        (
            json!({"upstream": null}),
            "routes[0]: the action `local-first` needs `upstream`",
        ),
        (
            json!({"local": null, "action": "local-only"}),
            "routes[0]: the action `local-only` needs",
        ),
        (
            json!({"risk": {"max_regret": 0.02, "assurance": 1}}),
            "routes[0].risk.assurance: assurance is 100 %",
        ),
        (
            json!({"risk": {"max_regret": 0.02, "assurance": 0.49}}),
            "routes[0].risk.assurance: assurance is 49 %",
        ),
        (
            json!({"cache": {"ttl": "0s"}}),
            "routes[0].cache.ttl: no time at all",
        ),
        (
            json!({"baseline": {"name": "mistral", "model": "m"}}),
            "routes[0].baseline.name: there is no upstream `mistral`; there are: `openai`, `anthropic`",
        ),
    ] {
        let found = problems(json!([route("a", changes)]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(expected),
            "{} is not {expected}",
            found[0]
        );
    }
}

#[test]
fn problems_of_a_local_plan() {
    for (changes, expected) in [
        (
            json!({"max_tokens": 0}),
            "routes[0].local.max_tokens: a draft needs at least one token",
        ),
        (
            json!({"deadline": "0ms"}),
            "routes[0].local.deadline: no time at all",
        ),
        (
            json!({"deadline": "1s", "first_token_within": "2s"}),
            "routes[0].local.first_token_within: the first token may take longer",
        ),
        (
            json!({"answer": {"one_of": []}}),
            "routes[0].local.answer.one_of: an empty list",
        ),
        (
            json!({"answer": {"one_of": ["a", " "]}}),
            "routes[0].local.answer.one_of[1]: the answer is blank",
        ),
        (
            json!({"answer": {"one_of": ["a", "b", "a"]}}),
            "routes[0].local.answer.one_of[2]: `a` is already entry 0",
        ),
    ] {
        let mut local = json!({"model": "demo"});
        for (key, value) in changes.as_object().unwrap() {
            local[key] = value.clone();
        }
        let found = problems(json!([route("a", json!({"local": local}))]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(expected),
            "{} is not {expected}",
            found[0]
        );
    }
}

#[test]
fn a_policy_needs_a_route() {
    assert_eq!(
        problems(json!([])),
        ["routes: no route is declared; add at least one"]
    );
}

#[test]
fn unknown_names_without_any_known_say_where_to_add_one() {
    let names = Names {
        local_models: &[],
        upstreams: &["openai"],
        ..Names::default()
    };
    let document = json!({"routes": [route("a", json!({}))]});
    let errors = Policy::compile(&serde_json::from_value(document).unwrap(), &names).unwrap_err();
    assert!(matches!(
        errors[0].problem,
        PolicyProblem::UnknownLocalModel { .. }
    ));
    assert!(
        errors[0]
            .to_string()
            .ends_with("add it to the configuration first"),
        "{}",
        errors[0]
    );
}

#[test]
fn equal_matchers_are_noticed_too() {
    let same = json!({"match": {"model": "gpt-*", "headers": {"X-Team": "a"}}});
    let found = problems(json!([route("a", same.clone()), route("b", same)]));
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("routes[0] (`a`) matches"), "{}", found[0]);
}

#[test]
fn a_condition_on_a_header_ignores_the_case_of_its_name() {
    let policy = compile(json!([route(
        "a",
        json!({"match": {"headers": {"X-Team": "support"}}})
    )]))
    .unwrap();
    let headers = vec![("x-team".to_owned(), "support".to_owned())];
    let request = Sample {
        headers,
        ..Sample::of("m")
    };
    assert!(policy.find(&request).is_some());
    assert!(policy.find(&Sample::of("m")).is_none());
}

proptest! {
    #[test]
    fn find_is_the_first_route_that_matches(
        patterns in prop::collection::vec("[ab*]{1,3}", 1..6),
        model in "[ab]{0,4}",
    ) {
        let routes: Vec<_> = patterns
            .iter()
            .enumerate()
            .map(|(i, pattern)| route(&format!("r{i}"), json!({"match": {"model": pattern}})))
            .collect();
        // A policy with unreachable routes is refused; the property is about the others.
        if let Ok(policy) = compile(json!(routes)) {
            let expected = patterns.iter().position(|pattern| Glob::new(pattern).matches(&model));
            let found = policy.find(&Sample::of(&model)).map(|route| route.name.clone());
            prop_assert_eq!(found, expected.map(|i| format!("r{i}")));
        } else {
            let covered = patterns.iter().enumerate().any(|(i, later)| {
                patterns[..i].iter().any(|earlier| Glob::new(earlier).covers(&Glob::new(later)))
            });
            prop_assert!(covered);
        }
    }
}
