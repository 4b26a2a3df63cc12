//! A folder of safetensors: `config.json` and the headers of the weight files.
//!
//! Format: <https://github.com/huggingface/safetensors#format>

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::facts::Facts;
use crate::architectures::Format;
use crate::error::EngineError;
use crate::source::load;

/// Longest header that is believed, as the format itself bounds it.
const LONGEST: u64 = 100_000_000;

/// Longest `config.json` that is read.
const LONGEST_CONFIG: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Reads the headers in `folder`.
pub(super) fn read(folder: &Path, files: &[PathBuf]) -> Result<Facts, EngineError> {
    let path = folder.join("config.json");
    let text = read_bounded(&path).map_err(|error| load(&path, &error.to_string()))?;
    let config: Value = serde_json::from_slice(&text)
        .map_err(|error| load(&path, &format!("is no JSON: {error}")))?;
    let mut weights = Weights::default();
    for file in files {
        weights.add(file)?;
    }
    weights.add_missing_files(folder);
    facts(&path, &config, weights)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?
        .take(LONGEST_CONFIG)
        .read_to_end(&mut text)?;
    Ok(text)
}

/// Sums over the weight files.
#[derive(Debug, Default)]
struct Weights {
    formats: BTreeMap<String, u64>,
    parameters: u64,
    stored: u64,
    has_output: bool,
    damage: Vec<String>,
}

impl Weights {
    fn add(&mut self, path: &Path) -> Result<(), EngineError> {
        let unreadable =
            |error: io::Error| load(path, &format!("is no intact safetensors file: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let (tensors, data) = header(&mut file).map_err(unreadable)?;
        let mut end = 0;
        for (name, tensor) in &tensors {
            let elements = tensor
                .shape
                .iter()
                .fold(1, |n: u64, one| n.saturating_mul(*one));
            let size = self.formats.entry(tensor.dtype.to_lowercase()).or_default();
            *size = size.saturating_add(elements);
            self.parameters = self.parameters.saturating_add(elements);
            let [from, to] = tensor.data_offsets;
            self.stored = self.stored.saturating_add(to.saturating_sub(from));
            self.has_output |= name.ends_with("lm_head.weight");
            end = end.max(to);
        }
        let missing = data.saturating_add(end).saturating_sub(length);
        if missing > 0 {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.damage.push(format!(
                "{name} is cut off: {missing} bytes are missing; download it again"
            ));
        }
        Ok(())
    }

    /// The index names all files of a model that is in several.
    fn add_missing_files(&mut self, folder: &Path) {
        let index = read_bounded(&folder.join("model.safetensors.index.json"));
        let Ok(index) =
            index.map(|text| serde_json::from_slice::<Value>(&text).unwrap_or_default())
        else {
            return;
        };
        let map = index.get("weight_map").and_then(Value::as_object);
        let named = map.into_iter().flat_map(|map| map.values());
        let mut names: Vec<_> = named.filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !folder.join(name).is_file());
        if let Some(first) = names.first() {
            self.damage.push(format!(
                "{} of its files are missing, {first} among them; download them",
                names.len()
            ));
        }
    }
}

/// Whether `bytes` reach to the end of the header.
pub(super) fn holds_header(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk().copied().map(u64::from_le_bytes);
    let there = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    length.is_some_and(|length| length > LONGEST || length.saturating_add(8) <= there)
}

/// Tensors by name, and where the data begins.
fn header(file: &mut File) -> io::Result<(BTreeMap<String, Tensor>, u64)> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Err(broken("its header is impossibly long"));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    if u64::try_from(text.len()).ok() != Some(length) {
        return Err(broken("it ends within its header"));
    }
    let mut entries: BTreeMap<String, Value> =
        serde_json::from_slice(&text).map_err(|_| broken("its header is no JSON object"))?;
    entries.remove("__metadata__");
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        let tensor =
            serde_json::from_value(entry).map_err(|_| broken("its header describes no tensors"))?;
        tensors.insert(name, tensor);
    }
    Ok((tensors, length + 8))
}

fn facts(path: &Path, config: &Value, weights: Weights) -> Result<Facts, EngineError> {
    let class = config.get("architectures").and_then(|list| list.get(0));
    let architecture = class
        .and_then(Value::as_str)
        .ok_or_else(|| load(path, "names no architecture"))?;
    // Models that see or hear describe their text apart.
    let text = config.get("text_config").unwrap_or(config);
    let number = |key: &str| text.get(key).and_then(Value::as_u64);
    let vocabulary = number("vocab_size");
    let width = number("hidden_size");
    let mut mixture: Vec<_> = weights.formats.into_iter().collect();
    mixture.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let embeddings = vocabulary
        .unwrap_or(0)
        .saturating_mul(width.unwrap_or(0))
        .min(weights.parameters);
    let quantized = config.get("quantization_config").is_some();
    Ok(Facts {
        format: Format::Safetensors,
        architecture: architecture.to_owned(),
        quantization: mixture
            .first()
            .map_or_else(|| "none".to_owned(), |(name, _)| name.clone()),
        mixture,
        parameters: weights.parameters,
        stored: weights.stored,
        context: number("max_position_embeddings").filter(|n| *n > 0),
        vocabulary,
        kept: kept(&number),
        embeddings,
        embeddings_stored: 0,
        is_tied: !weights.has_output,
        width,
        template: None,
        end: None,
        damage: weights.damage,
        beyond_mistralrs: Vec::new(),
        ends_in_llama_cpp: None,
        worse_in_mistralrs: quantized
            .then(|| "its weights are stored quantized in a form of their own, which has not been tried; prefer the original or a GGUF".to_owned())
            .into_iter()
            .collect(),
    })
}

/// Numbers kept for each token: a key and a value for each head that has its own, in each layer.
fn kept(number: &dyn Fn(&str) -> Option<u64>) -> Option<u64> {
    let layers = number("num_hidden_layers")?;
    let heads = number("num_attention_heads")?;
    let size = number("head_dim").or_else(|| number("hidden_size")?.checked_div(heads))?;
    let own = number("num_key_value_heads").unwrap_or(heads);
    Some(
        layers
            .saturating_mul(own)
            .saturating_mul(size)
            .saturating_mul(2),
    )
}

/// A JSON file that need not be there; bounded as the rest.
pub(super) fn json(path: &Path) -> Option<Value> {
    let text = read_bounded(path).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether there is such a file, and bytes in it.
pub(super) fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() > 0)
}
