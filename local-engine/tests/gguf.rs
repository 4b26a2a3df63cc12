//! The files that the tests write are what the format says.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "gguf/chain.rs"]
mod chain;
#[path = "gguf/file.rs"]
mod gguf;
#[path = "gguf/random.rs"]
mod random;

use gguf::{Format, Gguf, Value};

#[test]
fn a_file_holds_its_tensors_where_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    assert_ne!(
        format!("{:?}", random::llama(1)),
        format!("{:?}", random::mamba(1))
    );
    random::llama(1).write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"GGUF\x03\0\0\0");
    assert_eq!(bytes.len() % 32, 0);
    // The last tensor is a row of ones.
    assert!(bytes.ends_with(&Format::F32.encode(&[1.0; 64])));
    let name = b"output_norm.weight";
    assert!(bytes.windows(name.len()).any(|window| window == name));
}

#[test]
fn quantized_files_are_smaller_and_whole() {
    let size = |format| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        chain::Chain::endless().gguf(format).write(&path).unwrap();
        std::fs::metadata(path).unwrap().len()
    };
    let (full, half, eighth) = (size(Format::F32), size(Format::F16), size(Format::Q8_0));
    assert!(half * 2 > full && half * 100 < full * 51, "{half} {full}");
    assert!(eighth * 3 < full, "{eighth} {full}");
}

#[test]
fn chains_are_probabilities() {
    let chain = chain::Chain::saying("yes", &[0.9, 0.8, 0.7]);
    for current in [u32::from(b'\n'), u32::from(b'y'), chain::END] {
        let sum: f64 = (0..chain::VOCABULARY)
            .map(|next| chain.p(current, next))
            .sum();
        assert!((sum - 1.0).abs() < 1e-9, "{current}: {sum}");
    }
}

#[test]
fn values_are_written_by_their_kind() {
    let values = [
        (Value::U32(7), 4_u32, 4),
        (Value::F32(0.5), 6, 4),
        (Value::Bool(true), 7, 1),
        ("text".into(), 8, 12),
        (Value::U32s(vec![1, 2]), 9, 20),
        (Value::I32s(vec![-1]), 9, 16),
        (Value::F32s(vec![1.5; 3]), 9, 24),
        (Value::Bools(vec![true, false]), 9, 14),
        (Value::Texts(vec!["ab".into(), String::new()]), 9, 30),
    ];
    for (value, kind, length) in values {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.gguf");
        let mut file = Gguf::new("none");
        file.set("other", Value::Bool(true)).remove("other");
        file.set("key", Value::Bool(false))
            .set("key", value.clone());
        file.write(&path).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let key = bytes
            .windows(3)
            .position(|window| window == b"key")
            .unwrap();
        assert_eq!(bytes[key + 3..key + 7], kind.to_le_bytes(), "{value:?}");
        let whole = (key + 7 + length).next_multiple_of(32);
        assert_eq!(bytes.len(), whole, "{value:?}");
    }
}
