//! Sizes with a unit.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};

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

#[cfg(test)]
mod tests {
    use super::*;

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
