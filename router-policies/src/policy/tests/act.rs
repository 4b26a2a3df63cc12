use proptest::prelude::*;
use serde_json::{Value, json};

use super::{compile, compile_whole, problems, route};
use crate::document::BudgetAction;
use crate::policy::{Action, Answer, Asker, Commit, ModelRef, Pin, Sampling, Trust};

fn upstream(name: &str, model: &str) -> ModelRef {
    ModelRef {
        upstream: name.to_owned(),
        model: model.to_owned(),
    }
}

fn of_team<'a>(key: &'a str, team: Option<&'a str>) -> Asker<'a> {
    Asker {
        key,
        team,
        user: None,
        request: "r",
        header: &|_| None,
    }
}

#[test]
fn a_chain_is_asked_in_the_order_written() {
    let policy = compile(json!([route(
        "a",
        json!({"upstream": [{"name": "openai", "model": "gpt"}, {"name": "anthropic", "model": "opus"}]})
    )]))
    .unwrap();
    let route = &policy.routes()[0];
    let expected = [upstream("openai", "gpt"), upstream("anthropic", "opus")];
    assert!(route.chain().eq(expected.iter()));
    assert_eq!(route.upstream.as_ref(), expected.first());
    assert_eq!(*route.fallbacks, expected[1..]);
    assert_eq!(route.baseline.as_ref(), expected.first());
}

#[test]
fn what_is_left_out_changes_nothing() {
    let policy = compile(json!([route("a", json!({}))])).unwrap();
    let route = &policy.routes()[0];
    assert_eq!(route.commit, Commit::Complete);
    assert!(!route.early_abort);
    assert_eq!(
        (route.hedge_after, route.audit, route.budget),
        (None, None, None)
    );
    assert_eq!(
        (&route.pin, &route.split, &route.variant),
        (&Pin::Never, &None, &None)
    );
    let local = route.local.as_ref().unwrap();
    assert_eq!((local.sampling, &local.adapter), (Sampling::Greedy, &None));
    assert!(local.prompt.is_empty());
}

#[test]
fn audits_and_budgets_have_usual_values() {
    let policy = compile(json!([
        route(
            "a",
            json!({"match": {"model": "a"}, "audit": {}, "budget": {"max": "20.00"}})
        ),
        route("b", json!({"audit": {"rate": "0 %"}})),
    ]))
    .unwrap();
    let route = &policy.routes()[0];
    let audit = route.audit.unwrap();
    assert_eq!(audit.rate.to_string(), "2 %");
    assert_eq!(audit.near_threshold.to_string(), "3x");
    assert_eq!(audit.max_cost_per_day, None);
    let budget = route.budget.unwrap();
    assert_eq!(
        (budget.max.to_string().as_str(), budget.then),
        ("20.00", BudgetAction::Refuse)
    );
    assert_eq!(policy.routes()[1].audit, None, "0 % turns audits off");
}

#[test]
fn a_shadow_answers_from_the_upstream_and_has_a_local_plan() {
    let policy = compile(json!([route("a", json!({"action": "shadow"}))])).unwrap();
    let route = &policy.routes()[0];
    assert_eq!(route.action, Action::Shadow);
    assert!(!route.action.answers_locally());
    assert!(route.local.is_some() && route.upstream.is_some());
}

#[test]
fn a_private_route_is_local_only_whatever_it_inherits() {
    let policy = compile(json!([route("a", json!({"private": true}))])).unwrap();
    let route = &policy.routes()[0];
    assert_eq!(
        (route.action, &route.pin),
        (Action::LocalOnly, &Pin::Always)
    );
    assert_eq!(route.chain().count(), 0);
    assert!(policy.egress()[0].reaches.is_empty());
}

#[test]
fn detectors_pin_requests_and_keep_the_plan_to_answer_them() {
    let policy = compile(json!([route(
        "a",
        json!({"action": "upstream-only", "private": ["email", "card", "email"]})
    )]))
    .unwrap();
    let route = &policy.routes()[0];
    let detectors = ["card".to_owned(), "email".to_owned()];
    assert_eq!(route.pin, Pin::OnDetect(detectors.into()));
    assert!(route.local.is_some() && route.upstream.is_some());
}

