//! The family of a system prompt: what stays of it when the parts that change from day to day are taken out.
//!
//! A certificate holds for one family. Agents put the date, the time, a session id or a link into their prompts; none of
//! these makes it another prompt. The family is the SHA-256 of the text after these steps, in this order of preference
//! at every place of the text:
//!
//! 1. a URL (`http://` or `https://` up to white space or one of `<>"'` or a closing bracket) becomes `0`;
//! 2. a UUID (hexadecimal digits as 8-4-4-4-12) becomes `0`;
//! 3. the English name of a month or a day of the week, in full or as its first three letters, with a capital letter,
//!    becomes `0`; a dot or a comma after it goes with it;
//! 4. a word of at least 8 hexadecimal digits with at least one decimal digit among them becomes `0`;
//! 5. decimal digits become `0`, together with what joins them to further digits: one of `. , : / - + T` or a space;
//!    a `Z`, `st`, `nd`, `rd`, `th`, `am`, `pm` or `UTC` right after them, with at most one space between, goes with them;
//! 6. several `0` in a row become one, and any white space becomes one space.
//!
//! Everything else counts, letter by letter: a change of wording is another family. The price of it is that prompts
//! which differ in nothing but numbers or dates are one family, `Answer in 5 words` and `Answer in 50 words` for
//! example; give such prompts routes of their own.

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// The family of a system prompt, as 64 hexadecimal digits.
#[must_use]
pub fn prompt_family(system: &str) -> String {
    Sha256::digest(normalised(system).as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Stands for what was taken out.
const HOLE: &str = "0";

/// Names that change with the date.
const CALENDAR: [&str; 19] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// What may follow a number and belongs to it.
const SUFFIXES: [&str; 8] = ["st", "nd", "rd", "th", "am", "pm", "utc", "z"];

fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside_word = false;
    while let Some(letter) = rest.chars().next() {
        if letter.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            inside_word = false;
            continue;
        }
        if let Some(length) = variable(rest, inside_word).filter(|length| *length > 0) {
            if out.ends_with("0 ") {
                out.pop();
            } else if !out.ends_with(HOLE) {
                out.push_str(HOLE);
            }
            rest = rest.get(length..).unwrap_or_default();
            inside_word = false;
            continue;
        }
        out.push(letter);
        inside_word = letter.is_alphanumeric();
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    out.truncate(out.trim_end().len());
    out
}

/// Length of the changing part that `text` begins with.
fn variable(text: &str, inside_word: bool) -> Option<usize> {
    if !inside_word {
        let whole_words = [url, uuid, calendar, hexadecimal];
        if let Some(length) = whole_words.iter().find_map(|find| find(text)) {
            return Some(length);
        }
    }
    number(text)
}

fn url(text: &str) -> Option<usize> {
    (text.starts_with("http://") || text.starts_with("https://")).then(|| {
        text.find(|c: char| c.is_whitespace() || "<>\"')]}".contains(c))
            .unwrap_or(text.len())
    })
}

fn uuid(text: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let bytes = text.as_bytes().get(..LENGTH)?;
    let shaped = bytes.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (shaped && ends_word(text, LENGTH)).then_some(LENGTH)
}

fn calendar(text: &str) -> Option<usize> {
    let length = CALENDAR.iter().find_map(|name| {
        let short = name.get(..3)?;
        [*name, short]
            .into_iter()
            .find(|name| text.starts_with(name) && ends_word(text, name.len()))
            .map(str::len)
    })?;
    let dotted = text.get(length..)?.starts_with(['.', ',']);
    Some(length + usize::from(dotted))
}

fn hexadecimal(text: &str) -> Option<usize> {
    let length = text
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(text.len());
    let word = text.get(..length)?;
    let numbered = word.contains(|c: char| c.is_ascii_digit());
    (length >= 8 && numbered && ends_word(text, length)).then_some(length)
}

fn number(text: &str) -> Option<usize> {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let mut length = digits(text);
    if length == 0 {
        return None;
    }
    loop {
        let rest = text.get(length..)?;
        let joined = rest.strip_prefix(['.', ',', ':', '/', '-', '+', 'T', ' ']);
        match joined.map(digits) {
            Some(more) if more > 0 => length += 1 + more,
            _ => break,
        }
    }
    let rest = text.get(length..)?;
    let spaces = usize::from(rest.starts_with(' '));
    let word = rest.get(spaces..)?;
    let suffix = SUFFIXES.into_iter().find(|suffix| {
        let begins = word.get(..suffix.len());
        begins.is_some_and(|begins| begins.eq_ignore_ascii_case(suffix))
            && ends_word(word, suffix.len())
    });
    Some(length + suffix.map_or(0, |suffix| spaces + suffix.len()))
}

/// Whether a word of `length` bytes at the start of `text` ends there.
fn ends_word(text: &str, length: usize) -> bool {
    text.get(length..)
        .and_then(|rest| rest.chars().next())
        .is_none_or(|next| !next.is_alphanumeric())
}
