//! Chat templates: rendered here, because the engine adds tokens of its own when it does it.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use serde_json::Value as Json;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::error::EngineError;
use crate::job::Message;
use crate::source::load;

/// A model's chat template with what it may refer to.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    source: String,
    begin: String,
    end: String,
}

impl Template {
    /// Finds the template beside the tokenizer, or takes `built_in`, the one of the weights file.
    pub(crate) fn read(
        side: &Path,
        config: &Json,
        built_in: Option<String>,
    ) -> Result<Self, EngineError> {
        let source = fs::read_to_string(side.join("chat_template.jinja"))
            .ok()
            .or_else(|| in_config(config.get("chat_template")?))
            .or_else(|| in_config(json(&side.join("chat_template.json"))?.get("chat_template")?))
            .or(built_in);
        let Some(source) = source else {
            let mend =
                "has no chat template; put the chat_template.jinja of the model's repository there";
            return Err(load(side, mend));
        };
        let environment = environment(&source);
        if let Err(error) = environment.template_from_str(&source) {
            return Err(load(
                side,
                &format!("has a chat template that cannot be read: {error}"),
            ));
        }
        let text = |key| config.get(key).and_then(token_text).unwrap_or_default();
        Ok(Self {
            environment,
            begin: text("bos_token"),
            end: text("eos_token"),
            source,
        })
    }

    /// What the template may call the first and the last token, where no file beside it says so.
    #[cfg(feature = "llama-cpp")]
    pub(crate) fn with_marks(mut self, begin: String, end: String) -> Self {
        if self.begin.is_empty() {
            self.begin = begin;
        }
        if self.end.is_empty() {
            self.end = end;
        }
        self
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The prompt for `messages`, up to where the answer begins.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<String, EngineError> {
        let context = context! {
            messages => messages,
            add_generation_prompt => true,
            enable_thinking => false,
            bos_token => self.begin,
            eos_token => self.end,
        };
        // The error speaks of the template; it holds no values, and so nothing of the prompt.
        self.environment
            .render_str(&self.source, context)
            .map_err(|error| {
                let detail = error.detail().unwrap_or("it cannot be rendered");
                EngineError::Unsupported(format!(
                    "the chat template refuses these messages: {detail}"
                ))
            })
    }
}

/// One template, or a list of named ones with a default among them.
fn in_config(value: &Json) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let named = value.as_array()?;
    let default = named
        .iter()
        .find(|one| one.get("name").is_some_and(|name| name == "default"))?;
    default.get("template")?.as_str().map(str::to_owned)
}

/// A special token: plain text, or an object with its text in `content`.
pub(crate) fn token_text(value: &Json) -> Option<String> {
    value
        .as_str()
        .or_else(|| value.get("content")?.as_str())
        .map(str::to_owned)
}

/// A JSON file, where there is one.
pub(crate) fn json(path: &Path) -> Option<Json> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn environment(source: &str) -> Environment<'static> {
    let mut environment = Environment::new();
    // As transformers renders: https://huggingface.co/docs/transformers/chat_templating
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", raise_exception);
    environment.add_filter("tojson", tojson);
    // A date in the prompt makes equal requests differ from day to day, so it is given only to templates
    // that cannot do without.
    if source.contains("strftime_now") && !source.contains("strftime_now is defined") {
        environment.add_function("strftime_now", strftime_now);
    }
    environment
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Unlike the built-in one it leaves `<`, `>` and `&` alone, as models have seen it.
#[expect(clippy::needless_pass_by_value, reason = "the interface of filters")]
fn tojson(value: Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    // `ensure_ascii`, `sort_keys` and others are accepted and have no effect.
    let failed = |error: serde_json::Error| {
        Error::new(ErrorKind::BadSerialization, "cannot be written as JSON").with_source(error)
    };
    let Some(indent) = indent else {
        return serde_json::to_string(&value).map_err(failed);
    };
    let (mut text, indent) = (Vec::new(), " ".repeat(indent.min(16)));
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    serde::Serialize::serialize(
        &value,
        &mut Serializer::with_formatter(&mut text, formatter),
    )
    .map_err(failed)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Today in UTC, in the four fields that templates use.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the interface of template functions"
)]
fn strftime_now(format: String) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (year, month, day) = civil(now.as_secs() / 86_400);
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|month| MONTHS.get(month))
        .unwrap_or(&"");
    format
        .replace("%d", &format!("{day:02}"))
        .replace("%m", &format!("{month:02}"))
        .replace("%B", name)
        .replace("%b", name.get(..3).unwrap_or(name))
        .replace("%Y", &year.to_string())
}

/// Days since 1970 as year, month and day: <https://howardhinnant.github.io/date_algorithms.html>.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
