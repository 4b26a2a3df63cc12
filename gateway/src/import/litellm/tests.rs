use proptest::prelude::*;

use super::super::{FindingKind, Imported};
use super::*;

fn import(text: &str) -> Imported {
    let source = Source {
        name: "litellm.yaml",
        text,
    };
    from_litellm(source).unwrap_or_else(|error| panic!("{error}"))
}

/// The routes as they would be served: name, and upstreams in turn.
fn routes(imported: &Imported) -> Vec<(String, Vec<String>)> {
    let declared = Declared::parse(&imported.text, "test").unwrap();
    let routes = declared.config().policy.routes().iter().map(|route| {
        let chain = route
            .chain()
            .map(|model| format!("{} {}", model.upstream, model.model));
        (route.name.clone(), chain.collect())
    });
    routes.collect()
}

fn chain_of(imported: &Imported, name: &str) -> Vec<String> {
    let mut routes = routes(imported).into_iter();
    routes.find(|route| route.0 == name).unwrap().1
}

/// The findings about a key, as `kind: text`.
fn about(imported: &Imported, key: &str) -> Vec<String> {
    let findings = imported.findings.iter().filter(|found| found.key == key);
    findings
        .map(|found| format!("{}: {}", found.kind.as_str(), found.text))
        .collect()
}

fn models(names: &[&str]) -> String {
    let entries = names.iter().map(|name| {
        format!(
            "  - {{ model_name: \"{name}\", litellm_params: {{ model: \"openai/{name}\" }} }}\n"
        )
    });
    format!("model_list:\n{}", entries.collect::<String>())
}

#[test]
fn deployments_are_asked_by_their_order() {
    let imported = import(
        "model_list:
  - { model_name: a, litellm_params: { model: openai/second, order: 2 } }
  - { model_name: a, litellm_params: { model: openai/last } }
  - { model_name: a, litellm_params: { model: openai/first, order: 1 } }
",
    );
    assert_eq!(
        chain_of(&imported, "a"),
        ["openai first", "openai second", "openai last"]
    );
}

#[test]
fn fallbacks_have_fallbacks_and_never_end_in_a_circle() {
    let fallbacks = "router_settings: { fallbacks: [{ a: [b] }, { b: [c, a] }] }\n";
    let imported = import(&(models(&["a", "b", "c"]) + fallbacks));
    assert_eq!(
        chain_of(&imported, "a"),
        ["openai a", "openai b", "openai c"]
    );
    assert_eq!(
        chain_of(&imported, "b"),
        ["openai b", "openai c", "openai a"]
    );
    assert_eq!(chain_of(&imported, "c"), ["openai c"]);
}

#[test]
fn default_fallbacks_are_for_those_without_their_own() {
    for default in [
        "default_fallbacks: [c]",
        "fallbacks: [{ a: [b] }, { \"*\": [c] }]",
    ] {
        let own = if default.starts_with('d') {
            "fallbacks: [{ a: [b] }], "
        } else {
            ""
        };
        let settings = format!("litellm_settings: {{ {own}{default} }}\n");
        let imported = import(&(models(&["a", "b", "c"]) + &settings));
        assert_eq!(
            chain_of(&imported, "a"),
            ["openai a", "openai b", "openai c"]
        );
        assert_eq!(chain_of(&imported, "b"), ["openai b", "openai c"]);
    }
}

#[test]
fn fallbacks_and_aliases_that_lead_nowhere_are_told() {
    let settings = "router_settings:
  fallbacks: [{ a: [gone] }, { nobody: [a] }]
  model_group_alias: { x: gone, b: a, several: [a, b] }
";
    let imported = import(&(models(&["a", "b"]) + settings));
    for key in [
        "router_settings.fallbacks[0].a[0]",
        "router_settings.fallbacks[1].nobody",
        "router_settings.model_group_alias.x",
        "router_settings.model_group_alias.b",
        "router_settings.model_group_alias.several",
    ] {
        let said = about(&imported, key);
        assert!(
            matches!(said.as_slice(), [one] if one.starts_with("no counterpart: ")),
            "{key}: {said:?}"
        );
    }
    assert_eq!(routes(&imported).len(), 2);
}

