//! One line of a recording. Its errors name keys and columns, never what stood there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use router_policies::Probability;
use rust_decimal::Decimal;
use serde::de::{self, Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, Serialize};

use crate::ledger::Usd;

/// One recorded request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row<'a> {
    #[serde(borrow, deserialize_with = "text")]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub(super) route: Cow<'a, str>,
    /// Kept for other tools; no figure depends on it.
    #[serde(default, rename = "group")]
    _group: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "confidence")]
    pub(super) confidence: Option<f64>,
    #[serde(default, deserialize_with = "features")]
    pub(super) features: Option<BTreeMap<String, f64>>,
    #[serde(deserialize_with = "local_grade")]
    pub(super) local_correct: Probability,
    #[serde(deserialize_with = "upstream_grade")]
    pub(super) upstream_correct: Probability,
    #[serde(default, deserialize_with = "local_cost")]
    pub(super) local_cost: Option<Usd>,
    #[serde(default, deserialize_with = "upstream_cost")]
    pub(super) upstream_cost: Option<Usd>,
    #[serde(default, deserialize_with = "split")]
    pub(super) split: Option<Split>,
}

/// What a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Split {
    /// To fit and to certify on.
    Calibration,
    /// To measure on.
    Test,
}

/// What a row looks like, for messages.
const EXAMPLE: &str = r#"{"id": "1", "route": "triage", "confidence": 0.97, "local_correct": true, "upstream_correct": true}"#;

/// Reads a line.
///
/// # Errors
/// The column, from 1, and what is wrong there.
pub(super) fn parse(line: &[u8]) -> Result<Row<'_>, (usize, String)> {
    serde_json::from_slice(line).map_err(|error| (error.column().max(1), problem(&error)))
}

/// The parser's message, where it is one of ours or names a key; its others may quote the line.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text
        .rfind(" at line ")
        .and_then(|end| text.get(..end))
        .unwrap_or_default();
    let ours = said.starts_with('`');
    if error.is_data() && (ours || said.starts_with("missing field") || is_twice(said)) {
        return said.replace("field `", "key `");
    }
    match said.strip_prefix("unknown field `") {
        Some(rest) => unknown(rest),
        None => format!("not a recorded outcome; write one object a line, such as {EXAMPLE}"),
    }
}

fn is_twice(said: &str) -> bool {
    said.starts_with("duplicate field")
}

/// A key that looks like one is named; anything else may be private.
fn unknown(rest: &str) -> String {
    let key = rest.split('`').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let named = if key.len() <= 32 && key.chars().all(plain) {
        format!("unknown key `{key}`")
    } else {
        "unknown key".to_owned()
    };
    format!(
        "{named}; there are id, route, group, confidence, features, local_correct, upstream_correct, local_cost, \
         upstream_cost and split"
    )
}

fn text<'de: 'a, 'a, D: Deserializer<'de>>(d: D) -> Result<Cow<'a, str>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Text::deserialize(d)
        .map(|text| text.0)
        .map_err(|_| de::Error::custom("`id` and `route` must be texts"))
}

fn confidence<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    let said = "`confidence` must be a probability from 0 to 1, or a log-probability of at most 0 in all rows of its \
                route";
    let found = Option::<f64>::deserialize(d).map_err(|_| de::Error::custom(said))?;
    match found {
        Some(value) if value > 1.0 => Err(de::Error::custom(said)),
        found => Ok(found),
    }
}

fn features<'de, D: Deserializer<'de>>(d: D) -> Result<Option<BTreeMap<String, f64>>, D::Error> {
    Option::deserialize(d)
        .map_err(|_| de::Error::custom("`features` must be an object of names and numbers"))
}

fn local_grade<'de, D: Deserializer<'de>>(d: D) -> Result<Probability, D::Error> {
    grade(d, "local_correct")
}

fn upstream_grade<'de, D: Deserializer<'de>>(d: D) -> Result<Probability, D::Error> {
    grade(d, "upstream_correct")
}

fn grade<'de, D: Deserializer<'de>>(d: D, key: &str) -> Result<Probability, D::Error> {
    d.deserialize_any(Grade).map_err(|_| {
        de::Error::custom(format!(
            "`{key}` must be true, false or a number from 0 to 1"
        ))
    })
}

fn local_cost<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Usd>, D::Error> {
    cost(d, "local_cost")
}

fn upstream_cost<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Usd>, D::Error> {
    cost(d, "upstream_cost")
}

