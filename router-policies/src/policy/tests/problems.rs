//! The texts of single problems.

use serde_json::{Value, json};

use super::{problems, route};

/// Every route has this one problem.
fn each_has_one<const N: usize>(cases: [(Value, &str); N]) {
    for (changes, expected) in cases {
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
fn of_splits() {
    let arms = |arms: Value| json!({"action": "split", "split": {"arms": arms}});
    each_has_one([
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
    ]);
}

#[test]
fn of_detectors() {
    let of = |detectors: Value| {
        let document = json!({ "detectors": detectors, "routes": [super::route("a", json!({}))] });
        let problems = super::compile_whole(document).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        told.join("\n")
    };
    for (detectors, begins) in [
        (
            json!({"t": {}}),
            "detectors.t: a detector is a pattern or a name for several; write one of",
        ),
        (
            json!({"t": {"regex": "x", "any_of": ["email"]}}),
            "detectors.t: a detector is a pattern",
        ),
        (
            json!({"t": {"regex": "("}}),
            "detectors.t: the pattern of `t` cannot be used",
        ),
        (
            json!({"t": {"regex": "x*"}}),
            "detectors.t: the pattern of `t` matches the empty text",
        ),
        (
            json!({"T t": {"regex": "x"}}),
            "detectors.T t: `T t` cannot name a detector",
        ),
        (
            json!({"pii": {"regex": "x"}}),
            "detectors.pii: there is already a detector `pii`",
        ),
        (
            json!({"email": {"any_of": ["phone"]}}),
            "detectors.email: there is already a detector",
        ),
        (
            json!({"t": {"any_of": []}}),
            "detectors.t.any_of: an empty list detects nothing",
        ),
        (
            json!({"t": {"any_of": ["t"]}}),
            "detectors.t.any_of[0]: `t` stands for several",
        ),
        (
            json!({"t": {"any_of": ["phne"]}}),
            "detectors.t.any_of[0]: there is no detector `phne`; did you mean `phone`?",
        ),
    ] {
        let told = of(detectors.clone());
        assert!(
            told.starts_with(begins) && !told.contains('\n'),
            "{detectors}: {told}"
        );
    }
    let many: serde_json::Map<_, _> = (0..101)
        .map(|n| (format!("t{n}"), json!({"regex": "x"})))
        .collect();
    assert!(of(many.into()).starts_with("detectors: there are more than 100 detectors"));
}

#[test]
fn names_of_other_tools_are_understood() {
    for (name, ours) in [
        ("CREDIT_CARD", "card"),
        ("EMAIL_ADDRESS", "email"),
        ("phoneNumber", "phone"),
        ("ssn", "us-ssn"),
        ("secrets", "secret"),
        ("IBAN_CODE", "iban"),
    ] {
        each_has_one([(
            json!({ "private": [name] }),
            &format!("routes[0].private[0]: there is no detector `{name}`; did you mean `{ours}`?"),
        )]);
    }
}

#[test]
fn of_private_routes() {
    each_has_one([
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
    ]);
}

#[test]
fn of_chains_spending_and_teams() {
    let upstreams =
        |second: Value| json!({"upstream": [{"name": "openai", "model": "gpt"}, second]});
    each_has_one([
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
    ]);
}

#[test]
fn of_drafting() {
    let local = |changes: Value| {
        let mut local = json!({"model": "demo"});
        for (key, value) in changes.as_object().unwrap() {
            local[key] = value.clone();
        }
        json!({ "local": local })
    };
    each_has_one([
        (
            local(json!({"model": null})),
            "routes[0]: the action `local-first` needs `local` with a `model`; name one, or set `action: upstream-only`",
        ),
        (
            local(json!({"lora": "tickets"})),
            "routes[0].local.lora: the model `demo` has no LoRA `tickets`; it has none, add it to `models.demo.loras` first",
        ),
        (
            local(json!({"model": "qwen3", "lora": "biling"})),
            "routes[0].local.lora: the model `qwen3` has no LoRA `biling`; did you mean `billing`?",
        ),
        (
            local(json!({"model": "qwen3", "lora": "tickets"})),
            "routes[0].local.lora: the model `qwen3` has no LoRA `tickets`; there are: `billing`",
        ),
        (
            // An unknown model is one problem, not also an unknown adapter of it.
            local(json!({"model": "qwen4", "lora": "billing"})),
            "routes[0].local.model: there is no local model `qwen4`; did you mean `qwen3`?",
        ),
        (
            local(json!({"sampling": {"temperature": 0.7}})),
            "routes[0].local.sampling: `risk` is proven for the one draft that greedy decoding makes and says nothing about random ones; remove `sampling`, or use a `threshold`",
        ),
        (
            local(json!({"sampling": {"temperature": -0.1}})),
            "routes[0].local.sampling.temperature: a temperature of -0.1 is out of range; write a number from 0 to 2",
        ),
        (
            local(json!({"sampling": {"top_p": 0.9}})),
            "routes[0].local.sampling: `top_p` and `seed` do nothing without a `temperature` above 0",
        ),
        (
            local(json!({"prompt": {"system_prefix": " "}})),
            "routes[0].local.prompt.system_prefix: the text is blank; write it, or leave it out",
        ),
        (
            local(json!({"prompt": {"examples": [{"user": "a", "assistant": ""}]}})),
            "routes[0].local.prompt.examples[0].assistant: the text is blank",
        ),
        (
            local(json!({"answer": {"regex": "a)(b"}})),
            "routes[0].local.answer.regex: this is not a regular expression: unopened group",
        ),
        (
            local(json!({"answer": {"json_schema": {"type": "objekt"}}})),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: at `/type`: ",
        ),
        (
            local(json!({"answer": {"json_schema": 7}})),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: it is not an object",
        ),
        (
            local(json!({"answer": {"json_schema": {"$ref": "https://example.org/s.json"}}})),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: ",
        ),
        (
            local(json!({"answer": {"json_schema": {"$ref": "file:///etc/hostname"}}})),
            "routes[0].local.answer.json_schema: this is not a JSON schema that can be used: ",
        ),
    ]);
}

#[test]
fn what_a_missing_preset_might_say_is_not_missed_as_well() {
    let bare = |extends: &str| json!({"name": "a", "extends": extends});
    assert_eq!(
        problems(json!([bare("carefull")])),
        [
            "routes[0].extends: there is no preset `carefull`; none is configured, add it to the configuration first"
        ]
    );
    // Without any, they are.
    assert!(problems(json!([{"name": "a"}])).len() > 1);
}
