//! The chain of known probabilities (`gguf/chain.rs`) as the folders that mistralrs reads.

use std::fs;
use std::path::Path;

use serde_json::json;

pub(crate) use crate::chain::Chain;
use crate::chain::{END, HEAD, INNER, VOCABULARY, WIDTH};
use crate::gguf::Format;
use crate::side::{write_side, write_tensors};

impl Chain {
    fn tensors(&self) -> Vec<(&'static str, Vec<usize>, Vec<f32>)> {
        let tokens = usize::try_from(VOCABULARY).unwrap();
        let mut embedding = vec![0.0; tokens * WIDTH];
        let mut output = vec![0.0; tokens * WIDTH];
        let scale = f64::from(u32::try_from(WIDTH).unwrap()).sqrt();
        for (current, token) in (0..tokens).zip(0_u32..) {
            embedding[current * WIDTH + current] = 1.0;
            for (next, id) in (0..tokens).zip(0_u32..) {
                let weight = self.p(token, id).ln() / scale;
                output[next * WIDTH + current] = narrow(weight);
            }
        }
        let zeros = |rows: usize, columns: usize| (vec![rows, columns], vec![0.0; rows * columns]);
        let matrices = [
            ("q_proj", zeros(WIDTH, WIDTH)),
            ("k_proj", zeros(HEAD, WIDTH)),
            ("v_proj", zeros(HEAD, WIDTH)),
            ("o_proj", zeros(WIDTH, WIDTH)),
            ("gate_proj", zeros(256, WIDTH)),
            ("up_proj", zeros(256, WIDTH)),
            ("down_proj", zeros(WIDTH, 256)),
        ];
        let mut tensors: Vec<_> = matrices
            .into_iter()
            .map(|(name, (shape, data))| (name, shape, data))
            .collect();
        for norm in ["input_layernorm", "post_attention_layernorm", "norm"] {
            tensors.push((norm, vec![WIDTH], vec![1.0; WIDTH]));
        }
        tensors.push(("embed_tokens", vec![tokens, WIDTH], embedding));
        tensors.push(("lm_head", vec![tokens, WIDTH], output));
        tensors
    }

    /// Writes a safetensors folder.
    pub(crate) fn write_safetensors(&self, folder: &Path) {
        write_side(folder);
        fs::write(folder.join("config.json"), config().to_string()).unwrap();
        let tensors = self.tensors().into_iter();
        let named = tensors.map(|(name, shape, values)| (safetensors_name(name), shape, values));
        write_tensors(folder, named);
    }

    /// Writes a folder with `model.gguf`.
    pub(crate) fn write_gguf(&self, folder: &Path, format: Format) {
        write_side(folder);
        self.gguf(format).write(&folder.join("model.gguf")).unwrap();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn safetensors_name(name: &str) -> String {
    match name {
        "lm_head" => "lm_head.weight".to_owned(),
        "embed_tokens" | "norm" => format!("model.{name}.weight"),
        "gate_proj" | "up_proj" | "down_proj" => format!("model.layers.0.mlp.{name}.weight"),
        "input_layernorm" | "post_attention_layernorm" => format!("model.layers.0.{name}.weight"),
        _ => format!("model.layers.0.self_attn.{name}.weight"),
    }
}

pub(crate) fn config() -> serde_json::Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float32",
        "hidden_act": "silu", "hidden_size": WIDTH, "intermediate_size": INNER, "vocab_size": VOCABULARY,
        "num_hidden_layers": 1, "num_attention_heads": 8, "num_key_value_heads": 1,
        "rms_norm_eps": 1e-12, "rope_theta": 10000.0, "max_position_embeddings": 2048,
        "tie_word_embeddings": false, "bos_token_id": 256, "eos_token_id": END,
    })
}