#[test]
fn teams_and_arms_have_meanings_of_their_own() {
    let policy = compile(json!([route(
        "trial",
        json!({
            "action": "split",
            "split": {"arms": [
                {"name": "old", "weight": "50 %", "action": "upstream-only"},
                {"name": "new", "weight": "50 %", "threshold": "70 %"},
            ]},
            "teams": {
                "sales": {"action": "local-only"},
                "support": {"upstream": {"name": "anthropic", "model": "opus"}},
            },
        })
    )]))
    .unwrap();
    let route = &policy.routes()[0];
    assert_eq!(route.action, Action::Split);
    let ids: Vec<_> = route
        .variants()
        .iter()
        .map(|v| v.id().into_owned())
        .collect();
    let expected = [
        "trial@arm=old",
        "trial@arm=new",
        "trial@team=sales",
        "trial@team=support,arm=old",
        "trial@team=support,arm=new",
    ];
    assert_eq!(ids, expected);
    for id in expected {
        assert_eq!(policy.variant(id).unwrap().id(), id);
    }
    let sales = route.for_asker(&of_team("k", Some("sales")));
    assert_eq!(
        sales.action,
        Action::LocalOnly,
        "a team can leave the trial"
    );
    let support = route.for_asker(&of_team("k", Some("support")));
    assert_eq!(support.upstream, Some(upstream("anthropic", "opus")));
    let arm = route.for_asker(&of_team("k", None));
    assert_ne!(arm.action, Action::Split);
    let new = policy.variant("trial@arm=new").unwrap();
    assert_eq!(
        new.action,
        Action::LocalFirst,
        "the action `split` is not the arm's"
    );
    assert!(matches!(new.trust, Trust::Threshold(_)));
    assert!(matches!(
        policy.variant("trial@arm=old").unwrap().trust,
        Trust::Risk(_)
    ));
}

#[test]
fn the_baseline_is_never_reached() {
    let policy = compile(json!([
        route(
            "a",
            json!({"match": {"model": "a"}, "baseline": {"name": "anthropic", "model": "opus"}})
        ),
        route(
            "b",
            json!({"action": "local-only", "baseline": {"name": "anthropic", "model": "opus"}})
        ),
    ]))
    .unwrap();
    let reached: Vec<_> = policy
        .egress()
        .iter()
        .map(|egress| (egress.route.id().into_owned(), egress.reaches.len()))
        .collect();
    assert_eq!(reached, [("a".to_owned(), 1), ("b".to_owned(), 0)]);
}

#[test]
fn answers_can_be_patterns_and_schemas() {
    let answer = |answer: Value| {
        let changes = json!({"local": {"model": "demo", "answer": answer}});
        let policy = compile(json!([route("a", changes)])).unwrap();
        policy.routes()[0].local.clone().unwrap().answer
    };
    let Answer::Regex(pattern) = answer(json!({"regex": "[A-Z]{2}-\\d+|none"})) else {
        panic!("no pattern");
    };
    assert!(pattern.matches("AB-12") && pattern.matches("none"));
    assert!(!pattern.matches("AB-12 ") && !pattern.matches("xnone") && !pattern.matches("none\n"));
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    let Answer::JsonSchema(compiled) = answer(json!({"json_schema": schema})) else {
        panic!("no schema");
    };
    assert!(compiled.allows(&json!({"a": 1})) && !compiled.allows(&json!({"a": "1"})));
    assert_eq!(compiled.document(), &schema);
}

