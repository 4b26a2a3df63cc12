//! Writes GGUF files for tests and examples, without any inference engine at hand.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
//!
//! Include it with `#[path = "gguf/file.rs"] mod gguf;`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Tensor data begin at multiples of this many bytes.
const ALIGNMENT: usize = 32;

/// Values that share one scale in `Q8_0`.
const BLOCK: usize = 32;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    U32s(Vec<u32>),
    I32s(Vec<i32>),
    F32s(Vec<f32>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Value {
    fn kind(&self) -> u32 {
        match self {
            Self::U32(_) => 4,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::Text(_) => 8,
            Self::U32s(_) | Self::I32s(_) | Self::F32s(_) | Self::Bools(_) | Self::Texts(_) => 9,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::U32(number) => number.to_le_bytes().to_vec(),
            Self::F32(number) => number.to_le_bytes().to_vec(),
            Self::Bool(yes) => vec![u8::from(*yes)],
            Self::Text(value) => text(value),
            Self::U32s(list) => array(4, list, |number| number.to_le_bytes().to_vec()),
            Self::I32s(list) => array(5, list, |number| number.to_le_bytes().to_vec()),
            Self::F32s(list) => array(6, list, |number| number.to_le_bytes().to_vec()),
            Self::Bools(list) => array(7, list, |yes| vec![u8::from(*yes)]),
            Self::Texts(list) => array(8, list, |value| text(value)),
        }
    }
}

fn text(value: &str) -> Vec<u8> {
    [&long(value.len()), value.as_bytes()].concat()
}

fn array<T>(kind: u32, list: &[T], bytes: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    let mut all = [&kind.to_le_bytes()[..], &long(list.len())].concat();
    all.extend(list.iter().flat_map(bytes));
    all
}

fn long(number: usize) -> [u8; 8] {
    u64::try_from(number).unwrap().to_le_bytes()
}

/// How a tensor's numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    F32,
    F16,
    /// Rows must be multiples of 32 long.
    Q8_0,
}

impl Format {
    fn kind(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 8,
        }
    }

    /// `values` in this format.
    pub(crate) fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|x| half(*x).to_le_bytes()).collect(),
            Self::Q8_0 => values.chunks(BLOCK).flat_map(q8_0).collect(),
        }
    }
}

/// One block: the scale as a half, then 32 signed bytes.
#[expect(clippy::cast_possible_truncation, reason = "rounded to -127..=127")]
fn q8_0(block: &[f32]) -> Vec<u8> {
    assert_eq!(block.len(), BLOCK, "rows of Q8_0 are multiples of {BLOCK}");
    let highest = block.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let scale = highest / 127.0;
    let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
    let mut bytes = half(scale).to_le_bytes().to_vec();
    bytes.extend(
        block
            .iter()
            .flat_map(|x| ((x * inverse).round() as i8).to_le_bytes()),
    );
    bytes
}

/// The nearest IEEE 754 half, ties to even; too large ones become infinite.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = u16::try_from(bits >> 16 & 0x8000).unwrap();
    let exponent = i32::try_from(bits >> 23 & 0xff).unwrap() - 112;
    let mantissa = bits & 0x7f_ffff;
    if exponent >= 31 {
        let rest = if value.is_nan() { 0x7e00 } else { 0x7c00 };
        return sign | rest;
    }
    // Below the smallest normal half the leading one becomes part of the number.
    let (whole, shift) = if exponent <= 0 {
        (mantissa | 0x80_0000, 14 - exponent)
    } else {
        (mantissa | u32::try_from(exponent).unwrap() << 23, 13)
    };
    if shift > 24 {
        return sign;
    }
    let (kept, lost) = (whole >> shift, whole & ((1 << shift) - 1));
    let middle = 1 << (shift - 1);
    let up = u32::from(lost > middle || lost == middle && kept & 1 == 1);
    sign | u16::try_from(kept + up).unwrap()
}

#[derive(Debug)]
struct Tensor {
    name: String,
    /// As matrices are written down: rows, then columns.
    shape: Vec<usize>,
    format: Format,
    data: Vec<u8>,
}

/// A file in the making.
#[derive(Debug)]
pub(crate) struct Gguf {
    metadata: Vec<(String, Value)>,
    tensors: Vec<Tensor>,
}

