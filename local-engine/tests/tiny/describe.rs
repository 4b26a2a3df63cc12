//! What a GGUF file says of a tiny model beside its weights, made from the configuration of transformers.
//!
//! Keys: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

use std::f64::consts::TAU;

use serde_json::Value as Json;

use crate::convert::number;
use crate::family::Family;
use crate::gguf::{Format, Gguf, Value};

/// `general.architecture` of the family.
pub(crate) fn architecture(family: &Family) -> &'static str {
    match family.class() {
        "LlamaForCausalLM" => "llama",
        "PhiForCausalLM" => "phi2",
        "Phi3ForCausalLM" => "phi3",
        "Qwen3ForCausalLM" => "qwen3",
        "SmolLM3ForCausalLM" => "smollm3",
        "Gemma4ForConditionalGeneration" => "gemma4",
        "Mistral3ForConditionalGeneration" => "mistral3",
        "NemotronHForCausalLM" => "nemotron_h",
        other => panic!("no architecture for {other}"),
    }
}

/// Writes the keys and the tensors that hold factors of rotary embeddings.
pub(crate) fn describe(family: &Family, file: &mut Gguf) {
    let text = family.text();
    let mut keys = Keys {
        architecture: architecture(family),
        file,
    };
    for (key, from) in [
        ("context_length", "max_position_embeddings"),
        ("embedding_length", "hidden_size"),
        ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("vocab_size", "vocab_size"),
    ] {
        keys.count(key, number(text, from));
    }
    let kinds = text["layers_block_type"].as_array();
    let layers = kinds.map(|kinds| f64::from(u32::try_from(kinds.len()).unwrap()));
    keys.count(
        "block_count",
        layers.unwrap_or_else(|| number(text, "num_hidden_layers")),
    );
    match keys.architecture {
        "phi2" => keys.real(
            "attention.layer_norm_epsilon",
            number(text, "layer_norm_eps"),
        ),
        "nemotron_h" => nemotron(text, &mut keys),
        _ => keys.real(
            "attention.layer_norm_rms_epsilon",
            number(text, "rms_norm_eps"),
        ),
    }
    match keys.architecture {
        "nemotron_h" => {}
        "gemma4" => gemma(text, &mut keys),
        _ => rotary(text, &mut keys),
    }
    if let Some(window) = text["sliding_window"].as_f64() {
        keys.count("attention.sliding_window", window);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts in a configuration"
)]
fn whole(value: f64) -> u32 {
    value as u32
}

#[expect(clippy::cast_possible_truncation, reason = "files hold f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}

struct Keys<'a> {
    architecture: &'static str,
    file: &'a mut Gguf,
}

impl Keys<'_> {
    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.file
            .set(&format!("{}.{key}", self.architecture), value);
    }

    fn count(&mut self, key: &str, value: f64) {
        self.set(key, Value::U32(whole(value)));
    }

    fn real(&mut self, key: &str, value: f64) {
        self.set(key, Value::F32(narrow(value)));
    }

    fn factors(&mut self, name: &str, factors: &[f64]) {
        let factors: Vec<_> = factors.iter().map(|factor| narrow(*factor)).collect();
        self.file
            .tensor(name, &[factors.len()], &factors, Format::F32);
    }
}

fn head(text: &Json) -> f64 {
    let own = text["head_dim"].as_f64();
    own.unwrap_or_else(|| number(text, "hidden_size") / number(text, "num_attention_heads"))
}

fn rotary(text: &Json, keys: &mut Keys<'_>) {
    let rope = &text["rope_parameters"];
    let head = head(text);
    let part = rope["partial_rotary_factor"].as_f64().unwrap_or(1.0);
    keys.count("attention.key_length", head);
    keys.count("attention.value_length", head);
    keys.count("rope.dimension_count", (head * part).floor());
    keys.real("rope.freq_base", number(rope, "rope_theta"));
    match rope["rope_type"].as_str().unwrap() {
        "llama3" => keys.factors("rope_freqs.weight", &llama3(rope, head)),
        "longrope" => long(text, keys),
        "yarn" => yarn(rope, keys),
        _ => {}
    }
}

/// What slow frequencies are divided by: <https://arxiv.org/abs/2407.21783>, as transformers computes it.
fn llama3(rope: &Json, head: f64) -> Vec<f64> {
    let of = |key| number(rope, key);
    let (factor, low, high) = (of("factor"), of("low_freq_factor"), of("high_freq_factor"));
    let trained = of("original_max_position_embeddings");
    let pairs = 0..whole(head / 2.0);
    pairs
        .map(|pair| {
            let wave = TAU * of("rope_theta").powf(f64::from(2 * pair) / head);
            let smooth = ((trained / wave - low) / (high - low)).clamp(0.0, 1.0);
            1.0 / ((1.0 - smooth) / factor + smooth)
        })
        .collect()
}

