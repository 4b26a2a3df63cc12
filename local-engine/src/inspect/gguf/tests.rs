use proptest::prelude::*;

use super::*;

pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u64::try_from(text.len()).unwrap().to_le_bytes();
    [length.as_slice(), text.as_bytes()].concat()
}

pub(crate) fn number(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

pub(crate) fn long(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// A header with an architecture, a list, an end token and one tensor of each of two formats.
fn header() -> Vec<u8> {
    let tensor = |name: &str, size: u64, format: u32, offset: u64| {
        [
            text(name),
            number(1),
            long(size),
            number(format),
            long(offset),
        ]
        .concat()
    };
    [
        b"GGUF".to_vec(),
        number(3),
        long(2),
        long(3),
        [text("general.architecture"), number(8), text("llama")].concat(),
        [
            text("tokenizer.ggml.tokens"),
            number(9),
            number(8),
            long(2),
            text("x"),
            text("y"),
        ]
        .concat(),
        [text("tokenizer.ggml.eos_token_id"), number(4), number(7)].concat(),
        tensor("small", 32, 0, 0),
        tensor("large", 1024, 8, 128),
    ]
    .concat()
}

#[test]
fn reads_what_matters() {
    let bytes = header();
    let header = Header::parse(&bytes[..]).unwrap();
    assert_eq!(header.architecture, "llama");
    assert_eq!(header.quantization, "q8_0");
    assert_eq!(header.end, Some(7));
    assert_eq!(header.template, None);
    assert_eq!(header.vocabulary(), Some(2));
    assert_eq!(header.parameters(), 1056);
    assert_eq!(header.weights(), 128 + 1024 / 32 * 34);
    let start = u64::try_from(bytes.len()).unwrap().next_multiple_of(32);
    assert_eq!(header.file_length(), start + 128 + 1024 / 32 * 34);
}

#[test]
fn a_header_cut_anywhere_is_an_error() {
    let header = header();
    for length in 0..header.len() {
        assert!(Header::parse(&header[..length]).is_err(), "{length}");
    }
}

#[test]
fn older_formats_are_named() {
    let said = |bytes: &[u8]| Header::parse(bytes).unwrap_err().to_string();
    assert!(said(b"lmgg....").contains("older GGML format"));
    assert!(said(b"GGUF\x01\0\0\0").contains("outdated"));
    assert!(said(b"GGUF\0\0\0\x03").contains("big-endian"));
    assert!(said(b"PK\x03\x04....").contains("does not begin"));
}

proptest! {
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut header = header();
        for (place, byte) in changes {
            let place = place.index(header.len());
            header[place] = byte;
        }
        if let Ok(read) = Header::parse(&header[..]) {
            let _ = (read.parameters(), read.weights(), read.file_length());
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Header::parse(&bytes[..]);
        let _ = Header::parse(&[b"GGUF\x03\0\0\0", &bytes[..]].concat()[..]);
    }
}
