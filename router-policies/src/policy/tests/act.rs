use serde_json::{Value, json};

use super::{compile, compile_whole, route};
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
    assert_eq!((local.sampling, &local.lora), (Sampling::Greedy, &None));
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
    let Pin::OnDetect { names, detectors } = &route.pin else {
        panic!("not pinned: {:?}", route.pin);
    };
    assert_eq!(names[..], ["card", "email"]);
    assert_eq!(detectors.names(), ["email", "card"]);
    assert!(route.local.is_some() && route.upstream.is_some());
}

#[test]
fn detectors_of_ones_own_are_named_like_the_built_in_ones() {
    let document = json!({
        "detectors": {
            "ticket": {"regex": "TCK-[0-9]{6}"},
            "customer": {"any_of": ["email", "ticket", "secret"]},
        },
        "routes": [route("a", json!({"private": ["customer", "ticket"]}))],
    });
    let policy = compile_whole(document).unwrap();
    let Pin::OnDetect { names, detectors } = &policy.routes()[0].pin else {
        panic!("not pinned");
    };
    assert_eq!(names[..], ["customer", "ticket"]);
    let all = ["email", "api-key", "private-key", "jwt", "ticket"];
    assert_eq!(detectors.names(), all);
}

#[test]
fn a_spent_budget_leaves_the_plan_to_answer_with() {
    let budget = json!({"max": "1", "then": "local-only"});
    let policy = compile(json!([route(
        "a",
        json!({"action": "upstream-only", "budget": budget})
    )]))
    .unwrap();
    assert!(policy.routes()[0].local.is_some());
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
fn a_judge_compares_free_texts_and_nothing_else() {
    let judged = |more: Value| {
        let mut judge = json!({"name": "openai", "model": "mini"});
        judge
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        route("a", json!({"audit": {"judge": judge}}))
    };
    let policy = compile(json!([judged(json!({}))])).unwrap();
    let judge = policy.routes()[0].text_judge.as_ref().unwrap();
    assert_eq!(judge.model, upstream("openai", "mini"));
    assert_eq!((judge.share.get(), judge.swap.get()), (0.25, 0.2));
    assert_eq!(policy.egress()[0].judge, Some(&judge.model));
    assert_eq!(policy.warnings(), []);

    let told = |routes: Value| {
        let errors = compile(routes).unwrap_err();
        let told = errors.iter().map(ToString::to_string);
        told.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        told(json!([judged(json!({"share": "0%"}))])),
        "routes[0].audit.judge.share: a judge of 0 % of the pairs judges nothing; raise `share`, or remove `judge`"
    );
    let mut listed = judged(json!({}));
    listed["local"]["answer"] = json!({"one_of": ["yes", "no"]});
    assert!(
        told(json!([listed]))
            .starts_with("routes[0].audit.judge: a judge compares free texts, and this route's")
    );
    let mut unknown = judged(json!({}));
    unknown["audit"]["judge"] = json!({"name": "opneai"});
    let told = told(json!([unknown]));
    assert!(
        told.contains("routes[0].audit.judge: `model` is missing"),
        "{told}"
    );
    // Without audits there is nobody to judge.
    let mut unaudited = judged(json!({}));
    unaudited["audit"]["rate"] = json!("0%");
    let policy = compile(json!([unaudited])).unwrap();
    assert_eq!(policy.routes()[0].text_judge, None);
}

#[test]
fn a_judge_of_its_own_answers_is_warned_of() {
    let own = json!({"name": "openai", "model": "gpt"});
    let judged = route("a", json!({"upstream": own, "audit": {"judge": own}}));
    let policy = compile(json!([judged])).unwrap();
    let [warning] = policy.warnings() else {
        panic!("{:?}", policy.warnings())
    };
    assert_eq!(warning.path, "routes[0].audit.judge");
    assert!(
        warning
            .notice
            .to_string()
            .starts_with("`gpt` judges between")
    );
}

#[test]
fn only_free_text_is_committed_before_its_end() {
    let with = |fields: Value| compile(json!([route("a", fields)]));
    let commit = |fields| with(fields).unwrap().routes()[0].commit;
    let window = |decisions| Commit::Window { decisions };
    assert_eq!(commit(json!({"commit": "window"})), window(16));
    assert_eq!(
        commit(json!({"commit": "window", "commit_after": 4})),
        window(4)
    );
    assert_eq!(commit(json!({"commit": "complete"})), Commit::Complete);
    let told = |fields| with(fields).unwrap_err()[0].to_string();
    for (after, said) in [
        (
            json!({"commit": "window", "commit_after": 5}),
            "no checkpoint after 5",
        ),
        (json!({"commit_after": 4}), "`commit_after` says nothing"),
        (
            json!({"commit": "window", "local": {"model": "demo", "answer": "json"}}),
            "are checked as a whole",
        ),
    ] {
        let told = told(after);
        assert!(told.contains(said), "{told}");
    }
}
