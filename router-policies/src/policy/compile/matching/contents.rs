//! Conditions on what a request holds.

use super::super::super::nearest::nearest;
use super::super::Problems;
use super::{Found, Matchers, check_some, each};
use crate::document::{
    MatchDocument, OneOrMany, RangeDocument, ResponseFormat, TextMatch, ToolsDocument,
};
use crate::error::{MatchProblem, PolicyProblem};
use crate::matcher::{
    Condition, Expression, Glob, Language, Quantity, Range, Text, Tools, language_codes,
};

impl Matchers<'_> {
    pub(super) fn texts(
        &mut self,
        found: &mut Found,
        document: &MatchDocument,
        problems: &mut Problems,
    ) {
        if let Some(text) = &document.system {
            let path = format!("{}.system", found.path);
            let text = self.text(&path, text, problems);
            found.add(path, Condition::System(text));
        }
        if let Some(text) = &document.user_message {
            let path = format!("{}.user_message", found.path);
            let text = self.text(&path, text, problems);
            found.add(path, Condition::UserMessage(text));
        }
        if let Some(codes) = &document.language {
            let path = format!("{}.language", found.path);
            check_some(&path, codes, problems);
            let languages = each(&path, codes).filter_map(|(path, code)| {
                let language = Language::named(code);
                if language.is_none() {
                    let known: Vec<&str> = language_codes().collect();
                    let nearest = nearest(code, &known).map(str::to_owned);
                    let code = code.clone();
                    problems.add(&path, MatchProblem::UnknownLanguage { code, nearest });
                }
                language
            });
            let languages = languages.collect();
            found.add(path, Condition::Language(languages));
        }
    }

    fn text(&mut self, path: &str, document: &TextMatch, problems: &mut Problems) -> Text {
        match document {
            // `equals: ""` is meant: it asks for requests without the text.
            TextMatch::Equals(text) => Text::Equals(text.clone()),
            TextMatch::Prefix(text) | TextMatch::Contains(text) | TextMatch::Regex(text)
                if text.is_empty() =>
            {
                problems.add(path, PolicyProblem::EmptyPattern);
                Text::Equals(String::new())
            }
            TextMatch::Prefix(text) => Text::Prefix(text.clone()),
            TextMatch::Contains(text) => Text::Contains(text.clone()),
            TextMatch::Regex(text) => {
                let compiled = self.expressions.entry(text.clone());
                match compiled.or_insert_with(|| Expression::new(text)) {
                    Ok(expression) => Text::Regex(expression.clone()),
                    Err(what) => {
                        let what = what.clone();
                        problems.add(&format!("{path}.regex"), PolicyProblem::Regex { what });
                        Text::Equals(String::new())
                    }
                }
            }
        }
    }
}

pub(super) fn numbers(found: &mut Found, document: &MatchDocument, problems: &mut Problems) {
    let ranges = [
        ("turns", Quantity::Turns, document.turns),
        (
            "prompt_tokens",
            Quantity::PromptTokens,
            document.prompt_tokens,
        ),
    ];
    for (key, quantity, range) in ranges {
        let Some(RangeDocument { min, max }) = range else {
            continue;
        };
        let path = format!("{}.{key}", found.path);
        if min.is_none() && max.is_none() {
            problems.add(&path, MatchProblem::NoBounds);
        }
        let (min, max) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
        if min > max {
            problems.add(&path, MatchProblem::EmptyRange { min, max });
        } else {
            found.add(path, Condition::Number(quantity, Range { min, max }));
        }
    }
}

pub(super) fn words(found: &mut Found, document: &MatchDocument, problems: &mut Problems) {
    if let Some(apis) = &document.api {
        let path = format!("{}.api", found.path);
        check_some(&path, apis, problems);
        found.add(path, Condition::Api(apis.as_slice().to_vec()));
    }
    if let Some(formats) = &document.response_format {
        let path = format!("{}.response_format", found.path);
        check_some(&path, formats, problems);
        let mut formats = formats.as_slice().to_vec();
        // A closed list is a schema, too.
        if formats.contains(&ResponseFormat::JsonSchema) {
            formats.push(ResponseFormat::Enum);
        }
        found.add(path, Condition::ResponseFormat(formats));
    }
    if let Some(tools) = &document.tools {
        let path = format!("{}.tools", found.path);
        let tools = tools_of(&path, tools, problems);
        found.add(path, Condition::Tools(tools));
    }
    if let Some(modalities) = &document.modality {
        let path = format!("{}.modality", found.path);
        check_some(&path, modalities, problems);
        found.add(path, Condition::Modality(modalities.as_slice().to_vec()));
    }
}

fn tools_of(path: &str, document: &ToolsDocument, problems: &mut Problems) -> Tools {
    let mut globs = |key: &str, names: &OneOrMany<String>| {
        let path = format!("{path}.{key}");
        check_some(&path, names, problems);
        for (path, _) in each(&path, names).filter(|(_, name)| name.is_empty()) {
            problems.add(&path, PolicyProblem::EmptyPattern);
        }
        names
            .as_slice()
            .iter()
            .map(|name| Glob::new(name))
            .collect()
    };
    match document {
        ToolsDocument::Present => Tools::Present,
        ToolsDocument::Absent => Tools::Absent,
        ToolsDocument::AnyOf(names) => Tools::AnyOf(globs("any_of", names)),
        ToolsDocument::AllOf(names) => Tools::AllOf(globs("all_of", names)),
        ToolsDocument::Only(names) => Tools::Only(globs("only", names)),
    }
}
