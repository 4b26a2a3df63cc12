//! Whether a low-rank adapter is one, and for which models.

use std::path::Path;

use super::gguf::Header;
use crate::error::EngineError;
use crate::source::{Weights, load};

/// Looks whether the file `lora` is a low-rank adapter for the model at `model`, a GGUF file or a folder with one.
///
/// # Errors
/// [`EngineError::Load`] with what to mend.
pub fn fits(lora: &Path, model: &Path) -> Result<(), EngineError> {
    match Weights::find(model)? {
        Weights::Gguf(file) => check(lora, &Header::read(&file)?),
        Weights::Safetensors(folder, _) => {
            let mend = "holds no GGUF file, and only models of that form can switch low-rank adapters; convert it, or merge the adapter into it";
            Err(load(&folder, mend))
        }
    }
}

/// Looks whether the file at `path` is a low-rank adapter for a model with this header.
pub(crate) fn check(path: &Path, model: &Header) -> Result<(), EngineError> {
    let header = Header::read(path)?;
    header.check_length(path)?;
    if header.purpose.as_deref() != Some("adapter") {
        let mend = "is no low-rank adapter; convert it with convert_lora_to_gguf.py of llama.cpp";
        return Err(load(path, mend));
    }
    if header.architecture != model.architecture {
        let what = format!(
            "is for models of the architecture `{}`, and this one is `{}`; use the adapter of this model",
            header.architecture, model.architecture
        );
        return Err(load(path, &what));
    }
    Ok(())
}
