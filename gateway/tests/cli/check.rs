//! `smallfirst check`.

use crate::{GOOD, folder, run, text};

/// Without the spaces that tables put at the end of lines.
fn unpadded(bytes: &[u8]) -> String {
    text(bytes)
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Checks `config`; it must be refused with exit code 2 and nothing on standard output. Returns what is said.
fn refused(config: &str) -> String {
    let folder = folder(config);
    let output = run(folder.path(), &["check", "--config", "config.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn a_good_configuration_gets_its_egress_table() {
    let folder = folder(GOOD);
    let output = run(folder.path(), &["check", "--config", "config.yaml"]);
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!(unpadded(&output.stdout), @r"
    config.yaml: no problems
    ─────────────────────────────────────────────────────────────────────────────
     route     action        local model   may reach           as model   priced
    ═════════════════════════════════════════════════════════════════════════════
     triage    local-first   small         large (127.0.0.1)   big        yes
    ─────────────────────────────────────────────────────────────────────────────
     private   local-only    small         nothing outside     -          -
    ─────────────────────────────────────────────────────────────────────────────
     drafts    local-first   small         large (127.0.0.1)   big        yes
    ─────────────────────────────────────────────────────────────────────────────
    triage: has no certificate, so everything escalates. Make one: `smallfirst calibrate --config FILE --route triage LABELLED.jsonl`
    private: accepts every draft of the right form; nothing is proven.
    drafts: accepts drafts from a confidence of 95 % on. A fixed threshold proves nothing: no bound on the answers that the upstream would have given better, no notice when model or traffic change. Declare `risk` and run `smallfirst calibrate` for that.
    ");
}

#[test]
fn broken_yaml_has_its_place_and_its_line() {
    insta::assert_snapshot!(refused("routes:\n  - name: [all\n"), @r"
    config.yaml:2:11: expected string scalar
    2 |   - name: [all
      |           ^
    ");
}

#[test]
fn an_unknown_key_has_its_place_and_its_line() {
    insta::assert_snapshot!(refused(&GOOD.replace("base_url", "base_uri")), @r#"
    config.yaml:4:12: unknown field `base_uri`, expected one of base_url, key, connect_timeout, headers_timeout, idle_timeout, timeout, retries, prices
    4 |   large: { base_uri: http://127.0.0.1:9/v1, prices: { big: { input: "2", output: "8" } } }
      |            ^
    "#);
}

#[test]
fn an_unknown_name_has_a_suggestion() {
    let said = refused(&GOOD.replacen("{ name: large,", "{ name: larg,", 1));
    insta::assert_snapshot!(said, @"config.yaml: routes[0].upstream.name: there is no upstream `larg`; did you mean `large`?");
}

#[test]
fn all_problems_are_told_at_once() {
    let config = GOOD
        .replace("model.gguf", "missing.gguf")
        .replace("\"0.36\"", "\"cheap\"")
        .replace("risk: { max_regret: 2% }", "risk: { max_regret: 0% }");
    let said = refused(&config);
    for part in [
        "models.small.path",
        "models.small.cost_per_hour",
        "routes[0].risk.max_regret",
    ] {
        assert!(said.contains(part), "{part} in: {said}");
    }
}

#[test]
fn a_file_that_is_not_there() {
    let folder = folder(GOOD);
    for command in ["check", "serve"] {
        let output = run(folder.path(), &[command, "--config", "confg.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(
            text(&output.stderr).contains("confg.yaml: cannot be read"),
            "{output:?}"
        );
    }
}
