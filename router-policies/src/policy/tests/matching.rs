//! What is said about conditions, aliases and the default route.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NAMES, Policy, Sample, compile_whole, problems, route};
use crate::matcher::Checked;
use crate::matcher::sample::any_sample;

/// A route with this `match` has this one problem.
fn each_has_one<const N: usize>(cases: [(Value, &str); N]) {
    for (conditions, expected) in cases {
        let found = problems(json!([route("a", json!({"match": conditions}))]));
        assert_eq!(found, [format!("routes[0].match{expected}")]);
    }
}

#[test]
fn of_names() {
    each_has_one([
        (
            json!({"model": []}),
            ".model: an empty list matches nothing; name what it should match, or leave the key out to match all",
        ),
        (
            json!({"key": ["agents", "agent"]}),
            ".key[1]: there is no key `agent`; did you mean `agents`?",
        ),
        (
            json!({"key": "x-*"}),
            ".key: there is no key `x-*`; there are: `agents`, `batch`",
        ),
        (
            json!({"team": "suport"}),
            ".team: there is no team `suport`; did you mean `support`?",
        ),
        (
            json!({"api": ["chat-completions", "messages"]}),
            ".api[1]: this version does not serve the API `messages` yet, so the route would never be used; it serves `chat-completions`",
        ),
        (
            json!({"path": "/v1/chat/completion"}),
            ".path: no request comes to the path `/v1/chat/completion`; did you mean `/v1/chat/completions`?",
        ),
        (
            json!({"tags": {"tier": ""}}),
            ".tags.tier: the text to compare with is empty; write it, or leave the key out",
        ),
        (
            json!({"tools": {"any_of": ["a", ""]}}),
            ".tools.any_of[1]: the text to compare with is empty; write it, or leave the key out",
        ),
        (
            json!({"language": ["en", "eng", "egn"]}),
            ".language[2]: the language `egn` is not known here; did you mean `en`?",
        ),
        (
            json!({"language": "english"}),
            ".language: the language `english` is not known here; write its two letters as in ISO 639-1, for example `en`",
        ),
    ]);
}

#[test]
fn of_texts_and_numbers() {
    each_has_one([
        (
            json!({"user_message": {"regex": "a)b"}}),
            ".user_message.regex: this is not a regular expression: unopened group",
        ),
        (
            json!({"user_message": {"regex": "(\\w{100}){100}"}}),
            ".user_message.regex: this is not a regular expression: it takes more memory than 1 MiB; repeat less in it",
        ),
        (
            json!({"system": {"contains": ""}}),
            ".system: the text to compare with is empty; write it, or leave the key out",
        ),
        (
            json!({"turns": {}}),
            ".turns: a range needs `min` or `max`; write for example `max: 4`",
        ),
        (
            json!({"prompt_tokens": {"min": 10, "max": 9}}),
            ".prompt_tokens: no number is at least 10 and at most 9; swap the two",
        ),
    ]);
}

#[test]
fn of_nested_conditions() {
    let deep = (0..9).fold(
        json!({"turns": {"max": 1}}),
        |inner, _| json!({"not": inner}),
    );
    each_has_one([
        (
            json!({"any": []}),
            ".any: an empty list matches nothing; name what it should match, or leave the key out to match all",
        ),
        (
            json!({"any": [{"tools": "absent"}, {}]}),
            ".any[1]: there is no condition in here; write one, or remove the entry",
        ),
        (
            json!({"not": {}}),
            ".not: there is no condition in here; write one, or remove the entry",
        ),
        (
            json!({"any": [{"tools": "absent"}, {"not": {"team": "sails"}}]}),
            ".any[1].not.team: there is no team `sails`; did you mean `sales`?",
        ),
        (
            deep,
            ".not.not.not.not.not.not.not.not: conditions are nested more than 8 deep; write the inner ones as routes of their own",
        ),
    ]);
}

