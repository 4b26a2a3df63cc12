//! Labels, numbers and free text.

use super::{f1, shared};

/// 1 if two answers name the same label. Case, quotes and the full stop that large models add do not matter.
pub(super) fn label_likeness(one: &str, other: &str) -> f64 {
    let label = |text: &str| {
        let around = |c: char| c.is_whitespace() || "\"'`*.".contains(c);
        text.trim_matches(around).to_lowercase()
    };
    if label(one) == label(other) { 1.0 } else { 0.0 }
}

/// 1 if two numbers differ by at most `tolerance` of the larger; `None` unless both are numbers. Thousands may be set
/// off by commas, and a currency sign or a per cent sign may stand around them if it does on both sides.
pub(super) fn number_likeness(one: &str, other: &str, tolerance: f64) -> Option<f64> {
    let ((one, unit), (other, other_unit)) = (number(one)?, number(other)?);
    let near = (one - other).abs() <= tolerance * one.abs().max(other.abs());
    Some(if near && unit == other_unit { 1.0 } else { 0.0 })
}

fn number(text: &str) -> Option<(f64, String)> {
    let is_unit = |c: char| "$€£%".contains(c) || c.is_whitespace();
    let unit = text.chars().filter(|c| "$€£%".contains(*c)).collect();
    let bare = text
        .trim_matches(is_unit)
        .trim_end_matches('.')
        .replace(',', "");
    let value: f64 = bare.parse().ok()?;
    value.is_finite().then_some((value, unit))
}

/// F1 over the words of two texts, without regard to case and punctuation.
pub(super) fn likeness(one: &str, other: &str) -> f64 {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let (one, other) = (words(one), words(other));
    f1(shared(&one, &other), one.len(), other.len())
}
