//! `smallfirst check --diff`.

use std::path::Path;

use gateway::config::Declared;
use gateway::ledger::{ExchangeId, Ledger, LedgerUrl, Opening, Price};
use tempfile::TempDir;

use crate::{run, text};

const OLD: &str = "\
keys:
  - { name: desk, key: env:NOT_SET_IN_CI, team: support }
models:
  small: { path: not/on/this/machine, cost_per_hour: \"0.36\" }
upstreams:
  large: { base_url: https://large.example/v1, prices: { big: { input: \"2\", output: \"8\" } } }
  other: { base_url: https://other.example/v1, prices: { big: { input: \"1\", output: \"4\" } } }
unmatched: reject
routes:
  - name: triage
    match: { model: \"triage*\" }
    local: { model: small }
    upstream: { name: large, model: big }
    risk: { max_regret: 2% }
  - name: notes
    match: { headers: { x-app: notes } }
    action: local-only
    local: { model: small }
  - name: rest
    match: { model: [chat, draft] }
    action: upstream-only
    upstream: { name: large, model: big }
";

const REQUESTS: &str = r#"
{"id": "a", "request": {"model": "triage", "messages": [{"role": "user", "content": "hello"}]}}
{"id": "b", "request": {"model": "triage-eu", "messages": [{"role": "user", "content": "hello"}]}, "key": "desk"}
{"id": 3, "request": {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}, "headers": {"X-App": "notes"}}

{"request": {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}}
{"request": {"model": "nobody", "messages": [{"role": "user", "content": "hello"}]}}
"#;

fn folder(new: &str, requests: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("old.yaml", OLD);
    put("new.yaml", new);
    put("requests.jsonl", requests);
    folder
}

/// Exit code, standard output without the spaces that tables put at the end of lines, standard error.
fn diff(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let arguments = [&["check", "--diff", "old.yaml", "new.yaml"], more].concat();
    let output = run(folder, &arguments);
    let out = text(&output.stdout);
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    (output.status.code(), lines.join("\n"), text(&output.stderr))
}

fn changed() -> String {
    OLD.replace("model: \"triage*\"", "model: triage")
        .replace("model: [chat, draft]", "model: [chat, draft, \"triage-*\", nobody]")
        .replace("action: local-only\n    local: { model: small }", "local: { model: small }\n    upstream: { name: other, model: big }\n    threshold: 90%")
}

#[test]
fn the_same_configuration_twice_has_no_difference() {
    let folder = folder(&OLD.replace("name: desk,", "name:   desk,"), REQUESTS);
    for more in [&[][..], &["--requests", "requests.jsonl"]] {
        let (code, out, err) = diff(folder.path(), more);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        assert!(out.starts_with("nothing differs"), "{out}");
    }
}

#[test]
fn requests_that_move_and_routes_that_mean_something_else() {
    let folder = folder(&changed(), REQUESTS);
    let (code, out, err) = diff(folder.path(), &["--requests", "requests.jsonl"]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(out, @r"
    Requests that take another route:
    ───────────────────────────────────────────────────────
     from                    to     requests   for example
    ═══════════════════════════════════════════════════════
     error model_not_found   rest   1          line 7
    ───────────────────────────────────────────────────────
     triage                  rest   1          b
    ───────────────────────────────────────────────────────

    What routes mean:
    ───────────────────────────────────────────────────────────────────────────────────────────────────
     route    what        old                             new                       requests that stay
    ═══════════════════════════════════════════════════════════════════════════════════════════════════
     notes    action      local-only                      local-first               1
    ───────────────────────────────────────────────────────────────────────────────────────────────────
     notes    asks        none                            other big                 1
    ───────────────────────────────────────────────────────────────────────────────────────────────────
     notes    may reach   nothing outside                 other.example             1
    ───────────────────────────────────────────────────────────────────────────────────────────────────
     notes    accepts     every draft of the right form   confidence from 90 % on   1
    ───────────────────────────────────────────────────────────────────────────────────────────────────
     triage   match       its conditions                  other conditions          1
    ───────────────────────────────────────────────────────────────────────────────────────────────────
     rest     match       its conditions                  other conditions          1
    ───────────────────────────────────────────────────────────────────────────────────────────────────
    ");
    insta::assert_snapshot!(err, @r"2 of 5 requests are routed differently, 6 differences between the routes themselves");
}

#[test]
fn without_requests_only_the_routes_are_compared() {
    let new = OLD
        .replace("name: rest", "name: all-others")
        .replace("2%", "1%");
    let folder = folder(&new, "");
    let (code, out, err) = diff(folder.path(), &[]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(out, @r"
    What routes mean:
    ────────────────────────────────────────────────────────────
     route        what      old                new
    ════════════════════════════════════════════════════════════
     triage       accepts   risk 2 % at 90 %   risk 1 % at 90 %
    ────────────────────────────────────────────────────────────
     rest         route     upstream-only      -
    ────────────────────────────────────────────────────────────
     all-others   route     -                  upstream-only
    ────────────────────────────────────────────────────────────
    ");
    insta::assert_snapshot!(err, @r"3 differences between the routes themselves");
}

#[test]
fn differences_as_json() {
    let folder = folder(&changed(), REQUESTS);
    let (code, out, _) = diff(folder.path(), &["--requests", "requests.jsonl", "--json"]);
    assert_eq!(code, Some(1));
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&said["same"], &said["requests"]),
        (&false.into(), &5.into())
    );
    assert_eq!(
        said["moved"][0],
        serde_json::json!({"from": "error model_not_found", "to": "rest", "requests": 1, "examples": ["line 7"]})
    );
    assert_eq!(
        said["kept"],
        serde_json::json!({"triage": 1, "notes": 1, "rest": 1})
    );
}

#[test]
fn a_line_that_cannot_be_read_is_told_without_its_text() {
    for (line, what) in [
        (
            "{\"request\": \"secret\"}",
            "requests.jsonl:1: `request` is missing or no object",
        ),
        (
            "{\"request\": {}, \"kee\": \"secret\"}",
            "requests.jsonl:1: there is no field `kee`",
        ),
        (
            "{\"request\": {}, \"key\": [\"secret\"]}",
            "requests.jsonl:1: `key` must be a text",
        ),
        (
            "{\"request\": {}, \"headers\": {\"a b\": \"secret\"}}",
            "requests.jsonl:1: `a b` is not a header",
        ),
        (
            "{\"request\": secret}",
            "requests.jsonl:1: not JSON: error at column 13",
        ),
    ] {
        let folder = folder(OLD, line);
        let (code, _, err) = diff(folder.path(), &["--requests", "requests.jsonl"]);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.starts_with(what) && !err.contains("secret"), "{err}");
    }
}

#[test]
fn flags_that_do_not_go_together() {
    let folder = folder(OLD, "");
    for arguments in [
        &["check"][..],
        &[
            "check", "--config", "old.yaml", "--diff", "old.yaml", "new.yaml",
        ],
        &["check", "--diff", "old.yaml"],
        &[
            "check",
            "--config",
            "old.yaml",
            "--requests",
            "requests.jsonl",
        ],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    }
}

/// A ledger of requests by route, key, model and version of the configuration.
fn book(folder: &Path, requests: &[(&str, &str, &str, &str)]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = LedgerUrl::Sqlite(folder.join("ledger.db"));
        let (ledger, _) = Ledger::open(&url).unwrap();
        for (route, key, model, version) in requests {
            let opening = Opening {
                id: ExchangeId::new(),
                started_at: "2026-03-01T12:00:00Z".parse().unwrap(),
                route: (*route).to_owned(),
                principal: (*key).to_owned(),
                client_model: (*model).to_owned(),
                streamed: false,
                policy_version: (*version).to_owned(),
                baseline: None,
                reserved: Price::FREE,
                pinned_by: None,
            };
            drop(ledger.open_exchange(opening).await);
        }
        ledger.close().await.unwrap();
    });
}

/// Groups of the JSON output as `from > to: requests`.
fn groups(said: &serde_json::Value, name: &str) -> Vec<String> {
    let groups = said[name].as_array().unwrap().iter();
    let mut shown: Vec<String> = groups
        .map(|group| {
            let text = |key: &str| group[key].as_str().unwrap().to_owned();
            format!("{} > {}: {}", text("from"), text("to"), group["requests"])
        })
        .collect();
    shown.sort();
    shown
}

fn diff_of_ledger(new: &str) -> (Option<i32>, serde_json::Value) {
    let folder = folder(new, "");
    let config = Declared::load(&folder.path().join("old.yaml")).unwrap();
    let version = config.config().version.as_str();
    book(
        folder.path(),
        &[
            ("triage", "desk", "triage-eu", version),
            ("triage", "desk", "triage-eu", version),
            ("triage", "desk", "triage", version),
            ("rest", "desk", "chat", version),
            ("rest", "gone", "chat", version),
            ("whatever", "desk", "chat", "older"),
            ("whatever", "desk", "(private)", "older"),
        ],
    );
    let (code, out, err) = diff(folder.path(), &["--ledger", "ledger.db", "--json"]);
    (
        code,
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}")),
    )
}

#[test]
fn a_ledger_tells_what_follows_from_key_model_and_route() {
    let (code, said) = diff_of_ledger(&changed());
    assert_eq!(code, Some(1));
    assert_eq!(said["requests"], 7);
    // The header that the route of notes asks for is not in the ledger, but a request that was no note before is none.
    assert_eq!(
        groups(&said, "moved"),
        [
            "rest > error invalid_api_key: 1",
            "triage > notes or rest: 2"
        ]
    );
    assert_eq!(
        said["kept"],
        serde_json::json!({"triage": 1, "rest": 1, "notes or rest": 1})
    );
    assert_eq!(said["undecided"].as_array().unwrap().len(), 1, "{said}");
}

#[test]
fn a_condition_on_what_a_ledger_does_not_keep_leaves_it_open() {
    let vip = "routes:\n  - name: vip\n    match: { headers: { x-vip: \"*\" } }\n    action: upstream-only\n    \
               upstream: { name: large, model: big }\n";
    let (code, said) = diff_of_ledger(&OLD.replace("routes:\n", vip));
    assert_eq!(code, Some(1));
    assert_eq!(groups(&said, "moved"), ["rest > error invalid_api_key: 1"]);
    let undecided = groups(&said, "undecided");
    let expected = "triage > triage or vip: 3".to_owned();
    assert!(undecided.contains(&expected), "{undecided:?}");
}

#[test]
fn a_ledger_that_is_not_there() {
    let folder = folder(OLD, "");
    let (code, _, err) = diff(folder.path(), &["--ledger", "ledger.db"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("ledger.db"), "{err}");
}
