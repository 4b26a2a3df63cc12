//! Which adapter loads a model.

use std::sync::Arc;

use crate::engine::LocalEngine;
use crate::error::EngineError;
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

/// Never [`Adapter::Auto`].
fn choose(spec: &EngineSpec) -> Result<Adapter, EngineError> {
    if spec.adapter != Adapter::Auto {
        return Ok(spec.adapter);
    }
    let (first, second) = (Adapter::Mistralrs, Adapter::LlamaCpp);
    match (first.is_built(), second.is_built()) {
        (true, true) if suits_mistralrs(spec)? => Ok(first),
        (_, true) => Ok(second),
        (_, false) => Ok(first),
    }
}

/// Whether mistralrs does all that is asked: it knows the architecture, finds its tokenizer, and is to switch no
/// low-rank adapters.
fn suits_mistralrs(spec: &EngineSpec) -> Result<bool, EngineError> {
    use crate::architectures::{Format, Support, support};
    use crate::inspect::gguf::Header;
    use crate::source::{Source, Weights};
    let source = Source::locate(spec)?;
    let Weights::Gguf(file) = &source.weights else {
        return Ok(true);
    };
    let header = Header::read(file)?;
    let known = support(Adapter::Mistralrs, Format::Gguf, &header.architecture);
    let embeds = header.pooling().is_some_and(|pooling| pooling > 0);
    Ok(known == Support::Computes
        && !embeds
        && spec.loras.is_empty()
        && source.with_tokenizer().is_ok())
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
    Err(missing("mistralrs", "mistral"))
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
    Err(missing("llama.cpp", "llama-cpp"))
}

#[cfg(not(all(feature = "mistral", feature = "llama-cpp")))]
fn missing(adapter: &str, feature: &str) -> EngineError {
    EngineError::Load(format!(
        "this build has no {adapter}; build with `--features {feature}`"
    ))
}
