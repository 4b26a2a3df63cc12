//! Pairs the text of an answer with what is said about its tokens, wherever the server cut either.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::Entry;
use super::list;
use crate::engine::Token;
use crate::error::EngineError;

/// Puts one answer together.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Closed list that the server holds the answer to.
    labels: Option<Arc<[String]>>,
    /// Text that no token was found for yet.
    text: Vec<u8>,
    /// Tokens whose text has not come yet: the server keeps back what may become a stop string or a character.
    waiting: VecDeque<Entry>,
    /// Text of the tokens that are out.
    said: Vec<u8>,
    tokens: u32,
}

impl Assembly {
    pub(super) fn new(labels: Option<Arc<[String]>>) -> Self {
        Self {
            labels,
            text: Vec::new(),
            waiting: VecDeque::new(),
            said: Vec::new(),
            tokens: 0,
        }
    }

    /// Tokens that are out.
    pub(super) fn tokens(&self) -> u32 {
        self.tokens
    }

    /// Adds what one event brought; gives the tokens that are certain now.
    pub(super) fn push(
        &mut self,
        text: &str,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Vec<Token> {
        self.text.extend_from_slice(text.as_bytes());
        self.waiting.extend(entries);
        let mut certain = Vec::new();
        while let Some(entry) = self.waiting.front() {
            let whole = self.text.starts_with(&entry.bytes) && !entry.bytes.is_empty();
            let strange = !self.text.is_empty() && !entry.bytes.starts_with(&self.text);
            if !whole && !strange {
                break;
            }
            // A server that writes a broken character for a part of one cannot be followed byte by byte: the
            // token then takes what text there is.
            let length = if whole || entry.bytes.is_empty() {
                entry.bytes.len()
            } else {
                self.text.len()
            };
            certain.extend(self.emit(length));
        }
        certain
    }

    /// The answer is complete: what waits has no text of its own, like the token that ends an answer.
    ///
    /// # Errors
    /// Where text is left that nothing was said about: such an answer cannot be judged.
    pub(super) fn finish(&mut self) -> Result<Vec<Token>, EngineError> {
        let mut certain = Vec::new();
        while !self.waiting.is_empty() {
            let length = self.text.len();
            certain.extend(self.emit(length));
        }
        if self.text.is_empty() {
            return Ok(certain);
        }
        let what = if self.tokens == 0 {
            "it gives no log-probabilities, and an answer without them cannot be trusted; start it with them"
        } else {
            "it gave no log-probabilities for a part of the answer"
        };
        Err(EngineError::Unsupported(what.to_owned()))
    }

    /// Lets the first waiting token go, with the next `length` bytes of text.
    fn emit(&mut self, length: usize) -> Option<Token> {
        let entry = self.waiting.pop_front()?;
        let bytes: Vec<u8> = self.text.drain(..length.min(self.text.len())).collect();
        let stats = match &self.labels {
            None => entry.stats(false, None),
            Some(labels) => {
                let forced = list::is_forced(labels, &self.said, &bytes);
                let legal = |next: &[u8]| list::is_legal(labels, &self.said, next);
                entry.stats(forced, Some(&legal))
            }
        };
        self.said.extend_from_slice(&bytes);
        self.tokens += 1;
        let id = entry.id.unwrap_or_else(|| stand_in(&entry.bytes));
        Some(Token { id, bytes, stats })
    }
}

/// A number for a token whose own the server does not tell: the same text has the same one
/// (FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>).
fn stand_in(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::dialect::Dialect;
    use super::*;

    fn entry(bytes: &[u8]) -> Entry {
        let value =
            json!({"token": String::from_utf8_lossy(bytes), "bytes": bytes, "logprob": -0.1});
        Entry::read(&value, Dialect::Openai).unwrap()
    }

    fn texts(tokens: &[Token]) -> Vec<&[u8]> {
        tokens.iter().map(|token| token.bytes.as_slice()).collect()
    }

    #[test]
    fn a_character_over_two_tokens_stays_whole_bytes() {
        let mut assembly = Assembly::new(None);
        assert!(assembly.push("", [entry(b"\xc3")]).is_empty());
        let tokens = assembly.push("é", [entry(b"\xa9")]);
        assert_eq!(texts(&tokens), [b"\xc3", b"\xa9"]);
    }

    #[test]
    fn a_broken_character_keeps_the_text() {
        let mut assembly = Assembly::new(None);
        let broken = || entry("\u{fffd}".as_bytes());
        let mut tokens = assembly.push("é", [broken(), broken()]);
        tokens.extend(assembly.finish().unwrap());
        assert_eq!(texts(&tokens), ["é".as_bytes(), b""]);
    }

    #[test]
    fn the_end_token_has_no_text() {
        let mut assembly = Assembly::new(None);
        let tokens = assembly.push("yes", [entry(b"yes"), entry(b"<|im_end|>")]);
        assert_eq!(texts(&tokens), [b"yes"]);
        assert_eq!(texts(&assembly.finish().unwrap()), [b""]);
    }

    #[test]
    fn a_token_that_a_stop_string_cut_gives_its_beginning() {
        let mut assembly = Assembly::new(None);
        assert!(assembly.push("ab", [entry(b"ab\ncd")]).is_empty());
        assert_eq!(texts(&assembly.finish().unwrap()), [b"ab"]);
    }

    #[test]
    fn text_that_nothing_is_said_about_is_refused() {
        let mut assembly = Assembly::new(None);
        assert!(assembly.push("yes", []).is_empty());
        let error = assembly.finish().unwrap_err();
        assert!(
            error.to_string().contains("no log-probabilities"),
            "{error}"
        );
    }

    #[test]
    fn a_closed_list_marks_what_was_forced() {
        let labels: Arc<[String]> = ["billing".to_owned(), "bug".to_owned()].into();
        let mut assembly = Assembly::new(Some(labels));
        let tokens = assembly.push("billing", [entry(b"b"), entry(b"ill"), entry(b"ing")]);
        let forced: Vec<_> = tokens.iter().map(|token| token.stats.forced).collect();
        assert_eq!(forced, [true, false, true]);
    }

    proptest! {
        /// However the network cuts the text and the list of tokens, the answer is the same.
        #[test]
        fn any_cut_gives_the_same(
            words in proptest::collection::vec("[a-zé\u{2603} ]{1,4}", 1..12),
            cuts in proptest::collection::vec(any::<bool>(), 12),
        ) {
            let mut assembly = Assembly::new(None);
            let (mut tokens, mut text, mut entries) = (Vec::new(), String::new(), Vec::new());
            for (word, cut) in words.iter().zip(&cuts) {
                entries.push(entry(word.as_bytes()));
                text.push_str(word);
                if *cut {
                    tokens.extend(assembly.push(&std::mem::take(&mut text), entries.drain(..)));
                } else {
                    // The tokens come before their text.
                    tokens.extend(assembly.push("", entries.drain(..)));
                }
            }
            tokens.extend(assembly.push(&text, entries));
            tokens.extend(assembly.finish().unwrap());
            let said: Vec<_> = tokens.iter().map(|token| token.bytes.clone()).collect();
            let expected: Vec<_> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
            prop_assert_eq!(said, expected);
        }
    }
}
