//! Patterns and schemas as grammars, before any vocabulary is known.

use llguidance::api::{
    GrammarInit, GrammarWithLexer, ParserLimits, TopLevelGrammar, ValidationResult,
};
use llguidance::panic_utils::catch_unwind;
use serde_json::{Value, json};

use crate::job::Constraint;

/// White space at one place of a JSON text: one space, or a line break with its indentation. Small models would
/// otherwise write blanks until their tokens are used up.
const WHITE_SPACE: &str = r"\x20|\n[\x20\x09]{0,32}";

/// What a grammar may cost. Fuel is the library's measure of work on regular expressions, 14,000 to 50,000 in a
/// millisecond; items are steps of its parser, 20,000 in a millisecond.
pub(crate) fn limits() -> ParserLimits {
    ParserLimits {
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        max_items_in_row: 2_000,
        // One to two kilobytes each.
        max_lexer_states: 50_000,
        max_grammar_size: 200_000,
        precompute_large_lexemes: true,
        // They would quote the answer.
        verbose_errors: false,
    }
}

impl Constraint {
    /// Whether an answer can be held to this while it is written, whatever the vocabulary, and which parts of it
    /// cannot be seen to then, each in words. An answer may still go against those.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub fn check(&self) -> Result<Vec<String>, String> {
        let Some(grammar) = grammar(self)? else {
            return Ok(Vec::new());
        };
        let checking = || Ok(GrammarInit::Serialized(grammar).validate(None, limits()));
        match catch_unwind(checking).map_err(|error| first_line(&error.to_string()))? {
            ValidationResult::Valid => Ok(Vec::new()),
            ValidationResult::Warnings(texts) => {
                Ok(texts.iter().map(|text| first_line(text)).collect())
            }
            ValidationResult::Error(text) => Err(first_line(&text)),
        }
    }
}

/// The grammar of what is no closed list.
pub(crate) fn grammar(constraint: &Constraint) -> Result<Option<TopLevelGrammar>, String> {
    let grammar = match constraint {
        Constraint::OneOf(_) => return Ok(None),
        Constraint::Regex(pattern) => GrammarWithLexer::from_regex(pattern),
        Constraint::Json => from_schema(json!({ "type": ["object", "array"] })),
        Constraint::JsonSchema(text) => {
            let schema: Value = serde_json::from_str(text).map_err(|_| "it is no JSON")?;
            if !schema.is_object() {
                return Err("it is not an object".to_owned());
            }
            from_schema(schema)
        }
    };
    Ok(Some(TopLevelGrammar::from_grammar(grammar)))
}

fn from_schema(mut schema: Value) -> GrammarWithLexer {
    if let Some(keys) = schema.as_object_mut() {
        // What it cannot express becomes a warning, not an error.
        let options = json!({ "whitespace_pattern": WHITE_SPACE, "lenient": true });
        keys.insert("x-guidance".to_owned(), options);
    }
    GrammarWithLexer::from_json_schema(schema)
}

/// The library's errors go on with its state, which may quote the answer; those about a pattern repeat it, twice.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let what = line
        .split_once(" (in regex): ")
        .map_or(line, |(_, what)| what);
    let what = what
        .split_once(" in regex /")
        .map_or(what, |(what, _)| what);
    what.trim().replace("; ", ", ")
}
