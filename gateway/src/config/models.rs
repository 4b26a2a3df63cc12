//! The local models: what they are, and from the mirrored file to that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use local_engine::Adapter;

use super::build::Builder;
use super::document::{AdapterDocument, ModelDocument};
use super::{ByteSize, Cpus, Outside, ServedModel, Stay};
use crate::hub::HubModel;
use crate::ledger::LocalRate;

const QUEUE: u32 = 32;
/// 1,000 tokens of a model of 0.6 billion weights take 110 MiB.
const PREFIX_CACHE: u64 = 256 << 20;
const SHORTEST_STALL: Duration = Duration::from_secs(1);

/// One local model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// Where it comes from.
    pub source: ModelSource,
    /// Quantization made while loading, for example `q8_0`; for folders of safetensors.
    pub quantization: Option<String>,
    /// What computes it.
    pub adapter: Adapter,
    /// Files of low-rank adapters by name.
    pub loras: BTreeMap<String, PathBuf>,
    /// Bytes that it may keep of prompts that were read, where its adapter can.
    pub prefix_cache: u64,
    /// Threads that compute; `None` leaves it to the engine.
    pub threads: Option<u32>,
    /// Processors that its process may use; empty means all.
    pub cpus: BTreeSet<u32>,
    /// Most memory, in bytes, that its process may take beyond the files that it maps.
    pub memory_limit: Option<u64>,
    /// Silence after which its process is killed and replaced.
    pub stall_after: Option<Duration>,
    /// When it is in memory.
    pub stay: Stay,
    /// Most requests that wait for it.
    pub queue: u32,
    /// What an hour of its computing costs.
    pub rate: LocalRate,
}

/// Where a local model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A GGUF file, or a folder with weights and tokenizer.
    Files(PathBuf),
    /// Fetched from the hub first.
    Hub(HubModel),
    /// Not loaded here: servers have it.
    Served(ServedModel),
}

impl LocalModel {
    /// Whether an engine that runs `self` may go on as `other`: only the price and when it is in memory differ, if
    /// anything.
    #[must_use]
    pub fn runs_like(&self, other: &Self) -> bool {
        Self {
            rate: other.rate,
            stay: other.stay,
            ..self.clone()
        } == *other
    }
}

impl Builder<'_> {
    pub(super) fn models(
        &mut self,
        documents: BTreeMap<String, ModelDocument>,
    ) -> BTreeMap<String, LocalModel> {
        let models = documents.into_iter();
        models
            .map(|(name, document)| {
                let model = self.model(&format!("models.{name}"), document);
                (name, model)
            })
            .collect()
    }

    fn model(&mut self, key: &str, document: ModelDocument) -> LocalModel {
        let source = self.source(key, &document);
        let loras = self.loras(key, &document);
        if document.threads == Some(0) {
            let text = "must be at least 1; leave it out to use all cores";
            self.problem(format!("{key}.threads"), text);
        }
        let stall_after = document.stall_after.map(Duration::from);
        if stall_after.is_some_and(|time| time < SHORTEST_STALL) {
            let text = "must be at least 1s; a busy machine answers late";
            self.problem(format!("{key}.stall_after"), text);
        }
        let stay = self.stay(key, &document);
        let per_hour = self.usd(format!("{key}.cost_per_hour"), &document.cost_per_hour);
        LocalModel {
            source,
            quantization: document.quantization,
            adapter: document.adapter.map_or(Adapter::Auto, Adapter::from),
            loras,
            prefix_cache: document.prefix_cache.map_or(PREFIX_CACHE, ByteSize::bytes),
            threads: document.threads,
            cpus: Cpus::all(document.cpus),
            memory_limit: document.memory_limit.map(ByteSize::bytes),
            stall_after,
            stay,
            queue: document.queue.unwrap_or(QUEUE),
            rate: LocalRate { per_hour },
        }
    }

    /// Where a model comes from; with a noted problem, which keeps the configuration from being used, no place at all.
    fn source(&mut self, key: &str, document: &ModelDocument) -> ModelSource {
        let hub = self.hub(key, document);
        let served = self.served(key, document);
        match (&document.path, served, hub) {
            (None, Some(served), _) => return ModelSource::Served(served),
            (Some(_), None, Some(hub)) => return ModelSource::Hub(hub),
            (Some(path), None, None) if HubModel::of_path(path).is_none() => {
                return ModelSource::Files(self.files(key, path));
            }
            // What is wrong with the name on the hub has been told.
            (Some(_), None, None) => {}
            (None, None, _) => self.problem(key, "needs `path`, to be loaded here, or `served`"),
            (Some(_), Some(_), _) => {
                let text =
                    "a model is loaded here or served, not both; leave out `path` or `served`";
                self.problem(format!("{key}.path"), text);
            }
        }
        ModelSource::Files(PathBuf::new())
    }

    fn files(&mut self, key: &str, written: &str) -> PathBuf {
        self.present(format!("{key}.path"), written, "a file or folder")
    }

    fn loras(&mut self, key: &str, document: &ModelDocument) -> BTreeMap<String, PathBuf> {
        if document.adapter == Some(AdapterDocument::Mistralrs) {
            let only = [
                ("loras", !document.loras.is_empty()),
                ("prefix_cache", document.prefix_cache.is_some()),
            ];
            for (name, _) in only.into_iter().filter(|(_, given)| *given) {
                let text = "is nothing for mistralrs; leave it out, or write `adapter: llama.cpp`";
                self.problem(format!("{key}.{name}"), text);
            }
        }
        let loras = document.loras.iter();
        loras
            .map(|(name, written)| {
                let key = format!("{key}.loras.{name}");
                (name.clone(), self.present(key, written, "a GGUF file"))
            })
            .collect()
    }

    /// The path that is written at `key`; it must be there.
    fn present(&mut self, key: String, written: &str, what: &str) -> PathBuf {
        let path = self.folder.join(written);
        if self.outside == Outside::Required && !path.exists() {
            let text = format!(
                "`{}` does not exist; write {what}, from the folder of this file on",
                path.display()
            );
            self.problem(key, text);
        }
        path
    }

    /// The model on the hub that a `path` names.
    fn hub(&mut self, key: &str, document: &ModelDocument) -> Option<HubModel> {
        let Some(named) = document.path.as_deref().and_then(HubModel::of_path) else {
            if document.revision.is_some() {
                let text = "is for models of the hub; leave it out, or write `path: hf:...`";
                self.problem(format!("{key}.revision"), text);
            }
            return None;
        };
        let model = self.noted(format!("{key}.path"), named)?;
        Some(match &document.revision {
            Some(revision) => model.at(revision),
            None => model,
        })
    }
}
