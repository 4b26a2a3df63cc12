//! Calls of tools: the same tools with the same arguments, in whatever order.

use super::said::Called;
use super::{f1, json, shared};

/// F1 over whole calls: a call with one wrong argument is a wrong call.
pub(super) fn likeness(one: &[Called], other: &[Called]) -> f64 {
    let (one, other) = (canonical(one), canonical(other));
    f1(shared(&one, &other), one.len(), other.len())
}

/// No arguments and an empty object are the same to every tool.
fn canonical(calls: &[Called]) -> Vec<(String, String)> {
    let arguments = |call: &Called| {
        let text = match call.arguments.trim() {
            "" => "{}",
            text => text,
        };
        json::canonical(text).unwrap_or_else(|| text.to_owned())
    };
    calls
        .iter()
        .map(|call| (call.name.clone(), arguments(call)))
        .collect()
}
