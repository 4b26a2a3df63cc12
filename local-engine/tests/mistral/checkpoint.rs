//! Tiny checkpoints with probabilities that are known beforehand.
//!
//! One Llama layer whose attention and feed-forward weights are zero leaves the residual a one-hot vector of
//! the current token; after the final norm the output matrix sees `sqrt(WIDTH)` at one place. So its
//! columns hold `ln p(next | current) / sqrt(WIDTH)`, and the model is a table of probabilities.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use serde_json::json;

use crate::side::{END, VOCABULARY, write_side, write_tensors};

const WIDTH: usize = 512;
const HEAD: usize = 64;

/// `p(next | current)`; what a token's entries leave over is spread evenly over the other tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain(HashMap<u32, Vec<(u32, f64)>>);

impl Chain {
    /// After the prompt's last line break it says `reply` with the given probabilities, then ends with 0.97.
    pub(crate) fn saying(reply: &str, probabilities: &[f64]) -> Self {
        let mut chain = HashMap::new();
        let mut current = u32::from(b'\n');
        for (byte, p) in reply.bytes().zip(probabilities) {
            chain.insert(
                current,
                vec![(byte.into(), *p), (b'X'.into(), (1.0 - p) * 0.8)],
            );
            current = byte.into();
        }
        chain.insert(current, vec![(END, 0.97)]);
        Self(chain)
    }

    /// Says `a` for ever.
    pub(crate) fn endless() -> Self {
        let a = u32::from(b'a');
        Self(HashMap::from([
            (u32::from(b'\n'), vec![(a, 0.99)]),
            (a, vec![(a, 0.99)]),
        ]))
    }

    pub(crate) fn p(&self, current: u32, next: u32) -> f64 {
        let usual = vec![(END, 0.5)];
        let row = self.0.get(&current).unwrap_or(&usual);
        if let Some((_, p)) = row.iter().find(|(token, _)| *token == next) {
            return *p;
        }
        let left = 1.0 - row.iter().map(|(_, p)| p).sum::<f64>();
        left / (f64::from(VOCABULARY) - f64::from(u32::try_from(row.len()).unwrap()))
    }

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
    pub(crate) fn write_gguf(&self, folder: &Path, format: GgmlDType) {
        write_side(folder);
        let tensors: Vec<_> = self
            .tensors()
            .into_iter()
            .map(|(name, shape, values)| {
                let kept = if shape.len() == 1 {
                    GgmlDType::F32
                } else {
                    format
                };
                let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
                (gguf_name(name), QTensor::quantize(&tensor, kept).unwrap())
            })
            .collect();
        let tensors: Vec<_> = tensors
            .iter()
            .map(|(name, tensor)| (*name, tensor))
            .collect();
        let metadata = metadata();
        let metadata: Vec<_> = metadata
            .iter()
            .map(|(name, value)| (*name, value))
            .collect();
        let mut file = fs::File::create(folder.join("model.gguf")).unwrap();
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
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

fn gguf_name(name: &str) -> &'static str {
    match name {
        "q_proj" => "blk.0.attn_q.weight",
        "k_proj" => "blk.0.attn_k.weight",
        "v_proj" => "blk.0.attn_v.weight",
        "o_proj" => "blk.0.attn_output.weight",
        "gate_proj" => "blk.0.ffn_gate.weight",
        "up_proj" => "blk.0.ffn_up.weight",
        "down_proj" => "blk.0.ffn_down.weight",
        "input_layernorm" => "blk.0.attn_norm.weight",
        "post_attention_layernorm" => "blk.0.ffn_norm.weight",
        "norm" => "output_norm.weight",
        "embed_tokens" => "token_embd.weight",
        _ => "output.weight",
    }
}

pub(crate) fn config() -> serde_json::Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float32",
        "hidden_act": "silu", "hidden_size": WIDTH, "intermediate_size": 256, "vocab_size": VOCABULARY,
        "num_hidden_layers": 1, "num_attention_heads": 8, "num_key_value_heads": 1,
        "rms_norm_eps": 1e-12, "rope_theta": 10000.0, "max_position_embeddings": 2048,
        "tie_word_embeddings": false, "bos_token_id": 256, "eos_token_id": END,
    })
}

fn metadata() -> Vec<(&'static str, Value)> {
    vec![
        ("general.architecture", Value::String("llama".to_owned())),
        ("llama.context_length", Value::U32(2048)),
        ("llama.embedding_length", Value::U32(512)),
        ("llama.block_count", Value::U32(1)),
        ("llama.feed_forward_length", Value::U32(256)),
        ("llama.attention.head_count", Value::U32(8)),
        ("llama.attention.head_count_kv", Value::U32(1)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-12)),
        ("llama.rope.dimension_count", Value::U32(64)),
        ("tokenizer.ggml.eos_token_id", Value::U32(END)),
    ]
}
