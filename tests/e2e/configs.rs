//! The configurations that we ship load through the loader that users have.

use std::path::{Path, PathBuf};

use gateway::config::{ByteSize, Config, schema};
use router_policies::{Probability, Span};
use serde_json::Value;

fn shipped() -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs"),
        &mut files,
    );
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if is_configuration(&path) {
            files.push(path);
        }
    }
}

/// Cases for `smallfirst test` lie beside the configurations that they are for; the tests of the program run them.
fn is_configuration(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(".yaml") && !name.ends_with(".test.yaml"))
}

/// Loads a copy of `file` in which the reader's part is done: secrets are there, and so are the models.
fn load(file: &Path) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("config.yaml");
    std::fs::copy(file, &copy).unwrap();
    // Each round supplies what the loader misses; what it finds wrong beyond that fails the test.
    for _ in 0..10 {
        let error = match Config::load(&copy) {
            Ok(config) => return config,
            Err(error) => error,
        };
        for problem in error.problems() {
            supply(&problem.to_string(), &copy);
        }
    }
    panic!("{}: {}", file.display(), Config::load(&copy).unwrap_err());
}

fn supply(problem: &str, copy: &Path) {
    let named = problem.split('`').nth(1);
    match named {
        Some(variable) if problem.contains("the environment variable") => {
            let text = std::fs::read_to_string(copy).unwrap();
            let (from, to) = (format!("env:{variable}"), format!("file:{variable}.key"));
            std::fs::write(copy, text.replace(&from, &to)).unwrap();
            std::fs::write(
                copy.with_file_name(format!("{variable}.key")),
                "sk-some-key",
            )
            .unwrap();
        }
        Some(path) if problem.contains(".path: ") && problem.contains("does not exist") => {
            let path = Path::new(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        _ => panic!("{problem}"),
    }
}

#[test]
fn every_shipped_configuration_loads() {
    let files = shipped();
    assert!(!files.is_empty());
    for file in files {
        let config = load(&file);
        assert!(!config.policy.routes().is_empty(), "{}", file.display());
    }
}

#[test]
fn shipped_routes_only_escalate_to_what_has_a_price() {
    for file in shipped() {
        let config = load(&file);
        for route in config.policy.routes() {
            for target in route.upstream.iter().chain(&route.baseline) {
                let rates = config.catalog.rates(&target.upstream, &target.model);
                assert!(
                    rates.is_some(),
                    "{}: {} has no price",
                    file.display(),
                    target.model
                );
            }
        }
    }
}

/// A file as an editor reads it that knows YAML and JSON Schema, but nothing of us.
fn plain(file: &Path) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_schema_file_is_what_the_types_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/smallfirst.schema.json");
    let mut expected = serde_json::to_string_pretty(&schema()).unwrap();
    expected.push('\n');
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == expected,
        "configs/smallfirst.schema.json is not up to date; write it anew:\n  \
         cargo run -p gateway --no-default-features -- schema > configs/smallfirst.schema.json"
    );
}

#[test]
fn every_shipped_configuration_fits_the_schema_and_names_it_for_editors() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for file in shipped() {
        let problems: Vec<String> = validator
            .iter_errors(&plain(&file))
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert_eq!(problems, Vec::<String>::new(), "{}", file.display());
        let text = std::fs::read_to_string(&file).unwrap();
        let named = text
            .lines()
            .find_map(|line| line.strip_prefix("# yaml-language-server: $schema="))
            .unwrap_or_else(|| panic!("{} names no schema", file.display()));
        assert!(file.with_file_name(named).is_file(), "{}", file.display());
    }
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/gateway.yaml");
    for (pointer, wrong) in [
        ("/routes/0/local/deadline", serde_json::json!(2)),
        ("/routes/0/local/deadline", serde_json::json!("5m3m")),
        ("/routes/0/risk/max_regret", serde_json::json!(2)),
        ("/routes/0/action", serde_json::json!("local")),
        ("/routes/0/match/model", serde_json::json!({ "a": "b" })),
        ("/models/small/threads", serde_json::json!(0)),
        ("/models/small/cost_per_hour", serde_json::json!("cheap")),
        (
            "/upstreams/openai/key",
            serde_json::json!("sk-written-here"),
        ),
        ("/upstreams/openai", serde_json::json!({ "base_uri": "" })),
        ("/limits/body", serde_json::json!("10MB")),
    ] {
        let mut document = plain(&good);
        *document.pointer_mut(pointer).unwrap() = wrong.clone();
        assert!(!validator.is_valid(&document), "{pointer}: {wrong}");
    }
}

/// The texts of `candidates` that the schema of `name` takes.
fn taken<'t>(name: &str, candidates: &[&'t str]) -> Vec<&'t str> {
    let root = schema();
    let validator = jsonschema::validator_for(&root["$defs"][name]).unwrap();
    let fits = |text: &&&str| validator.is_valid(&Value::from(**text));
    candidates.iter().filter(fits).copied().collect()
}

#[test]
fn the_patterns_of_units_are_those_of_the_reader() {
    let spans = [
        "2s",
        " 2 s ",
        "1m30s",
        "1h 5ms",
        "1d2h3m4s5ms",
        "250 ms",
        "0s",
        "2",
        "",
        " ",
        "s",
        "5m3m",
        "30s1m",
        "1.5s",
        "-1s",
        "2 S",
        "2sec",
        "1m 30",
        "m1",
        "5ms3s",
    ];
    let read: Vec<&str> = spans
        .into_iter()
        .filter(|t| t.parse::<Span>().is_ok())
        .collect();
    assert_eq!(taken("Span", &spans), read);

    // The schema does not calculate: `150%` passes, and what the reader takes must.
    let shares = [
        "2%",
        "0.5 %",
        " 100 % ",
        "+1%",
        ".5%",
        "1.%",
        "0.5",
        "1",
        "0",
        "1e-3",
        "5.0E-1",
        "%",
        "2 percent",
        "a",
    ];
    let read: Vec<&str> = shares
        .into_iter()
        .filter(|t| t.parse::<Probability>().is_ok())
        .collect();
    let taken_shares = taken("Probability", &shares);
    assert!(
        read.iter().all(|text| taken_shares.contains(text)),
        "{read:?} {taken_shares:?}"
    );
    assert!(!taken_shares.contains(&"2 percent") && !taken_shares.contains(&"a"));

    let sizes = [
        "10MiB", "7 B", "512KiB", "1GiB", "10", "MiB", "-1B", "10MB", "10 mib",
    ];
    let read: Vec<&str> = sizes
        .into_iter()
        .filter(|t| t.parse::<ByteSize>().is_ok())
        .collect();
    assert_eq!(taken("ByteSize", &sizes), read);
}