fn cost<'de, D: Deserializer<'de>>(d: D, key: &str) -> Result<Option<Usd>, D::Error> {
    let found = Option::<Cost>::deserialize(d);
    found.map(|cost| cost.map(|cost| cost.0)).map_err(|_| {
        de::Error::custom(format!(
            "`{key}` must be US dollars, a number or a decimal in quotes, not below 0"
        ))
    })
}

fn split<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Split>, D::Error> {
    Option::deserialize(d)
        .map_err(|_| de::Error::custom("`split` must be \"calibration\" or \"test\""))
}

struct Grade;

impl Visitor<'_> for Grade {
    type Value = Probability;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a grade")
    }

    fn visit_bool<E: de::Error>(self, right: bool) -> Result<Probability, E> {
        Ok(if right {
            Probability::ONE
        } else {
            Probability::ZERO
        })
    }

    fn visit_u64<E: de::Error>(self, grade: u64) -> Result<Probability, E> {
        match grade {
            0 => Ok(Probability::ZERO),
            1 => Ok(Probability::ONE),
            _ => Err(E::custom("too much")),
        }
    }

    fn visit_f64<E: de::Error>(self, grade: f64) -> Result<Probability, E> {
        Probability::new(grade).map_err(E::custom)
    }
}

/// An amount as recordings write it: a JSON number, or a text to be exact.
struct Cost(Usd);

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Amount)
    }
}

struct Amount;

impl Amount {
    /// The shortest decimal that reads as the number, which is what was written.
    fn read<E: de::Error>(text: &str) -> Result<Cost, E> {
        let amount: Decimal = text.trim().parse().map_err(E::custom)?;
        let amount = (!amount.is_sign_negative() || amount.is_zero())
            .then(|| Usd::from_decimal(amount))
            .flatten();
        amount.map(Cost).ok_or_else(|| E::custom("out of range"))
    }
}

impl Visitor<'_> for Amount {
    type Value = Cost;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount")
    }

    fn visit_u64<E: de::Error>(self, amount: u64) -> Result<Cost, E> {
        Self::read(&amount.to_string())
    }

    fn visit_f64<E: de::Error>(self, amount: f64) -> Result<Cost, E> {
        Self::read(&amount.to_string())
    }

    fn visit_str<E: de::Error>(self, amount: &str) -> Result<Cost, E> {
        Self::read(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_everything() {
        let line = br#"{"id":"a","route":"r","group":7,"confidence":0.5,"features":{"x":1},"local_correct":true,
            "upstream_correct":0.5,"local_cost":2e-06,"upstream_cost":"0.0041","split":"test"}"#;
        let row = parse(line).unwrap();
        assert_eq!((row.id.as_ref(), row.route.as_ref()), ("a", "r"));
        assert_eq!(row.local_cost.unwrap().to_string(), "0.000002");
        assert_eq!(row.upstream_cost.unwrap().to_string(), "0.0041");
        assert_eq!(row.upstream_correct, "50%".parse().unwrap());
        assert_eq!(row.split, Some(Split::Test));
    }

    #[test]
    fn problems_name_the_key_and_hide_the_value() {
        let with = |rest: &str| {
            format!(r#"{{"id":"a","route":"r","local_correct":1,"upstream_correct":0{rest}}}"#)
        };
        for (line, said) in [
            (with(r#","confidence":"s3cret""#), "`confidence` must be"),
            (with(r#","confidence":1.5"#), "`confidence` must be"),
            (with(r#","features":{"x":"s3cret"}"#), "`features` must be"),
            (with(r#","split":"s3cret""#), "`split` must be"),
            (
                with(r#","upstream_cost":"s3cret""#),
                "`upstream_cost` must be",
            ),
            (with(r#","local_cost":-1"#), "`local_cost` must be"),
            (
                with(r#","confidance":1"#),
                "unknown key `confidance`; there are id,",
            ),
            (with(r#","my s3cret":1"#), "unknown key; there are id,"),
            (with(r#","id":"s3cret""#), "duplicate key `id`"),
            (
                r#"{"id":"a","route":"r","local_correct":"s3cret"}"#.to_owned(),
                "`local_correct` must be",
            ),
            (r#"{"id":7}"#.to_owned(), "`id` and `route` must be texts"),
            (
                r#"{"id":"a","route":"r"}"#.to_owned(),
                "missing key `local_correct`",
            ),
            ("\"s3cret\"".to_owned(), "not a recorded outcome"),
            ("s3cret".to_owned(), "not a recorded outcome"),
            (
                with(r#","local_correct":"#),
                "duplicate key `local_correct`",
            ),
        ] {
            let (column, problem) = parse(line.as_bytes()).unwrap_err();
            assert!(problem.starts_with(said), "{line}: {problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
            assert!(column >= 1);
        }
    }
}