/// <https://arxiv.org/abs/2402.13753>
fn long(text: &Json, keys: &mut Keys<'_>) {
    let rope = &text["rope_parameters"];
    let trained = number(rope, "original_max_position_embeddings");
    let scale = number(text, "max_position_embeddings") / trained;
    keys.count("rope.scaling.original_context_length", trained);
    let attention = (1.0 + scale.ln() / trained.ln()).sqrt();
    keys.real("rope.scaling.attn_factor", attention);
    for name in ["long", "short"] {
        let list = rope[format!("{name}_factor")].as_array().unwrap();
        let factors: Vec<_> = list.iter().map(|factor| factor.as_f64().unwrap()).collect();
        keys.factors(&format!("rope_factors_{name}.weight"), &factors);
    }
}

/// <https://arxiv.org/abs/2309.00071>
fn yarn(rope: &Json, keys: &mut Keys<'_>) {
    keys.set("rope.scaling.type", "yarn");
    let trained = number(rope, "original_max_position_embeddings");
    keys.count("rope.scaling.original_context_length", trained);
    for (key, from) in [
        ("rope.scaling.factor", "factor"),
        ("rope.scaling.yarn_beta_fast", "beta_fast"),
        ("rope.scaling.yarn_beta_slow", "beta_slow"),
        ("rope.scaling.yarn_log_multiplier", "mscale_all_dim"),
        ("attention.temperature_scale", "llama_4_scaling_beta"),
    ] {
        keys.real(key, number(rope, from));
    }
}

fn gemma(text: &Json, keys: &mut Keys<'_>) {
    let kinds: Vec<_> = text["layer_types"].as_array().unwrap().iter().collect();
    let full = kinds
        .iter()
        .position(|kind| *kind == "full_attention")
        .unwrap();
    let wide = number(&text["per_layer_config"][full.to_string()], "head_dim");
    for (suffix, head, kind) in [
        ("", wide, "full_attention"),
        ("_swa", head(text), "sliding_attention"),
    ] {
        keys.count(&format!("attention.key_length{suffix}"), head);
        keys.count(&format!("attention.value_length{suffix}"), head);
        keys.count(&format!("rope.dimension_count{suffix}"), head);
        let theta = number(&text["rope_parameters"][kind], "rope_theta");
        keys.real(&format!("rope.freq_base{suffix}"), theta);
    }
    let part = number(
        &text["rope_parameters"]["full_attention"],
        "partial_rotary_factor",
    );
    let turning = whole(wide * part / 2.0);
    let pairs = 0..whole(wide / 2.0);
    // A frequency divided by this stands still.
    let factors: Vec<_> = pairs
        .map(|pair| if pair < turning { 1.0 } else { 1e30 })
        .collect();
    keys.factors("rope_freqs.weight", &factors);
    let sliding = kinds.iter().map(|kind| *kind == "sliding_attention");
    keys.set(
        "attention.sliding_window_pattern",
        Value::Bools(sliding.collect()),
    );
    let shared = number(text, "num_kv_shared_layers");
    keys.count("attention.shared_kv_layers", shared);
    let narrow = number(text, "hidden_size_per_layer_input");
    keys.count("embedding_length_per_layer_input", narrow);
    keys.real(
        "final_logit_softcapping",
        number(text, "final_logit_softcapping"),
    );
    let inner = whole(number(text, "intermediate_size"));
    let double = text["use_double_wide_mlp"] == true;
    let first = kinds.len() - usize::try_from(whole(shared)).unwrap();
    let widths = (0..kinds.len()).map(|layer| {
        let twice = double && layer >= first;
        if twice { 2 * inner } else { inner }
    });
    keys.set("feed_forward_length", Value::U32s(widths.collect()));
}

fn nemotron(text: &Json, keys: &mut Keys<'_>) {
    let epsilon = number(text, "layer_norm_epsilon");
    keys.real("attention.layer_norm_epsilon", epsilon);
    keys.real("attention.layer_norm_rms_epsilon", epsilon);
    keys.count("attention.key_length", head(text));
    keys.count("attention.value_length", head(text));
    let kinds = text["layers_block_type"].as_array().unwrap();
    let of = |wanted: &str, count: f64| {
        let each = |kind: &Json| if *kind == wanted { whole(count) } else { 0 };
        Value::U32s(kinds.iter().map(each).collect())
    };
    let (keyed, inner) = (
        number(text, "num_key_value_heads"),
        number(text, "intermediate_size"),
    );
    keys.set("attention.head_count_kv", of("full_attention", keyed));
    keys.set("feed_forward_length", of("mlp", inner));
    let heads = number(text, "mamba_num_heads");
    keys.count("ssm.time_step_rank", heads);
    keys.count("ssm.inner_size", heads * number(text, "mamba_head_dim"));
    keys.count("ssm.state_size", number(text, "ssm_state_size"));
    keys.count("ssm.conv_kernel", number(text, "conv_kernel"));
    keys.count("ssm.group_count", number(text, "n_groups"));
}
