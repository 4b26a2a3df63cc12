//! A sum of money.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UnitError;

/// An amount of USD, not negative and exact.
///
/// Reads and prints plain decimal text, `"0.50"`. A bare number is an error: on its way through a file it may already
/// have been rounded to a binary fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

impl Amount {
    /// The amount in USD.
    pub const fn usd(self) -> Decimal {
        self.0
    }

    /// Nothing.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Amount {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let number = text.trim();
        // Nothing but digits and a point: no sign, no exponent, no underscores. The exact parser refuses what it would
        // have to round.
        Some(number)
            .filter(|number| number.chars().all(|c| c.is_ascii_digit() || c == '.'))
            .and_then(|number| Decimal::from_str_exact(number).ok())
            .map(Self)
            .ok_or_else(|| UnitError::NotAnAmount {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An amount in USD, as text so that it is exact.",
            "format": "amount",
            "pattern": r"^\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*$",
            "examples": ["0.50", "20.00"],
        })
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in USD as text, such as \"0.50\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }
}
