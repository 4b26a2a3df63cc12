//! How much memory a model takes.

use serde::Serialize;

use super::Wanted;
use super::facts::Facts;
use crate::architectures::Format;
use crate::spec::{Adapter, Quantization};

/// Context that is assumed where the model declares none.
const USUAL_CONTEXT: u64 = 2048;

/// The process, its tokenizer and what it computes with in between: estimated from the bundled model, which takes 93 MB in all.
pub(super) const BESIDE: u64 = 80 << 20;

/// Memory in bytes, an estimate from the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryNeeded {
    /// The weights as they compute, embeddings left out where they stand below.
    pub weights: u64,
    /// Token embeddings that are unpacked to F32.
    pub embeddings: u64,
    /// What is kept of one full context.
    pub context: u64,
    /// Length of that context, in tokens.
    pub context_tokens: u64,
    /// The process itself.
    pub process: u64,
    /// What it takes with an empty context.
    pub at_rest: u64,
    /// What it takes at most.
    pub total: u64,
}

impl MemoryNeeded {
    pub(super) fn of(facts: &Facts, wanted: &Wanted, adapter: Option<Adapter>) -> Self {
        let in_mistralrs = adapter.unwrap_or(Adapter::Mistralrs) == Adapter::Mistralrs;
        let (weights, embeddings) = match facts.format {
            Format::Gguf if in_mistralrs => unpacked(facts),
            Format::Gguf => (facts.stored, 0),
            Format::Safetensors => quantized(facts, wanted.quantization),
        };
        // mistralrs keeps F32 beside F32 weights, and F16 beside a GGUF; llama.cpp keeps F16.
        let kept_bytes = if facts.format == Format::Safetensors {
            4
        } else {
            2
        };
        let own = facts.context.unwrap_or(USUAL_CONTEXT);
        let context_tokens = wanted.context.map_or(own, |limit| limit.min(own));
        let kept = facts.kept.unwrap_or(0).saturating_mul(kept_bytes);
        let context = kept.saturating_mul(context_tokens);
        let at_rest = weights.saturating_add(embeddings).saturating_add(BESIDE);
        Self {
            weights,
            embeddings,
            context,
            context_tokens,
            process: BESIDE,
            at_rest,
            total: at_rest.saturating_add(context),
        }
    }
}

/// mistralrs unpacks the embeddings of a GGUF; where they are the output's weights too, these stay packed beside them.
fn unpacked(facts: &Facts) -> (u64, u64) {
    let packed = if facts.is_tied {
        0
    } else {
        facts.embeddings_stored
    };
    (
        facts.stored.saturating_sub(packed),
        facts.embeddings.saturating_mul(4),
    )
}

fn quantized(facts: &Facts, quantization: Option<Quantization>) -> (u64, u64) {
    let Some(quantization) = quantization else {
        return (facts.parameters.saturating_mul(4), 0);
    };
    // Where the embeddings are the output's weights too, these are quantized beside them.
    let rest = if facts.is_tied {
        facts.parameters
    } else {
        facts.parameters.saturating_sub(facts.embeddings)
    };
    // In sixteenths of a byte.
    let size = match quantization {
        Quantization::Q8_0 => 17,
        Quantization::Q6K => 14,
        Quantization::Q5K => 11,
        Quantization::Q4K | Quantization::Q4_0 => 9,
    };
    let weights = rest.saturating_mul(size) / 16;
    (weights, facts.embeddings.saturating_mul(4))
}
