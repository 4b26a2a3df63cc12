//! Private data in a JSON document, such as the body of a request.

use serde_json::{Map, Number, Value};

use super::{DetectorName, Detectors};

/// How often escapes are undone within a text: JSON in a string of JSON, twice over, and one to spare.
const ESCAPED: usize = 4;
/// Shortest run of base64 that is taken for encoded data, in characters.
const ENCODED: usize = 256;
/// Shortest line that may go on in the next one: encoded data is wrapped at 64 or 76 characters.
const WRAPPED: usize = 60;
/// Longest key that is read again with each value of a list, in bytes.
const LONGEST_HINT: usize = 24;
/// Text that is gathered before it is searched, in bytes.
const AT_ONCE: usize = 64 << 10;
/// Whole numbers up to here are exact as floats, 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a document must not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// This detector found something.
    Private(DetectorName),
    /// It holds encoded data, which no detector can read.
    Unreadable,
}

impl Detectors {
    /// What is found in a document: in all its strings, numbers and keys, at any depth.
    ///
    /// A value is read together with its key, so `{"bsn": 111222333}` is found. Strings are read as they are and, where
    /// they have escapes of JSON (`\n`, `\u0040`), with these undone up to four times: a string may hold JSON itself, as
    /// the arguments of tool calls do. Texts of neighbouring parts of a message are read joined, too. Not found: what is
    /// split over messages.
    ///
    /// The cost is linear in the length of the document, and memory is bounded by the longest string.
    pub fn find_in(&self, document: &Value) -> Option<Finding> {
        let mut reading = Reading::of(self);
        reading.read("", document);
        reading.finding()
    }

    /// As [`find_in`](Self::find_in), for the fields of an object.
    pub fn find_in_fields(&self, fields: &Map<String, Value>) -> Option<Finding> {
        let mut reading = Reading::of(self);
        reading.read_fields(fields);
        reading.finding()
    }
}

/// A document as a text that detectors can read, piece by piece.
struct Reading<'d> {
    detectors: &'d Detectors,
    /// What was not searched yet: whole values, an empty line after each, so that the end of one and the start of the
    /// next are never read as one.
    text: String,
    private: Option<DetectorName>,
    encoded: bool,
}

impl<'d> Reading<'d> {
    const fn of(detectors: &'d Detectors) -> Self {
        Self {
            detectors,
            text: String::new(),
            private: None,
            encoded: false,
        }
    }

    fn read(&mut self, key: &str, value: &Value) {
        match value {
            _ if self.private.is_some() => {}
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.read_number(key, number),
            Value::String(text) => self.read_text(key, text),
            Value::Array(entries) => {
                entries.iter().for_each(|entry| self.read(key, entry));
                self.read_joined(entries);
            }
            Value::Object(fields) => self.read_fields(fields),
        }
    }

    fn read_fields(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            let hint = if key.len() > LONGEST_HINT { "" } else { key };
            let goes_along = (value.is_string() || value.is_number()) && !hint.is_empty();
            if !goes_along || key.contains('\\') {
                self.read_text("", key);
            }
            self.read(hint, value);
        }
    }

    fn read_number(&mut self, key: &str, number: &Number) {
        let whole = number
            .as_f64()
            .filter(|n| n.fract() == 0.0 && n.abs() <= EXACT);
        // 4111111111111111.0 is a card number, too.
        let text = match whole {
            Some(whole) if number.is_f64() => format!("{whole:.0}"),
            _ => number.to_string(),
        };
        self.add(key, &text);
    }

    fn read_text(&mut self, key: &str, text: &str) {
        self.add(key, text);
        let mut plainer = unescaped(text);
        for _ in 0..ESCAPED {
            let Some(text) = plainer else { return };
            self.add(key, &text);
            plainer = unescaped(&text);
        }
    }

    /// The parts of one message: models read them without a gap.
    fn read_joined(&mut self, entries: &[Value]) {
        let texts = entries.iter().filter_map(|part| part.get("text")?.as_str());
        let texts: Vec<&str> = texts.collect();
        if texts.len() > 1 {
            self.read_text("", &texts.concat());
        }
    }

    fn add(&mut self, key: &str, text: &str) {
        self.encoded |= is_encoded(text);
        // On a line of its own, so that `^` and `$` of patterns stand for the ends of a value.
        let colon = if key.is_empty() { "" } else { ":\n" };
        for piece in [key, colon, text, "\n\n"] {
            self.text.push_str(piece);
        }
        if self.text.len() > AT_ONCE {
            self.search();
        }
    }

    fn finding(mut self) -> Option<Finding> {
        self.search();
        let private = self.private.map(Finding::Private);
        private.or_else(|| self.encoded.then_some(Finding::Unreadable))
    }

    fn search(&mut self) {
        if self.private.is_none() {
            self.private = self.detectors.find(&self.text);
        }
        self.text.clear();
    }
}

/// The text with escapes of JSON undone, once; `None` where there are none.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    let mut any = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let (c, length) = match read_escape(escape) {
            Some(read) => {
                any = true;
                read
            }
            None => ('\\', 1),
        };
        plain.push(c);
        rest = escape.get(length..).unwrap_or_default();
    }
    if !any {
        return None;
    }
    plain.push_str(rest);
    Some(plain)
}

/// The character that an escape stands for and its length in bytes; `text` begins with a backslash.
fn read_escape(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'n' | b'r' => '\n',
        b't' | b'b' | b'f' => ' ',
        b'u' => return read_unicode(text),
        _ => return None,
    };
    Some((c, 2))
}

/// `\u0040`, or a pair of surrogates (RFC 8259, section 7).
fn read_unicode(text: &str) -> Option<(char, usize)> {
    let first = hex(text, 2)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = text.get(6..8).filter(|mark| *mark == r"\u");
    let second = second.and_then(|_| hex(text, 8))?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(code)?, 12))
}

fn hex(text: &str, from: usize) -> Option<u32> {
    let digits = text.get(from..from + 4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

/// Whether a text has a stretch of base64 (RFC 4648, both alphabets), wrapped or not, that is long enough to be a
/// file. Capitals, small letters and digits have to be among it, as they are in anything encoded.
fn is_encoded(text: &str) -> bool {
    if text.len() < ENCODED {
        return false;
    }
    let mut run = Run::default();
    text.bytes().any(|byte| {
        run.take(byte);
        run.is_encoded()
    })
}

#[derive(Default)]
struct Run {
    length: usize,
    line: usize,
    upper: bool,
    lower: bool,
    digit: bool,
}

impl Run {
    fn take(&mut self, byte: u8) {
        match byte {
            b'A'..=b'Z' => self.upper = true,
            b'a'..=b'z' => self.lower = true,
            b'0'..=b'9' => self.digit = true,
            b'+' | b'/' | b'-' | b'_' | b'=' => {}
            b'\r' if self.line >= WRAPPED => return,
            b'\n' if self.line >= WRAPPED => {
                self.line = 0;
                return;
            }
            _ => {
                *self = Self::default();
                return;
            }
        }
        self.length += 1;
        self.line += 1;
    }

    const fn is_encoded(&self) -> bool {
        self.length >= ENCODED && self.upper && self.lower && self.digit
    }
}
