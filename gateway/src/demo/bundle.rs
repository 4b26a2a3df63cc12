//! The bundled model, carried in the program and unpacked for the engine.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::cli::Failure;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../local-engine/demo-model/", $name)) as &[u8])),+]
    };
}

/// Labels of the intent step, one a line.
pub(super) const LABELS: &str = include_str!("../../../local-engine/demo-model/labels.txt");

/// Writes the model to a folder of its own, which goes away with the value.
pub(super) fn unpack() -> Result<TempDir, Failure> {
    let files = files!["model-q8_0.gguf", "tokenizer.json", "tokenizer_config.json"];
    let folder = TempDir::with_prefix("smallfirst-demo-").map_err(Failure::environment)?;
    for (name, bytes) in files {
        write(&folder.path().join(name), bytes)?;
    }
    Ok(folder)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
}
