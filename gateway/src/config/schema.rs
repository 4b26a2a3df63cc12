//! The JSON Schema of the language, made from the types that read it. Editors check and complete with it.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::document::Document;

/// The schema, made once.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

/// The schema of a configuration file, JSON Schema 2020-12. Descriptions are the doc comments of the types.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schema_of::<Document>();
    if let Value::Object(root) = &mut schema {
        // What the file is comes first, for those who open it.
        let version = root.shift_remove("$schema").unwrap_or_default();
        root.shift_insert(0, "$schema".to_owned(), version);
        root.shift_insert(1, "title".to_owned(), json!("Smallfirst configuration"));
    }
    schema
}

/// The schema of a file that `T` mirrors.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    schema
}

/// Takes out what says nothing (`default: null`) and joins the lines of doc comments.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            drop_null_default(keys);
            if let Some(Value::String(text)) = keys.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            keys.values_mut().for_each(tidy);
        }
        Value::Array(entries) => entries.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn drop_null_default(keys: &mut Map<String, Value>) {
    if keys.get("default").is_some_and(Value::is_null) {
        keys.shift_remove("default");
    }
}
