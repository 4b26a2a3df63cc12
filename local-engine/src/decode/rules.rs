//! What the answers of one model can be held to.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use parking_lot::Mutex;

use super::grammar::Vocabulary;
use super::legal::Rule;
use super::step::Pieces;
use super::trie::Trie;
use crate::error::EngineError;
use crate::grammar::grammar;
use crate::job::Constraint;

/// Compiled rules that are kept. A gateway has about one a route.
const KEPT: usize = 16;

/// Compiles constraints for one vocabulary and keeps the last ones: they are few and come back often.
pub(crate) struct Rules {
    pieces: Pieces,
    ends: Arc<[u32]>,
    /// Made when the first grammar needs it.
    vocabulary: OnceLock<Result<Vocabulary, String>>,
    kept: Mutex<Vec<(Constraint, Rule)>>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

impl Rules {
    pub(crate) fn new(pieces: Pieces, ends: Arc<[u32]>) -> Self {
        Self {
            pieces,
            ends,
            vocabulary: OnceLock::new(),
            kept: Mutex::default(),
        }
    }

    /// The rule of `constraint`. `tokens` cuts a text as the model's own tokenizer does.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] with what to mend.
    pub(crate) fn rule(
        &self,
        constraint: &Constraint,
        tokens: impl Fn(&str) -> Result<Vec<u32>, EngineError>,
    ) -> Result<Rule, EngineError> {
        if let Some(rule) = self.known(constraint) {
            return Ok(rule);
        }
        let rule = match constraint {
            Constraint::OneOf(answers) => Rule::List(Arc::new(list(answers, tokens)?)),
            Constraint::Regex(_) | Constraint::Json | Constraint::JsonSchema(_) => {
                self.compiled(constraint).map_err(|why| refused(&why))?
            }
        };
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((constraint.clone(), rule.clone()));
        Ok(rule)
    }

    fn known(&self, constraint: &Constraint) -> Option<Rule> {
        let mut kept = self.kept.lock();
        kept.retain(|(_, rule)| !matches!(rule, Rule::Grammar(grammar) if grammar.is_spent()));
        let place = kept.iter().position(|(known, _)| known == constraint)?;
        // The last to be used is the last to go.
        let found = kept.remove(place);
        let rule = found.1.clone();
        kept.push(found);
        Some(rule)
    }

    fn compiled(&self, constraint: &Constraint) -> Result<Rule, String> {
        let make = || Vocabulary::new(&self.pieces, &self.ends);
        let vocabulary = self.vocabulary.get_or_init(make).as_ref()?;
        let source = grammar(constraint)?.ok_or("it is a closed list")?;
        let grammar = vocabulary.compile(source)?;
        Ok(Rule::Grammar(Arc::new(grammar)))
    }
}

fn list(
    answers: &[String],
    tokens: impl Fn(&str) -> Result<Vec<u32>, EngineError>,
) -> Result<Trie, EngineError> {
    if answers.is_empty() {
        let what = "a closed list without answers";
        return Err(EngineError::Unsupported(what.to_owned()));
    }
    let answers: Result<Vec<_>, _> = answers.iter().map(|answer| tokens(answer)).collect();
    Ok(Trie::new(answers?))
}

fn refused(why: &str) -> EngineError {
    EngineError::Unsupported(format!(
        "holding an answer to this pattern or schema ({why}); make it simpler, or the lengths and counts in it smaller"
    ))
}

#[cfg(test)]
mod tests;
