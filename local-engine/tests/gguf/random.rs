//! A GGUF file with random weights that are the same on every machine: every part of a model does something, and
//! what was computed for one token shows in all that follow.
//!
//! Include it after `file.rs` and `chain.rs` with `#[path = "gguf/random.rs"] mod random;`.

use crate::chain::vocabulary;
use crate::gguf::{Format, Gguf, Value};

const TOKENS: usize = 272;
const WIDTH: usize = 64;
const INNER: usize = 128;
const LAYERS: usize = 2;

/// Uniform numbers by splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Debug)]
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    /// Uniform in -1..1.
    pub(crate) fn draw(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = u16::try_from((z >> 48) & 0xffff).unwrap();
        f32::from(bits) / 32768.0 - 1.0
    }

    /// `count` numbers of about the size that keeps a layer's output as large as its input of `width`.
    pub(crate) fn weights(&mut self, count: usize, width: usize) -> Vec<f32> {
        let width = u16::try_from(width).unwrap();
        let scale = (3.0 / f32::from(width)).sqrt();
        (0..count).map(|_| self.draw() * scale).collect()
    }
}

/// A small Llama: two layers, four heads of which two share keys and values.
pub(crate) fn llama(seed: u64) -> Gguf {
    let mut file = Gguf::new("llama");
    file.set("llama.context_length", Value::U32(4096))
        .set("llama.embedding_length", Value::U32(64))
        .set("llama.block_count", Value::U32(2))
        .set("llama.feed_forward_length", Value::U32(128))
        .set("llama.attention.head_count", Value::U32(4))
        .set("llama.attention.head_count_kv", Value::U32(2))
        .set("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5))
        .set("llama.rope.dimension_count", Value::U32(16));
    vocabulary(&mut file);
    let mut draws = Draws(seed);
    let mut matrix = |name: &str, rows: usize, columns: usize| {
        let values = draws.weights(rows * columns, columns);
        file.tensor(name, &[rows, columns], &values, Format::F32);
    };
    matrix("token_embd.weight", TOKENS, WIDTH);
    matrix("output.weight", TOKENS, WIDTH);
    for layer in 0..LAYERS {
        for (name, rows, columns) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH / 2, WIDTH),
            ("attn_v", WIDTH / 2, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", INNER, WIDTH),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ] {
            matrix(&format!("blk.{layer}.{name}.weight"), rows, columns);
        }
    }
    for layer in 0..LAYERS {
        for name in ["attn_norm", "ffn_norm"] {
            let name = format!("blk.{layer}.{name}.weight");
            file.tensor(&name, &[WIDTH], &[1.0; WIDTH], Format::F32);
        }
    }
    file.tensor("output_norm.weight", &[WIDTH], &[1.0; WIDTH], Format::F32);
    file
}

/// A small Mamba: its state after a token cannot be taken back to an earlier one.
pub(crate) fn mamba(seed: u64) -> Gguf {
    const RANK: usize = 4;
    const STATE: usize = 16;
    const KERNEL: usize = 4;
    let mut file = Gguf::new("mamba");
    file.set("mamba.context_length", Value::U32(4096))
        .set("mamba.embedding_length", Value::U32(64))
        .set("mamba.feed_forward_length", Value::U32(0))
        .set("mamba.attention.head_count", Value::U32(0))
        .set("mamba.block_count", Value::U32(2))
        .set("mamba.ssm.conv_kernel", Value::U32(4))
        .set("mamba.ssm.inner_size", Value::U32(128))
        .set("mamba.ssm.state_size", Value::U32(16))
        .set("mamba.ssm.time_step_rank", Value::U32(4))
        .set("mamba.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
    vocabulary(&mut file);
    let mut draws = Draws(seed);
    let mut matrix = |name: &str, shape: [usize; 2]| {
        let values = draws.weights(shape[0] * shape[1], shape[1]);
        file.tensor(name, &shape, &values, Format::F32);
    };
    matrix("token_embd.weight", [TOKENS, WIDTH]);
    matrix("output.weight", [TOKENS, WIDTH]);
    for layer in 0..LAYERS {
        for (name, shape) in [
            ("ssm_in", [2 * INNER, WIDTH]),
            ("ssm_conv1d", [INNER, KERNEL]),
            ("ssm_x", [RANK + 2 * STATE, INNER]),
            ("ssm_dt", [INNER, RANK]),
            ("ssm_out", [WIDTH, INNER]),
        ] {
            matrix(&format!("blk.{layer}.{name}.weight"), shape);
        }
    }
    for layer in 0..LAYERS {
        for (name, shape, value) in [
            ("attn_norm.weight", &[WIDTH][..], 1.0),
            ("ssm_conv1d.bias", &[INNER], 0.1),
            ("ssm_dt.bias", &[INNER], 0.1),
            ("ssm_a", &[INNER, STATE], -0.5),
            ("ssm_d", &[INNER], 1.0),
        ] {
            let values = vec![value; shape.iter().product()];
            file.tensor(&format!("blk.{layer}.{name}"), shape, &values, Format::F32);
        }
    }
    file.tensor("output_norm.weight", &[WIDTH], &[1.0; WIDTH], Format::F32);
    file
}