#[test]
fn names_that_are_spelt_out_come_before_patterns_and_long_patterns_first() {
    let imported = import(
        "model_list:
  - { model_name: \"*\", litellm_params: { model: openai/any } }
  - { model_name: \"gpt-*\", litellm_params: { model: openai/gpt } }
  - { model_name: gpt-4o, litellm_params: { model: openai/gpt-4o } }
",
    );
    let names: Vec<String> = routes(&imported).into_iter().map(|route| route.0).collect();
    assert_eq!(names, ["gpt-4o", "gpt", "all-others"]);
}

#[test]
fn settings_of_the_router_win_over_those_of_the_module() {
    for settings in [
        "litellm_settings: { num_retries: 9, request_timeout: 9 }\nrouter_settings: { num_retries: 2, timeout: 30 }\n",
        "router_settings: { num_retries: 2, timeout: 30 }\nlitellm_settings: { num_retries: 9, request_timeout: 9 }\n",
    ] {
        let text = import(&(models(&["a"]) + settings)).text;
        assert!(text.contains("retries: 2\n"), "{text}");
        assert!(text.contains("    timeout: 30s\n"), "{text}");
    }
}

#[test]
fn prices_are_exact() {
    let imported = import(
        "model_list:
  - model_name: a
    litellm_params:
      model: openai/a
      input_cost_per_token: 0.000000123456789
      output_cost_per_token: 1.5E-5
      cache_read_input_token_cost: 1e-08
",
    );
    let price = "a: { input: \"0.123456789\", cache_read: \"0.01\", output: \"15\" }";
    assert!(imported.text.contains(price), "{}", imported.text);
    assert_eq!(about(&imported, "model_list[0]"), [""; 0]);
}

#[test]
fn keys_are_references_or_asked_for() {
    let imported = import(
        "model_list:
  - { model_name: a, litellm_params: { model: groq/a, api_key: gsk-written } }
  - { model_name: b, litellm_params: { model: openai/b, api_base: \"http://localhost:8000/v1\", api_key: EMPTY } }
  - { model_name: c, litellm_params: { model: c, litellm_credential_name: shared } }
credential_list:
  - credential_name: shared
    credential_values: { api_key: os.environ/SHARED_KEY, api_base: \"https://shared.example/v1\" }
general_settings: { master_key: sk-1234 }
",
    );
    let text = &imported.text;
    assert!(text.contains("key: env:GROQ_API_KEY"), "{text}");
    assert!(
        text.contains("base_url: http://localhost:8000/v1\n  "),
        "{text}"
    );
    assert!(text.contains("key: env:SHARED_KEY"), "{text}");
    assert!(text.contains("key: env:LITELLM_MASTER_KEY"), "{text}");
    assert!(!text.contains("OPENAI_API_KEY"), "{text}");
    for written in ["gsk-written", "sk-1234"] {
        assert!(!text.contains(written), "{text}");
    }
    let said = about(&imported, "model_list[0].litellm_params.api_key");
    assert!(said[0].starts_with("to do: "), "{said:?}");
}

#[test]
fn keys_that_are_written_share_a_variable_with_no_other() {
    let imported = import(
        "model_list:
  - { model_name: a, litellm_params: { model: openai/a, api_key: sk-one } }
  - { model_name: b, litellm_params: { model: openai/b, api_key: sk-two } }
  - { model_name: c, litellm_params: { model: openai/c, api_key: sk-one } }
  - { model_name: d, litellm_params: { model: openai/d } }
",
    );
    let upstreams: Vec<String> = routes(&imported)
        .into_iter()
        .map(|route| route.1.join(" "))
        .collect();
    assert_eq!(
        upstreams,
        ["openai a", "openai-2 b", "openai c", "openai-3 d"]
    );
    let keys: Vec<&str> = imported
        .text
        .lines()
        .filter(|line| line.contains("    key: "))
        .collect();
    let expected = ["OPENAI_API_KEY_2", "OPENAI_API_KEY_3", "OPENAI_API_KEY"];
    assert_eq!(keys, expected.map(|name| format!("    key: env:{name}")));
}

#[test]
fn urls_from_the_environment_are_to_be_filled_in() {
    let imported = import(
        "model_list:
  - { model_name: a, litellm_params: { model: azure/a, api_base: os.environ/AZURE_API_BASE } }
  - { model_name: b, litellm_params: { model: hosted_vllm/b } }
  - { model_name: c, litellm_params: { model: azure/c, api_base: \"https://u:p@c.example/\" } }
  - { model_name: d, litellm_params: { model: azure/d, api_base: \"https://d.example/openai/deployments/d\" } }
",
    );
    assert!(
        imported
            .text
            .contains("base_url: https://base-url-to-fill-in.invalid/v1\n")
    );
    assert!(
        imported
            .text
            .contains("base_url: https://d.example/openai/v1\n")
    );
    let said = about(&imported, "model_list[0].litellm_params.api_base");
    assert!(said[0].contains("`AZURE_API_BASE`"), "{said:?}");
    assert!(about(&imported, "model_list[1]")[0].starts_with("to do: "));
    assert!(about(&imported, "model_list[2]")[0].starts_with("no counterpart: "));
}

#[test]
fn budgets_need_a_period_and_prices() {
    let priced = "model_list:
  - model_name: a
    litellm_params: { model: openai/a, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6, max_budget: 5, budget_duration: 1d }
  - { model_name: b, litellm_params: { model: openai/b, input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 } }
  - { model_name: c, litellm_params: { model: openai/c } }
";
    let imported = import(&format!(
        "{priced}litellm_settings: {{ max_budget: 50, budget_duration: 30d }}\n"
    ));
    let text = &imported.text;
    assert!(text.contains("budget: { max: \"5\", per: day }"), "{text}");
    assert_eq!(
        text.matches("    budget: { max: \"50\", per: month }")
            .count(),
        1,
        "{text}"
    );
    let said = about(&imported, "litellm_settings.max_budget");
    assert!(
        said.iter()
            .any(|text| text.starts_with("to do: ") && text.contains("`c`")),
        "{said:?}"
    );

    let weekly = import(&format!(
        "{priced}litellm_settings: {{ max_budget: 50, budget_duration: 7d }}\n"
    ));
    assert!(!weekly.text.contains("    budget: { max: \"50\""));
    let said = about(&weekly, "litellm_settings.max_budget");
    assert!(
        matches!(said.as_slice(), [one] if one.starts_with("no counterpart: ")),
        "{said:?}"
    );
}

#[test]
fn a_cache_needs_a_time_and_consent() {
    let cached = |params: &str| {
        import(&format!(
            "{}litellm_settings: {{ cache: true, {params} }}\n",
            models(&["a"])
        ))
    };
    assert!(
        cached("cache_params: { type: local, ttl: 90 }")
            .text
            .contains("cache: { ttl: 1m30s }")
    );
    for params in [
        "cache_params: { type: local }",
        "cache_params: { mode: default_off, ttl: 90 }",
    ] {
        let imported = cached(params);
        assert!(!imported.text.contains("\ndefaults:"), "{}", imported.text);
        assert_eq!(
            imported.findings.len(),
            1 + prices_asked_for(&imported),
            "{:?}",
            imported.findings
        );
    }
}

/// Missing prices are told in the file itself, not as findings.
fn prices_asked_for(imported: &Imported) -> usize {
    let about_prices = |found: &&super::super::Finding| {
        found.kind == FindingKind::ToDo && found.text.contains("price")
    };
    imported.findings.iter().filter(about_prices).count()
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "(openai|azure|groq|ollama|bedrock|none)/[a-z0-9.:*-]{0,6}",
        "\\PC{1,8}",
    ]
}

fn any_proxy() -> impl Strategy<Value = serde_json::Value> {
    let model = (
        any_name(),
        any_name(),
        proptest::option::of("[0-9]{1,3}(\\.[0-9]{1,12})?(e-[0-9]{1,2})?"),
    );
    let models = proptest::collection::vec(model, 1..6);
    let pairs = || proptest::collection::vec((any_name(), any_name()), 0..4);
    (models, pairs(), pairs(), any_name()).prop_map(|(models, fallbacks, aliases, odd)| {
        let models = models.into_iter().map(|(name, model, cost)| {
            serde_json::json!({
                "model_name": name,
                "litellm_params": {
                    "model": model, "api_base": odd, "api_key": odd, "timeout": cost,
                    "input_cost_per_token": cost, "output_cost_per_token": cost, "max_budget": cost,
                    "budget_duration": "1d",
                },
            })
        });
        let fallbacks = fallbacks.into_iter().map(|(from, to)| serde_json::json!({ from: [to] }));
        serde_json::json!({
            "model_list": models.collect::<Vec<_>>(),
            "router_settings": {
                "fallbacks": fallbacks.collect::<Vec<_>>(),
                "model_group_alias": aliases.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            },
            "litellm_settings": { odd.clone(): odd },
        })
    })
}

proptest! {
    /// Whatever the file says, what is made of it loads, or the file is refused with a place of its own.
    #[test]
    fn whatever_is_written_can_be_loaded(proxy in any_proxy()) {
        let text = proxy.to_string();
        let source = Source { name: "litellm.yaml", text: &text };
        match from_litellm(source) {
            Ok(imported) => prop_assert!(Declared::parse(&imported.text, "test").is_ok()),
            Err(error) => prop_assert!(error.to_string().starts_with("litellm.yaml:"), "{error}"),
        }
    }
}
