//! The configurations that we ship load through the loader that users have.

use std::path::{Path, PathBuf};

use gateway::config::Config;

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
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
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
            Err(error) => error.to_string(),
        };
        for problem in error.lines() {
            supply(problem, &copy);
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
