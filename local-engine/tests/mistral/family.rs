//! Tiny checkpoints of real architectures with random weights: what they say is noise, but that they load and
//! compute shows that the engine knows the architecture.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::checkpoint::{END, VOCABULARY, write_side, write_tensors};

const WIDTH: usize = 256;
const INNER: usize = 512;
const LAYERS: usize = 2;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
const HEAD: usize = WIDTH / HEADS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Also `SmolLM2`.
    Llama,
    /// Tied output, scaled rope.
    Llama32,
    Qwen3,
    SmolLm3,
    Phi3,
    /// Phi-3's class with partial and long rope.
    Phi4,
}

pub(crate) const FAMILIES: [Family; 6] = [
    Family::Llama,
    Family::Llama32,
    Family::Qwen3,
    Family::SmolLm3,
    Family::Phi3,
    Family::Phi4,
];

impl Family {
    pub(crate) fn write(self, folder: &Path) {
        write_side(folder);
        let mut config = self.base();
        let fields = config.as_object_mut().unwrap();
        fields.extend(self.special().as_object().unwrap().clone());
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        let mut noise = Noise(1);
        let tensors = self.shapes().into_iter();
        write_tensors(
            folder,
            tensors.map(|(name, shape)| {
                let values = noise.fill(&shape);
                (name, shape, values)
            }),
        );
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Llama | Self::Llama32 => "LlamaForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::SmolLm3 => "SmolLM3ForCausalLM",
            Self::Phi3 | Self::Phi4 => "Phi3ForCausalLM",
        }
    }

    fn base(self) -> Value {
        json!({
            "architectures": [self.class()], "torch_dtype": "float32", "hidden_act": "silu",
            "hidden_size": WIDTH, "intermediate_size": INNER, "vocab_size": VOCABULARY,
            "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_HEADS, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
            "max_position_embeddings": 2048, "tie_word_embeddings": self.tied(),
            "bos_token_id": 256, "eos_token_id": END,
        })
    }

    fn tied(self) -> bool {
        matches!(self, Self::Llama32 | Self::Qwen3 | Self::SmolLm3)
    }

    fn fused(self) -> bool {
        matches!(self, Self::Phi3 | Self::Phi4)
    }

    fn special(self) -> Value {
        match self {
            Self::Llama => json!({"model_type": "llama"}),
            Self::Llama32 => json!({
                "model_type": "llama", "rope_theta": 500000.0,
                "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, "original_max_position_embeddings": 512},
            }),
            Self::Qwen3 => json!({
                "model_type": "qwen3", "head_dim": HEAD, "max_window_layers": LAYERS,
                "use_sliding_window": false, "sliding_window": null, "rope_theta": 1000000.0,
            }),
            Self::SmolLm3 => json!({"model_type": "smollm3", "no_rope_layer_interval": 4}),
            Self::Phi3 => json!({"model_type": "phi3", "original_max_position_embeddings": 2048}),
            Self::Phi4 => json!({
                "model_type": "phi3", "original_max_position_embeddings": 1024,
                "partial_rotary_factor": 0.75,
                "rope_scaling": {"type": "longrope", "short_factor": vec![1.0; HEAD * 3 / 8],
                                 "long_factor": vec![2.0; HEAD * 3 / 8]},
            }),
        }
    }

    fn shapes(self) -> Vec<(String, Vec<usize>)> {
        let tokens = usize::try_from(VOCABULARY).unwrap();
        let mut shapes = vec![
            ("model.embed_tokens.weight".to_owned(), vec![tokens, WIDTH]),
            ("model.norm.weight".to_owned(), vec![WIDTH]),
        ];
        if !self.tied() {
            shapes.push(("lm_head.weight".to_owned(), vec![tokens, WIDTH]));
        }
        for layer in 0..LAYERS {
            let own = |(name, shape): (&str, Vec<usize>)| {
                (format!("model.layers.{layer}.{name}.weight"), shape)
            };
            shapes.extend(self.layer().into_iter().map(own));
        }
        shapes
    }

    fn layer(self) -> Vec<(&'static str, Vec<usize>)> {
        let mut shapes = vec![
            ("self_attn.o_proj", vec![WIDTH, WIDTH]),
            ("mlp.down_proj", vec![WIDTH, INNER]),
            ("input_layernorm", vec![WIDTH]),
            ("post_attention_layernorm", vec![WIDTH]),
        ];
        if self.fused() {
            shapes.push((
                "self_attn.qkv_proj",
                vec![(HEADS + 2 * KEY_HEADS) * HEAD, WIDTH],
            ));
            shapes.push(("mlp.gate_up_proj", vec![2 * INNER, WIDTH]));
            return shapes;
        }
        shapes.push(("self_attn.q_proj", vec![WIDTH, WIDTH]));
        shapes.push(("self_attn.k_proj", vec![KEY_HEADS * HEAD, WIDTH]));
        shapes.push(("self_attn.v_proj", vec![KEY_HEADS * HEAD, WIDTH]));
        shapes.push(("mlp.gate_proj", vec![INNER, WIDTH]));
        shapes.push(("mlp.up_proj", vec![INNER, WIDTH]));
        if self == Self::Qwen3 {
            shapes.push(("self_attn.q_norm", vec![HEAD]));
            shapes.push(("self_attn.k_norm", vec![HEAD]));
        }
        shapes
    }
}

/// Repeatable noise: <https://en.wikipedia.org/wiki/Linear_congruential_generator>.
struct Noise(u32);

impl Noise {
    fn fill(&mut self, shape: &[usize]) -> Vec<f32> {
        let count = shape.iter().product();
        if shape.len() == 1 {
            return vec![1.0; count];
        }
        (0..count).map(|_| self.next()).collect()
    }

    /// Between -0.1 and 0.1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let high = u16::try_from(self.0 >> 16).unwrap();
        (f32::from(high) / f32::from(u16::MAX) - 0.5) / 5.0
    }
}
