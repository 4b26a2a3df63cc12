//! Which requests must not leave.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// `true`, `false` or a list of detectors. Read by hand for the sake of its errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PrivateDocument {
    /// All requests, or none.
    All(bool),
    /// Those in which one of these detectors finds something.
    Detected(Vec<String>),
}

impl<'de> Deserialize<'de> for PrivateDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for PrivateDocument {
    fn schema_name() -> Cow<'static, str> {
        "PrivateDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`true` keeps every request here, a list those in which one of these detectors finds something.",
            "anyOf": [
                { "type": "boolean" },
                { "type": "array", "items": { "type": "string" } },
            ],
        })
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = PrivateDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, `false` or a list of detectors")
    }

    fn visit_bool<E: de::Error>(self, all: bool) -> Result<PrivateDocument, E> {
        Ok(PrivateDocument::All(all))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<PrivateDocument, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(entries)).map(PrivateDocument::Detected)
    }
}
