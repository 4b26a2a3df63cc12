//! Which adapter loads a model.

use std::sync::Arc;

use crate::engine::LocalEngine;
use crate::error::EngineError;
use crate::inspect::{Wanted, inspect};
use crate::spec::{Adapter, EngineSpec};

/// Loads what `spec` names into this process, with the adapter that it names or, by [`Adapter::Auto`], with the best
/// one that this build has for the model.
///
/// # Errors
/// [`EngineError::Load`] with what to mend; where this build lacks the adapter, with the feature to build it with.
pub async fn load(spec: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    match choose(&spec)? {
        Adapter::Auto | Adapter::Mistralrs => mistralrs(spec).await,
        Adapter::LlamaCpp => llama_cpp(spec).await,
    }
}

/// Never [`Adapter::Auto`]: what `inspect` answers, so that a model is loaded as `smallfirst models check` says.
fn choose(spec: &EngineSpec) -> Result<Adapter, EngineError> {
    if spec.adapter != Adapter::Auto {
        return Ok(spec.adapter);
    }
    let found = inspect(&Wanted {
        tokenizer: spec.tokenizer.clone(),
        quantization: spec.quantization,
        with_loras: !spec.loras.is_empty(),
        ..Wanted::new(&spec.path)
    })?;
    // Where none computes it, the first one says best why.
    let first = || Adapter::ALL.into_iter().find(|one| one.is_built());
    let chosen = found.adapter.or_else(first);
    Ok(chosen.unwrap_or(Adapter::Mistralrs))
}

#[cfg(feature = "mistral")]
async fn mistralrs(spec: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    Ok(Arc::new(crate::mistral::Mistral::load(spec).await?))
}

#[cfg(not(feature = "mistral"))]
#[expect(
    clippy::unused_async,
    reason = "the same signature as with the feature"
)]
async fn mistralrs(_: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    Err(missing(Adapter::Mistralrs))
}

#[cfg(feature = "llama-cpp")]
async fn llama_cpp(spec: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    Ok(Arc::new(crate::llama::LlamaCpp::load(spec).await?))
}

#[cfg(not(feature = "llama-cpp"))]
#[expect(
    clippy::unused_async,
    reason = "the same signature as with the feature"
)]
async fn llama_cpp(_: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    Err(missing(Adapter::LlamaCpp))
}

#[cfg(not(all(feature = "mistral", feature = "llama-cpp")))]
fn missing(adapter: Adapter) -> EngineError {
    EngineError::Load(adapter.missing().unwrap_or_default())
}
