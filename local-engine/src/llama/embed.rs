//! Vectors instead of answers.

use std::num::NonZeroU32;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;

use super::compute::Frame;
use super::text::token;
use crate::error::EngineError;
use crate::inspect::gguf::Header;

/// Pooling by llama.cpp's numbers: mean, first token, last token. 4 ranks documents and makes no vectors.
const POOLING: [u64; 3] = [1, 2, 3];

/// Room for a text at first; it is doubled for longer ones.
const USUAL: u32 = 512;

/// Whether the file says that its model makes one vector of a text.
pub(super) fn makes_embeddings(header: &Header) -> bool {
    header
        .pooling()
        .is_some_and(|pooling| POOLING.contains(&pooling))
}

/// What computes embeddings; an engine of its own beside the one that answers, because the one reads a whole text in
/// one step.
pub(super) struct Embedder<'m> {
    context: LlamaContext<'m>,
    room: u32,
}

impl<'m> Embedder<'m> {
    fn new(frame: &Frame<'m>, room: u32) -> Result<Self, EngineError> {
        let params = frame
            .params(room)
            .with_n_ctx(NonZeroU32::new(room))
            .with_n_batch(room)
            .with_n_ubatch(room)
            .with_embeddings(true);
        let context = frame.model.new_context(frame.backend, params);
        let failed = |error| EngineError::Internal(format!("no memory for embeddings: {error}"));
        let context = context.map_err(failed)?;
        Ok(Self { context, room })
    }

    /// The vector of `tokens`, of unit length. `embedder` is made or made larger as needed.
    pub(super) fn embed(
        embedder: &mut Option<Self>,
        frame: &Frame<'m>,
        tokens: &[u32],
    ) -> Result<Vec<f32>, EngineError> {
        let count = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let limit = frame.context_tokens;
        if count > limit {
            return Err(EngineError::PromptTooLong {
                tokens: count,
                limit,
            });
        }
        if embedder.as_ref().is_none_or(|found| found.room < count) {
            // The old one first, so that there are never two.
            *embedder = None;
            let room = count.next_power_of_two().clamp(USUAL.min(limit), limit);
            *embedder = Some(Self::new(frame, room)?);
        }
        match embedder {
            Some(embedder) => embedder.compute(tokens),
            None => Err(EngineError::Internal("no room for embeddings".to_owned())),
        }
    }

    fn compute(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Internal(format!("{error}"));
        if tokens.is_empty() {
            let what = "a text of no tokens".to_owned();
            return Err(EngineError::Unsupported(what));
        }
        self.context.clear_kv_cache();
        let mut batch = LlamaBatch::new(tokens.len(), 1);
        let tokens: Vec<_> = tokens.iter().map(|id| token(*id)).collect();
        batch
            .add_sequence(&tokens, 0, true)
            .map_err(|error| failed(&error))?;
        self.context
            .decode(&mut batch)
            .map_err(|error| failed(&error))?;
        let vector = self.context.embeddings_seq_ith(0);
        unit(vector.map_err(|error| failed(&error))?)
    }
}

/// `vector` scaled to length 1.
fn unit(vector: &[f32]) -> Result<Vec<f32>, EngineError> {
    let square: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
    let length = square.sqrt();
    if !length.is_normal() {
        let what = "the model gave no usable vector".to_owned();
        return Err(EngineError::Internal(what));
    }
    let scaled = vector.iter().map(|x| f64::from(*x) / length);
    Ok(scaled.map(narrow).collect())
}

#[expect(clippy::cast_possible_truncation, reason = "vectors are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
