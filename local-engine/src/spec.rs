//! What to load, in a form that travels to a worker process.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A model to load and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSpec {
    /// A GGUF file, a folder with one `*.gguf`, or a folder with `*.safetensors`. The tokenizer
    /// and the chat template lie beside the weights.
    pub path: PathBuf,
    /// Folder of `tokenizer.json` and the chat template, where they are not beside the weights.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
    /// Quantize safetensors while they load; `None` computes in F32. A GGUF comes quantized.
    #[serde(default)]
    pub quantization: Option<Quantization>,
    /// What computes the model.
    #[serde(default)]
    pub adapter: Adapter,
    /// Low-rank adapters by the name that jobs use, each a file that fits this model.
    #[serde(default)]
    pub loras: BTreeMap<String, PathBuf>,
    /// Bytes that the engine may keep of prompts that were read before, to read the same beginning faster; 0 keeps
    /// nothing.
    #[serde(default)]
    pub prefix_cache: u64,
    /// Bytes of memory beyond the mapped files that the process may take; it is refused more and ends, and the
    /// supervisor says so. Only a worker process on Linux can obey it.
    #[serde(default)]
    pub memory_limit: Option<u64>,
    /// Threads to compute with; `None` means all cores. Only a worker process can obey it.
    #[serde(default)]
    pub threads: Option<NonZeroU32>,
    /// Processors to compute on, by the numbers of the system; none means all. Only a worker process can obey it.
    #[serde(default)]
    pub cpus: BTreeSet<u32>,
    /// Longest prompt plus answer in tokens, where less than the model's own is wanted.
    #[serde(default)]
    pub context_limit: Option<NonZeroU32>,
    /// A job that makes no step for this long has hung: it fails and the engine counts as stopped. A prompt
    /// may take this long for each 256 tokens. A worker process that gives no sign of life for this long is killed.
    #[serde(default = "stall_after")]
    pub stall_after: Duration,
}

impl EngineSpec {
    /// Everything by default, from `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            tokenizer: None,
            quantization: None,
            adapter: Adapter::default(),
            loras: BTreeMap::new(),
            prefix_cache: 0,
            memory_limit: None,
            threads: None,
            cpus: BTreeSet::new(),
            context_limit: None,
            stall_after: stall_after(),
        }
    }
}

/// What computes a model in the worker process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adapter {
    /// The one of this build that knows the model; mistralrs where both do.
    #[default]
    Auto,
    /// mistralrs.
    Mistralrs,
    /// llama.cpp.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
}

impl Adapter {
    /// The adapters that compute, in the order in which they are preferred.
    pub const ALL: [Self; 2] = [Self::Mistralrs, Self::LlamaCpp];

    /// As the configuration names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Mistralrs => "mistralrs",
            Self::LlamaCpp => "llama.cpp",
        }
    }

    /// What to do where this build lacks it; `None` where it is there.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        let feature = match self {
            Self::Auto | Self::Mistralrs => "mistral",
            Self::LlamaCpp => "llama-cpp",
        };
        let name = self.as_str();
        let text = format!("this build has no {name}; build with `--features {feature}`");
        (self != Self::Auto && !self.is_built()).then_some(text)
    }

    /// Whether this build of the program has it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Auto => Self::Mistralrs.is_built() || Self::LlamaCpp.is_built(),
            Self::Mistralrs => cfg!(feature = "mistral"),
            Self::LlamaCpp => cfg!(feature = "llama-cpp"),
        }
    }
}

/// Weight format to quantize to while loading. The K formats need rows that 256 divides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// 8.5 bits a weight.
    Q8_0,
    /// 6.6 bits a weight.
    Q6K,
    /// 5.5 bits a weight.
    Q5K,
    /// 4.5 bits a weight.
    Q4K,
    /// 4.5 bits a weight, for rows that only 32 divides.
    Q4_0,
}

impl Quantization {
    /// As files and the configuration name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::Q6K => "q6_k",
            Self::Q5K => "q5_k",
            Self::Q4K => "q4_k",
            Self::Q4_0 => "q4_0",
        }
    }
}

/// Far beyond a step of any model that is worth running on the machine.
fn stall_after() -> Duration {
    Duration::from_secs(60)
}
