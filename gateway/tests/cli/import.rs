//! `smallfirst import`.

use std::process::Output;

use tempfile::TempDir;

use crate::{run, smallfirst, text};

const TEAM: &str = include_str!("import/team.yaml");
const SMALL: &str = include_str!("import/small.yaml");

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("litellm.yaml"), config).unwrap();
    folder
}

fn import(config: &str) -> Output {
    run(
        folder(config).path(),
        &["import", "litellm", "litellm.yaml"],
    )
}

fn refused(config: &str) -> String {
    let output = import(config);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn a_whole_proxy_becomes_upstreams_and_routes() {
    let output = import(TEAM);
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!("team_config", text(&output.stdout));
    insta::assert_snapshot!("team_findings", text(&output.stderr));
    assert!(!text(&output.stdout).contains("sk-proj"));
    assert!(!text(&output.stderr).contains("sk-proj"));
}

#[test]
fn the_smallest_proxy() {
    let output = import(SMALL);
    insta::assert_snapshot!("small_config", text(&output.stdout));
}

#[test]
fn what_is_written_passes_the_check_of_the_gateway() {
    for (config, models) in [(TEAM, 4), (SMALL, 2)] {
        let folder = folder(config);
        let written = run(
            folder.path(),
            &["import", "litellm", "litellm.yaml", "--out", "config.yaml"],
        );
        assert!(written.status.success(), "{written:?}");
        assert_eq!(text(&written.stdout), "");
        let mut check = smallfirst(folder.path());
        for variable in [
            "AZURE_API_KEY_EU",
            "OPENAI_API_KEY",
            "OPENAI_API_KEY_2",
            "ANTHROPIC_API_KEY",
            "LITELLM_MASTER_KEY",
        ] {
            check.env(variable, "sk-somewhere-else");
        }
        let checked = check
            .args(["check", "--config", "config.yaml"])
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
        let table = text(&checked.stdout);
        assert_eq!(table.matches("upstream-only").count(), models, "{table}");
    }
}

#[test]
fn the_same_file_gives_the_same_result() {
    let once = import(TEAM);
    assert_eq!(import(TEAM), once);
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let folder = folder(SMALL);
    let out = folder.path().join("config.yaml");
    std::fs::write(&out, "mine").unwrap();
    let output = run(
        folder.path(),
        &["import", "litellm", "litellm.yaml", "--out", "config.yaml"],
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(std::fs::read_to_string(out).unwrap(), "mine");
}

#[test]
fn findings_as_json() {
    let folder = folder(TEAM);
    let output = run(
        folder.path(),
        &["import", "litellm", "litellm.yaml", "--json"],
    );
    assert_eq!(text(&output.stderr), "");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["routes"], 4);
    assert!(said["config"].as_str().unwrap().contains("\nroutes:\n"));
    let findings = said["findings"].as_array().unwrap();
    let database = findings
        .iter()
        .find(|finding| finding["key"] == "general_settings.database_url")
        .unwrap();
    assert_eq!(database["kind"], "no_counterpart");
    let line = usize::try_from(database["line"].as_u64().unwrap()).unwrap();
    let written = TEAM.lines().nth(line - 1).unwrap();
    assert!(written.contains("database_url"), "{written}");
}

#[test]
fn a_file_of_something_else_is_told_so() {
    insta::assert_snapshot!(refused("services: {}\n"), @r"
    litellm.yaml:1:1: error: there is no `model_list`
    1 | services: {}
      | ^^^^^^^^
      = help: this does not look like the configuration of a LiteLLM proxy
    ");
}

#[test]
fn a_model_without_its_name_at_the_provider_has_its_place() {
    insta::assert_snapshot!(refused("model_list:\n  - model_name: a\n    litellm_params: { api_key: sk-written }\n"), @r"
    litellm.yaml:2:5: error: model_list[0]: `litellm_params.model` is missing
    2 |   - model_name: a
      |     ^^^^^^^^^^
      = help: a model has a name for clients and one for its provider
    ");
}

#[test]
fn a_proxy_of_which_nothing_is_left() {
    let config =
        "model_list:\n  - model_name: a\n    litellm_params: { model: bedrock/some.model }\n";
    insta::assert_snapshot!(refused(config), @r"
    litellm.yaml:2:5: error: model_list: none of its models can be carried over
    2 |   - model_name: a
      |     ^
      = help: `bedrock`: the provider wants signed requests or tokens that expire, and an upstream here sends a plain key; put an OpenAI-compatible endpoint before it and add that under `upstreams`
    ");
}

#[test]
fn a_key_in_a_file_that_is_no_yaml_is_not_shown() {
    let said = refused("model_list:\n  - api_key: \"sk-written\n");
    assert!(!said.contains("sk-written"), "{said}");
}
