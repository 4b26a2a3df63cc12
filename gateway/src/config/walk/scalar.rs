//! Texts, numbers and words: whether one fits, and what to say if not.

use std::str::FromStr;

use router_policies::{Probability, Span, nearest};
use serde::de::DeserializeOwned;

use super::super::document::strict;
use super::super::problem::Problem;
use super::super::shape::{Form, Shape};
use crate::config::{ByteSize, Cpus};

/// What is wrong with a text where one of `forms` should be; nothing if one fits.
pub(super) fn problem(
    text: &str,
    plain: bool,
    forms: &[Form<'_>],
    shape: Shape<'_>,
) -> Option<Problem> {
    let written = written(text, plain);
    let mut told = None;
    for form in forms {
        match fits(text, &written, form) {
            Fit::Yes => return None,
            Fit::No => {}
            Fit::Because(what) => told = told.or(Some(what)),
        }
    }
    let words: Vec<&str> = forms.iter().flat_map(Form::words).collect();
    if !words.is_empty() {
        return Some(unknown_word(text, &words, forms));
    }
    Some(told.map_or_else(|| wrong_type("a text", shape, forms), Problem::new))
}

/// The scalar as a YAML file of its own.
fn written(text: &str, plain: bool) -> String {
    if plain && !text.contains('\n') {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

enum Fit {
    Yes,
    No,
    Because(String),
}

fn fits(text: &str, written: &str, form: &Form<'_>) -> Fit {
    let words = form.words();
    if !words.is_empty() {
        return if words.contains(&text) {
            Fit::Yes
        } else {
            Fit::No
        };
    }
    match form.format() {
        Some("span") => unit::<Span>(text, written),
        Some("probability") => unit::<Probability>(text, written),
        Some("byte-size") => unit::<ByteSize>(text, written),
        Some("cpus") => unit::<Cpus>(text, written),
        _ if form.takes("string") => Fit::Yes,
        format if form.takes("integer") => integer(text, written, format.unwrap_or_default()),
        _ if form.takes("number") => number::<f64>(text, written, "a number"),
        _ if form.takes("boolean") => number::<bool>(text, written, "`true` or `false`"),
        _ => Fit::No,
    }
}

/// Serde decides, the type itself says why.
fn unit<T: DeserializeOwned + FromStr<Err: ToString>>(text: &str, written: &str) -> Fit {
    if strict::<T>(written).is_ok() {
        return Fit::Yes;
    }
    match text.parse::<T>() {
        Ok(_) => Fit::Because(format!("`{text}` cannot be read here; put it in quotes")),
        Err(error) => Fit::Because(error.to_string()),
    }
}

fn integer(text: &str, written: &str, format: &str) -> Fit {
    match format {
        "uint8" => number::<u8>(text, written, "a whole number from 0 to 255"),
        "uint16" => number::<u16>(text, written, "a whole number from 0 to 65535"),
        "uint32" => number::<u32>(text, written, "a whole number from 0 to 4294967295"),
        "uint" | "uint64" => number::<u64>(text, written, "a whole number, 0 or more"),
        _ => number::<i64>(text, written, "a whole number"),
    }
}

fn number<T: DeserializeOwned>(text: &str, written: &str, expected: &str) -> Fit {
    if strict::<T>(written).is_ok() {
        return Fit::Yes;
    }
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    let quoted = written.starts_with('"') && strict::<T>(text).is_ok();
    let mend = if quoted {
        "remove the quotes"
    } else if expected.starts_with('`') {
        "write one of the two"
    } else if has_digit {
        "write one that is"
    } else {
        "write it in digits"
    };
    Fit::Because(format!("`{text}` is not {expected}; {mend}"))
}

fn unknown_word(text: &str, words: &[&str], forms: &[Form<'_>]) -> Problem {
    let all = format!("`{}`", words.join("`, `"));
    let help = nearest(text, words).map_or_else(
        || format!("write one of {all}"),
        |meant| format!("did you mean `{meant}`? All there are: {all}"),
    );
    let maps: Vec<&str> = forms.iter().filter_map(Form::choice).collect();
    let help = match maps.as_slice() {
        [] => help,
        maps => format!("{help}, or a map with `{}`", maps.join("`, `")),
    };
    Problem::new(format!("`{text}` is not known here")).with_help(help)
}

/// A value of a type that does not belong here.
pub(super) fn wrong_type(found: &str, shape: Shape<'_>, forms: &[Form<'_>]) -> Problem {
    let what = format!("{found} stands where {} should be", expected(forms));
    Problem::new(what).with_help(suggestion(shape, forms))
}

/// What may stand there.
fn expected(forms: &[Form<'_>]) -> String {
    let mut names = Vec::new();
    for form in forms {
        let name = match form.format() {
            Some("span") => "a duration",
            Some("probability") => "a probability",
            Some("byte-size") => "a size",
            _ if !form.words().is_empty() => "a word",
            _ if form.takes("object") => "a map",
            _ if form.takes("array") => "a list",
            _ if form.takes("string") => "a text",
            _ if form.takes("integer") => "a whole number",
            _ if form.takes("number") => "a number",
            _ if form.takes("boolean") => "`true` or `false`",
            _ => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" or ")
}

/// What to write.
pub(super) fn suggestion(shape: Shape<'_>, forms: &[Form<'_>]) -> String {
    if let Some(example) = shape.about().example {
        return format!("write for example `{example}`").replace('"', "");
    }
    let words: Vec<&str> = forms.iter().flat_map(Form::words).collect();
    if !words.is_empty() {
        return format!("write one of `{}`", words.join("`, `"));
    }
    let keys: Vec<&str> = forms
        .iter()
        .filter(|form| form.takes("object"))
        .flat_map(Form::properties)
        .map(|(name, _)| name)
        .collect();
    if keys.is_empty() {
        format!("write {}, or leave the key out", expected(forms))
    } else {
        format!("write a map with keys of these: {}", keys.join(", "))
    }
}