impl Gguf {
    /// A model of the given architecture, with nothing else in it yet.
    pub(crate) fn new(architecture: &str) -> Self {
        let name = ("general.architecture".to_owned(), architecture.into());
        Self {
            metadata: vec![name],
            tensors: Vec::new(),
        }
    }

    /// Sets a value, replacing the one under the same key.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.metadata.retain(|(found, _)| found != key);
        self.metadata.push((key.to_owned(), value.into()));
        self
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &str) -> &mut Self {
        self.metadata.retain(|(found, _)| found != key);
        self
    }

    /// Adds a tensor of `shape` (rows, then columns), its values row by row.
    pub(crate) fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &[f32],
        format: Format,
    ) -> &mut Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        self.tensors.push(Tensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            format,
            data: format.encode(values),
        });
        self
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let header = self.header();
        file.write_all(&header)?;
        file.write_all(&padding(header.len()))?;
        for tensor in &self.tensors {
            file.write_all(&tensor.data)?;
            file.write_all(&padding(tensor.data.len()))?;
        }
        file.flush()
    }

    fn header(&self) -> Vec<u8> {
        let mut header = b"GGUF".to_vec();
        header.extend(3_u32.to_le_bytes());
        header.extend(long(self.tensors.len()));
        header.extend(long(self.metadata.len()));
        for (key, value) in &self.metadata {
            header.extend(text(key));
            header.extend(value.kind().to_le_bytes());
            header.extend(value.bytes());
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            header.extend(text(&tensor.name));
            header.extend(u32::try_from(tensor.shape.len()).unwrap().to_le_bytes());
            header.extend(tensor.shape.iter().rev().flat_map(|size| long(*size)));
            header.extend(tensor.format.kind().to_le_bytes());
            header.extend(long(offset));
            offset += tensor.data.len().next_multiple_of(ALIGNMENT);
        }
        header
    }
}

fn padding(length: usize) -> Vec<u8> {
    vec![0; length.next_multiple_of(ALIGNMENT) - length]
}

/// Gives `file` a vocabulary in which each byte is the token of its own number; `special` ones follow from 256 on.
pub(crate) fn byte_vocabulary(file: &mut Gguf, special: &[String]) {
    let mut tokens: Vec<String> = byte_letters().into_iter().map(String::from).collect();
    let plain = vec![1; tokens.len()];
    let kinds = [plain, vec![3; special.len()]].concat();
    tokens.extend_from_slice(special);
    file.set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "gpt-2")
        .set("tokenizer.ggml.tokens", Value::Texts(tokens))
        .set("tokenizer.ggml.token_type", Value::I32s(kinds))
        .set("tokenizer.ggml.merges", Value::Texts(Vec::new()))
        .set("tokenizer.ggml.add_bos_token", Value::Bool(false));
}

/// The letter of each byte in byte-level vocabularies, in order of the bytes:
/// <https://github.com/openai/gpt-2/blob/master/src/encoder.py>.
pub(crate) fn byte_letters() -> Vec<char> {
    let mut next = '\u{100}'..;
    (0..=255_u8)
        .map(|byte| match byte {
            b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
            _ => next.next().unwrap(),
        })
        .collect()
}

#[test]
fn halves_are_the_nearest() {
    for (value, bits) in [
        (0.0, 0),
        (1.0, 0x3c00),
        (-2.0, 0xc000),
        (65504.0, 0x7bff),
        (65520.0, 0x7c00),
        (0.333_251_95, 0x3555),
        (5.960_464_5e-8, 1),
        (6.097_555e-5, 0x3ff),
        (6.103_515_6e-5, 0x400),
        (1.000_488_3, 0x3c00),
        (1.001_464_8, 0x3c02),
    ] {
        assert_eq!(half(value), bits, "{value}");
    }
}

#[test]
fn blocks_keep_their_largest_value() {
    let mut block = [0.5_f32; BLOCK];
    block[3] = -1.27;
    let bytes = Format::Q8_0.encode(&block);
    assert_eq!(bytes.len(), 34);
    assert_eq!(bytes[..2], half(0.01).to_le_bytes());
    assert_eq!((bytes[2], bytes[5]), (50, 129));
    assert_eq!(Format::Q8_0.encode(&[0.0; BLOCK]), [0; 34]);
}
