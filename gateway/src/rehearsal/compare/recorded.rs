//! A file of recorded requests, one JSON object a line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::super::{Call, Written};

/// What a line may say.
const KEYS: [&str; 4] = ["id", "request", "key", "headers"];

/// Reads the requests of a file, `-` for standard input, and hands over each with its id: its own, or `line N`.
/// `progress` is told how many bytes were read.
///
/// # Errors
/// What is wrong with the file, with the line. No text of a request is repeated.
pub(crate) fn each_recorded(
    path: &Path,
    mut progress: impl FnMut(u64),
    mut take: impl FnMut(&str, &Call),
) -> Result<(), String> {
    let file = path.display();
    let unreadable = |error: io::Error| format!("{file}: cannot be read: {error}");
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    let mut read = 0;
    for (number, line) in (1_u64..).zip(BufReader::new(source).split(b'\n')) {
        let line = line.map_err(unreadable)?;
        read += u64::try_from(line.len()).unwrap_or_default() + 1;
        progress(read);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let (id, call) = row(&line).map_err(|what| format!("{file}:{number}: {what}"))?;
        take(&id.unwrap_or_else(|| format!("line {number}")), &call);
    }
    Ok(())
}

fn row(line: &[u8]) -> Result<(Option<String>, Call), String> {
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| format!("not JSON: error at column {}", error.column()))?;
    let fields = value
        .as_object()
        .ok_or("not an object; write {\"request\": {...}, \"key\": \"...\", \"headers\": {...}}")?;
    if let Some(unknown) = fields.keys().find(|name| !KEYS.contains(&name.as_str())) {
        return Err(format!(
            "there is no field `{unknown}`; the fields are: {}",
            KEYS.join(", ")
        ));
    }
    let body = fields
        .get("request")
        .filter(|body| body.is_object())
        .ok_or("`request` is missing or no object; put the body of the request there")?;
    let headers = headers(fields.get("headers"))?;
    let written = Written {
        body,
        key: text(fields.get("key"), "key")?,
        headers: &headers,
    };
    let call = Call::read(written)
        .map_err(|name| format!("`{name}` is not a header with a value that can be sent"))?;
    let id = match fields.get("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        other => text(other, "id")?.map(str::to_owned),
    };
    Ok((id, call))
}

fn text<'v>(value: Option<&'v Value>, name: &str) -> Result<Option<&'v str>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` must be a text")),
    }
}

fn headers(value: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let must = || "`headers` must be an object of texts".to_owned();
    let fields = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(must()),
    };
    let pairs = fields.iter().map(|(name, value)| {
        let value = value.as_str().ok_or_else(must)?;
        Ok((name.clone(), value.to_owned()))
    });
    pairs.collect()
}
