//! Requests for tests.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::document::{Api, Modality, ResponseFormat};
use crate::matcher::Facts;

/// A request with everything written out.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) model: String,
    pub(crate) key: String,
    pub(crate) team: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) prompt_tokens: u64,
    pub(crate) turns: u64,
    pub(crate) tools: Vec<String>,
    pub(crate) response_format: ResponseFormat,
    pub(crate) modalities: Vec<Modality>,
    pub(crate) system: String,
    pub(crate) user_message: Option<String>,
}

impl Sample {
    /// A plain request for a model.
    pub(crate) fn of(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            key: "agents".to_owned(),
            team: None,
            tags: Vec::new(),
            headers: Vec::new(),
            prompt_tokens: 10,
            turns: 1,
            tools: Vec::new(),
            response_format: ResponseFormat::Text,
            modalities: vec![Modality::Text],
            system: String::new(),
            user_message: Some("hello".to_owned()),
        }
    }
}

impl Facts for Sample {
    fn model(&self) -> &str {
        &self.model
    }

    fn api(&self) -> Api {
        Api::ChatCompletions
    }

    fn path(&self) -> &str {
        Api::ChatCompletions.path()
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn team(&self) -> Option<&str> {
        self.team.as_deref()
    }

    fn tag(&self, name: &str) -> Option<&str> {
        value(&self.tags, name)
    }

    fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    fn prompt_tokens(&self) -> u64 {
        self.prompt_tokens
    }

    fn turns(&self) -> u64 {
        self.turns
    }

    fn tools(&self) -> Vec<&str> {
        self.tools.iter().map(String::as_str).collect()
    }

    fn response_format(&self) -> ResponseFormat {
        self.response_format
    }

    fn modalities(&self) -> Vec<Modality> {
        self.modalities.clone()
    }

    fn system(&self) -> &str {
        &self.system
    }

    fn user_message(&self) -> Option<Cow<'_, str>> {
        self.user_message.as_deref().map(Cow::Borrowed)
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut pairs = pairs.iter();
    let found = pairs.find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// Texts in two languages, and some in none.
pub(crate) const TEXTS: [&str; 5] = [
    "",
    "ab",
    "b",
    "Where can I find the invoice for my last order, and who do I ask about it?",
    "Wo finde ich die Rechnung zu meiner letzten Bestellung, und wen frage ich dazu?",
];

/// Requests out of few words, so that conditions on them often hold.
pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    let name = || "[ab]{0,3}";
    let pairs = || prop::collection::vec(("[xy]", "[ab]{0,2}"), 0..3);
    let formats = vec![
        ResponseFormat::Text,
        ResponseFormat::JsonObject,
        ResponseFormat::JsonSchema,
        ResponseFormat::Enum,
    ];
    let modalities = vec![Modality::Image, Modality::Audio, Modality::File];
    let names = (name(), name(), prop::option::of(name()), pairs(), pairs());
    let numbers = (0..4_u64, 0..4_u64);
    let contents = (
        prop::collection::vec("[ab]{1,2}", 0..3),
        prop::sample::select(formats),
        prop::sample::subsequence(modalities, 0..=3),
        prop::sample::select(TEXTS.to_vec()),
        prop::option::of(prop::sample::select(TEXTS.to_vec())),
    );
    (names, numbers, contents).prop_map(
        |((model, key, team, tags, headers), (prompt_tokens, turns), contents)| {
            let (tools, response_format, modalities, system, user_message) = contents;
            Sample {
                model,
                key,
                team,
                tags,
                headers,
                prompt_tokens,
                turns,
                tools,
                response_format,
                modalities,
                system: system.to_owned(),
                user_message: user_message.map(str::to_owned),
            }
        },
    )
}
