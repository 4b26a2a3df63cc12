//! A number from 0 to 1.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UnitError;
use crate::number::real;

/// A number in `[0, 1]`; never NaN, so it is totally ordered.
///
/// Reads `"2%"`, `"0.5 %"` or a plain number from 0 to 1; prints as `2 %`. With a precision, as in `{:.1}`, it
/// prints that many decimals of the percentage; without, as many as it takes to read the same value back.
/// Serialised as a plain number, which is what programs want to read.
#[derive(Clone, Copy)]
pub struct Probability(f64);

impl Probability {
    /// Never.
    pub const ZERO: Self = Self(0.0);
    /// Always.
    pub const ONE: Self = Self(1.0);
    /// Once in a hundred.
    pub(crate) const PERCENT_1: Self = Self(0.01);
    /// One in fifty: the usual share of answers that are audited.
    pub(crate) const PERCENT_2: Self = Self(0.02);
    /// Once in ten: how many of the drafts that were stopped early are finished.
    pub(crate) const PERCENT_10: Self = Self(0.1);
    /// 5 %.
    pub(crate) const PERCENT_5: Self = Self(0.05);
    /// One in five: how many of the judged pairs are judged again.
    pub(crate) const PERCENT_20: Self = Self(0.2);
    /// One in four: the usual share of labels that a judge is asked for.
    pub(crate) const PERCENT_25: Self = Self(0.25);
    /// Nine times out of ten: the usual assurance of a risk target.
    pub(crate) const PERCENT_90: Self = Self(0.9);

    /// A probability of `value`.
    ///
    /// # Errors
    /// [`UnitError::NotBetweenZeroAndOne`] outside `[0, 1]` and for NaN.
    pub fn new(value: f64) -> Result<Self, UnitError> {
        if (0.0..=1.0).contains(&value) {
            // Adding zero turns -0.0 into 0.0, so that equal values have one representation.
            Ok(Self(value + 0.0))
        } else {
            Err(UnitError::NotBetweenZeroAndOne { value })
        }
    }

    /// The nearest probability that something is bad: NaN counts as certainly bad, so that arithmetic that went
    /// wrong can only escalate.
    pub(crate) fn of_bad(value: f64) -> Self {
        if value.is_nan() {
            Self::ONE
        } else {
            Self(value.clamp(0.0, 1.0) + 0.0)
        }
    }

    /// The value, in `[0, 1]`.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Chance of both of two independent events.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    /// The probability of the opposite, `1 - p`.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(1.0 - self.0)
    }
}

impl PartialEq for Probability {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Probability {}

impl PartialOrd for Probability {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Probability {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl TryFrom<f64> for Probability {
    type Error = UnitError;

    fn try_from(value: f64) -> Result<Self, UnitError> {
        Self::new(value)
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.precision() {
            Some(decimals) => write!(f, "{:.decimals$} %", self.0 * 100.0),
            None => write!(f, "{} %", percent(self.0)),
        }
    }
}

impl fmt::Debug for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A hundred times `value`, by moving the decimal point of its shortest text: multiplying would print 7 % as
/// `7.000000000000001 %`.
fn percent(value: f64) -> String {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let padded = format!("{fraction:0<2}");
    let (moved, rest) = padded.split_at(2);
    let digits = format!("{whole}{moved}");
    let whole = match digits.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    };
    if rest.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{rest}")
    }
}

impl FromStr for Probability {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let malformed = || UnitError::NotAProbability {
            text: text.to_owned(),
        };
        let Some(percentage) = trimmed.strip_suffix('%') else {
            return Self::new(trimmed.parse().map_err(|_| malformed())?);
        };
        let percentage = percentage.trim_end();
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
        if percentage.is_empty() || !percentage.chars().all(plain) {
            return Err(malformed());
        }
        // Moving the point by an exponent is exact where dividing by 100 would round twice.
        let value = format!("{percentage}e-2")
            .parse()
            .map_err(|_| malformed())?;
        Self::new(value).map_err(|_| UnitError::NotAPercentage {
            text: trimmed.to_owned(),
        })
    }
}

impl Serialize for Probability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Probability {
    fn schema_name() -> Cow<'static, str> {
        "Probability".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "description": "A percentage, or a number from 0 to 1.",
            "format": "probability",
            "minimum": 0,
            "maximum": 1,
            "pattern": r"^\s*([0-9.+-]+\s*%|[0-9.+eE-]+)\s*$",
            "examples": ["2%", "0.5 %", 0.02],
        })
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Probability;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage such as `2 %` or a number from 0 to 1")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Probability, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Probability, E> {
        Probability::new(value).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Probability, E> {
        self.visit_f64(real(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Probability, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => self.visit_f64(-real(value.unsigned_abs())),
        }
    }
}
