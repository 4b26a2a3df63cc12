//! How many times as much.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UnitError;
use crate::number::real;

/// A finite number of at least 1; never NaN, so it is totally ordered. Reads `3x`, `1.5x` or a plain number; prints `3x`.
#[derive(Clone, Copy)]
pub struct Factor(f64);

impl Factor {
    /// Three times as much.
    pub(crate) const THREE: Self = Self(3.0);

    /// A factor of `value`.
    ///
    /// # Errors
    /// [`UnitError::NotAFactor`] below 1, for infinity and for NaN.
    pub fn new(value: f64) -> Result<Self, UnitError> {
        if value.is_finite() && value >= 1.0 {
            Ok(Self(value))
        } else {
            Err(UnitError::NotAFactor {
                text: value.to_string(),
            })
        }
    }

    /// The value, at least 1 and finite.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Factor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Factor {}

impl PartialOrd for Factor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Factor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl FromStr for Factor {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let number = text.trim();
        let number = number.strip_suffix('x').unwrap_or(number).trim_end();
        number
            .parse()
            .ok()
            .and_then(|value| Self::new(value).ok())
            .ok_or_else(|| UnitError::NotAFactor {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", self.0)
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Factor {
    fn schema_name() -> Cow<'static, str> {
        "Factor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "description": "A factor of at least 1.",
            "format": "factor",
            "minimum": 1,
            "pattern": r"^\s*[0-9.+eE-]+\s*x?\s*$",
            "examples": ["3x", "1.5x"],
        })
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Factor;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a factor such as `3x`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Factor, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Factor, E> {
        Factor::new(real(value)).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Factor, E> {
        value.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Factor, E> {
        Factor::new(value).map_err(E::custom)
    }
}
