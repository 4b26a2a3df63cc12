//! Between messages and tokens, by the tokenizer that the GGUF file carries.
//!
//! A tokenizer.json beside the file is not looked at: the file's own vocabulary is what its weights were converted
//! with, and what everybody who runs GGUF files uses. A chat template beside it does count, since that is how one
//! corrects the template of a file that one cannot rewrite.

use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use sha2::{Digest, Sha256};

use crate::decode::{Pieces, Rule, Rules};
use crate::error::EngineError;
use crate::inspect::gguf::Header;
use crate::job::{Constraint, Message};
use crate::source::{Source, hex, load};
use crate::template::{Template, json};

/// A model's vocabulary and chat template.
#[derive(Debug)]
pub(super) struct Text {
    model: Arc<LlamaModel>,
    /// Models that only make embeddings need none.
    template: Option<Template>,
    pieces: Pieces,
    ends: Arc<[u32]>,
    /// Begins every prompt, where the file wants that.
    begin: Option<u32>,
    rules: Rules,
}

impl Text {
    pub(super) fn read(
        model: &Arc<LlamaModel>,
        source: &Source,
        header: &Header,
    ) -> Result<Self, EngineError> {
        let vocabulary = model.vocab();
        let tokens = vocabulary.tokens();
        let pieces = tokens.map(|token| vocabulary.token_to_piece(token, false, None).into());
        let pieces: Pieces = pieces.collect();
        let ends = vocabulary
            .tokens()
            .filter(|token| vocabulary.is_eog(*token));
        let ends: Arc<[u32]> = ends.filter_map(id).collect();
        let template = if super::embed::makes_embeddings(header) {
            None
        } else {
            Some(template(model, source, header)?)
        };
        if ends.is_empty() && template.is_some() {
            let mend = "declares no end token; set tokenizer.ggml.eos_token_id in its metadata";
            return Err(load(source.weights.path(), mend));
        }
        let begin = id(vocabulary.bos()).filter(|_| vocabulary.should_add_bos());
        let rules = Rules::new(Arc::clone(&pieces), Arc::clone(&ends));
        Ok(Self {
            model: Arc::clone(model),
            template,
            pieces,
            ends,
            begin,
            rules,
        })
    }

    pub(super) fn template(&self) -> &str {
        self.template.as_ref().map_or("", Template::source)
    }

    pub(super) fn ends(&self) -> &Arc<[u32]> {
        &self.ends
    }

    pub(super) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Number of entries of the vocabulary.
    pub(super) fn vocabulary(&self) -> u32 {
        u32::try_from(self.pieces.len()).unwrap_or(u32::MAX)
    }

    /// SHA-256 of the vocabulary: each token's text and kind. What else steers the tokenizer is covered by the hash of
    /// the file.
    pub(super) fn hash(&self) -> String {
        let vocabulary = self.model.vocab();
        let mut hash = Sha256::new();
        for token in vocabulary.tokens() {
            let text = vocabulary.text(token).unwrap_or_default();
            hash.update(text.to_bytes_with_nul());
            hash.update([u8::from(vocabulary.is_control(token))]);
        }
        hex(&hash.finalize())
    }

    /// The tokens of the prompt for `messages`.
    pub(super) fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>, EngineError> {
        let none = || EngineError::Unsupported("it makes embeddings and no answers".to_owned());
        let template = self.template.as_ref().ok_or_else(none)?;
        let mut tokens = self.tokens(&template.render(messages)?);
        // Most templates write the beginning themselves.
        if let Some(begin) = self.begin.filter(|begin| tokens.first() != Some(begin)) {
            tokens.insert(0, begin);
        }
        if tokens.is_empty() {
            let what = "the chat template makes nothing of these messages";
            return Err(EngineError::Unsupported(what.to_owned()));
        }
        Ok(tokens)
    }

    /// The tokens of a text to embed, with those that the model wants around it.
    pub(super) fn plain(&self, text: &str) -> Vec<u32> {
        let tokens = self.model.vocab().tokenize(text.as_bytes(), true, false);
        tokens.into_iter().filter_map(id).collect()
    }

    /// What an answer is held to, in tokens.
    pub(super) fn rule(&self, constraint: Option<&Constraint>) -> Result<Rule, EngineError> {
        constraint.map_or(Ok(Rule::Free), |constraint| {
            self.rules.rule(constraint, |text| Ok(self.tokens(text)))
        })
    }

    /// The template writes special tokens out, so the tokenizer must not add any.
    fn tokens(&self, text: &str) -> Vec<u32> {
        let tokens = self.model.vocab().tokenize(text.as_bytes(), false, true);
        tokens.into_iter().filter_map(id).collect()
    }
}

fn template(model: &LlamaModel, source: &Source, header: &Header) -> Result<Template, EngineError> {
    let config = json(&source.side.join("tokenizer_config.json")).unwrap_or_default();
    let template = Template::read(&source.side, &config, header.template.clone())?;
    let vocabulary = model.vocab();
    let mark = |token| {
        let text = id(token).and_then(|_| vocabulary.text(token));
        text.map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    Ok(template.with_marks(mark(vocabulary.bos()), mark(vocabulary.eos())))
}

/// A token's number; tokens that a vocabulary lacks are negative.
pub(super) fn id(token: LlamaToken) -> Option<u32> {
    u32::try_from(token.0).ok()
}

/// A number as llama.cpp takes it. Numbers come from the same vocabulary, so none is out of range.
pub(super) fn token(id: u32) -> LlamaToken {
    LlamaToken(i32::try_from(id).unwrap_or(i32::MAX))
}