#[test]
fn conditions_that_never_hold_together() {
    let never = |other: &str, at: &str| {
        format!("{at}: never matches: no request satisfies this and {other}; change one of the two")
    };
    for (conditions, at, other) in [
        (
            json!({"turns": {"max": 3}, "all": [{"turns": {"min": 4}}]}),
            ".all",
            "`routes[0].match.turns`",
        ),
        (
            json!({"model": "gpt-*", "not": {"model": "g*"}}),
            ".not",
            "`routes[0].match.model`",
        ),
        (
            json!({"all": [{"language": "de"}, {"tools": "absent"}], "any": [{"language": "en"}, {"tools": "present"}]}),
            ".any",
            "`routes[0].match.all`",
        ),
        (
            json!({"team": "sales", "tools": "absent", "not": {"team": "*", "tools": "absent"}}),
            ".not",
            "the other conditions here",
        ),
    ] {
        let found = problems(json!([route("a", json!({"match": conditions}))]));
        assert_eq!(found, [format!("routes[0].match{}", never(other, at))]);
    }
}

#[test]
fn routes_that_are_never_reached() {
    for (first, second) in [
        (
            json!({"team": ["sales", "support"]}),
            json!({"team": "sales", "turns": {"max": 2}}),
        ),
        (
            json!({"model": "gpt-*"}),
            json!({"model": ["gpt-4*", "gpt-5"]}),
        ),
        (
            json!({"not": {"team": "sales"}}),
            json!({"team": "support"}),
        ),
        (
            json!({"any": [{"tools": "present"}, {"turns": {"min": 3}}]}),
            json!({"tools": {"only": "search_*"}}),
        ),
        (
            json!({"response_format": "json_schema"}),
            json!({"response_format": "enum", "tags": {"tier": "gold"}}),
        ),
        (
            json!({"user_message": {"regex": "a|b"}}),
            json!({"any": [{"user_message": {"regex": "a|b"}}, {"user_message": {"equals": "bb"}}]}),
        ),
    ] {
        let routes = json!([
            route("a", json!({"match": first})),
            route("b", json!({"match": second}))
        ]);
        let found = problems(routes);
        let expected = "routes[1].match: never reached: routes[0] (`a`) matches everything this one does; move this one above it";
        assert_eq!(found, [expected]);
    }
}

#[test]
fn wrong_conditions_do_not_make_others_unreachable() {
    let found = problems(json!([
        route("a", json!({"match": {"team": "suport"}})),
        route("b", json!({"match": {"turns": {"min": 2, "max": 1}}})),
        route("c", json!({"match": {"team": "support"}})),
    ]));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "reads better at the many calls"
)]
fn document(aliases: Value, unmatched: Option<&str>, conditions: Value) -> Value {
    json!({
        "aliases": aliases,
        "routes": [route("a", json!({"match": conditions}))],
        "unmatched": unmatched,
    })
}

