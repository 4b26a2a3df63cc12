//! `smallfirst explain`.

use serde_json::{Value, json};

use crate::{folder, run, text};

const CONFIG: &str = "\
keys:
  - { name: desk, key: env:NOT_SET_HERE, team: support, tags: { tier: gold } }
  - { name: batch, key: env:NOT_SET_HERE_EITHER }
models:
  small: { path: not/on/this/machine, cost_per_hour: \"0.36\" }
upstreams:
  large: { base_url: http://127.0.0.1:9/v1, key: env:NOR_THIS, prices: { big: { input: \"2\", output: \"8\" } } }
  other: { base_url: http://127.0.0.1:9/v1 }
aliases: { gpt-4: triage }
routes:
  - name: pictures
    match: { modality: image, tags: { tier: gold } }
    action: upstream-only
    upstream: { name: other, model: eyes }
  - name: refunds
    match:
      model: triage
      any: [{ user_message: { regex: (?i)refund } }, { headers: { X-Queue: \"refund-*\" } }]
    local: { model: small, max_tokens: 16, deadline: 2s, answer: { one_of: [yes, no] } }
    upstream: [{ name: large, model: big }, { name: other, model: eyes }]
    risk: { max_regret: 2% }
    cache: { ttl: 10m }
    teams: { support: { upstream: { name: large, model: big }, threshold: 90%, budget: { max: \"5\", per: day } } }
unmatched: reject
";

fn request(text: &str) -> Value {
    json!({"model": "gpt-4", "max_tokens": 10, "messages": [{"role": "user", "content": text}]})
}

/// Exit code and what is said of a request.
fn explain(body: &str, more: &[&str]) -> (Option<i32>, String, String) {
    explain_by(CONFIG, body, more)
}

fn explain_by(config: &str, body: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = folder(config);
    std::fs::write(folder.path().join("request.json"), body).unwrap();
    let arguments = [
        "explain",
        "--config",
        "config.yaml",
        "--request",
        "request.json",
    ];
    let output = run(folder.path(), &[&arguments, more].concat());
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn for_people() {
    let body = request("My refund is late").to_string();
    let (code, out, err) = explain(&body, &["--key", "desk", "--header", "x-queue: refund-eu"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        !out.contains("late") && !out.contains("refund-eu"),
        "no text of the request: {out}"
    );
    insta::assert_snapshot!("explained", out);
}

#[test]
fn as_json() {
    let body = request("My refund is late").to_string();
    let (code, out, err) = explain(&body, &["--key", "batch", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    insta::assert_snapshot!("explained_as_json", out);
}

#[test]
fn who_judges_free_texts() {
    let texts = CONFIG
        .replace(", answer: { one_of: [yes, no] }", "")
        .replace(
            "    cache:",
            "    audit: { judge: { name: large, model: big, share: 25%, swap: 20% } }\n    cache:",
        );
    let body = request("My refund is late").to_string();
    let (code, out, err) = explain_by(&texts, &body, &["--key", "batch"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let expected =
        "judge           large big, for 25 % of the labels, 20 % of the pairs in both orders\n";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn what_no_route_takes() {
    let (code, out, _) = explain(&request("Hello").to_string(), &["--key", "batch"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("refused: no route answers for this request"),
        "{out}"
    );
    assert!(!out.contains("takes it"), "{out}");
}

#[test]
fn what_cannot_be_explained_is_exit_code_2() {
    for (body, more, expected) in [
        (
            "{\n  \"model\"",
            &[][..],
            "request.json:2:9: this is not JSON",
        ),
        ("{}", &[][..], "`model` must be a non-empty string"),
        (
            r#"{"model": "gpt-4", "messages": [{"role": "user"}]}"#,
            &["--key", "nobody"][..],
            "there is no key `nobody`",
        ),
        (
            r#"{"model": "a", "messages": [{"role": "user"}]}"#,
            &["--header", "x"][..],
            "`x` is not a header",
        ),
    ] {
        let (code, out, err) = explain(body, more);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(expected), "{err}");
    }
}
