//! A GGUF file whose probabilities are known beforehand.
//!
//! One Llama layer whose attention and feed-forward weights are zero leaves the residual a one-hot vector of
//! the current token; after the final norm the output matrix sees `sqrt(WIDTH)` at one place. So its
//! columns hold `ln p(next | current) / sqrt(WIDTH)`, and the model is a table of probabilities.
//!
//! Include it after `file.rs` with `#[path = "gguf/chain.rs"] mod chain;`.

use std::collections::HashMap;

use crate::gguf::{Format, Gguf, Value, byte_vocabulary};

/// Byte tokens, then special ones.
pub(crate) const VOCABULARY: u32 = 272;
pub(crate) const END: u32 = 258;
pub(crate) const WIDTH: usize = 512;
pub(crate) const HEAD: usize = 64;
pub(crate) const INNER: usize = 256;

const TEMPLATE: &str = "{%- for m in messages -%}\
    {%- if m.role == 'tool' -%}{{ raise_exception('no tools here') }}{%- endif -%}\
    {{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}\
    {%- endfor -%}\
    {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}";

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

    /// The model with its matrices in `format`.
    pub(crate) fn gguf(&self, format: Format) -> Gguf {
        let mut file = describe();
        let tokens = usize::try_from(VOCABULARY).unwrap();
        let mut embedding = vec![0.0; tokens * WIDTH];
        let mut output = vec![0.0; tokens * WIDTH];
        let scale = f64::from(u32::try_from(WIDTH).unwrap()).sqrt();
        for (current, token) in (0..tokens).zip(0_u32..) {
            embedding[current * WIDTH + current] = 1.0;
            for (next, id) in (0..tokens).zip(0_u32..) {
                output[next * WIDTH + current] = narrow(self.p(token, id).ln() / scale);
            }
        }
        file.tensor("token_embd.weight", &[tokens, WIDTH], &embedding, format);
        file.tensor("output.weight", &[tokens, WIDTH], &output, format);
        for (name, rows, columns) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", HEAD, WIDTH),
            ("attn_v", HEAD, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", INNER, WIDTH),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ] {
            let zeros = vec![0.0; rows * columns];
            let name = format!("blk.0.{name}.weight");
            file.tensor(&name, &[rows, columns], &zeros, format);
        }
        for name in [
            "blk.0.attn_norm.weight",
            "blk.0.ffn_norm.weight",
            "output_norm.weight",
        ] {
            file.tensor(name, &[WIDTH], &[1.0; WIDTH], Format::F32);
        }
        file
    }
}

/// Everything but the tensors.
fn describe() -> Gguf {
    let mut file = Gguf::new("llama");
    file.set("llama.context_length", Value::U32(2048))
        .set("llama.embedding_length", Value::U32(512))
        .set("llama.block_count", Value::U32(1))
        .set("llama.feed_forward_length", Value::U32(256))
        .set("llama.attention.head_count", Value::U32(8))
        .set("llama.attention.head_count_kv", Value::U32(1))
        .set("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-12))
        .set("llama.rope.dimension_count", Value::U32(64));
    vocabulary(&mut file);
    file
}

/// Bytes, special tokens, and a chat template that uses them.
pub(crate) fn vocabulary(file: &mut Gguf) {
    let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned);
    let reserved = (259..VOCABULARY).map(|id| format!("<|reserved_{id}|>"));
    let special: Vec<_> = special.into_iter().chain(reserved).collect();
    byte_vocabulary(file, &special);
    file.set("tokenizer.ggml.bos_token_id", Value::U32(256))
        .set("tokenizer.ggml.eos_token_id", Value::U32(END))
        .set("tokenizer.chat_template", TEMPLATE);
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
