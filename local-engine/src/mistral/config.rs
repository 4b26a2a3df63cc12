//! `config.json` of a safetensors folder: what the engine can compute, in the form it reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::architectures::{Format, Support, computed_by, support};
use crate::error::EngineError;
use crate::source::load;
use crate::spec::{Adapter, Quantization};

/// A folder that the engine can load.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// Class of the model.
    pub(super) architecture: String,
    /// Tokens after which the engine would compute something else than the model is.
    pub(super) horizon: Option<u32>,
    folder: PathBuf,
    /// Keeps the rewritten copy of the folder while the model loads.
    staging: Option<TempDir>,
}

impl Checkpoint {
    /// Reads and checks the configuration in `folder`; rewrites it elsewhere where the engine needs that.
    pub(super) fn read(
        folder: &Path,
        quantization: Option<Quantization>,
    ) -> Result<Self, EngineError> {
        let path = folder.join("config.json");
        let text = fs::read(&path).map_err(|error| load(&path, &error.to_string()))?;
        let mut config: Map<String, Value> = serde_json::from_slice(&text)
            .map_err(|error| load(&path, &format!("is no JSON object: {error}")))?;
        let architecture = class(&config).ok_or_else(|| load(&path, "names no architecture"))?;
        check(&path, &architecture)?;
        warn_of_rows(&config, quantization);
        let horizon = horizon(&config);
        let staging = if normalise(&mut config) {
            let stage = |error: io::Error| load(folder, &format!("cannot be staged: {error}"));
            Some(stage_folder(folder, &config).map_err(stage)?)
        } else {
            None
        };
        Ok(Self {
            architecture,
            horizon,
            folder: folder.to_owned(),
            staging,
        })
    }

    /// The folder to load from.
    pub(super) fn folder(&self) -> &Path {
        self.staging.as_ref().map_or(&self.folder, TempDir::path)
    }
}

fn class(config: &Map<String, Value>) -> Option<String> {
    config
        .get("architectures")?
        .get(0)?
        .as_str()
        .map(str::to_owned)
}

fn check(path: &Path, architecture: &str) -> Result<(), EngineError> {
    let Support::Refuses(why) = support(Adapter::Mistralrs, Format::Safetensors, architecture)
    else {
        return Ok(());
    };
    let known: Vec<_> = computed_by(Adapter::Mistralrs, Format::Safetensors).collect();
    let what = format!(
        "has the architecture `{architecture}`: {why}. From safetensors the engine computes {}",
        known.join(", ")
    );
    Err(load(path, &what))
}

/// The engine's sliding windows are a token too wide, so nothing is computed beyond them.
fn horizon(config: &Map<String, Value>) -> Option<u32> {
    if config.get("use_sliding_window") == Some(&Value::Bool(false)) {
        return None;
    }
    let window = config.get("sliding_window")?.as_u64()?;
    let longest = config
        .get("max_position_embeddings")
        .and_then(Value::as_u64);
    if longest.is_some_and(|longest| longest <= window) {
        return None;
    }
    tracing::warn!(
        window,
        "mistralrs computes this model's sliding window wrongly, so its context ends there"
    );
    u32::try_from(window).ok()
}

fn warn_of_rows(config: &Map<String, Value>, quantization: Option<Quantization>) {
    use Quantization::{Q4K, Q5K, Q6K};
    let width = config
        .get("hidden_size")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    if !width.is_multiple_of(256) && matches!(quantization, Some(Q4K | Q5K | Q6K)) {
        tracing::warn!(
            width,
            "the K formats do not fit this model's rows, and what the engine takes instead has no fast kernel; use q8_0 or q4_0"
        );
    }
}

/// Brings what transformers 5 writes into the form of transformers 4; tells whether anything changed.
fn normalise(config: &mut Map<String, Value>) -> bool {
    let Some(Value::Object(mut rope)) = config.remove("rope_parameters") else {
        return false;
    };
    let moved = ["rope_theta", "partial_rotary_factor"];
    for key in moved {
        if let Some(value) = rope.remove(key) {
            config.entry(key).or_insert(value);
        }
    }
    let plain = rope.get("rope_type").is_none_or(|kind| kind == "default");
    // Phi's reader knows the kind by its older name only.
    if let Some(kind) = rope.get("rope_type").cloned() {
        rope.entry("type").or_insert(kind);
    }
    if !plain {
        config.entry("rope_scaling").or_insert(Value::Object(rope));
    }
    if let Some(dtype) = config.get("dtype").cloned() {
        config.entry("torch_dtype").or_insert(dtype);
    }
    true
}

/// A temporary folder with links to everything in `folder`, except the configuration.
fn stage_folder(folder: &Path, config: &Map<String, Value>) -> io::Result<TempDir> {
    let staging = tempfile::tempdir()?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != "config.json" {
            std::os::unix::fs::symlink(entry.path(), staging.path().join(entry.file_name()))?;
        }
    }
    fs::write(
        staging.path().join("config.json"),
        serde_json::to_vec_pretty(config)?,
    )?;
    Ok(staging)
}
