//! What a policy may know of a request.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use super::Field;
use super::language::{Language, language_of};
use crate::document::{Api, Modality, ResponseFormat};

/// Looks up the value of a request header by its lower-case name.
pub type HeaderLookup<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// What a policy may know of a request. Each is asked for only if a route has a condition on it, and those that return
/// a value of their own at most once a request, so they may take a look at the whole request.
pub trait Facts {
    /// The `model` field, as the client wrote it.
    fn model(&self) -> &str;
    /// The API that is asked.
    fn api(&self) -> Api;
    /// The path of the address, without a query.
    fn path(&self) -> &str;
    /// Name of the client's key.
    fn key(&self) -> &str;
    /// The team that the client's key belongs to. Never something that the client can choose.
    fn team(&self) -> Option<&str>;
    /// The tag of that name: of the client's key, or else one that the client may choose.
    fn tag(&self, name: &str) -> Option<&str>;
    /// The value of the header with this lower-case name.
    fn header(&self, name: &str) -> Option<&str>;
    /// About how many tokens the prompt has.
    fn prompt_tokens(&self) -> u64;
    /// How many messages of the user there are.
    fn turns(&self) -> u64;
    /// Names of the tools that are offered.
    fn tools(&self) -> Vec<&str>;
    /// The form of answer that the client asks for; [`ResponseFormat::JsonSchema`] only if it is not
    /// [`ResponseFormat::Enum`].
    fn response_format(&self) -> ResponseFormat;
    /// What the messages hold besides text.
    fn modalities(&self) -> Vec<Modality>;
    /// The system prompt; empty without one.
    fn system(&self) -> &str;
    /// The text of the user's last message; `None` without one.
    fn user_message(&self) -> Option<Cow<'_, str>>;
}

/// The facts of one request while it is matched: what takes a while to find out is found out once.
pub(crate) struct View<'a> {
    facts: &'a dyn Facts,
    /// The model after aliases.
    model: &'a str,
    prompt_tokens: OnceCell<u64>,
    turns: OnceCell<u64>,
    tools: OnceCell<Vec<&'a str>>,
    response_format: OnceCell<ResponseFormat>,
    modalities: OnceCell<Vec<Modality>>,
    user_message: OnceCell<Option<Cow<'a, str>>>,
    language: OnceCell<Option<Language>>,
}

impl<'a> View<'a> {
    pub(crate) const fn new(facts: &'a dyn Facts, model: &'a str) -> Self {
        Self {
            facts,
            model,
            prompt_tokens: OnceCell::new(),
            turns: OnceCell::new(),
            tools: OnceCell::new(),
            response_format: OnceCell::new(),
            modalities: OnceCell::new(),
            user_message: OnceCell::new(),
            language: OnceCell::new(),
        }
    }

    /// A name that the request has.
    pub(crate) fn name(&self, field: &Field) -> Option<&str> {
        match field {
            Field::Model => Some(self.model),
            Field::Path => Some(self.facts.path()),
            Field::Key => Some(self.facts.key()),
            Field::Team => self.facts.team(),
            Field::Tag(name) => self.facts.tag(name),
            Field::Header(name) => self.facts.header(name),
        }
    }

    pub(crate) fn api(&self) -> Api {
        self.facts.api()
    }

    pub(crate) fn prompt_tokens(&self) -> u64 {
        *self
            .prompt_tokens
            .get_or_init(|| self.facts.prompt_tokens())
    }

    pub(crate) fn turns(&self) -> u64 {
        *self.turns.get_or_init(|| self.facts.turns())
    }

    pub(crate) fn tools(&self) -> &[&'a str] {
        self.tools.get_or_init(|| self.facts.tools())
    }

    pub(crate) fn response_format(&self) -> ResponseFormat {
        *self
            .response_format
            .get_or_init(|| self.facts.response_format())
    }

    /// What the messages hold; just text where they hold nothing else.
    pub(crate) fn modalities(&self) -> &[Modality] {
        self.modalities.get_or_init(|| {
            let mut found = self.facts.modalities();
            found.retain(|modality| *modality != Modality::Text);
            if found.is_empty() {
                found.push(Modality::Text);
            }
            found.sort_unstable();
            found.dedup();
            found
        })
    }

    pub(crate) fn system(&self) -> &str {
        self.facts.system()
    }

    pub(crate) fn user_message(&self) -> Option<&str> {
        self.user_message
            .get_or_init(|| self.facts.user_message())
            .as_deref()
    }

    pub(crate) fn language(&self) -> Option<Language> {
        *self
            .language
            .get_or_init(|| self.user_message().and_then(language_of))
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without texts, which may be private and long.
        f.debug_struct("View")
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}
