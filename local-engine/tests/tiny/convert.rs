//! A tiny checkpoint as GGUF: tensors under the names that llama.cpp gives them, and turned as it wants them.
//!
//! Names: <https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py>

use serde_json::Value as Json;

use crate::chain::vocabulary;
use crate::describe::{architecture, describe};
use crate::family::{Family, Tensor};
use crate::gguf::{Format, Gguf};

/// The family's model with its matrices in `format`.
pub(crate) fn gguf(family: &Family, tensors: &[Tensor], format: Format) -> Gguf {
    let mut file = Gguf::new(architecture(family));
    describe(family, &mut file);
    vocabulary(&mut file);
    for tensor in fused(family, tensors) {
        let Some(name) = renamed(family, &tensor.name) else {
            continue;
        };
        let tensor = turned(family, &name, tensor);
        let last = tensor.shape.last().copied().unwrap_or_default();
        let matrix =
            tensor.shape.len() == 2 && last.is_multiple_of(32) && !name.contains("ssm_norm");
        let kept = if matrix { format } else { Format::F32 };
        file.tensor(&name, &tensor.shape, &tensor.values, kept);
    }
    file
}

/// Phi-2 keeps queries, keys and values in one matrix there.
fn fused(family: &Family, tensors: &[Tensor]) -> Vec<Tensor> {
    if architecture(family) != "phi2" {
        return tensors.to_vec();
    }
    let mut all = Vec::new();
    for tensor in tensors {
        let Some((before, after)) = tensor.name.split_once("q_proj") else {
            if !tensor.name.contains("k_proj") && !tensor.name.contains("v_proj") {
                all.push(tensor.clone());
            }
            continue;
        };
        let part = |letter: &str| {
            let name = format!("{before}{letter}_proj{after}");
            tensors.iter().find(|each| each.name == name).unwrap()
        };
        let parts = ["q", "k", "v"].map(part);
        let mut shape = tensor.shape.clone();
        shape[0] = parts.iter().map(|each| each.shape[0]).sum();
        all.push(Tensor {
            name: format!("{before}qkv_proj{after}"),
            shape,
            values: parts.iter().flat_map(|each| each.values.clone()).collect(),
        });
    }
    all
}

/// `None` for what belongs to images.
fn renamed(family: &Family, name: &str) -> Option<String> {
    if name.starts_with("vision") || name.starts_with("multi_modal") {
        return None;
    }
    let (stem, kind) = name.rsplit_once('.').unwrap();
    // These three are tensors of their own in transformers.
    let (stem, kind) = match kind {
        "A_log" | "D" | "dt_bias" | "layer_scalar" => (name, "weight"),
        _ => (stem, kind),
    };
    let Some((_, rest)) = stem.split_once("layers.") else {
        let last = stem.rsplit('.').next().unwrap();
        return Some(format!("{}.{kind}", outer(last)));
    };
    let (layer, part) = rest.split_once('.').unwrap();
    Some(match inner(family, part) {
        bare @ ("ssm_a" | "ssm_d") => format!("blk.{layer}.{bare}"),
        "ssm_dt" => format!("blk.{layer}.ssm_dt.bias"),
        other => format!("blk.{layer}.{other}.{kind}"),
    })
}

fn outer(part: &str) -> &'static str {
    match part {
        "embed_tokens" | "embeddings" => "token_embd",
        "lm_head" => "output",
        "norm" | "norm_f" | "final_layernorm" => "output_norm",
        "embed_tokens_per_layer" => "per_layer_token_embd",
        "per_layer_model_projection" => "per_layer_model_proj",
        "per_layer_projection_norm" => "per_layer_proj_norm",
        other => panic!("no name for {other}"),
    }
}

fn inner(family: &Family, part: &str) -> &'static str {
    let gemma = architecture(family) == "gemma4";
    match part.rsplit('.').next().unwrap() {
        "input_layernorm" => "attn_norm",
        "norm" if part == "norm" => "attn_norm",
        "post_attention_layernorm" if gemma => "post_attention_norm",
        "post_attention_layernorm" | "pre_feedforward_layernorm" => "ffn_norm",
        "post_feedforward_layernorm" => "post_ffw_norm",
        "q_proj" => "attn_q",
        "k_proj" => "attn_k",
        "v_proj" => "attn_v",
        "qkv_proj" => "attn_qkv",
        "o_proj" | "dense" => "attn_output",
        "q_norm" => "attn_q_norm",
        "k_norm" => "attn_k_norm",
        "gate_proj" => "ffn_gate",
        "up_proj" | "gate_up_proj" | "fc1" => "ffn_up",
        "down_proj" | "fc2" => "ffn_down",
        "layer_scalar" => "layer_output_scale",
        "per_layer_input_gate" => "inp_gate",
        "per_layer_projection" => "proj",
        "post_per_layer_input_norm" => "post_norm",
        "in_proj" => "ssm_in",
        "out_proj" => "ssm_out",
        "conv1d" => "ssm_conv1d",
        "norm" => "ssm_norm",
        "A_log" => "ssm_a",
        "D" => "ssm_d",
        "dt_bias" => "ssm_dt",
        other => panic!("no name for {other}"),
    }
}

/// As llama.cpp wants the values.
fn turned(family: &Family, name: &str, mut tensor: Tensor) -> Tensor {
    let text = family.text();
    let count = |key: &str| usize::try_from(text[key].as_u64().unwrap()).unwrap();
    if name.ends_with("ssm_a") {
        for value in &mut tensor.values {
            *value = -value.exp();
        }
    }
    if name.ends_with("ssm_a") || name.ends_with("ssm_d") {
        tensor.shape.push(1);
    }
    if name.contains("ssm_conv1d.weight") {
        tensor.shape.remove(1);
    }
    if name.contains("ssm_norm") {
        let groups = count("n_groups");
        tensor.shape = vec![groups, tensor.shape[0] / groups];
    }
    if ["llama", "mistral3", "smollm3"].contains(&architecture(family)) {
        if name.ends_with("attn_q.weight") {
            return interleaved(tensor, count("num_attention_heads"));
        }
        if name.ends_with("attn_k.weight") {
            return interleaved(tensor, count("num_key_value_heads"));
        }
    }
    tensor
}

/// Rotary pairs lie beside one another there, and half a head apart in transformers.
fn interleaved(tensor: Tensor, heads: usize) -> Tensor {
    let [rows, columns] = tensor.shape[..] else {
        panic!("{} is no matrix", tensor.name);
    };
    let head = rows / heads;
    let mut values = Vec::with_capacity(tensor.values.len());
    for row in 0..rows {
        let (begin, within) = (row / head * head, row % head);
        let from = begin + within % 2 * (head / 2) + within / 2;
        values.extend_from_slice(&tensor.values[from * columns..(from + 1) * columns]);
    }
    Tensor { values, ..tensor }
}

/// A number of the configuration.
pub(crate) fn number(config: &Json, key: &str) -> f64 {
    config[key].as_f64().unwrap_or_else(|| panic!("no {key}"))
}
