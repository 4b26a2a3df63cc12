//! Tiny models of true architectures, and what transformers computes with them: `families/*.json`.
//!
//! `golden.py` writes those files. The weights are drawn here again, the same on every machine; a hash tells.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::side::{write_side, write_tensors};

/// One file of the folder.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Family {
    #[serde(rename = "family")]
    pub(crate) name: String,
    seed: u64,
    weights_sha256: String,
    /// As transformers writes it.
    pub(crate) config: Value,
    tensors: Vec<Law>,
    pub(crate) answers: Vec<Answer>,
}

/// Name, shape, centre and spread of a tensor's values.
#[derive(Debug, Clone, Deserialize)]
struct Law(String, Vec<usize>, f32, f32);

/// What the model says in F32, token by token.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Answer {
    pub(crate) prompt: String,
    pub(crate) tokens: Vec<u32>,
    /// Of each token, in nats.
    pub(crate) logprobs: Vec<f32>,
    /// To the second best token, in nats.
    pub(crate) margins: Vec<f32>,
}

/// A tensor with its values, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Folder of this file.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny")
}

impl Family {
    /// All of them, by name.
    pub(crate) fn all() -> Vec<Self> {
        let files = fs::read_dir(here().join("families")).unwrap();
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).unwrap();
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
        };
        paths.into_iter().map(read).collect()
    }

    /// Class of the model in transformers.
    pub(crate) fn class(&self) -> &str {
        self.config["architectures"][0].as_str().unwrap()
    }

    /// The part of the configuration that is about text.
    pub(crate) fn text(&self) -> &Value {
        self.config.get("text_config").unwrap_or(&self.config)
    }

    /// Tokens that the model can read.
    pub(crate) fn context(&self) -> u64 {
        self.text()["max_position_embeddings"].as_u64().unwrap()
    }

    /// The weights, as transformers names and shapes them.
    pub(crate) fn tensors(&self) -> Vec<Tensor> {
        self.tensors.iter().map(|law| law.draw(self.seed)).collect()
    }

    /// Panics where the weights are not those that transformers computed with.
    pub(crate) fn assert_same_weights(&self) {
        let mut tensors = self.tensors();
        tensors.sort_by(|one, other| one.name.cmp(&other.name));
        let mut hasher = Sha256::new();
        for tensor in &tensors {
            hasher.update(&tensor.name);
            hasher.update(bytes(&tensor.values));
        }
        let hash: String = hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(hash, self.weights_sha256, "{}", self.name);
    }

    /// Writes a safetensors folder with `tensors`, which need not be its own.
    pub(crate) fn write(&self, folder: &Path, tensors: Vec<Tensor>) {
        write_side(folder);
        fs::write(folder.join("config.json"), self.config.to_string()).unwrap();
        let tensors = tensors.into_iter();
        write_tensors(
            folder,
            tensors.map(|each| (each.name, each.shape, each.values)),
        );
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

impl Law {
    fn draw(&self, seed: u64) -> Tensor {
        let Self(name, shape, centre, spread) = self;
        let digest = Sha256::digest(name);
        let own = u64::from_le_bytes(digest[..8].try_into().unwrap());
        let mut draws = Draws(seed ^ own);
        let count = shape.iter().product();
        Tensor {
            name: name.clone(),
            shape: shape.clone(),
            values: (0..count).map(|_| centre + spread * draws.next()).collect(),
        }
    }
}

/// Uniform numbers by splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Draws(u64);

impl Draws {
    /// In -1..1, from the upper sixteen bits.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f32::from(u16::try_from(z >> 48).unwrap()) / 32768.0 - 1.0
    }
}
