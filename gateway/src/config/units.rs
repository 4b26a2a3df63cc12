//! Sizes with a unit.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number of bytes, written `512KiB` or `10MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub usize);

const UNITS: [(&str, usize); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

impl ByteSize {
    /// The number.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::try_from(self.0).unwrap_or(u64::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let (digits, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
        digits
            .trim()
            .parse::<usize>()
            .ok()?
            .checked_mul(*factor)
            .filter(|n| *n > 0)
            .map(Self)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| {
            if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
                format!("`{text}` has no unit; write `{text}B`, `{text}KiB` or `{text}MiB`")
            } else {
                format!("`{text}` is not a size; write for example `512KiB` or `10MiB`")
            }
        })
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of bytes with its unit: B, KiB, MiB or GiB.",
            "format": "byte-size",
            "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB|GiB)$",
            "examples": ["512KiB", "10MiB"],
        })
    }
}

impl Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS[..3]
            .iter()
            .rev()
            .find(|(_, factor)| self.0.is_multiple_of(*factor))
            .unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// Processors by the numbers of the system: one, `2`, or a range with both ends, `0-3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpus {
    first: u32,
    last: u32,
}

/// More processors than the system can number.
const MOST_CPUS: u32 = 1024;

impl Cpus {
    /// The numbers of all of them.
    #[must_use]
    pub fn all(cpus: Vec<Self>) -> BTreeSet<u32> {
        cpus.into_iter().flat_map(Self::numbers).collect()
    }

    /// Their numbers.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        self.first..=self.last
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = number(first).zip(number(last));
        range
            .filter(|(first, last)| first <= last && *last < MOST_CPUS)
            .map(|(first, last)| Self { first, last })
            .ok_or_else(|| {
                format!(
                    "`{text}` names no processors; write a number like `2` or a range like `0-3`"
                )
            })
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CpusVisitor)
    }
}

struct CpusVisitor;

impl Visitor<'_> for CpusVisitor {
    type Value = Cpus;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of a processor, or a range like `0-3`")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cpus, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cpus, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cpus, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for Cpus {
    fn schema_name() -> Cow<'static, str> {
        "Cpus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "description": "The number of a processor, or a range with both ends.",
            "format": "cpus",
            "minimum": 0,
            "maximum": 1023,
            "pattern": r"^\s*[0-9]+\s*(-\s*[0-9]+\s*)?$",
            "examples": [2, "0-3"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_numbers_and_ranges() {
        let numbers = |text: &str| {
            text.parse::<Cpus>()
                .map(|cpus| cpus.numbers().collect::<Vec<_>>())
        };
        assert_eq!(numbers("2").unwrap(), [2]);
        assert_eq!(numbers("0-3").unwrap(), [0, 1, 2, 3]);
        for wrong in ["3-0", "-1", "a", "0-9999", "", "1,2"] {
            assert!(
                numbers(wrong).unwrap_err().contains("write a number"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn units_are_required() {
        assert_eq!(ByteSize::parse("10MiB"), Some(ByteSize(10 << 20)));
        assert_eq!(ByteSize::parse("7 B"), Some(ByteSize(7)));
        for wrong in ["10", "MiB", "0KiB", "-1B", "10MB", "99999999999GiB"] {
            assert_eq!(ByteSize::parse(wrong), None, "{wrong}");
        }
        assert_eq!(ByteSize(10 << 20).to_string(), "10MiB");
    }
}