fn errors(document: Value) -> Vec<String> {
    let document = serde_json::from_value(document).unwrap();
    let errors = Policy::compile(&document, &NAMES).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_default_route_exists_or_the_file_says_what_happens_without() {
    assert_eq!(
        errors(document(json!({}), None, json!({"model": "a"}))),
        [
            "routes: no route takes the requests that match none of these; add one without `match` at the end, or write \
          `unmatched: reject` to have them refused"
        ]
    );
    let policy = compile_whole(document(json!({}), Some("reject"), json!({"model": "a"}))).unwrap();
    assert!(policy.warnings().is_empty());
    for everything in [json!({}), json!({"model": "*"}), json!({"key": ["*"]})] {
        let plain = document(json!({}), None, everything.clone());
        let plain = Policy::compile(&serde_json::from_value(plain).unwrap(), &NAMES).unwrap();
        assert!(plain.warnings().is_empty());
        let both = compile_whole(document(json!({}), Some("reject"), everything)).unwrap();
        assert_eq!(
            both.warnings()[0].to_string(),
            "unmatched: the route `a` takes every request, so none is left over; remove `unmatched`"
        );
    }
}

#[test]
fn aliases_stand_for_names_that_routes_ask_for() {
    let aliases = json!({"gpt-4": "triage", "gpt-5": "draft-7"});
    let conditions = json!({"model": ["triage", "draft-*"]});
    let policy = compile_whole(document(aliases, Some("reject"), conditions)).unwrap();
    for model in ["gpt-4", "triage", "gpt-5", "draft-1"] {
        assert!(policy.find(&Sample::of(model)).is_some(), "{model}");
    }
    assert!(policy.find(&Sample::of("gpt-3")).is_none());
    assert_eq!(policy.client_models(), ["triage", "gpt-4", "gpt-5"]);
}

#[test]
fn of_aliases() {
    for (aliases, conditions, expected) in [
        (
            json!({"x": "triag"}),
            json!({"model": "triage"}),
            "aliases.x: no route asks for the model `triag` by name, so the alias changes nothing; did you mean `triage`?",
        ),
        (
            json!({"x": "y"}),
            json!({}),
            "aliases.x: no route asks for the model `y` by name, so the alias changes nothing; none is configured, add it to the configuration first",
        ),
        (
            json!({"x": "y", "y": "triage"}),
            json!({"model": "triage"}),
            "aliases.x: `y` is an alias itself; write what it stands for, `triage`",
        ),
        (
            json!({"x": "triage"}),
            json!({"model": ["triage", "x"]}),
            "routes[0].match.model[1]: `x` is an alias and never gets here; write `triage`, which it stands for, or remove the alias",
        ),
    ] {
        assert_eq!(
            errors(document(aliases, Some("reject"), conditions)),
            [expected]
        );
    }
}

#[test]
fn an_explanation_tells_places_names_and_lengths_but_no_text() {
    let routes = json!([
        route(
            "a",
            json!({"match": {"team": "support", "not": {"turns": {"min": 1}}}})
        ),
        route(
            "b",
            json!({"match": {
                "headers": {"x-plan": "gold-*"},
                "any": [{"tools": {"any_of": "search_*"}}, {"user_message": {"contains": "cake"}}],
            }})
        ),
        route("c", json!({})),
        route("d", json!({"match": {"model": "x"}})),
    ]);
    let mut request = Sample::of("gpt");
    request.headers = vec![("x-plan".to_owned(), "gold-4711".to_owned())];
    request.user_message = Some("secret pudding".to_owned());
    let errors = compile_whole(json!({ "routes": routes })).unwrap_err();
    assert_eq!(errors.len(), 1, "d is never reached: {errors:?}");
    let mut routes = routes;
    routes.as_array_mut().unwrap().pop();
    let policy = compile_whole(json!({ "routes": routes })).unwrap();
    let explained = policy.explain(&request);
    let told: Vec<String> = explained
        .considered
        .iter()
        .flat_map(|c| lines(&c.findings))
        .collect();
    assert_eq!(
        told,
        [
            "no routes[0].match.team: support / none",
            "no routes[0].match.not: not all of these / ",
            "yes routes[0].match.not.turns: at least 1 / 1",
            "yes routes[1].match.headers.x-plan: gold-* / a value of 9 characters",
            "no routes[1].match.any: one of these / ",
            "no routes[1].match.any[0]: each of these / ",
            "no routes[1].match.any[0].tools: one called search_* / none",
            "no routes[1].match.any[1]: each of these / ",
            "no routes[1].match.any[1].user_message: contains \"cake\" / 14 characters",
        ]
    );
    assert_eq!(explained.route().unwrap().name, "c");
    assert!(!format!("{told:?}").contains("secret") && !format!("{told:?}").contains("4711"));
}

fn lines(findings: &[Checked]) -> Vec<String> {
    let line = |f: &Checked| {
        let yes = if f.holds { "yes" } else { "no" };
        format!("{yes} {}: {} / {}", f.place, f.wanted, f.had)
    };
    let each = |f: &Checked| [vec![line(f)], lines(&f.within)].concat();
    findings.iter().flat_map(each).collect()
}

proptest! {
    #[test]
    fn an_explanation_ends_at_the_route_that_is_found(
        conditions in prop::collection::vec((0..4_usize, 0..3_u64, "[ab]{1,2}"), 1..6),
        sample in any_sample(),
    ) {
        let routes: Vec<Value> = conditions
            .iter()
            .enumerate()
            .map(|(index, (kind, number, name))| {
                let conditions = match kind {
                    0 => json!({"model": format!("{name}*")}),
                    1 => json!({"turns": {"min": number}}),
                    2 => json!({"any": [{"tools": "present"}, {"tags": {"x": name}}]}),
                    _ => json!({"not": {"user_message": {"contains": name}}}),
                };
                route(&format!("r{index}"), json!({"match": conditions}))
            })
            .collect();
        // Those with unreachable routes are refused.
        if let Ok(policy) = compile_whole(json!({ "routes": routes })) {
            let explained = policy.explain(&sample);
            let found = policy.find(&sample).map(|route| &route.name);
            prop_assert_eq!(explained.route().map(|route| &route.name), found);
            for considered in &explained.considered {
                let all = considered.findings.iter().all(|finding| finding.holds);
                prop_assert_eq!(considered.takes, all);
            }
        }
    }
}
