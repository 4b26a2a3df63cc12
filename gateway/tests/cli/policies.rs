//! The worked examples in configs/policies, run as their readers run them, and what they say when they are broken.

use std::path::{Path, PathBuf};

use crate::{folder, run, text};

/// One example each of the things that people begin with.
const EXAMPLES: [&str; 7] = [
    "customer-chat",
    "extraction",
    "intent-classification",
    "large-for-one-team",
    "private-documents",
    "tool-calling",
    "trial-of-a-model",
];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/policies")
}

#[test]
fn every_example_is_listed_here_and_has_its_tests_beside_it() {
    let mut found: Vec<String> = std::fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|found| found == "yaml")
        })
        .collect();
    found.sort();
    let mut expected = EXAMPLES
        .map(|name| [format!("{name}.test.yaml"), format!("{name}.yaml")])
        .concat();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_tests_of_every_example_pass() {
    for name in EXAMPLES {
        let (config, cases) = (format!("{name}.yaml"), format!("{name}.test.yaml"));
        let output = run(&examples(), &["test", "--config", &config, &cases]);
        assert!(
            output.status.success(),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

/// What a broken variant of an example, kept beside this file, is told.
fn broken(name: &str) -> String {
    let file = format!("tests/cli/policies/{name}.broken.yaml");
    let config = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let folder = folder(&config);
    let output = run(
        folder.path(),
        &["test", "--config", "config.yaml", "cases.yaml"],
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    text(&output.stderr)
}

#[test]
fn every_broken_variant_is_told_what_is_wrong() {
    for name in EXAMPLES {
        insta::assert_snapshot!(format!("broken_{name}"), broken(name));
    }
}
