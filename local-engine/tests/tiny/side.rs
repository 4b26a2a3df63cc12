//! What lies beside the weights of a tiny checkpoint, and the file that holds them.
//!
//! Include it with `#[path = "tiny/side.rs"] mod side;`.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;

/// Byte tokens, then special ones.
pub(crate) const VOCABULARY: u32 = 272;
pub(crate) const END: u32 = 258;
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// Of the checkpoints here.
pub(crate) const TEMPLATE: &str = "{%- for m in messages -%}\
    {%- if m.role == 'tool' -%}{{ raise_exception('no tools here') }}{%- endif -%}\
    {{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}\
    {%- endfor -%}\
    {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}";

/// Writes `model.safetensors`.
pub(crate) fn write_tensors(
    folder: &Path,
    tensors: impl Iterator<Item = (String, Vec<usize>, Vec<f32>)>,
) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let begin = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let about = json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]});
        header.insert(name, about);
    }
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = fs::File::create(folder.join("model.safetensors")).unwrap();
    file.write_all(&u64::try_from(header.len()).unwrap().to_le_bytes())
        .unwrap();
    file.write_all(&header).unwrap();
    file.write_all(&data).unwrap();
}

/// Tokenizer and template: every byte is a token of its own number.
pub(crate) fn write_side(folder: &Path) {
    fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).unwrap();
    let config = json!({
        "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "add_bos_token": false,
        "chat_template": TEMPLATE, "tokenizer_class": "PreTrainedTokenizerFast",
    });
    fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
    let ends = json!({"eos_token_id": [END, 256], "bos_token_id": 256});
    fs::write(folder.join("generation_config.json"), ends.to_string()).unwrap();
}

fn tokenizer() -> serde_json::Value {
    let reserved = (259..VOCABULARY).map(|id| format!("<|reserved_{id}|>"));
    let special = SPECIAL
        .iter()
        .map(|text| (*text).to_owned())
        .chain(reserved);
    let special: Vec<(u32, String)> = (256..).zip(special).collect();
    let bytes = byte_letters().into_iter().map(String::from).zip(0_u32..);
    let vocabulary: serde_json::Map<_, _> = bytes
        .chain(special.iter().map(|(id, text)| (text.clone(), *id)))
        .map(|(text, id)| (text, id.into()))
        .collect();
    let added: Vec<_> = special
        .iter()
        .map(|(id, text)| {
            json!({"id": id, "content": text, "single_word": false, "lstrip": false,
                   "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                  "ignore_merges": false, "vocab": vocabulary, "merges": []},
    })
}

/// The letter of each byte, in order of the bytes.
fn byte_letters() -> Vec<char> {
    let mut next = '\u{100}'..;
    (0..=255_u8)
        .map(|byte| match byte {
            b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
            _ => next.next().unwrap(),
        })
        .collect()
}
