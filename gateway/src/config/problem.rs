//! What is wrong with a configuration file, said so that it can be mended.

use std::fmt::{self, Display, Write};
use std::io;
use std::path::Path;

/// All problems of one file.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<Problem>,
}

/// One problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    text: String,
    excerpt: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    File,
    Position { line: u64, column: u64 },
    Key(String),
}

impl ConfigError {
    pub(super) fn new(file: &str, problems: Vec<Problem>) -> Self {
        Self {
            file: file.to_owned(),
            problems,
        }
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let text = format!("cannot be read: {error}");
        Self::new(
            &path.display().to_string(),
            vec![Problem {
                place: Place::File,
                text,
                excerpt: None,
            }],
        )
    }

    /// The problems, in the order found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Problem {
    /// A problem with the value of `key`, a path such as `upstreams.openai.base_url`.
    pub(super) fn at(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            place: Place::Key(key.into()),
            text: text.into(),
            excerpt: None,
        }
    }

    pub(super) fn syntax(place: Option<(u64, u64)>, text: String, source: &str) -> Self {
        let Some((line, column)) = place else {
            return Self {
                place: Place::File,
                text,
                excerpt: None,
            };
        };
        let excerpt = usize::try_from(line.saturating_sub(1))
            .ok()
            .and_then(|index| source.lines().nth(index))
            .map(|l| underline(line, column, l));
        Self {
            place: Place::Position { line, column },
            text,
            excerpt,
        }
    }
}

/// The line itself with a caret under the column.
fn underline(line: u64, column: u64, text: &str) -> String {
    let width = line.to_string().len();
    let pad = usize::try_from(column.saturating_sub(1))
        .unwrap_or(0)
        .min(text.chars().count());
    format!("{line} | {text}\n{:width$} | {:pad$}^", "", "")
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            match &problem.place {
                Place::File => write!(f, "{}: {}", self.file, problem.text)?,
                Place::Position { line, column } => {
                    write!(f, "{}:{line}:{column}: {}", self.file, problem.text)?;
                }
                Place::Key(key) => write!(f, "{}: {key}: {}", self.file, problem.text)?,
            }
            if let Some(excerpt) = &problem.excerpt {
                write!(f, "\n{excerpt}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
