//! Which model a server serves, as far as it tells. A change of any of it is another model.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::dialect::Dialect;
use crate::engine::ModelInfo;

/// What a server told about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    /// `GET /v1/models`.
    pub(super) models: Value,
    /// `GET /props` of llama-server, `POST /api/show` of Ollama, `GET /get_model_info` of `SGLang`.
    pub(super) details: Value,
}

/// The model `name` as a server describes it.
///
/// # Errors
/// A text for the operator: the server does not serve it, or its context is not known.
pub(super) fn model(
    told: &Told,
    name: &str,
    dialect: Dialect,
    declared: Option<NonZeroU32>,
) -> Result<ModelInfo, String> {
    let card = card(&told.models, name)?;
    let details = &told.details;
    let context_tokens = match (context(&card, details, dialect), declared) {
        (Some(told), Some(declared)) => told.min(declared.get()),
        (Some(told), None) => told,
        (None, Some(declared)) => declared.get(),
        (None, None) => {
            return Err("it does not tell how long a prompt may be; declare `context`".to_owned());
        }
    };
    let text = |pointer: &str| details.pointer(pointer).and_then(Value::as_str);
    let template = text("/chat_template").or_else(|| text("/template"));
    Ok(ModelInfo {
        adapter: "served".to_owned(),
        architecture: text("/details/family").unwrap_or(name).to_owned(),
        quantization: text("/details/quantization_level")
            .unwrap_or("as served")
            .to_ascii_lowercase(),
        context_tokens,
        vocabulary: number(&card, "/meta/n_vocab").unwrap_or_default(),
        weights_hash: hash([name, &stable(&card, details)]),
        tokenizer_hash: hash([name, text("/tokenizer_path").unwrap_or_default()]),
        template_hash: hash([template.unwrap_or_default(), ""]),
        load_time: Duration::ZERO,
        loras: std::collections::BTreeMap::new(),
    })
}

/// The entry of the model list.
fn card(models: &Value, name: &str) -> Result<Value, String> {
    let listed = models.get("data").and_then(Value::as_array);
    let listed = listed.ok_or("its list of models has no `data`")?;
    let id = |card: &Value| card.get("id").and_then(Value::as_str).map(str::to_owned);
    let found = listed.iter().find(|card| id(card).as_deref() == Some(name));
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = listed.iter().filter_map(id).take(8).collect();
        let names = names.join(", ");
        format!("it does not serve `{name}`; it serves: {names}")
    })
}

/// Longest prompt plus answer. Ollama's own limit may be lower than the model's, and it does not tell: there it has
/// to be declared.
fn context(card: &Value, details: &Value, dialect: Dialect) -> Option<u32> {
    match dialect {
        Dialect::LlamaServer => number(details, "/default_generation_settings/n_ctx"),
        _ => number(card, "/max_model_len"),
    }
}

/// What stays the same as long as the model does: no dates, no permissions, no state of slots.
fn stable(card: &Value, details: &Value) -> String {
    let parts = [
        card.get("root"),
        card.get("parent"),
        card.pointer("/meta/n_params"),
        card.pointer("/meta/size"),
        details.get("model_path"),
        details.get("weight_version"),
        details.get("details"),
        details.get("model_info"),
        details.get("digest"),
    ];
    let parts = parts.map(|part| part.map(Value::to_string).unwrap_or_default());
    parts.join("\n")
}

fn number(value: &Value, pointer: &str) -> Option<u32> {
    let number = value.pointer(pointer)?.as_u64()?;
    u32::try_from(number).ok().filter(|number| *number > 0)
}

fn hash(parts: [&str; 2]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("{:x}", hash.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vllm(root: &str) -> Told {
        let card = json!({"id": "small", "root": root, "max_model_len": 4096, "created": 17});
        Told {
            models: json!({"data": [card]}),
            details: Value::Null,
        }
    }

    #[test]
    fn another_file_under_the_same_name_is_another_model() {
        let info = |told: &Told| model(told, "small", Dialect::Vllm, None).unwrap();
        let one = info(&vllm("Qwen/Qwen3-0.6B"));
        assert_eq!(one.context_tokens, 4096);
        let other = info(&vllm("Qwen/Qwen3-1.7B"));
        assert_ne!(one.weights_hash, other.weights_hash);
        let mut later = vllm("Qwen/Qwen3-0.6B");
        later.models["data"][0]["created"] = json!(99);
        assert_eq!(one, info(&later));
    }

    #[test]
    fn what_is_not_served_is_told_with_what_is() {
        let error = model(&vllm("x"), "large", Dialect::Vllm, None).unwrap_err();
        assert_eq!(error, "it does not serve `large`; it serves: small");
    }

    #[test]
    fn llama_server_tells_context_and_template() {
        let meta = json!({"n_vocab": 272, "n_params": 5, "size": 9});
        let told = Told {
            models: json!({"data": [{"id": "m", "meta": meta}]}),
            details: json!({
                "default_generation_settings": {"n_ctx": 2048},
                "chat_template": "a", "model_path": "/m.gguf",
            }),
        };
        let info = model(&told, "m", Dialect::LlamaServer, None).unwrap();
        assert_eq!((info.context_tokens, info.vocabulary), (2048, 272));
        let mut other = told;
        other.details["chat_template"] = json!("b");
        let other = model(&other, "m", Dialect::LlamaServer, None).unwrap();
        assert_ne!(info.template_hash, other.template_hash);
        assert_eq!(info.weights_hash, other.weights_hash);
    }

    #[test]
    fn an_unknown_context_has_to_be_declared() {
        let told = Told {
            models: json!({"data": [{"id": "m"}]}),
            details: Value::Null,
        };
        assert!(model(&told, "m", Dialect::Ollama, None).is_err());
        let info = model(&told, "m", Dialect::Ollama, NonZeroU32::new(512)).unwrap();
        assert_eq!(info.context_tokens, 512);
    }
}
