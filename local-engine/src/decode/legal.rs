//! What may come next in one answer.

use std::sync::Arc;

use super::grammar::{Grammar, Walk};
use super::step::Pieces;
use super::trie::{Node, Trie};
use crate::error::EngineError;

/// What an answer is held to, compiled for a vocabulary.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// Nothing.
    Free,
    /// A closed list.
    List(Arc<Trie>),
    /// A pattern, JSON or a schema.
    Grammar(Arc<Grammar>),
}

/// Tokens that may come next.
#[derive(Debug, PartialEq)]
pub(super) struct Legal {
    pub(super) tokens: Vec<u32>,
    /// Only one text can follow, however it is cut into tokens.
    pub(super) forced: bool,
}

impl Legal {
    /// The answer is complete and cannot go on. Several end tokens are one way.
    pub(super) fn end(ends: &[u32]) -> Self {
        Self {
            tokens: ends.to_vec(),
            forced: true,
        }
    }
}

/// How far an answer has come.
#[derive(Debug)]
pub(super) enum Place {
    Free,
    List(Arc<Trie>, Node),
    // A parser is large.
    Grammar(Box<Walk>),
}

impl Place {
    pub(super) fn start(rule: &Rule) -> Self {
        match rule {
            Rule::Free => Self::Free,
            Rule::List(trie) => Self::List(Arc::clone(trie), 0),
            Rule::Grammar(grammar) => Self::Grammar(Box::new(Walk::new(Arc::clone(grammar)))),
        }
    }

    /// `None` where everything is legal.
    pub(super) fn legal(
        &mut self,
        pieces: &Pieces,
        ends: &[u32],
    ) -> Result<Option<Legal>, EngineError> {
        match self {
            Self::Free => Ok(None),
            Self::List(trie, node) => Ok(Some(listed(trie, *node, ends))),
            Self::Grammar(walk) => walk
                .legal(pieces, ends)
                .map(Some)
                .map_err(|why| stuck(&why)),
        }
    }

    /// Goes on with a legal token that does not end the answer.
    pub(super) fn take(&mut self, token: u32) -> Result<(), EngineError> {
        match self {
            Self::Free => Ok(()),
            Self::List(trie, node) => {
                *node = trie.follow(*node, token).unwrap_or(*node);
                Ok(())
            }
            Self::Grammar(walk) => walk.take(token).map_err(|why| stuck(&why)),
        }
    }
}

fn listed(trie: &Trie, node: Node, ends: &[u32]) -> Legal {
    let mut tokens: Vec<u32> = trie.tokens(node).collect();
    let mut ways = tokens.len();
    if trie.complete(node) {
        ways += 1;
        tokens.extend(ends);
    }
    Legal {
        tokens,
        forced: ways == 1,
    }
}

fn stuck(why: &str) -> EngineError {
    EngineError::Unsupported(format!(
        "holding the answer to its pattern or schema any further ({why}); make that simpler, or the lengths and counts \
         in it smaller"
    ))
}
