//! Whether answers can be held to their form while they are written, told where the form is written.

use local_engine::Constraint;
use router_policies::{AnswerDocument, LocalDocument, Pattern, PolicyDocument, Schema};

use super::problem::Problem;

/// What is wrong with the forms of answers, and what of them is checked only once a draft is finished.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Held {
    pub(super) fn new(document: &PolicyDocument) -> Self {
        let mut held = Self::default();
        held.look("defaults", document.defaults.local.as_ref());
        for (name, preset) in &document.presets {
            held.look(&format!("presets.{name}"), preset.local.as_ref());
        }
        for (index, route) in document.routes.iter().enumerate() {
            let at = format!("routes[{index}]");
            held.look(&at, route.local.as_ref());
            for (team, fields) in &route.teams {
                held.look(&format!("{at}.teams.{team}"), fields.local.as_ref());
            }
            let arms = route.split.iter().flat_map(|split| &split.arms);
            for (arm, fields) in arms.enumerate() {
                held.look(&format!("{at}.split.arms[{arm}]"), fields.local.as_ref());
            }
        }
        held
    }

    fn look(&mut self, at: &str, local: Option<&LocalDocument>) {
        let answer = local.and_then(|local| local.answer.as_ref());
        let Some((constraint, key)) = answer.and_then(constraint) else {
            return;
        };
        let key = format!("{at}.local.answer.{key}");
        match constraint.check() {
            Ok(unseen) => {
                let warning = |what| {
                    format!("{key}: drafts are checked against this only once they are finished: {what}")
                };
                self.warnings.extend(unseen.into_iter().map(warning));
            }
            Err(why) => self.problems.push(Problem::with_key(
                key,
                format!(
                    "no draft can be held to this while it is written ({why}); make it simpler, or write `answer: text`"
                ),
            )),
        }
    }
}

/// `None` for what holds by itself, or is wrong anyhow and said to be so elsewhere.
fn constraint(answer: &AnswerDocument) -> Option<(Constraint, &'static str)> {
    match answer {
        AnswerDocument::Text | AnswerDocument::Json | AnswerDocument::OneOf(_) => None,
        AnswerDocument::Regex(text) => {
            let pattern = Pattern::new(text).ok()?;
            Some((Constraint::Regex(pattern.text().clone()), "regex"))
        }
        AnswerDocument::JsonSchema(document) => {
            let schema = Schema::new(document).ok()?;
            Some((Constraint::JsonSchema(schema.text().clone()), "json_schema"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is told of an answer, written where `layer` says.
    fn held(layer: serde_json::Value) -> Held {
        Held::new(&serde_json::from_value(layer).unwrap())
    }

    #[test]
    fn what_is_checked_only_afterwards_is_told_where_it_is_written() {
        let answer = json!({"json_schema": {"type": "array", "uniqueItems": true}});
        let found = held(json!({"presets": {"lists": {"local": {"answer": answer}}}}));
        assert!(found.problems.is_empty());
        assert_eq!(
            found.warnings,
            [
                "presets.lists.local.answer.json_schema: drafts are checked against this only once they are finished: \
                 Unimplemented keys: [\"uniqueItems\"]"
            ]
        );
    }

    #[test]
    fn what_can_be_held_to_or_is_wrong_anyhow_is_not_told() {
        for answer in [
            json!({"json_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}),
            json!({"json_schema": {"type": 7}}),
            json!({"regex": "^[A-Z]+$"}),
            json!({"regex": "("}),
            json!("json"),
        ] {
            let found = held(json!({"defaults": {"local": {"answer": answer}}}));
            assert!(
                found.problems.is_empty() && found.warnings.is_empty(),
                "{found:?}"
            );
        }
    }
}
