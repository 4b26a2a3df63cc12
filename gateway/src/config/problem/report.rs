//! All problems of one file, and how they are printed.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use super::excerpt::Excerpt;
use super::secrets::Secrets;
use super::{Problem, Target};
use crate::config::tree::{Place, Tree, lines};

/// Most problems that are printed. Whoever has more has made one mistake many times.
const MOST: usize = 100;

/// All problems of one file, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    problems: Vec<Problem>,
}

/// The file that problems are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// As the user calls it.
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl ConfigError {
    /// Finds places and lines. `tree` is the file, if it could be read that far.
    pub(crate) fn new(source: Source<'_>, tree: Option<&Tree>, mut problems: Vec<Problem>) -> Self {
        if let Some(tree) = tree {
            problems.iter_mut().for_each(|problem| problem.locate(tree));
        }
        problems.sort_by(|a, b| (a.place, &a.key).cmp(&(b.place, &b.key)));
        // A value that aliases share is wrong once, however often it is used.
        problems.dedup_by(|a, b| a.place == b.place && a.what == b.what);
        let lines: Vec<&str> = lines(source.text).collect();
        let secrets = tree.map(Secrets::of).unwrap_or_default();
        for problem in problems.iter_mut().take(MOST) {
            problem.excerpt = problem
                .place
                .and_then(|place| Excerpt::new(&lines, place, &secrets))
                .map(Box::new);
        }
        Self {
            file: source.name.to_owned(),
            problems,
        }
    }

    /// Problems with keys of `file`, which has been read before.
    pub(crate) fn about(file: &Path, problems: Vec<Problem>) -> Self {
        let bytes = crate::config::bytes_of(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let tree = Tree::parse(&text).ok().map(|(tree, _)| tree);
        let name = file.display().to_string();
        Self::new(
            Source {
                name: &name,
                text: &text,
            },
            tree.as_ref(),
            problems,
        )
    }

    pub(in crate::config) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self {
            file: path.display().to_string(),
            problems: vec![Problem::new(format!("cannot be read: {error}"))],
        }
    }

    /// For bytes that are not UTF-8 from `offset` on; `name` stands for the file.
    pub(crate) fn not_text(bytes: &[u8], offset: usize, name: &str) -> Self {
        let (before, rest) = bytes.split_at(offset.min(bytes.len()));
        // With a letter in place of the byte, so that it has a line even at the start of one.
        let until = format!("{}x", String::from_utf8_lossy(before));
        let line = lines(&until).count();
        let column = lines(&until).last().map_or(1, |last| last.chars().count());
        let what = if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            "the file is UTF-16; save it as UTF-8".to_owned()
        } else {
            let byte = rest.first().copied().unwrap_or_default();
            format!("the byte 0x{byte:02x} at offset {offset} is not UTF-8; save the file as UTF-8")
        };
        let problem = Problem::new(what).at(Place::point(line, column));
        let text = String::from_utf8_lossy(bytes);
        Self::new(Source { name, text: &text }, None, vec![problem])
    }

    /// The problems, in the order of their places.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// For a terminal that understands colours. [`Display`] is the same without.
    #[must_use]
    pub fn in_colour(&self) -> String {
        Printed {
            error: self,
            colour: true,
        }
        .to_string()
    }
}

impl Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printed {
            error: self,
            colour: false,
        }
        .fmt(f)
    }
}

impl std::error::Error for ConfigError {}

struct Printed<'a> {
    error: &'a ConfigError,
    colour: bool,
}

const RED: &str = "1;31";
const CYAN: &str = "1;36";
const BOLD: &str = "1";

impl Printed<'_> {
    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn problem(&self, problem: &Problem) -> String {
        let file = &self.error.file;
        let place = match problem.position() {
            Some((line, column)) => format!("{file}:{line}:{column}:"),
            None => format!("{file}:"),
        };
        let key = match problem.key() {
            "" => String::new(),
            key => format!("{}: ", super::presentable(key)),
        };
        let mut lines = vec![format!(
            "{} {} {key}{}",
            self.painted(BOLD, &place),
            self.painted(RED, "error:"),
            problem.what
        )];
        if let Some(excerpt) = &problem.excerpt {
            let margin = " ".repeat(excerpt.number().len());
            lines.push(format!("{} | {}", excerpt.number(), excerpt.line()));
            lines.push(format!(
                "{margin} | {}",
                self.painted(RED, &excerpt.underline())
            ));
        }
        let mut aside = |word: &str, text: &str| {
            lines.push(format!("  = {} {text}", self.painted(CYAN, word)));
        };
        if let Some(note) = &problem.note
            && let Target::Place(place) = note.target
        {
            aside(
                "note:",
                &format!("{}: {file}:{}:{}", note.text, place.line, place.column),
            );
        }
        if let Some(help) = problem.help() {
            aside("help:", help);
        }
        lines.join("\n")
    }
}

impl Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = &self.error.problems;
        let shown: Vec<String> = all.iter().take(MOST).map(|p| self.problem(p)).collect();
        f.write_str(&shown.join("\n\n"))?;
        match all.len() {
            0 | 1 => Ok(()),
            n if n > MOST => write!(
                f,
                "\n\n{}: {n} problems; the first {MOST} are shown",
                self.error.file
            ),
            n => write!(f, "\n\n{}: {n} problems", self.error.file),
        }
    }
}
