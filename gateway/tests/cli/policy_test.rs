//! `smallfirst test`.

use tempfile::TempDir;

use crate::{run, text};

const CONFIG: &str = "\
keys:
  - { name: desk, key: env:NOT_SET_IN_CI, team: support }
  - { name: lab, key: env:NOT_SET_IN_CI }
models:
  small: { path: not/on/this/machine, cost_per_hour: \"0.36\" }
upstreams:
  large: { base_url: http://127.0.0.1:9/v1, key: env:NOT_SET_IN_CI, prices: { big: { input: \"2\", output: \"8\" } } }
unmatched: reject
routes:
  - name: triage
    match: { model: triage, headers: { x-tenant: \"acme-*\" } }
    local: { model: small, max_tokens: 16 }
    upstream: { name: large, model: big }
    risk: { max_regret: 2% }
    cache: { ttl: 10m }
    private: [card]
    teams: { support: { risk: { max_regret: 5% } } }
  - name: private
    match: { model: private }
    action: local-only
    local: { model: small }
  - name: trial
    match: { model: trial }
    action: split
    split:
      by: request
      arms:
        - { name: now, weight: 90%, action: upstream-only }
        - { name: new, weight: 10%, local: { model: small }, threshold: 90% }
    upstream: { name: large, model: big }
";

/// A case for each thing that can be expected; all hold.
const CASES: &str = "\
cases:
  - name: tickets of a tenant are drafted
    request: &ticket { model: triage, messages: [{ role: user, content: hello }] }
    headers: { X-Tenant: acme-eu }
    expect:
      route: triage
      action: local-first
      local: { model: small, max_tokens: 16 }
      upstream: { name: large, model: big }
      leaves: true
      pinned: nothing
      cache: true
      risk: { max_regret: 2%, assurance: 90% }
  - name: the support team takes more risk
    request: *ticket
    headers: { x-tenant: acme-eu }
    key: desk
    expect: { route: triage@team=support, risk: { max_regret: 5% } }
  - name: notes stay here
    request: { file: note.json }
    key: lab
    expect: { route: private, action: local-only, leaves: false, upstream: [], cache: false }
  - name: a card number stays here
    request: { model: triage, messages: [{ role: user, content: '4111 1111 1111 1111' }] }
    headers: { x-tenant: acme-eu }
    expect: { route: triage, action: local-first, leaves: false, pinned: \"detector:card\", upstream: [] }
  - name: other tenants have no route
    request: *ticket
    expect: { error: model_not_found }
  - name: a trial reaches one upstream, whatever arm it is
    request: { model: trial, messages: [{ role: user, content: hello }] }
    expect: { route: trial, upstream: [{ name: large, model: big }] }
  - name: a request without messages is refused
    request: { model: triage }
    expect: { error: invalid_request }
";

fn folder(config: &str, cases: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("config.yaml", config);
    put("cases.yaml", cases);
    put(
        "note.json",
        r#"{"model": "private", "messages": [{"role": "user", "content": "hello"}]}"#,
    );
    folder
}

/// Runs the cases: exit code, standard output, standard error.
fn test(cases: &str) -> (Option<i32>, String, String) {
    let folder = folder(CONFIG, cases);
    let output = run(
        folder.path(),
        &["test", "--config", "config.yaml", "cases.yaml"],
    );
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn refused(cases: &str) -> String {
    let (code, out, err) = test(cases);
    assert_eq!(code, Some(2), "{out}{err}");
    assert_eq!(out, "");
    err
}

#[test]
fn cases_that_hold_need_neither_models_nor_secrets() {
    let (code, out, err) = test(CASES);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    insta::assert_snapshot!(out, @r"
    ok     cases.yaml:2:11: tickets of a tenant are drafted
    ok     cases.yaml:14:11: the support team takes more risk
    ok     cases.yaml:19:11: notes stay here
    ok     cases.yaml:23:11: a card number stays here
    ok     cases.yaml:27:11: other tenants have no route
    ok     cases.yaml:30:11: a trial reaches one upstream, whatever arm it is
    ok     cases.yaml:33:11: a request without messages is refused
    7 passed, 0 failed
    ");
}

#[test]
fn a_failure_shows_expected_against_actual_with_places() {
    let cases = CASES
        .replace("max_tokens: 16", "max_tokens: 17")
        .replace(
            "action: local-only, leaves: false",
            "action: local-first, leaves: true",
        )
        .replace("error: model_not_found", "route: triage")
        .replace("error: invalid_request", "error: model_not_found")
        .replace("{ route: trial,", "{ action: local-first, threshold: 90%,");
    let (code, out, err) = test(&cases);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(out, @r"
    FAILED cases.yaml:2:11: tickets of a tenant are drafted
           cases.yaml:8:42: expect.local.max_tokens
           - 17
           + 16
    ok     cases.yaml:14:11: the support team takes more risk
    FAILED cases.yaml:19:11: notes stay here
           cases.yaml:22:39: expect.action
           - local-first
           + local-only
           cases.yaml:22:60: expect.leaves
           - true
           + false
    ok     cases.yaml:23:11: a card number stays here
    FAILED cases.yaml:27:11: other tenants have no route
           cases.yaml:29:5: expect
           - an answer
           + the error model_not_found: no route answers for this request; GET /v1/models lists the models that are known by name
             because routes[0].match.headers.x-tenant wants acme-*: none
    FAILED cases.yaml:30:11: a trial reaches one upstream, whatever arm it is
           cases.yaml:32:23: expect.action
           - local-first
           + upstream-only or local-first
           cases.yaml:32:47: expect.threshold
           - 90 %
           + none or 90 %
    FAILED cases.yaml:33:11: a request without messages is refused
           cases.yaml:35:22: expect.error
           - model_not_found
           + invalid_request
    ");
    insta::assert_snapshot!(err, @r"2 passed, 5 failed");
}

#[test]
fn results_as_json() {
    let folder = folder(CONFIG, &CASES.replace("max_tokens: 16", "max_tokens: 17"));
    let output = run(
        folder.path(),
        &["test", "--config", "config.yaml", "cases.yaml", "--json"],
    );
    assert_eq!(output.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["passed"], &said["failed"]), (&6.into(), &1.into()));
    assert_eq!(
        said["cases"][0]["differences"][0],
        serde_json::json!({"key": "local.max_tokens", "line": 8, "column": 42, "expected": "17", "actual": "16"})
    );
    assert_eq!(
        said["cases"][1]["became"],
        serde_json::json!(["triage@team=support"])
    );
    assert_eq!(
        said["cases"][5]["became"],
        serde_json::json!(["trial@arm=now", "trial@arm=new"])
    );
}

#[test]
fn what_is_wrong_with_a_file_is_told_at_once() {
    let cases = "\
cases:
  - name: a typing error
    request: { model: triage }
    expct: { route: triage }
  - name: no such thing
    request: { model: triage }
    expect: { action: local, rout: triage }
";
    insta::assert_snapshot!(refused(cases), @r"
    cases.yaml:4:5: error: cases[0]: there is no key `expct`
    4 |     expct: { route: triage }
      |     ^^^^^
      = help: did you mean `expect`? The keys here are: name, request, key, headers, expect

    cases.yaml:7:23: error: cases[1].expect.action: `local` is not known here
    7 |     expect: { action: local, rout: triage }
      |                       ^^^^^
      = help: write one of `local-first`, `local-only`, `upstream-only`, `shadow`, `split`

    cases.yaml:7:30: error: cases[1].expect: there is no key `rout`
    7 |     expect: { action: local, rout: triage }
      |                              ^^^^
      = help: did you mean `route`? The keys here are: route, action, local, upstream, leaves, pinned, cache, risk, threshold, error

    cases.yaml: 3 problems
    ");
}

#[test]
fn a_case_that_could_not_fail_or_means_something_else_is_refused() {
    let cases = "\
cases:
  - { name: nothing, request: { model: triage }, expect: {} }
  - { name: both, request: { model: triage }, expect: { error: model_not_found, route: triage } }
  - { name: key, request: { model: triage }, key: dsk, expect: { route: triage } }
  - { name: route, request: { model: triage }, expect: { route: trage } }
  - { name: file, request: { file: nowhere.json }, expect: { route: triage } }
  - { name: header, request: { model: triage }, headers: { \"x y\": z }, expect: { route: triage } }
";
    insta::assert_snapshot!(refused(cases), @r#"
    cases.yaml:2:50: error: cases[0].expect: nothing is expected, so the case cannot fail
    2 |   - { name: nothing, request: { model: triage }, expect: {} }
      |                                                  ^^^^^^
      = help: write for example `route: NAME`

    cases.yaml:3:64: error: cases[1].expect.error: a request that gets an error takes no route
    3 |   - { name: both, request: { model: triage }, expect: { error: model_not_found, route: triage } }
      |                                                                ^^^^^^^^^^^^^^^
      = help: expect one or the other

    cases.yaml:4:51: error: cases[2].key: there is no key `dsk`
    4 |   - { name: key, request: { model: triage }, key: ***, expect: { route: triage } }
      |                                                   ^^^
      = help: did you mean `desk`?

    cases.yaml:5:65: error: cases[3].expect.route: there is no route `trage`
    5 |   - { name: route, request: { model: triage }, expect: { route: trage } }
      |                                                                 ^^^^^
      = help: did you mean `triage`?

    cases.yaml:6:36: error: cases[4].request.file: `nowhere.json` cannot be read: No such file or directory (os error 2)
    6 |   - { name: file, request: { file: nowhere.json }, expect: { route: triage } }
      |                                    ^^^^^^^^^^^^

    cases.yaml:7:67: error: cases[5].headers.x y: this is not a header with a value that can be sent
    7 |   - { name: header, request: { model: triage }, headers: { "x y": z }, expect: { route: triage } }
      |                                                                   ^
      = help: use letters, digits and `-`

    cases.yaml: 6 problems
    "#);
    insta::assert_snapshot!(refused("cases: []\n"), @r"
    cases.yaml:1:1: error: cases: there are no cases
    1 | cases: []
      | ^^^^^
      = help: write at least one
    ");
}

#[test]
fn a_broken_configuration_is_told_as_by_check() {
    let folder = folder(
        &CONFIG.replace("action: local-only", "action: local"),
        CASES,
    );
    let output = run(
        folder.path(),
        &["test", "--config", "config.yaml", "cases.yaml"],
    );
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.starts_with("config.yaml:20:13: error: routes[1].action: "),
        "{said}"
    );
}
