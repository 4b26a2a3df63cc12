//! A length of time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UnitError;

/// A length of time in whole milliseconds.
///
/// Reads and prints `250ms`, `2s`, `1m30s`, `5m`, `1h`; spaces between the parts are allowed. A bare number is
/// an error: nobody can know whether `5` meant seconds or milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    millis: u64,
}

/// Units and their length in milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    /// A span of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// No time at all.
    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_millis(span.millis)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0s");
        }
        let mut left = self.millis;
        for (unit, length) in UNITS {
            if left >= length {
                write!(f, "{}{unit}", left / length)?;
                left %= length;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let malformed = || UnitError::NotASpan {
            text: text.to_owned(),
        };
        let too_long = || UnitError::TooLong {
            text: text.to_owned(),
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(malformed());
        }
        if rest.chars().all(|c| c.is_ascii_digit()) {
            return Err(UnitError::NoUnit {
                text: rest.to_owned(),
            });
        }
        let mut millis: u64 = 0;
        // Each unit once, longest first, so that a slip such as `5m3m` is not silently added up.
        let mut allowed = UNITS.as_slice();
        while !rest.is_empty() {
            let (number, tail) = split_while(rest, |c| c.is_ascii_digit());
            let (unit, tail) = split_while(tail.trim_start(), |c| c.is_ascii_alphabetic());
            let place = allowed
                .iter()
                .position(|(name, _)| *name == unit)
                .ok_or_else(malformed)?;
            let (this, later) = allowed.split_at(place + 1);
            let (_, length) = this.last().ok_or_else(malformed)?;
            if number.is_empty() {
                return Err(malformed());
            }
            let number: u64 = number.parse().map_err(|_| too_long())?;
            let part = number.checked_mul(*length).ok_or_else(too_long)?;
            millis = millis.checked_add(part).ok_or_else(too_long)?;
            allowed = later;
            rest = tail.trim_start();
        }
        Ok(Self { millis })
    }
}

/// The longest start of `text` whose characters all satisfy `keep`, and what follows it.
fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at(end)
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration with its unit: d, h, m, s or ms, the longest first.",
            "format": "span",
            "pattern": r"^\s*(?=[0-9])([0-9]+\s*d\s*)?([0-9]+\s*h\s*)?([0-9]+\s*m\s*)?([0-9]+\s*s\s*)?([0-9]+\s*ms\s*)?$",
            "examples": ["250ms", "2s", "1m30s", "1h"],
        })
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, such as `250ms`, `2s` or `1m30s`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Span, E> {
        Err(E::custom(UnitError::NoUnit {
            text: value.to_string(),
        }))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Span, E> {
        Err(E::custom(UnitError::NoUnit {
            text: value.to_string(),
        }))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Span, E> {
        Err(E::custom(UnitError::NotASpan {
            text: value.to_string(),
        }))
    }
}
