//! JSON by value: the order of keys and the way a number is written do not matter.

use serde_json::Value;

use super::{f1, shared};

/// F1 over the fields of two texts of JSON; 0 if either is none. A field is a path with the scalar at its end, so a
/// missing, an additional and a wrong value each count.
pub(super) fn likeness(one: &str, other: &str) -> f64 {
    let fields = |text: &str| {
        let value: Value = serde_json::from_str(unfenced(text)).ok()?;
        let mut fields = Vec::new();
        collect(&value, &mut String::new(), &mut fields);
        Some(fields)
    };
    match (fields(one), fields(other)) {
        (Some(one), Some(other)) => f1(shared(&one, &other), one.len(), other.len()),
        _ => 0.0,
    }
}

/// One text for all ways to write a value; `None` if it is no JSON.
pub(super) fn canonical(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let mut fields = Vec::new();
    collect(&value, &mut String::new(), &mut fields);
    fields.sort_unstable();
    Some(fields.join("\n"))
}

/// Large models like to wrap JSON in a code fence.
fn unfenced(text: &str) -> &str {
    let inner = || {
        let body = text.strip_prefix("```")?.strip_suffix("```")?;
        Some(body.strip_prefix("json").unwrap_or(body).trim())
    };
    inner().unwrap_or(text)
}

fn collect(value: &Value, path: &mut String, fields: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                // Written as JSON, so that no key can pass for a path.
                path.push_str(&Value::from(key.as_str()).to_string());
                path.push('.');
                collect(value, path, fields);
                path.truncate(length);
            }
        }
        Value::Array(entries) if !entries.is_empty() => {
            for (index, value) in entries.iter().enumerate() {
                path.push_str(&format!("{index}."));
                collect(value, path, fields);
                path.truncate(length);
            }
        }
        Value::Number(number) => fields.push(format!("{path}={}", plain(number))),
        other => fields.push(format!("{path}={other}")),
    }
}

/// `1`, `1.0` and `1e0` are one number.
fn plain(number: &serde_json::Number) -> String {
    let exact = number.is_i64() || number.is_u64();
    match number.as_f64() {
        Some(value) if !exact => value.to_string(),
        _ => number.to_string(),
    }
}
