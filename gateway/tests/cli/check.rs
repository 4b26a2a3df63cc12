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
    triage: has no certificate, so everything escalates until its own traffic proves one. To have one at once: `smallfirst calibrate --config FILE --route triage LABELLED.jsonl`
    private: accepts every draft of the right form; nothing is proven.
    drafts: accepts drafts from a confidence of 95 % on. A fixed threshold proves nothing: no bound on the answers that the upstream would have given better, no notice when model or traffic change. Declare `risk` and run `smallfirst calibrate` for that.
    ");
}

#[test]
fn what_detectors_hold_back_is_told() {
    let private = GOOD
        .replace(
            "models:\n",
            "detectors:\n  ticket: { regex: 'TCK-[0-9]+' }\nmodels:\n",
        )
        .replace(
            "    threshold: 95%\n",
            "    threshold: 95%\n    private: [pii, ticket]\n",
        )
        .replace("    risk: ", "    private: [email]\n    risk: ");
    let folder = folder(&private);
    let output = run(folder.path(), &["check", "--config", "config.yaml"]);
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!(unpadded(&output.stdout), @r"
    config.yaml: no problems
    ────────────────────────────────────────────────────────────────────────────────────────────────────────
     route     action        local model   may reach                                      as model   priced
    ════════════════════════════════════════════════════════════════════════════════════════════════════════
     triage    local-first   small         large (127.0.0.1), unless found: email         big        yes
    ────────────────────────────────────────────────────────────────────────────────────────────────────────
     private   local-only    small         nothing outside                                -          -
    ────────────────────────────────────────────────────────────────────────────────────────────────────────
     drafts    local-first   small         large (127.0.0.1), unless found: pii, ticket   big        yes
    ────────────────────────────────────────────────────────────────────────────────────────────────────────
    triage: has no certificate, so everything escalates until its own traffic proves one. To have one at once: `smallfirst calibrate --config FILE --route triage LABELLED.jsonl`
    triage: a request in which email finds something, or that detectors cannot read (images, sound, files, encoded data), stays here: `small` answers it or it is refused; without a certificate all of them are refused.
    private: accepts every draft of the right form; nothing is proven.
    drafts: accepts drafts from a confidence of 95 % on. A fixed threshold proves nothing: no bound on the answers that the upstream would have given better, no notice when model or traffic change. Declare `risk` and run `smallfirst calibrate` for that.
    drafts: a request in which pii or ticket finds something, or that detectors cannot read (images, sound, files, encoded data), stays here: `small` answers it or it is refused.
    ");
}

/// The models `small` and `other`, each with further keys, and a memory budget.
fn budgeted(budget: &str, small: &str, other: &str) -> String {
    let models = format!(
        "memory: {{ budget: {budget} }}\nmodels:\n  other: {{ path: model.gguf, memory_limit: 150MiB, cost_per_hour: \
         \"0.36\"{other} }}\n"
    );
    GOOD.replace("models:\n", &models).replace(
        "cost_per_hour: \"0.36\" }\nup",
        &format!("memory_limit: 100MiB, cost_per_hour: \"0.36\"{small} }}\nup"),
    )
}

#[test]
fn a_memory_budget_gets_its_table() {
    let folder = folder(&budgeted(
        "200MiB",
        ", keep: true",
        ", load: on-demand, unload_after: 15m",
    ));
    let output = run(folder.path(), &["check", "--config", "config.yaml"]);
    assert!(output.status.success(), "{output:?}");
    let said = unpadded(&output.stdout);
    let table = said.split("drafts    local-first").nth(1).unwrap();
    let table: Vec<_> = table.lines().skip(2).take(8).collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    ──────────────────────────────────────────────────────────
     model   memory at most   loaded
    ══════════════════════════════════════════════════════════
     other   154.0 MiB        on demand, until unused for 15m
    ──────────────────────────────────────────────────────────
     small   104.0 MiB        always
    ──────────────────────────────────────────────────────────
    memory budget 200.0 MiB: the models take up to 258.1 MiB together, 104.0 MiB of that always; when it is full, what was not used for longest is unloaded for what is asked for.
    ");
}

#[test]
fn a_memory_budget_that_can_never_be_kept_is_refused_with_its_sums() {
    let said = refused(&budgeted("200MiB", ", keep: true", ", keep: true"));
    assert!(
        said.contains("config.yaml:1:19: error: memory.budget: is 200MiB, and the models with `keep` take up to 260MiB together (other 155MiB, small 105MiB)"),
        "{said}"
    );
    let said = refused(&budgeted("128MiB", "", ""));
    assert!(
        said.contains(
            "config.yaml:3:3: error: models.other: takes up to 155MiB, and `memory.budget` is 128MiB"
        ),
        "{said}"
    );
}

#[test]
fn what_contradicts_itself_about_memory_is_refused() {
    let said = refused(&budgeted(
        "1GiB",
        ", keep: true, unload_after: 5m",
        ", keep: true, load: on-demand",
    ));
    assert!(
        said.contains("models.small.unload_after: a model with `keep` is never unloaded"),
        "{said}"
    );
    assert!(
        said.contains("models.other.load: a model with `keep` is loaded with the gateway"),
        "{said}"
    );
}

#[test]
fn a_detector_that_is_not_there_has_its_nearest() {
    let config = GOOD.replace(
        "    threshold: 95%\n",
        "    threshold: 95%\n    private: [CREDIT_CARD, emial]\n",
    );
    insta::assert_snapshot!(refused(&config), @r"
    config.yaml:19:15: error: routes[2].private[0]: there is no detector `CREDIT_CARD`
    19 |     private: [CREDIT_CARD, emial]
       |               ^^^^^^^^^^^
      = help: did you mean `card`?

    config.yaml:19:28: error: routes[2].private[1]: there is no detector `emial`
    19 |     private: [CREDIT_CARD, emial]
       |                            ^^^^^
      = help: did you mean `email`?

    config.yaml: 2 problems
    ");
}

#[test]
fn an_adapter_that_the_model_does_not_have_has_its_nearest() {
    let config = GOOD
        .replace(
            "path: model.gguf",
            "path: model.gguf, loras: { billing: model.gguf }",
        )
        .replacen("model: small }", "model: small, lora: biling }", 1);
    insta::assert_snapshot!(refused(&config), @r"
    config.yaml:8:34: error: routes[0].local.lora: the model `small` has no LoRA `biling`
    8 |     local: { model: small, lora: biling }
      |                                  ^^^^^^
      = help: did you mean `billing`?
    ");
}

#[test]
fn broken_yaml_has_its_place_and_its_line() {
    insta::assert_snapshot!(refused("routes:\n  - name: [all\n"), @r"
    config.yaml:2:11: error: unclosed bracket '['
    2 |   - name: [all
      |           ^
    ");
}

#[test]
fn an_unknown_key_has_its_place_and_the_nearest_known_one() {
    insta::assert_snapshot!(refused(&GOOD.replace("base_url", "base_uri")), @r#"
    config.yaml:4:12: error: upstreams.large: there is no key `base_uri`
    4 |   large: { base_uri: http://127.0.0.1:9/v1, prices: { big: { input: "2", output: "8" } } }
      |            ^^^^^^^^
      = help: did you mean `base_url`? The keys here are: base_url, key, connect_timeout, headers_timeout, idle_timeout, timeout, retries, prices
    "#);
}

#[test]
fn a_key_of_another_gateway_has_its_name_here() {
    insta::assert_snapshot!(refused(&GOOD.replace("base_url", "api_base")), @r#"
    config.yaml:4:12: error: upstreams.large: there is no key `api_base`
    4 |   large: { api_base: http://127.0.0.1:9/v1, prices: { big: { input: "2", output: "8" } } }
      |            ^^^^^^^^
      = help: it is called `base_url` here. The keys here are: base_url, key, connect_timeout, headers_timeout, idle_timeout, timeout, retries, prices
    "#);
}

#[test]
fn a_wrong_type_is_told_with_what_to_write() {
    let config = GOOD.replacen("local: { model: small }", "local: small", 1);
    insta::assert_snapshot!(refused(&config), @r"
    config.yaml:8:12: error: routes[0].local: a text stands where a map should be
    8 |     local: small
      |            ^^^^^
      = help: write a map with keys of these: model, lora, max_tokens, deadline, first_token_within, sampling, prompt, answer
    ");
}

#[test]
fn a_missing_unit_is_told_with_the_units_there_are() {
    let config = GOOD.replacen("model: small }", "model: small, deadline: 2 }", 1);
    insta::assert_snapshot!(refused(&config), @r"
    config.yaml:8:38: error: routes[0].local.deadline: `2` has no unit
    8 |     local: { model: small, deadline: 2 }
      |                                      ^
      = help: write `2ms`, `2s`, `2m` or `2h`
    ");
}

#[test]
fn an_unknown_name_has_a_suggestion() {
    insta::assert_snapshot!(refused(&GOOD.replacen("{ name: large,", "{ name: larg,", 1)), @r"
    config.yaml:9:23: error: routes[0].upstream.name: there is no upstream `larg`
    9 |     upstream: { name: larg, model: big }
      |                       ^^^^
      = help: did you mean `large`?
    ");
}

#[test]
fn a_repeated_route_name_has_both_places() {
    insta::assert_snapshot!(refused(&GOOD.replace("name: drafts", "name: triage")), @r"
    config.yaml:15:11: error: routes[2].name: `triage` is already the name of routes[0]
    15 |   - name: triage
       |           ^^^^^^
      = note: it is first used here: config.yaml:6:11
      = help: rename one of them
    ");
}

#[test]
fn a_repeated_key_has_both_places() {
    insta::assert_snapshot!(refused(&format!("{GOOD}models: {{}}\n")), @r"
    config.yaml:19:1: error: the key `models` is written twice
    19 | models: {}
       | ^^^^^^
      = note: it is first written here: config.yaml:1:1
      = help: keep one of them
    ");
}

#[test]
fn three_problems_are_told_at_once() {
    let config = GOOD
        .replace("model.gguf", "missing.gguf")
        .replace("\"0.36\"", "\"cheap\"")
        .replace("risk: { max_regret: 2% }", "risk: { max_regret: 0% }");
    insta::assert_snapshot!(refused(&config), @r#"
    config.yaml:2:18: error: models.small.path: `missing.gguf` does not exist
    2 |   small: { path: missing.gguf, cost_per_hour: "cheap" }
      |                  ^^^^^^^^^^^^
      = help: write a file or folder, from the folder of this file on

    config.yaml:2:47: error: models.small.cost_per_hour: `cheap` is not an amount in USD
    2 |   small: { path: missing.gguf, cost_per_hour: "cheap" }
      |                                               ^^^^^^^
      = help: write a plain decimal number in quotes, like "0.05"

    config.yaml:10:25: error: routes[0].risk.max_regret: max_regret is 0 %
    10 |     risk: { max_regret: 0% }
       |                         ^^
      = help: it must be above 0 % and below 100 %, for example `2 %`

    config.yaml: 3 problems
    "#);
}

#[test]
fn wrong_form_does_not_hide_wrong_meaning() {
    let config = GOOD
        .replace("cost_per_hour", "cost_per_our")
        .replace("threshold: 95%", "threshold: 95%\n    cahce: {}")
        .replacen("{ name: large,", "{ name: larg,", 1);
    insta::assert_snapshot!(refused(&config), @r#"
    config.yaml:2:30: error: models.small: there is no key `cost_per_our`
    2 |   small: { path: model.gguf, cost_per_our: "0.36" }
      |                              ^^^^^^^^^^^^
      = help: did you mean `cost_per_hour`? The keys here are: path, revision, served, quantization, adapter, loras, prefix_cache, threads, cpus, memory_limit, stall_after, load, unload_after, keep, queue, cost_per_hour

    config.yaml:9:23: error: routes[0].upstream.name: there is no upstream `larg`
    9 |     upstream: { name: larg, model: big }
      |                       ^^^^
      = help: did you mean `large`?

    config.yaml:19:5: error: routes[2]: there is no key `cahce`
    19 |     cahce: {}
       |     ^^^^^
      = help: did you mean `cache`? The keys here are: name, match, extends, teams, split, action, local, upstream, risk, threshold, commit, commit_after, early_abort, hedge_after, audit, cache, baseline, budget, private

    config.yaml: 3 problems
    "#);
}

#[test]
fn an_alias_bomb_is_defused() {
    let mut config = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (this, last) in ["b", "c", "d", "e", "f", "g", "h", "i"]
        .iter()
        .zip("abcdefgh".chars())
    {
        let all = vec![format!("*{last}"); 10].join(", ");
        config += &format!("{this}: &{this} [{all}]\n");
    }
    insta::assert_snapshot!(refused(&config), @r"
    config.yaml:5:36: error: the aliases up to this one stand for more than 100000 values
    5 | e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
      |                                    ^^
      = help: share less, or write the values out
    ");
}

#[test]
fn a_file_that_is_not_text_or_far_too_large() {
    let folder = folder(GOOD);
    let check = |bytes: &[u8]| {
        std::fs::write(folder.path().join("config.yaml"), bytes).unwrap();
        let output = run(folder.path(), &["check", "--config", "config.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        text(&output.stderr)
    };
    let said = check(b"# \xffoo\n");
    assert!(
        said.starts_with("config.yaml:1:3: error: the byte 0xff at offset 2 is not UTF-8"),
        "{said}"
    );
    let said = check("# comment\n".repeat(1_000_000).as_bytes());
    assert!(
        said.starts_with("config.yaml:838861:1: error: the file is larger than 8 MiB"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_there() {
    let folder = folder(GOOD);
    for command in ["check", "serve"] {
        let output = run(folder.path(), &[command, "--config", "confg.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(
            text(&output.stderr).contains("confg.yaml: error: cannot be read"),
            "{output:?}"
        );
    }
}

#[test]
fn an_answer_that_no_draft_can_be_held_to_has_its_place() {
    let local = r"local: { model: small, answer: { regex: '\bword\b' } }";
    let config = GOOD.replacen("local: { model: small }", local, 1);
    insta::assert_snapshot!(refused(&config), @r"
    config.yaml:8:45: error: routes[0].local.answer.regex: no draft can be held to this while it is written (lookarounds not supported yet, WordUnicode)
    8 |     local: { model: small, answer: { regex: '\bword\b' } }
      |                                             ^^^^^^^^^^
      = help: make it simpler, or write `answer: text`
    ");
}
