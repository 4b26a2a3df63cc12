//! What a model's files say about it, before anything is loaded: what it is, which adapter would compute it and what
//! that would take. Plain reading of headers, in every build; whatever the files hold, there is an answer or an error.

use std::path::PathBuf;

use serde::Serialize;

mod expected;
mod facts;
pub(crate) mod gguf;
mod horizon;
mod lora;
mod memory;
mod offers;
mod safetensors;
mod side;
#[cfg(test)]
mod tests;

pub use expected::expected;
#[cfg(feature = "mistral")]
pub(crate) use facts::beyond_mistralrs;
#[cfg(feature = "llama-cpp")]
pub(crate) use horizon::{has_long_factors, in_llama_cpp};
#[cfg(feature = "llama-cpp")]
pub(crate) use lora::check as check_lora;
pub use lora::fits as lora_fits;
pub use memory::MemoryNeeded;
pub use offers::Offer;
pub use side::Side;
#[cfg(feature = "mistral")]
pub(crate) use side::USUAL_ENDS;

use crate::architectures::Architecture;
use crate::error::EngineError;
use crate::source::Weights;
use crate::spec::{Adapter, Quantization};

/// What is asked about a model.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// File or folder of the weights.
    pub path: PathBuf,
    /// Folder of the tokenizer and the template, where it is another one.
    pub tokenizer: Option<PathBuf>,
    /// Quantization while loading.
    pub quantization: Option<Quantization>,
    /// The adapter that is to compute it.
    pub adapter: Adapter,
    /// Low-rank adapters are to be switched from job to job.
    pub with_loras: bool,
    /// Longest context that is wanted, in tokens; `None` for the model's own.
    pub context: Option<u64>,
    /// Adapters that there are.
    pub built: Vec<Adapter>,
}

impl Wanted {
    /// The model at `path` as it is, in this build.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let built = Adapter::ALL.into_iter().filter(|one| one.is_built());
        Self {
            path: path.into(),
            tokenizer: None,
            quantization: None,
            adapter: Adapter::Auto,
            with_loras: false,
            context: None,
            built: built.collect(),
        }
    }
}

/// What would happen with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// File or folder of the weights.
    pub path: PathBuf,
    /// `GGUF` or `safetensors`.
    pub format: &'static str,
    /// As the files name it.
    pub architecture: String,
    /// Models that people know it by; `None` for an architecture that no adapter knows.
    pub family: Option<&'static str>,
    /// Class in transformers.
    pub class: Option<&'static str>,
    /// Format of most weights once they are loaded.
    pub quantization: String,
    /// Share of each format among the weights in the file, in percent, the greatest first.
    pub mixture: Vec<(String, u64)>,
    /// Number of weights.
    pub parameters: u64,
    /// Bytes of the weights in the files.
    pub stored: u64,
    /// Longest prompt plus answer that the model was made for, in tokens.
    pub context: Option<u64>,
    /// Number of entries of the vocabulary.
    pub vocabulary: Option<u64>,
    /// What would compute it; `None` if nothing here would.
    pub adapter: Option<Adapter>,
    /// What each adapter says.
    pub offers: Vec<Offer>,
    /// Memory that it would take.
    pub memory: MemoryNeeded,
    /// What lies beside the weights.
    pub side: Side,
    /// Why it cannot be used; empty if it can.
    pub obstacles: Vec<String>,
    /// What to know before it is used.
    pub warnings: Vec<String>,
}

impl Inspection {
    /// Whether it would load, as far as headers can tell.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.obstacles.is_empty()
    }
}

/// Whether the first bytes of a weight file hold all of its header, or begin with none.
#[must_use]
pub fn holds_header(name: &str, bytes: &[u8]) -> bool {
    if name.ends_with(".safetensors") {
        return safetensors::holds_header(bytes);
    }
    let cut = |error: std::io::Error| error.kind() == std::io::ErrorKind::UnexpectedEof;
    !gguf::Header::parse(bytes).is_err_and(cut)
}

/// Looks at a model.
///
/// # Errors
/// [`EngineError::Load`] where there are no weights at that place, or none that can be read.
pub fn inspect(wanted: &Wanted) -> Result<Inspection, EngineError> {
    let weights = Weights::find(&wanted.path)?;
    let facts = match &weights {
        Weights::Gguf(file) => facts::of_gguf(file)?,
        Weights::Safetensors(folder, files) => safetensors::read(folder, files)?,
    };
    let folder = wanted.tokenizer.as_deref();
    let side = Side::read(folder.unwrap_or_else(|| weights.folder()), &facts);
    let offers = offers::of(&facts, wanted, &side);
    let adapter = offers::choose(&offers, wanted.adapter);
    let memory = MemoryNeeded::of(&facts, wanted, adapter);
    let known = Architecture::find(facts.format, &facts.architecture);
    let mut obstacles = facts.damage.clone();
    if adapter.is_none() {
        obstacles.push(offers::refusal(&offers, wanted));
    }
    obstacles.extend(side.obstacles());
    let mut warnings = facts.warnings(wanted, adapter);
    warnings.extend(side.warnings());
    Ok(Inspection {
        path: wanted.path.clone(),
        format: facts.format.as_str(),
        family: known.map(|known| known.family),
        class: known.map(|known| known.class),
        quantization: facts.computed_as(wanted.quantization),
        mixture: facts.shares(),
        parameters: facts.parameters,
        stored: facts.stored,
        context: facts.context,
        vocabulary: facts.vocabulary,
        architecture: facts.architecture,
        adapter,
        offers,
        memory,
        side,
        obstacles,
        warnings,
    })
}
