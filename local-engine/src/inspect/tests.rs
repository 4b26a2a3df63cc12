use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::architectures::Format;

/// The bundled model, which is a true one.
fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-model")
}

fn with_both(path: impl Into<PathBuf>) -> Wanted {
    Wanted {
        built: Adapter::ALL.to_vec(),
        ..Wanted::new(path)
    }
}

const CONFIG: &str = r#"{"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512, "vocab_size": 100}"#;
const TOKENIZER_CONFIG: &str = r#"{"eos_token": "</s>", "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}"#;

fn weights_file(header: &str, data: usize) -> Vec<u8> {
    let length = u64::try_from(header.len()).unwrap().to_le_bytes();
    [&length, header.as_bytes(), &vec![0; data]].concat()
}

/// A folder of safetensors with one tensor of 100 rows of 64.
fn folder(config: &str, weights: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("config.json", config.as_bytes());
    write("tokenizer_config.json", TOKENIZER_CONFIG.as_bytes());
    write("tokenizer.json", b"{}");
    write("model.safetensors", weights);
    folder
}

const HEADER: &str = r#"{"model.embed_tokens.weight": {"dtype": "BF16", "shape": [100, 64], "data_offsets": [0, 12800]}}"#;

#[test]
fn the_bundled_model_can_be_used() {
    let found = inspect(&with_both(bundled())).unwrap();
    assert_eq!(found.obstacles, [""; 0]);
    assert_eq!(found.architecture, "llama");
    assert_eq!(found.quantization, "q8_0");
    assert_eq!(found.adapter, Some(Adapter::Mistralrs));
    assert!(found.side.tokenizer && found.side.template && !found.side.ends.is_empty());
    let length = fs::metadata(bundled().join("model-q8_0.gguf"))
        .unwrap()
        .len();
    assert!(found.stored < length && found.stored > length * 9 / 10);
    assert!(found.memory.total > found.memory.at_rest);
}

#[test]
fn a_build_without_adapters_says_so() {
    let wanted = Wanted {
        built: Vec::new(),
        ..Wanted::new(bundled())
    };
    let found = inspect(&wanted).unwrap();
    assert_eq!(found.adapter, None);
    let said = found.obstacles.concat();
    assert!(
        said.contains("mistralrs would, but this build does not have it"),
        "{said}"
    );
}

#[test]
fn a_file_that_was_cut_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(bundled()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let file = fs::File::options()
        .write(true)
        .open(folder.path().join("model-q8_0.gguf"))
        .unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 1000).unwrap();
    let found = inspect(&with_both(folder.path())).unwrap();
    assert!(
        found.obstacles.concat().contains("1000 bytes are missing"),
        "{:?}",
        found.obstacles
    );
}

#[test]
fn safetensors_are_weighed_as_they_compute() {
    let folder = folder(CONFIG, &weights_file(HEADER, 12_800));
    let mut wanted = with_both(folder.path());
    let plain = inspect(&wanted).unwrap();
    assert_eq!(plain.obstacles, [""; 0]);
    assert_eq!((plain.parameters, plain.stored), (6400, 12_800));
    assert_eq!(plain.memory.weights, 4 * 6400);
    // Two layers, one head of 32, key and value, 4 bytes, 512 tokens.
    assert_eq!(plain.memory.context, 2 * 32 * 2 * 4 * 512);
    wanted.quantization = Some(Quantization::Q4K);
    let quantized = inspect(&wanted).unwrap();
    assert_eq!(quantized.quantization, "q4_k");
    assert!(
        quantized
            .warnings
            .concat()
            .contains("256 does not divide its rows of 64")
    );
}

