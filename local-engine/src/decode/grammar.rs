//! Grammars over a model's vocabulary, and one answer's way through them.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::panic_utils::catch_unwind;
use llguidance::toktrie::{
    ApproximateTokEnv, InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie,
};
use llguidance::{ParserFactory, TokenParser};

use super::legal::Legal;
use super::stats::index;
use super::step::Pieces;
use crate::grammar::{first_line, limits};

/// States of a lexer from which on the grammar is compiled anew for the next job. Answers discover them, and they
/// stay: one to two kilobytes each.
pub(super) const MANY_STATES: usize = if cfg!(test) { 300 } else { 10_000 };

/// A byte that starts the names of special tokens in the library's trees; no text has it.
const NEVER_TEXT: u8 = 0xff;

/// A vocabulary that grammars can be compiled for.
pub(super) struct Vocabulary(ParserFactory);

impl Vocabulary {
    /// # Errors
    /// Why not, in words.
    pub(super) fn new(pieces: &Pieces, ends: &[u32]) -> Result<Self, String> {
        let words: Vec<Vec<u8>> = pieces.iter().map(|piece| word(piece)).collect();
        let size = u32::try_from(words.len()).map_err(|_| "it is too large")?;
        let ends: Vec<u32> = ends.iter().copied().filter(|end| *end < size).collect();
        let first = *ends.first().ok_or("it has no end token")?;
        caught(|| {
            let tree = TokTrie::from(&TokRxInfo::new(size, first), &words).with_eos_tokens(&ends);
            // Not as its own tokenizer would cut it: every way to write a legal text is legal.
            let environment: TokEnv = Arc::new(ApproximateTokEnv::new(tree));
            let slices = SlicedBiasComputer::json_slices();
            let capabilities = InferenceCapabilities::default();
            let mut factory = ParserFactory::new(&environment, capabilities, &slices)
                .map_err(|error| error.to_string())?;
            factory.quiet();
            *factory.limits_mut() = limits();
            Ok(Self(factory))
        })
    }

    /// # Errors
    /// Why not, in words.
    pub(super) fn compile(&self, source: TopLevelGrammar) -> Result<Grammar, String> {
        let mut start = caught(|| {
            self.0
                .create_parser(source)
                .map_err(|error| error.to_string())
        })?;
        start.start_without_prompt();
        Ok(Grammar {
            start,
            spent: AtomicBool::new(false),
        })
    }
}

/// Special tokens have no text, so no grammar allows them.
fn word(piece: &[u8]) -> Vec<u8> {
    if piece.first() == Some(&NEVER_TEXT) {
        Vec::new()
    } else {
        piece.to_vec()
    }
}

/// Errors and panics of the library as one line: what follows the first may quote the answer.
fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let result = catch_unwind(AssertUnwindSafe(|| Ok(work())));
    let result = result
        .map_err(|error| error.to_string())
        .and_then(|done| done);
    result.map_err(|error| first_line(&error))
}

/// A grammar compiled for a vocabulary.
pub(crate) struct Grammar {
    start: TokenParser,
    spent: AtomicBool,
}

impl Grammar {
    /// Whether it has grown so much that it should be compiled anew.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grammar").finish_non_exhaustive()
    }
}

/// One answer's way through a grammar.
pub(super) struct Walk {
    grammar: Arc<Grammar>,
    parser: TokenParser,
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").finish_non_exhaustive()
    }
}

impl Walk {
    /// What jobs learn of the grammar's states serves later ones.
    pub(super) fn new(grammar: Arc<Grammar>) -> Self {
        let parser = grammar.start.clone();
        Self { grammar, parser }
    }

    /// Where the answer can go on from here.
    ///
    /// # Errors
    /// Why it can go nowhere, in words.
    pub(super) fn legal(&mut self, pieces: &Pieces, ends: &[u32]) -> Result<Legal, String> {
        if self.parser.stopped() {
            return Ok(Legal::end(ends));
        }
        let parser = &mut self.parser;
        let (forced, mask) = caught(|| {
            let forced = parser.force_bytes();
            let mask = parser.compute_mask().map_err(|error| error.to_string())?;
            Ok((forced.len(), mask))
        })?;
        let tokens = listed(&mask);
        let within = |token: &u32| {
            pieces
                .get(index(*token))
                .is_some_and(|piece| !piece.is_empty() && piece.len() <= forced)
        };
        let one_way = tokens.len() == 1 || tokens.iter().all(|token| ends.contains(token));
        let forced = one_way || (forced > 0 && tokens.iter().all(within));
        Ok(Legal { tokens, forced })
    }

    /// Goes on with a legal token that does not end the answer.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub(super) fn take(&mut self, token: u32) -> Result<(), String> {
        let parser = &mut self.parser;
        caught(|| {
            let taken = parser.consume_token(token);
            let stopped = taken.and_then(|_| parser.check_stop());
            stopped.map(drop).map_err(|error| error.to_string())
        })
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        let parser = &self.parser.parser;
        // The lexer's lock is poisoned after a panic.
        let states = caught(|| Ok(parser.lexer_stats().num_states));
        if states.is_ok_and(|states| states < MANY_STATES) {
            return;
        }
        self.grammar.spent.store(true, Ordering::Release);
    }
}

fn listed(mask: &SimpleVob) -> Vec<u32> {
    let mut tokens = Vec::new();
    mask.iter_set_entries(|entry| tokens.extend(u32::try_from(entry)));
    tokens
}
