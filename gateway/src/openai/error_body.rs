//! The one shape of an error that OpenAI clients understand.

use serde_json::{Value, json};

use crate::fault::Fault;

/// `{"error": {message, type, param, code}}`; all four keys are required by the API's schema.
#[must_use]
pub fn error_body(fault: &Fault) -> Value {
    if let Some(error) = fault.passed_on() {
        return json!({ "error": complete(error) });
    }
    json!({ "error": {
        "message": fault.public(),
        "type": fault.kind().openai_type(),
        "param": fault.param(),
        "code": fault.kind().code(),
    }})
}

/// Fills in keys that an upstream of a looser dialect left out.
fn complete(error: &Value) -> Value {
    let text = |key: &str| error.get(key).cloned().unwrap_or(Value::Null);
    json!({
        "message": error.get("message").cloned().unwrap_or_else(|| json!("the upstream refused the request")),
        "type": error.get("type").cloned().unwrap_or_else(|| json!("invalid_request_error")),
        "param": text("param"),
        "code": text("code"),
    })
}
