use super::*;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("."), "test.yaml").map_err(|e| e.to_string())
}

const MINIMAL: &str = r#"
models:
  small: { path: ".", cost_per_hour: "0.05" }
upstreams:
  large:
    base_url: http://127.0.0.1:9/v1
    prices: { big: { input: "2", output: "8.50" } }
routes:
  - name: all
    local: { model: small }
    upstream: { name: large, model: big }
    threshold: 95%
"#;

#[test]
fn a_minimal_file_gets_the_documented_defaults() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.policy.routes().len(), 1);
    let rates = config.catalog.rates("large", "big").unwrap();
    assert_eq!(rates.output.to_string(), "8.5");
    assert_eq!(config.version.len(), 12);
}

#[test]
fn unknown_keys_have_a_position_and_the_line() {
    let error = parse(&MINIMAL.replace("base_url", "base_uri")).unwrap_err();
    assert!(error.starts_with("test.yaml:6:"), "{error}");
    assert!(
        error.contains("base_uri") && error.contains("base_url"),
        "{error}"
    );
    assert!(error.contains("6 |     base_uri: http"), "{error}");
    assert!(error.contains("  |     ^^^^^^^^\n"), "{error}");
}

#[test]
fn low_rank_adapters_are_told_apart_from_what_computes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("billing.gguf"), "").unwrap();
    let parse = |model: &str, local: &str| {
        let text = MINIMAL
            .replace("path: \".\"", &format!("path: \".\", {model}"))
            .replace("model: small }", &format!("model: small, {local} }}"));
        Config::parse(&text, folder.path(), "test.yaml").map_err(|e| e.to_string())
    };
    let loras = "adapter: llama.cpp, prefix_cache: 1MiB, loras: { billing: billing.gguf }";
    let config = parse(loras, "lora: billing").unwrap();
    let small = &config.models["small"];
    assert_eq!(
        (small.adapter, small.prefix_cache),
        (local_engine::Adapter::LlamaCpp, 1 << 20)
    );
    assert_eq!(small.loras["billing"], folder.path().join("billing.gguf"));
    let plan = config.policy.routes()[0].local.clone().unwrap();
    assert_eq!(plan.lora.as_deref(), Some("billing"));
    assert_eq!(plan.described(), "small + billing");
    let plain = parse("queue: 32", "max_tokens: 1").unwrap().models["small"].clone();
    assert_eq!(
        (plain.adapter, plain.prefix_cache),
        (local_engine::Adapter::Auto, 256 << 20)
    );
    assert!(!plain.runs_like(small), "its process is another one");
    for (model, local, said) in [
        (loras, "lora: biling", "did you mean `billing`?"),
        (
            "threads: 1",
            "lora: billing",
            "add it to `models.small.loras` first",
        ),
        (
            "loras: { a: no.gguf }",
            "max_tokens: 1",
            "models.small.loras.a: `",
        ),
        ("adapter: llama", "max_tokens: 1", "llama.cpp"),
        (
            "adapter: mistralrs, prefix_cache: 1MiB, loras: { b: billing.gguf }",
            "max_tokens: 1",
            "models.small.loras: is nothing for mistralrs",
        ),
    ] {
        let error = parse(model, local).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn broken_yaml_has_a_position() {
    let error = parse("routes:\n  - name: [\n").unwrap_err();
    assert!(error.starts_with("test.yaml:"), "{error}");
}

#[test]
fn all_problems_are_told_at_once() {
    let text = MINIMAL
        .replace("path: \".\"", "path: ./missing")
        .replace("\"0.05\"", "\"five\"")
        .replace("name: large, model", "name: larg, model")
        .replace("http://127.0.0.1:9/v1", "ftp://x");
    let error = parse(&text).unwrap_err();
    for part in [
        "models.small.path",
        "models.small.cost_per_hour",
        "upstreams.large.base_url",
        "`large`",
    ] {
        assert!(error.contains(part), "{part} in: {error}");
    }
}

#[test]
fn secrets_are_references_and_never_repeated() {
    let with = |key: &str| parse(&MINIMAL.replace("prices:", &format!("key: {key}\n    prices:")));
    let error = with("sk-very-secret").unwrap_err();
    assert!(
        error.contains("env:NAME") && !error.contains("very-secret"),
        "{error}"
    );
    let error = with("env:SMALLFIRST_NO_SUCH_VARIABLE").unwrap_err();
    assert!(error.contains("SMALLFIRST_NO_SUCH_VARIABLE"), "{error}");
    assert!(with("file:Cargo.toml").is_ok());
}

#[test]
fn open_gateways_stay_on_loopback() {
    let error = parse(&format!("listen: 0.0.0.0:80\n{MINIMAL}")).unwrap_err();
    assert!(error.contains("without keys only loopback"), "{error}");
    let key = "keys: [{ name: a, key: \"sha256:2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea\" }]";
    assert!(parse(&format!("listen: 0.0.0.0:80\n{key}\n{MINIMAL}")).is_ok());
}

#[test]
fn durations_and_sizes_want_units() {
    for limits in ["{ body: 10 }", "{ drain: 30 }", "{ keep_alive: soon }"] {
        let error = parse(&format!("limits: {limits}\n{MINIMAL}")).unwrap_err();
        assert!(error.starts_with("test.yaml:1:"), "{error}");
    }
    let config = parse(&format!(
        "limits: {{ body: 1MiB, drain: 1m30s }}\n{MINIMAL}"
    ))
    .unwrap();
    assert_eq!(config.limits.body, 1 << 20);
    assert_eq!(config.limits.drain, Duration::from_secs(90));
}

#[test]
fn problems_of_form_and_of_meaning_are_told_in_one_run() {
    let text = MINIMAL
        .replace("path: \".\"", "path: ./missing")
        .replace("base_url", "api_base")
        .replace("threshold: 95%", "threshold: 95%\n    cache: { ttl: 30 }")
        + "  - name: second\n    local: { model: smal }\n    upstream: { name: large, model: big }\n    threshold: 1\n";
    let error = Config::parse(&text, Path::new("."), "test.yaml").unwrap_err();
    let said: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    let starts = [
        "models.small.path: `././missing` does not exist",
        "upstreams.large: there is no key `api_base`; it is called `base_url` here.",
        "routes[0].cache.ttl: `30` has no unit; write `30ms`",
        "routes[1].local.model: there is no local model `smal`; did you mean `small`?",
    ];
    assert_eq!(said.len(), starts.len(), "{error}");
    for (said, start) in said.iter().zip(starts) {
        assert!(said.starts_with(start), "{said}");
    }
    let positions: Vec<_> = error.problems().iter().map(Problem::position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
}

#[test]
fn excerpts_do_not_show_keys_that_were_written_into_the_file() {
    let secret = "v3ry-s3cret";
    for written in [
        format!("key: {secret}"),
        format!("key: \"{secret}, with a comma\""),
        format!("api_key: {secret}"),
        format!("key:\n      {secret}\n    retries: x"),
        format!("key: [{secret}]"),
        format!("token: &a {secret}"),
        format!("key: {{ value: {secret} }}"),
        format!("key: {secret}: x"),
        format!("note: sk-{secret}"),
    ] {
        let error =
            parse(&MINIMAL.replace("prices:", &format!("{written}\n    prices:"))).unwrap_err();
        assert!(!error.contains(secret), "{written}: {error}");
    }
    let error = parse(&MINIMAL.replace("prices:", "key: env:NO_SUCH_VARIABLE\n    prices:"));
    assert!(error.unwrap_err().contains("key: env:NO_SUCH_VARIABLE"));
}

#[test]
fn bytes_that_are_not_text_have_a_place() {
    let parse = |bytes: &[u8]| {
        let error = Config::parse_bytes(bytes, Path::new("."), "test.yaml").unwrap_err();
        (error.problems()[0].position().unwrap(), error.to_string())
    };
    let (position, said) = parse(b"routes:\n  - na\xc3\xa9\xffme: a\n");
    assert_eq!(position, (2, 8));
    assert!(
        said.contains("byte 0xff at offset 16 is not UTF-8"),
        "{said}"
    );
    let (position, said) = parse(&[0xff, 0xfe, b'a', 0]);
    assert_eq!(position, (1, 1));
    assert!(said.contains("UTF-16"), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out_and_what_does_is_taken() {
    let with = |key: &str| {
        parse(&MINIMAL.replace("threshold: 95%", &format!("threshold: 95%\n    {key}")))
    };
    let error = with("commit: window\n    commit_after: 3").unwrap_err();
    assert!(error.contains("no checkpoint after 3 tokens"), "{error}");
    let config = with("early_abort: true\n    hedge_after: 800ms").unwrap();
    let route = &config.policy.routes()[0];
    assert!(route.early_abort && route.hedge_after.is_some());
}
