//! What lies beside the weights: tokenizer, chat template, end tokens.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::facts::Facts;
use super::safetensors::{is_there, json};
use crate::job::Message;
use crate::template::{Template, token_text};

/// End tokens that a template may use without any file declaring them.
pub(crate) const USUAL_ENDS: [&str; 5] = [
    "<|im_end|>",
    "<end_of_turn>",
    "<|end_of_text|>",
    "<|end|>",
    "<|eot_id|>",
];

/// Tokenizer, template and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// There is a `tokenizer.json`.
    pub tokenizer: bool,
    /// There is a chat template.
    pub template: bool,
    /// What a sample conversation did to it; `None` if it was rendered.
    pub template_problem: Option<String>,
    /// It takes no system prompt.
    pub without_system: bool,
    /// The model may think aloud before it answers.
    pub thinks: bool,
    /// Tokens that end an answer, by text or by number.
    pub ends: Vec<String>,
}

impl Side {
    pub(super) fn read(folder: &Path, facts: &Facts) -> Self {
        let config = json(&folder.join("tokenizer_config.json")).unwrap_or_default();
        let read = Template::read(folder, &config, facts.template.clone());
        let source = read.as_ref().map(Template::source).unwrap_or_default();
        let ends = ends(folder, &config, source, facts);
        let (template_problem, without_system) = match &read {
            Ok(template) => try_out(template),
            Err(error) => (Some(error.to_string()), false),
        };
        Self {
            tokenizer: is_there(&folder.join("tokenizer.json")),
            template: read.is_ok(),
            template_problem,
            without_system,
            thinks: source.contains("<think>") || source.contains("enable_thinking"),
            ends,
        }
    }

    pub(super) fn obstacles(&self) -> Vec<String> {
        let mut obstacles = Vec::new();
        if let Some(problem) = &self.template_problem {
            obstacles.push(problem.clone());
        }
        if self.ends.is_empty() {
            obstacles.push(
                "no end token is declared; set eos_token in tokenizer_config.json".to_owned(),
            );
        }
        obstacles
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.without_system {
            warnings.push(
                "its chat template takes no system prompt; requests with one escalate".to_owned(),
            );
        }
        if self.thinks {
            warnings.push(
                "the model can think aloud; it is told not to (enable_thinking: false), and a template that does not listen costs tokens"
                    .to_owned(),
            );
        }
        warnings
    }
}

/// What a sample conversation does to it, and whether it refuses a system prompt.
fn try_out(template: &Template) -> (Option<String>, bool) {
    let message = |role: &str, content: &str| Message {
        role: role.to_owned(),
        content: content.to_owned(),
    };
    let asked = message("user", "Sort this ticket: my invoice is wrong.");
    let full = [message("system", "Answer with one word."), asked.clone()];
    match template.render(&full) {
        Ok(_) => (None, false),
        Err(error) => match template.render(&[asked]) {
            Ok(_) => (None, true),
            Err(_) => (Some(error.to_string()), false),
        },
    }
}

fn ends(folder: &Path, config: &Value, template: &str, facts: &Facts) -> Vec<String> {
    let mut ends: Vec<String> = config
        .get("eos_token")
        .and_then(token_text)
        .into_iter()
        .collect();
    for file in ["generation_config.json", "config.json"] {
        let config = json(&folder.join(file)).unwrap_or_default();
        let declared = config.get("eos_token_id");
        let list = declared.and_then(Value::as_array);
        let one = declared.and_then(Value::as_u64);
        let numbers = list.into_iter().flatten().filter_map(Value::as_u64);
        ends.extend(numbers.chain(one).map(|number| format!("#{number}")));
    }
    ends.extend(facts.end.map(|number| format!("#{number}")));
    let usual = USUAL_ENDS.iter().filter(|text| template.contains(**text));
    ends.extend(usual.map(|text| (*text).to_owned()));
    let mut seen = Vec::new();
    for end in ends {
        if !seen.contains(&end) {
            seen.push(end);
        }
    }
    seen
}
