//! The header of a GGUF file, read by plain code before any engine sees it: engines panic on what they do not know.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

mod input;
mod tensors;
#[cfg(test)]
pub(super) mod tests;

use input::{Input, List, Value, broken};
use tensors::mixture;
pub(crate) use tensors::{Tensor, candle_reads, format_name, is_wide};

use crate::error::EngineError;
use crate::source::load;

/// Where tensors begin if the file does not say otherwise.
const ALIGNMENT: u64 = 32;

/// What is read from a header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) architecture: String,
    /// Tensor format that holds most weights, lower case.
    pub(crate) quantization: String,
    /// Token that ends an answer.
    pub(crate) end: Option<u32>,
    pub(crate) template: Option<String>,
    /// `model`, or `adapter` for a low-rank adapter; older files do not say.
    pub(crate) purpose: Option<String>,
    pub(crate) tensors: Vec<Tensor>,
    /// Where the data of the tensors begins in the file.
    data_start: u64,
    numbers: BTreeMap<String, u64>,
    lists: BTreeMap<String, List>,
}

impl Header {
    /// Reads the header of `path`.
    ///
    /// # Errors
    /// [`EngineError::Load`] where it is no intact GGUF file.
    pub(crate) fn read(path: &Path) -> Result<Self, EngineError> {
        let file = File::open(path).map_err(|error| load(path, &error.to_string()))?;
        Self::parse(BufReader::new(file))
            .map_err(|error| load(path, &format!("is no intact GGUF file: {}", told(&error))))
    }

    /// Looks whether the file at `path`, whose header this is, is whole: one that was cut short would be mapped, and
    /// read beyond its end.
    ///
    /// # Errors
    /// [`EngineError::Load`] where it is not.
    pub(crate) fn check_length(&self, path: &Path) -> Result<(), EngineError> {
        let there = fs::metadata(path).map_or(u64::MAX, |about| about.len());
        let needed = self.file_length();
        if there < needed {
            let what = format!("has {there} bytes of {needed}; copy or download it again");
            return Err(load(path, &what));
        }
        Ok(())
    }

    /// Reads a header from its bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where they end within it.
    pub(crate) fn parse(input: impl Read) -> io::Result<Self> {
        let mut input = Input::new(input);
        begin(&mut input)?;
        let (tensors, entries) = (input.u64()?, input.u64()?);
        let mut header = Self::default();
        for _ in 0..entries {
            let key = input.string()?;
            let kind = input.u32()?;
            header.keep(key, input.value(kind)?);
        }
        if header.architecture.is_empty() {
            return Err(broken("it names no general.architecture"));
        }
        header.tensors = tensors::read(&mut input, tensors)?;
        let alignment = header.plain("general.alignment").unwrap_or(ALIGNMENT);
        header.data_start = input
            .position()
            .checked_next_multiple_of(alignment.max(1))
            .ok_or_else(|| broken("its alignment is impossible"))?;
        let most = mixture(&header.tensors);
        header.quantization = most
            .first()
            .map_or_else(|| "none".to_owned(), |(format, _)| format_name(*format));
        Ok(header)
    }

    fn keep(&mut self, key: String, value: Value) {
        match (key.as_str(), value) {
            ("general.architecture", Value::Text(text)) => self.architecture = text,
            ("general.type", Value::Text(text)) => self.purpose = Some(text),
            ("tokenizer.chat_template", Value::Text(text)) => self.template = Some(text),
            ("tokenizer.ggml.eos_token_id", Value::Number(id)) => self.end = u32::try_from(id).ok(),
            (_, Value::Number(number)) => {
                self.numbers.insert(key, number);
            }
            (_, Value::List(list)) => {
                self.lists.insert(key, list);
            }
            _ => {}
        }
    }

    fn plain(&self, key: &str) -> Option<u64> {
        self.numbers.get(key).copied()
    }

    /// A number about the architecture, such as `block_count`.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.plain(&format!("{}.{key}", self.architecture))
    }

    /// A number for each layer about the architecture, such as `attention.head_count_kv`, where it is a list.
    pub(crate) fn list(&self, key: &str) -> Option<List> {
        let key = format!("{}.{key}", self.architecture);
        self.lists.get(&key).copied()
    }

    /// Number of entries of the vocabulary.
    pub(crate) fn vocabulary(&self) -> Option<u64> {
        let tokens = self.lists.get("tokenizer.ggml.tokens");
        tokens.map(|list| list.length)
    }

    /// Number of files that the model is split into.
    pub(crate) fn parts(&self) -> u64 {
        self.plain("split.count").unwrap_or(1)
    }

    /// How the vectors of a text become one, by llama.cpp's numbers; models that make no embeddings have none or 0.
    pub(crate) fn pooling(&self) -> Option<u64> {
        self.plain(&format!("{}.pooling_type", self.architecture))
    }

    /// The tensor of this name.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Weights by format, the most frequent first.
    pub(crate) fn mixture(&self) -> Vec<(String, u64)> {
        let mixture = mixture(&self.tensors).into_iter();
        mixture
            .map(|(format, size)| (format_name(format), size))
            .collect()
    }

    /// Number of weights.
    pub(crate) fn parameters(&self) -> u64 {
        let elements = self.tensors.iter().map(|tensor| tensor.elements);
        elements.fold(0, u64::saturating_add)
    }

    /// Bytes of the weights, as far as their formats are known.
    pub(crate) fn weights(&self) -> u64 {
        let bytes = self.tensors.iter().filter_map(Tensor::bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// How long the whole file is, at the least.
    pub(crate) fn file_length(&self) -> u64 {
        let ends = self.tensors.iter().filter_map(Tensor::end);
        self.data_start.saturating_add(ends.max().unwrap_or(0))
    }
}

/// Magic and version.
fn begin<R: Read>(input: &mut Input<R>) -> io::Result<()> {
    match &input.bytes::<4>()? {
        b"GGUF" => {}
        b"lmgg" | b"tjgg" | b"fmgg" | b"algg" => {
            return Err(broken(
                "it is of the older GGML format; convert the model anew",
            ));
        }
        _ => return Err(broken("it does not begin with GGUF")),
    }
    match input.u32()? {
        2 | 3 => Ok(()),
        1 => Err(broken(
            "its version is 1, which is outdated; convert the model anew",
        )),
        version if matches!(version.swap_bytes(), 1..=3) => {
            Err(broken("it was written for a big-endian machine"))
        }
        _ => Err(broken("its version is neither 2 nor 3")),
    }
}

fn told(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "it ends within its header".to_owned();
    }
    error.to_string()
}