#[test]
fn single_problems_of_acting() {
    let upstreams =
        |second: Value| json!({"upstream": [{"name": "openai", "model": "gpt"}, second]});
    let arms = |arms: Value| json!({"action": "split", "split": {"arms": arms}});
    for (changes, expected) in [
        (
            json!({"upstream": []}),
            "routes[0].upstream: an empty list asks nobody; name an upstream, or leave the key out",
        ),
        (
            upstreams(json!({"name": "opnai", "model": "x"})),
            "routes[0].upstream[1].name: there is no upstream `opnai`; did you mean `openai`?",
        ),
        (
            upstreams(json!({"name": "openai", "model": "gpt"})),
            "routes[0].upstream[1]: the same upstream and model as entry 0; a fallback has to be another one",
        ),
        (
            json!({"action": "split"}),
            "routes[0]: the action `split` needs `split` with its arms; add it, or choose another action",
        ),
        (
            json!({"split": {"arms": []}}),
            "routes[0].split: these arms are never used; set `action: split`, or remove them",
        ),
        (
            arms(json!([])),
            "routes[0].split.arms: a split needs at least one arm; name the ways of answering that share the traffic",
        ),
        (
            arms(json!([{"name": "a", "weight": "90 %"}, {"name": "b", "weight": "9.5 %"}])),
            "routes[0].split.arms: the weights add up to 99.5 %, not to 100 %; change them",
        ),
        (
            arms(json!([{"name": "a", "weight": "90 %"}, {"name": "a", "weight": "10 %"}])),
            "routes[0].split.arms[1].name: `a` is already the name of arm 0; rename one of them",
        ),
        (
            arms(json!([{"name": "a b", "weight": 1}])),
            "routes[0].split.arms[0].name: the name `a b` has characters",
        ),
        (
            arms(json!([{"name": "a", "weight": 1, "action": "split"}])),
            "routes[0].split.arms[0].action: an arm cannot be split again; give this split more arms instead",
        ),
        (
            arms(json!([{"name": "a", "weight": 1, "local": {"model": "qwn3"}}])),
            "routes[0].split.arms[0].local.model: there is no local model `qwn3`; did you mean `qwen3`?",
        ),
        (
            json!({"action": "split", "split": {"by": "cookie", "arms": [{"name": "a", "weight": 1}]}}),
            "routes[0].split.by: `cookie` does not say what stays together; write `key`, `team`, `user`, `header:NAME` or `request`",
        ),
        (
            json!({"private": ["emial"]}),
            "routes[0].private[0]: there is no detector `emial`; did you mean `email`?",
        ),
        (
            json!({"private": []}),
            "routes[0].private: an empty list detects nothing; name a detector, or write `true` to keep every request here",
        ),
        (
            json!({"private": true, "local": null}),
            "routes[0]: `private` needs `local`: what must not leave can only be answered here; name a local model",
        ),
        (
            json!({"private": ["email"], "action": "upstream-only", "local": null}),
            "routes[0]: `private` needs `local`",
        ),
        (
            json!({"private": true, "action": "upstream-only"}),
            "routes[0]: the action `upstream-only` sends every request away, which `private: true` forbids; set `action: local-only` or `private: false`",
        ),
        (
            json!({"private": true, "action": "shadow"}),
            "routes[0]: the action `shadow` sends every request away",
        ),
        (
            json!({"teams": {"suport": {}}}),
            "routes[0].teams.suport: there is no team `suport`; did you mean `support`?",
        ),
        (
            json!({"teams": {"support": {"local": {"max_tokens": 0}}}}),
            "routes[0].teams.support.local.max_tokens: a draft needs at least one token",
        ),
        (
            json!({"budget": {}}),
            "routes[0].budget: `max` is missing; write for example `max: \"20.00\"`",
        ),
        (
            json!({"budget": {"max": "0"}}),
            "routes[0].budget.max: a budget of nothing allows nothing; raise `max`, or set `action: local-only`",
        ),
        (
            json!({"budget": {"max": "1", "then": "local-only"}, "action": "upstream-only", "local": null}),
            "routes[0]: `budget` says that the local model answers when it is spent, and there is none; add `local`, or set `then: refuse`",
        ),
        (
            json!({"cache": {}}),
            "routes[0].cache: `ttl` is missing; write for example `ttl: 10m`",
        ),
        (
            json!({"risk": {"assurance": 0.9}}),
            "routes[0].risk: `max_regret` is missing; write for example `max_regret: 2 %`",
        ),
        (
            json!({"hedge_after": "0s"}),
            "routes[0].hedge_after: no time at all",
        ),
        (
            json!({"name": "a@b"}),
            "routes[0].name: the name `a@b` has characters",
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
fn single_problems_of_drafting() {
    for (local, expected) in [
        (
            json!({"model": null}),
            "routes[0]: the action `local-first` needs `local` with a `model`; name one, or set `action: upstream-only`",
        ),
        (
            json!({"adapter": "tickets"}),
            "routes[0].local.adapter: there is no adapter `tickets`; none is configured, add it to the configuration first",
        ),
        (
            json!({"sampling": {"temperature": 0.7}}),
            "routes[0].local.sampling: `risk` is proven for the one draft that greedy decoding makes and says nothing about random ones; remove `sampling`, or use a `threshold`",
        ),
        (
            json!({"sampling": {"temperature": -0.1}}),
            "routes[0].local.sampling.temperature: a temperature of -0.1 is out of range; write a number from 0 to 2",
        ),
        (
            json!({"sampling": {"top_p": 0.9}}),
            "routes[0].local.sampling: `top_p` and `seed` do nothing without a `temperature` above 0",
        ),
        (
            json!({"prompt": {"system_prefix": " "}}),
            "routes[0].local.prompt.system_prefix: the text is blank; write it, or leave it out",
        ),
        (
            json!({"prompt": {"examples": [{"user": "a", "assistant": ""}]}}),
            "routes[0].local.prompt.examples[0].assistant: the text is blank",
        ),
        (
            json!({"answer": {"regex": "a)(b"}}),
            "routes[0].local.answer.regex: this is not a regular expression: unopened group",
        ),
        (
            json!({"answer": {"json_schema": {"type": "objekt"}}}),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: at `/type`: ",
        ),
        (
            json!({"answer": {"json_schema": 7}}),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: it is not an object",
        ),
        (
            json!({"answer": {"json_schema": {"$ref": "https://example.org/s.json"}}}),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: ",
        ),
        (
            json!({"answer": {"json_schema": {"$ref": "file:///etc/hostname"}}}),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: ",
        ),
    ] {
        let mut whole = json!({"model": "demo"});
        for (key, value) in local.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let found = problems(json!([route("a", json!({"local": whole}))]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(expected),
            "{} is not {expected}",
            found[0]
        );
    }
}

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
fn with(fields: Value, more: Value) -> Value {
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
            .map(|(name, (fields, extends))| (name, with(fields, json!({"extends": extends}))))
            .collect();
        let routes: Vec<Value> = routes
            .into_iter()
            .enumerate()
            .map(|(i, (own, arm, team, extends, weight))| {
                let arms = json!([
                    with(arm, json!({"name": "x", "weight": weight})),
                    {"name": "y", "weight": 1.0 - weight},
                ]);
                let split = (own["action"] == "split").then(|| json!({"arms": arms}));
                with(own, json!({
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
