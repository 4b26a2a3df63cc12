//! The header of a GGUF file, read before the engine sees it: the engine panics on what it does not know.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::source::load;
use crate::error::EngineError;

/// Architectures that mistralrs 0.8.1 computes from a GGUF.
const KNOWN: [&str; 8] = [
    "llama",
    "mistral3",
    "phi2",
    "phi3",
    "qwen2",
    "qwen3",
    "qwen3moe",
    "starcoder2",
];

/// Longest string that is believed. Chat templates have tens of kilobytes.
const LONGEST_STRING: u64 = 1 << 24;

/// Most entries of a list that are believed. Vocabularies have some hundred thousand.
const LONGEST_LIST: u64 = 1 << 24;

/// What is read from a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) architecture: String,
    /// Tensor format that holds most weights, lower case.
    pub(super) quantization: String,
    /// Token that ends an answer.
    pub(super) end: Option<u32>,
    pub(super) template: Option<String>,
}

impl Header {
    /// Reads the header of `path` and checks that the engine can compute the model.
    pub(super) fn read(path: &Path) -> Result<Self, EngineError> {
        let file = File::open(path).map_err(|error| load(path, &error.to_string()))?;
        let header = Self::parse(BufReader::new(file))
            .map_err(|error| load(path, &format!("is no intact GGUF file: {error}")))?;
        if KNOWN.contains(&header.architecture.as_str()) {
            return Ok(header);
        }
        let known = KNOWN.join(", ");
        let what = format!(
            "has the architecture `{}`; as GGUF the engine computes {known}. Use the model's safetensors folder, or another model",
            header.architecture
        );
        Err(load(path, &what))
    }

    fn parse(input: impl Read) -> io::Result<Self> {
        let mut input = Input(input);
        if input.bytes::<4>()? != *b"GGUF" {
            return Err(broken("it does not begin with GGUF"));
        }
        if !matches!(input.u32()?, 2 | 3) {
            return Err(broken("its version is neither 2 nor 3"));
        }
        let (tensors, entries) = (input.u64()?, input.u64()?);
        let mut header = Self::default();
        for _ in 0..entries {
            let key = input.string()?;
            let kind = input.u32()?;
            header.keep(&key, input.value(kind)?);
        }
        if header.architecture.is_empty() {
            return Err(broken("it names no general.architecture"));
        }
        header.quantization = input.quantization(tensors)?;
        Ok(header)
    }

    fn keep(&mut self, key: &str, value: Value) {
        match (key, value) {
            ("general.architecture", Value::Text(text)) => self.architecture = text,
            ("tokenizer.chat_template", Value::Text(text)) => self.template = Some(text),
            ("tokenizer.ggml.eos_token_id", Value::Number(id)) => self.end = u32::try_from(id).ok(),
            _ => {}
        }
    }
}

/// A metadata value as far as it matters here.
enum Value {
    Text(String),
    Number(u64),
    Other,
}

/// Little-endian input that believes no length beyond reason.
struct Input<R>(R);

impl<R: Read> Input<R> {
    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn string(&mut self) -> io::Result<String> {
        let length = self.u64()?;
        if length > LONGEST_STRING {
            return Err(broken("it has a string of impossible length"));
        }
        let mut bytes = Vec::new();
        (&mut self.0).take(length).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).ok() != Some(length) {
            return Err(broken("it ends within its header"));
        }
        // Token lists are bytes that need not be text; names and templates are.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn value(&mut self, kind: u32) -> io::Result<Value> {
        Ok(match kind {
            0 | 1 | 7 => {
                self.bytes::<1>()?;
                Value::Other
            }
            2 | 3 => {
                self.bytes::<2>()?;
                Value::Other
            }
            4 | 5 => Value::Number(u64::from(self.u32()?)),
            6 => {
                self.u32()?;
                Value::Other
            }
            8 => Value::Text(self.string()?),
            9 => self.list()?,
            10 | 11 => Value::Number(self.u64()?),
            12 => {
                self.u64()?;
                Value::Other
            }
            _ => return Err(broken("it has a value of an unknown type")),
        })
    }

    fn list(&mut self) -> io::Result<Value> {
        let kind = self.u32()?;
        let length = self.u64()?;
        if kind == 9 || length > LONGEST_LIST {
            return Err(broken("it has an impossible list"));
        }
        for _ in 0..length {
            self.value(kind)?;
        }
        Ok(Value::Other)
    }

    /// Goes through the list of tensors that follows the metadata.
    fn quantization(&mut self, tensors: u64) -> io::Result<String> {
        let mut sizes: BTreeMap<u32, u128> = BTreeMap::new();
        for _ in 0..tensors {
            self.string()?;
            let dimensions = self.u32()?;
            if dimensions > 4 {
                return Err(broken("it has a tensor of more than four dimensions"));
            }
            let mut elements: u128 = 1;
            for _ in 0..dimensions {
                elements = elements.saturating_mul(u128::from(self.u64()?));
            }
            let format = self.u32()?;
            self.u64()?;
            let size = sizes.entry(format).or_default();
            *size = size.saturating_add(elements);
        }
        let most = sizes.into_iter().max_by_key(|(_, size)| *size);
        Ok(most.map_or_else(|| "none".to_owned(), |(format, _)| format_name(format)))
    }
}

fn format_name(format: u32) -> String {
    match format {
        0 => "f32",
        1 => "f16",
        2 => "q4_0",
        3 => "q4_1",
        6 => "q5_0",
        7 => "q5_1",
        8 => "q8_0",
        9 => "q8_1",
        10 => "q2_k",
        11 => "q3_k",
        12 => "q4_k",
        13 => "q5_k",
        14 => "q6_k",
        15 => "q8_k",
        30 => "bf16",
        other => return format!("ggml type {other}"),
    }
    .to_owned()
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        let length = u64::try_from(text.len()).unwrap().to_le_bytes();
        [length.as_slice(), text.as_bytes()].concat()
    }

    /// A header with an architecture, a list, an end token and one tensor of each of two formats.
    fn header() -> Vec<u8> {
        let number = |number: u32| number.to_le_bytes().to_vec();
        let long = |number: u64| number.to_le_bytes().to_vec();
        let tensor = |name: &str, size: u64, format: u32| {
            [text(name), number(1), long(size), number(format), long(0)].concat()
        };
        [
            b"GGUF".to_vec(),
            number(3),
            long(2),
            long(3),
            [text("general.architecture"), number(8), text("llama")].concat(),
            [
                text("a list"),
                number(9),
                number(8),
                long(2),
                text("x"),
                text("y"),
            ]
            .concat(),
            [text("tokenizer.ggml.eos_token_id"), number(4), number(7)].concat(),
            tensor("small", 32, 0),
            tensor("large", 1024, 8),
        ]
        .concat()
    }

    #[test]
    fn reads_what_matters() {
        let expected = Header {
            architecture: "llama".to_owned(),
            quantization: "q8_0".to_owned(),
            end: Some(7),
            template: None,
        };
        assert_eq!(Header::parse(&header()[..]).unwrap(), expected);
    }

    #[test]
    fn a_header_cut_anywhere_is_an_error() {
        let header = header();
        for length in 0..header.len() {
            assert!(Header::parse(&header[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn changed_bytes_never_panic(place in any::<proptest::sample::Index>(), byte: u8) {
            let mut header = header();
            let place = place.index(header.len());
            header[place] = byte;
            let _ = Header::parse(&header[..]);
        }
    }
}
