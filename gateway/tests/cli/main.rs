//! The program itself, as a user starts it: what it prints, where, and with which exit code.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod check;
mod diff;
mod explain;
mod import;
mod policies;
mod policy_test;
mod replay;
mod replay_ledger;
mod report;
mod serve;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const GOOD: &str = "\
models:
  small: { path: model.gguf, cost_per_hour: \"0.36\" }
upstreams:
  large: { base_url: http://127.0.0.1:9/v1, prices: { big: { input: \"2\", output: \"8\" } } }
routes:
  - name: triage
    match: { model: triage }
    local: { model: small }
    upstream: { name: large, model: big }
    risk: { max_regret: 2% }
  - name: private
    match: { model: private }
    action: local-only
    local: { model: small }
  - name: drafts
    local: { model: small }
    upstream: { name: large, model: big }
    threshold: 95%
";

/// A folder with a configuration and the model it names.
fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    // The bundled one: headers are read, so it has to be a model.
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../local-engine/demo-model");
    for (from, to) in [
        ("model-q8_0.gguf", "model.gguf"),
        ("tokenizer.json", "tokenizer.json"),
        ("tokenizer_config.json", "tokenizer_config.json"),
    ] {
        std::fs::copy(bundled.join(from), folder.path().join(to)).unwrap();
    }
    folder
}

fn smallfirst(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smallfirst"));
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("RUST_LOG");
    command
}

fn run(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
    smallfirst(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_the_commands_and_hides_the_workers() {
    let folder = folder(GOOD);
    let help = text(&run(folder.path(), &["--help"]).stdout);
    for command in [
        "demo",
        "serve",
        "check",
        "import",
        "test",
        "calibrate",
        "replay",
        "report",
        "evidence",
        "explain",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} in: {help}"
        );
    }
    assert!(!help.contains("engine-worker"), "{help}");
}
