//! Token counts of an upstream, brought to disjoint buckets.

use serde_json::Value;

use crate::ledger::Usage;

/// Reads `usage` of a completion or a chunk. `OpenAI` counts cached tokens inside `prompt_tokens` and reasoning inside
/// `completion_tokens`; the buckets returned do not overlap.
#[must_use]
pub fn usage_of(body: &Value) -> Option<Usage> {
    let usage = body.get("usage").filter(|u| u.is_object())?;
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let (prompt, completion) = (count("/prompt_tokens")?, count("/completion_tokens")?);
    let cache_read = count("/prompt_tokens_details/cached_tokens")
        .unwrap_or(0)
        .min(prompt);
    let cache_write = count("/prompt_tokens_details/cache_write_tokens")
        .unwrap_or(0)
        .min(prompt - cache_read);
    let reasoning = count("/completion_tokens_details/reasoning_tokens")
        .unwrap_or(0)
        .min(completion);
    Some(Usage {
        input: prompt - cache_read - cache_write,
        cache_read,
        cache_write,
        output: completion - reasoning,
        reasoning,
    })
}

/// What of a chunk a client may see that did not ask for usage: `None` for the chunk that carries nothing else.
#[must_use]
pub fn with_usage_hidden(mut chunk: Value) -> Option<Value> {
    if let Some(fields) = chunk.as_object_mut() {
        let had_usage = fields.shift_remove("usage").is_some();
        let no_choices = fields
            .get("choices")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty);
        if had_usage && no_choices {
            return None;
        }
    }
    Some(chunk)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn buckets_do_not_overlap() {
        let usage = usage_of(&json!({ "usage": {
            "prompt_tokens": 100, "completion_tokens": 50,
            "prompt_tokens_details": { "cached_tokens": 80 },
            "completion_tokens_details": { "reasoning_tokens": 30 },
        }}))
        .unwrap();
        assert_eq!(
            (usage.input, usage.cache_read, usage.output, usage.reasoning),
            (20, 80, 20, 30)
        );
    }

    #[test]
    fn missing_usage_is_not_zero() {
        assert!(usage_of(&json!({ "usage": null })).is_none());
        assert!(usage_of(&json!({ "usage": { "prompt_tokens": 1 } })).is_none());
    }

    #[test]
    fn only_the_pure_usage_chunk_disappears() {
        assert_eq!(
            with_usage_hidden(json!({ "choices": [], "usage": {} })),
            None
        );
        let kept = with_usage_hidden(json!({ "choices": [1], "usage": null }));
        assert_eq!(kept, Some(json!({ "choices": [1] })));
        // Azure opens with an empty chunk that carries filter results and no usage.
        assert!(with_usage_hidden(json!({ "choices": [], "prompt_filter_results": [] })).is_some());
    }
}
