//! The list of tensors of a GGUF, and how many bytes their formats take.
//!
//! Formats: <https://github.com/ggml-org/ggml/blob/master/include/ggml.h>, their blocks: `ggml-common.h` there.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::input::{Input, broken};

/// Most tensors that are believed. Mixtures of experts have some ten thousand.
const MOST: u64 = 1 << 20;

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// Length of its rows.
    pub(crate) row: u64,
    pub(crate) elements: u64,
    pub(crate) format: u32,
    /// From the start of the data.
    offset: u64,
}

impl Tensor {
    /// Bytes in the file; `None` for a format of unknown size.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let (_, block, size) = format(self.format)?;
        Some(self.elements.div_ceil(block).saturating_mul(size))
    }

    /// Where it ends, from the start of the data.
    pub(super) fn end(&self) -> Option<u64> {
        Some(self.offset.saturating_add(self.bytes()?))
    }
}

pub(super) fn read<R: Read>(input: &mut Input<R>, count: u64) -> io::Result<Vec<Tensor>> {
    if count > MOST {
        return Err(broken("it has an impossible number of tensors"));
    }
    (0..count).map(|_| tensor(input)).collect()
}

fn tensor<R: Read>(input: &mut Input<R>) -> io::Result<Tensor> {
    let name = input.string()?;
    let dimensions = input.u32()?;
    if dimensions > 4 {
        return Err(broken("it has a tensor of more than four dimensions"));
    }
    let (mut row, mut elements) = (1, 1_u64);
    for place in 0..dimensions {
        let length = input.u64()?;
        if place == 0 {
            row = length;
        }
        elements = elements.saturating_mul(length);
    }
    Ok(Tensor {
        name,
        row,
        elements,
        format: input.u32()?,
        offset: input.u64()?,
    })
}

/// Number of weights by format, the most frequent first.
pub(super) fn mixture(tensors: &[Tensor]) -> Vec<(u32, u64)> {
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for tensor in tensors {
        let size = sizes.entry(tensor.format).or_default();
        *size = size.saturating_add(tensor.elements);
    }
    let mut mixture: Vec<_> = sizes.into_iter().collect();
    // Of two that hold as much, the later format, as before.
    mixture.sort_by_key(|(format, size)| std::cmp::Reverse((*size, *format)));
    mixture
}

/// Name of a tensor format, lower case.
pub(crate) fn format_name(number: u32) -> String {
    format(number).map_or_else(
        || format!("ggml type {number}"),
        |(name, _, _)| name.to_owned(),
    )
}

/// Whether candle, and so mistralrs, reads the format.
pub(crate) const fn candle_reads(format: u32) -> bool {
    matches!(format, 0..=3 | 6..=15 | 30)
}

/// Whether it is a format of blocks of 256 weights.
pub(crate) fn is_wide(number: u32) -> bool {
    format(number).is_some_and(|(_, block, _)| block == 256)
}

/// Name, weights of a block, bytes of a block.
const fn format(number: u32) -> Option<(&'static str, u64, u64)> {
    Some(match number {
        0 => ("f32", 1, 4),
        1 => ("f16", 1, 2),
        2 => ("q4_0", 32, 18),
        3 => ("q4_1", 32, 20),
        6 => ("q5_0", 32, 22),
        7 => ("q5_1", 32, 24),
        8 => ("q8_0", 32, 34),
        9 => ("q8_1", 32, 36),
        10 => ("q2_k", 256, 84),
        11 => ("q3_k", 256, 110),
        12 => ("q4_k", 256, 144),
        13 => ("q5_k", 256, 176),
        14 => ("q6_k", 256, 210),
        15 => ("q8_k", 256, 292),
        16 => ("iq2_xxs", 256, 66),
        17 => ("iq2_xs", 256, 74),
        18 => ("iq3_xxs", 256, 98),
        19 => ("iq1_s", 256, 50),
        20 => ("iq4_nl", 32, 18),
        21 => ("iq3_s", 256, 110),
        22 => ("iq2_s", 256, 82),
        23 => ("iq4_xs", 256, 136),
        24 => ("i8", 1, 1),
        25 => ("i16", 1, 2),
        26 => ("i32", 1, 4),
        27 => ("i64", 1, 8),
        28 => ("f64", 1, 8),
        29 => ("iq1_m", 256, 56),
        30 => ("bf16", 1, 2),
        34 => ("tq1_0", 256, 54),
        35 => ("tq2_0", 256, 66),
        39 => ("mxfp4", 32, 17),
        _ => return None,
    })
}