#[test]
fn what_is_missing_is_told_with_the_mend() {
    let whole = folder(CONFIG, &weights_file(HEADER, 12_800));
    let without = |name: &str| {
        let copy = folder(CONFIG, &weights_file(HEADER, 12_800));
        fs::remove_file(copy.path().join(name)).unwrap();
        inspect(&with_both(copy.path())).map(|found| found.obstacles.concat())
    };
    assert!(
        without("tokenizer.json")
            .unwrap()
            .contains("no tokenizer.json")
    );
    let bare = without("tokenizer_config.json").unwrap();
    assert!(
        bare.contains("no chat template") && bare.contains("no end token"),
        "{bare}"
    );
    assert!(
        without("config.json")
            .unwrap_err()
            .to_string()
            .contains("config.json")
    );
    let index = r#"{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}"#;
    fs::write(whole.path().join("model.safetensors.index.json"), index).unwrap();
    let said = inspect(&with_both(whole.path()))
        .unwrap()
        .obstacles
        .concat();
    assert!(said.contains("model-2.safetensors"), "{said}");
}

#[test]
fn what_no_adapter_here_does_is_refused_with_reasons() {
    let nemotron = CONFIG.replace("LlamaForCausalLM", "NemotronHForCausalLM");
    let folder = folder(&nemotron, &weights_file(HEADER, 12_800));
    let found = inspect(&with_both(folder.path())).unwrap();
    assert_eq!(found.adapter, None);
    let said = found.obstacles.concat();
    assert!(
        said.contains("use a GGUF") && said.contains("reads GGUF files only"),
        "{said}"
    );
    assert_eq!(
        Architecture::find(Format::Safetensors, "NemotronHForCausalLM").map(|a| a.family),
        found.family
    );
}

/// The first bytes of the bundled model's file: its header with some data.
fn header_of_bundled() -> Vec<u8> {
    let mut bytes = fs::read(bundled().join("model-q8_0.gguf")).unwrap();
    bytes.truncate(400_000);
    bytes
}

type Changes = Vec<(prop::sample::Index, u8)>;

fn changed(bytes: &mut Vec<u8>, changes: &Changes, cut: Option<prop::sample::Index>) {
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()) + 1);
    }
}

fn changes() -> impl Strategy<Value = Changes> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_gguf_panics(changes in changes(), early in changes(), cut: prop::sample::Index, whole: bool) {
        let mut bytes = header_of_bundled();
        // Most of the file is vocabulary; what steers stands at its start.
        for (place, byte) in early {
            let place = place.index(2000);
            bytes[place] = byte;
        }
        let length = bytes.len();
        changed(&mut bytes, &changes, Some(cut));
        bytes.resize(if whole { length } else { bytes.len() }, 0);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, &bytes).unwrap();
        let _ = inspect(&with_both(&file));
    }

    #[test]
    fn no_safetensors_panic(changes in changes(), more in changes(), cut: prop::sample::Index) {
        let mut weights = weights_file(HEADER, 64);
        changed(&mut weights, &changes, Some(cut));
        let mut config = CONFIG.as_bytes().to_vec();
        changed(&mut config, &more, None);
        let folder = folder(CONFIG, &weights);
        fs::write(folder.path().join("config.json"), &config).unwrap();
        let _ = inspect(&with_both(folder.path()));
    }

    #[test]
    fn no_numbers_are_too_large(layers: u64, heads: u64, width: u64, context: u64, words: u64, from: u64, to: u64) {
        let config = format!(
            r#"{{"architectures": ["LlamaForCausalLM"], "hidden_size": {width}, "num_hidden_layers": {layers},
            "num_attention_heads": {heads}, "max_position_embeddings": {context}, "vocab_size": {words}}}"#
        );
        let header = format!(r#"{{"a": {{"dtype": "F32", "shape": [{layers}, {width}], "data_offsets": [{from}, {to}]}}}}"#);
        let folder = folder(&config, &weights_file(&header, 0));
        let _ = inspect(&with_both(folder.path())).unwrap();
    }

    #[test]
    fn no_side_file_panics(template in ".{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let folder = folder(CONFIG, &weights_file(HEADER, 12_800));
        fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
        fs::write(folder.path().join("generation_config.json"), &bytes).unwrap();
        fs::write(folder.path().join("tokenizer_config.json"), &bytes).unwrap();
        let _ = inspect(&with_both(folder.path())).unwrap();
    }
}
