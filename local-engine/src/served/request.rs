//! What a server is asked.

use serde_json::{Map, Value, json};

use super::dialect::Dialect;
use crate::error::EngineError;
use crate::job::{Job, Sampling};

/// Rivals to list for each token; what vLLM and the `OpenAI` API allow at most.
const TOP: u32 = 20;

/// The body of the chat request for `job`, with at most `max_tokens` tokens of answer.
///
/// # Errors
/// [`EngineError::Unsupported`] where the job asks for what the server cannot do.
pub(super) fn body(
    job: &Job,
    model: &str,
    dialect: Dialect,
    max_tokens: u32,
) -> Result<Value, EngineError> {
    if job.lora.is_some() {
        let text = "a served model has its adapter in the server; name the adapter as the model";
        return Err(EngineError::Unsupported(text.to_owned()));
    }
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("model", model.into());
    put("messages", json!(job.messages));
    put("max_tokens", max_tokens.into());
    put("stream", true.into());
    put("stream_options", json!({"include_usage": true}));
    put("logprobs", true.into());
    put("top_logprobs", TOP.into());
    if !job.stop.is_empty() {
        put("stop", json!(job.stop));
    }
    sample(&mut body, job.sampling);
    if let Some(constraint) = &job.constraint {
        dialect.constrain(&mut body, constraint)?;
    }
    dialect.without_thinking(&mut body);
    Ok(body.into())
}

fn sample(body: &mut Map<String, Value>, sampling: Sampling) {
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    match sampling {
        Sampling::Greedy => {
            put("temperature", 0.into());
        }
        Sampling::Random {
            temperature,
            top_p,
            seed,
        } => {
            put("temperature", json!(temperature));
            put("top_p", json!(top_p));
            if let Some(seed) = seed {
                // Servers read a signed number.
                put("seed", (seed & (u64::MAX >> 1)).into());
            }
        }
    }
}
