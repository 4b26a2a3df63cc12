//! Between messages and tokens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tokenizers::Tokenizer;

use crate::decode::{Pieces, Rule, Rules};
use crate::error::EngineError;
use crate::inspect::USUAL_ENDS;
use crate::job::{Constraint, Message};
use crate::source::load;
use crate::template::{Template, json, token_text};

/// A model's tokenizer and chat template.
#[derive(Debug)]
pub(super) struct Text {
    tokenizer: Tokenizer,
    template: Template,
    pieces: Pieces,
    ends: Arc<[u32]>,
    vocabulary: u32,
    rules: Rules,
}

impl Text {
    /// Reads the files in `side`; `end` and `template` are what the weights file itself declares.
    pub(super) fn read(
        side: &Path,
        end: Option<u32>,
        template: Option<String>,
    ) -> Result<Self, EngineError> {
        let path = side.join("tokenizer.json");
        let tokenizer = Tokenizer::from_file(&path)
            .map_err(|error| load(&path, &format!("cannot be read: {error}")))?;
        let config = json(&side.join("tokenizer_config.json")).unwrap_or_default();
        let template = Template::read(side, &config, template)?;
        let ends = ends(side, &config, &tokenizer, template.source(), end);
        if ends.is_empty() {
            let mend = "declares no end token; set eos_token in tokenizer_config.json";
            return Err(load(side, mend));
        }
        let pieces = pieces(&tokenizer, &json(&path).unwrap_or_default());
        let vocabulary = u32::try_from(tokenizer.get_vocab_size(true)).unwrap_or(u32::MAX);
        let ends: Arc<[u32]> = ends.into();
        let rules = Rules::new(Arc::clone(&pieces), Arc::clone(&ends));
        Ok(Self {
            tokenizer,
            template,
            pieces,
            ends,
            vocabulary,
            rules,
        })
    }

    pub(super) fn template(&self) -> &str {
        self.template.source()
    }

    pub(super) fn ends(&self) -> &Arc<[u32]> {
        &self.ends
    }

    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Number of entries of the vocabulary.
    pub(super) fn vocabulary(&self) -> u32 {
        self.vocabulary
    }

    /// The tokens of the prompt for `messages`.
    pub(super) fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>, EngineError> {
        self.tokens(&self.template.render(messages)?)
    }

    /// What an answer is held to, in tokens.
    pub(super) fn rule(&self, constraint: Option<&Constraint>) -> Result<Rule, EngineError> {
        constraint.map_or(Ok(Rule::Free), |constraint| {
            self.rules.rule(constraint, |text| self.tokens(text))
        })
    }

    /// The template writes special tokens out, so the tokenizer must not add any.
    fn tokens(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let encoding = self.tokenizer.encode_fast(text, false);
        // The tokenizer's own error may quote the text.
        let refused = |_| EngineError::Unsupported("the tokenizer refuses this text".to_owned());
        encoding
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(refused)
    }
}

/// All tokens that end an answer, the best declared first.
fn ends(
    side: &Path,
    config: &Json,
    tokenizer: &Tokenizer,
    template: &str,
    built_in: Option<u32>,
) -> Vec<u32> {
    let declared = config.get("eos_token").and_then(token_text);
    let mut ends: Vec<u32> = declared
        .and_then(|text| tokenizer.token_to_id(&text))
        .into_iter()
        .collect();
    for file in ["generation_config.json", "config.json"] {
        let config = json(&side.join(file)).unwrap_or_default();
        ends.extend(config.get("eos_token_id").map(ids).unwrap_or_default());
    }
    ends.extend(built_in);
    let usual = USUAL_ENDS.iter().filter(|text| template.contains(**text));
    ends.extend(usual.filter_map(|text| tokenizer.token_to_id(text)));
    let mut seen = Vec::new();
    for end in ends {
        if !seen.contains(&end) && tokenizer.id_to_token(end).is_some() {
            seen.push(end);
        }
    }
    seen
}

/// One number or a list of them.
fn ids(value: &Json) -> Vec<u32> {
    let id = |value: &Json| value.as_u64().and_then(|id| u32::try_from(id).ok());
    value.as_array().map_or_else(
        || id(value).into_iter().collect(),
        |list| list.iter().filter_map(id).collect(),
    )
}

/// The bytes that each token stands for. Decoding single tokens would lose halves of characters.
fn pieces(tokenizer: &Tokenizer, file: &Json) -> Pieces {
    let byte_level = file
        .get("decoder")
        .is_some_and(|decoder| decoder.to_string().contains("\"ByteLevel\""));
    let letters = byte_letters();
    let vocabulary = tokenizer.get_vocab(true);
    let count = vocabulary
        .values()
        .max()
        .map_or(0, |last| last.saturating_add(1));
    let added = tokenizer.get_added_tokens_decoder();
    let piece = |id: u32| -> Box<[u8]> {
        if let Some(token) = added.get(&id) {
            // Special tokens steer; they are no text.
            return if token.special {
                Box::default()
            } else {
                token.content.as_bytes().into()
            };
        }
        let text = tokenizer.id_to_token(id).unwrap_or_default();
        if byte_level {
            from_letters(&text, &letters)
        } else {
            from_sentencepiece(&text)
        }
        .into()
    };
    (0..count).map(piece).collect()
}

fn from_letters(text: &str, letters: &HashMap<char, u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match letters.get(&letter) {
            Some(byte) => bytes.push(*byte),
            None => bytes.extend(letter.to_string().bytes()),
        }
    }
    bytes
}

/// `<0x0A>` is a byte and `▁` a space.
fn from_sentencepiece(text: &str) -> Vec<u8> {
    let code = text
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'));
    match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
        Some(byte) => vec![byte],
        None => text.replace('▁', " ").into_bytes(),
    }
}

/// The letters that byte-level vocabularies write bytes with: printable ones stand for themselves, the
/// others count up from U+0100. <https://github.com/openai/gpt-2/blob/master/src/encoder.py>
fn byte_letters() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let own = (0..=255)
        .filter(printable)
        .map(|byte| (char::from(byte), byte));
    let others = (0..=255).filter(|byte| !printable(byte));
    let shifted = ('\u{100}'..).zip(others);
    own.chain(shifted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_letter() {
        let letters = byte_letters();
        assert_eq!(letters.len(), 256);
        assert_eq!(letters.get(&'Ġ'), Some(&b' '));
        assert_eq!(letters.get(&'Ċ'), Some(&b'\n'));
        assert_eq!(from_letters("ĠÃ©", &letters), " é".as_bytes());
    }

    #[test]
    fn sentencepiece_writes_bytes_and_spaces() {
        assert_eq!(from_sentencepiece("<0x0A>"), b"\n");
        assert_eq!(from_sentencepiece("▁no"), b" no");
    }
}
