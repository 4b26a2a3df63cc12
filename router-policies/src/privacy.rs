//! Detectors of private data: what a text holds that must not leave.
//!
//! A detector says that something is there and what kind it is, never what it says. [`Detectors::find`] makes one pass
//! over the text; its cost is linear in the text's length whatever the text is.
//!
//! # What is found
//!
//! [`BuiltIn`] lists the kinds. Where a number has check digits they are checked, so an order number is rarely taken
//! for a card. Kinds whose check digit lets a tenth of all numbers of their length pass count only next to a word that
//! names them ("BSN", "TFN"), or in their official grouping. Before looking, full-width and other scripts' digits,
//! special spaces, dashes and invisible characters are folded to ASCII.
//!
//! # What is not found
//!
//! Detectors read characters, they do not understand. Names, postal addresses and dates of birth are not among them.
//! Nor is what is spelt out ("four one one one"), encoded (base64, archives, images, sound), written with look-alike
//! letters, or split over several messages. A detector is a net under honest traffic, not a wall against a client that
//! wants something out. Where nothing at all may leave, pin the whole route.

mod address;
mod built_in;
mod card;
mod checksum;
mod email;
mod fold;
mod hint;
mod iban;
mod json;
mod national;
mod number;
mod phone;
mod scan;
mod secret;

#[cfg(test)]
mod tests;

pub use built_in::BuiltIn;
pub use json::Finding;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use fold::fold;
use scan::Scan;

/// Longest pattern of a user, in bytes.
const LONGEST_PATTERN: usize = 1024;
/// Most memory of a compiled pattern, in bytes; also of its search cache.
const PATTERN_MEMORY: usize = 1 << 20;
/// Most hits of one pattern that [`Detectors::find_all`] counts.
const MOST_COUNTED: usize = 100;

/// One detector, as a configuration asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detector<'a> {
    /// A kind that the gateway knows.
    BuiltIn(BuiltIn),
    /// A pattern of the user.
    Pattern {
        /// How reports and logs call it: lower-case letters, digits and `-`; not a name of a built-in one.
        name: &'a str,
        /// A regular expression of the crate `regex`. It sees the folded text; `^` and `$` stand for the ends of a line.
        regex: &'a str,
    },
}

/// The name of a detector. It is all that may be told of a hit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectorName(Arc<str>);

impl DetectorName {
    /// The name as the configuration writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DetectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why detectors cannot be compiled.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DetectorError {
    /// A name that cannot be one.
    #[error("`{name}` cannot name a detector; use lower-case letters, digits and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// A name that is taken.
    #[error("there is already a detector `{name}`; choose another name")]
    Taken {
        /// The name.
        name: String,
    },
    /// A pattern that is too long.
    #[error("the pattern of `{name}` is longer than 1024 bytes; split it into several detectors")]
    TooLong {
        /// The detector.
        name: String,
    },
    /// A pattern that cannot be compiled, or would need too much memory.
    #[error("the pattern of `{name}` cannot be used: {reason}")]
    Pattern {
        /// The detector.
        name: String,
        /// What the compiler of patterns says.
        reason: String,
    },
    /// A pattern that finds nothing in particular.
    #[error(
        "the pattern of `{name}` matches the empty text, so it would find something everywhere; demand a character"
    )]
    MatchesNothing {
        /// The detector.
        name: String,
    },
}

/// Compiled detectors. Cheap to clone. The default has none and finds nothing.
#[derive(Debug, Clone, Default)]
pub struct Detectors {
    built_in: Arc<[BuiltIn]>,
    patterns: Arc<[Pattern]>,
}

#[derive(Debug, Clone)]
struct Pattern {
    name: DetectorName,
    regex: Regex,
}

impl PartialEq for Detectors {
    fn eq(&self, other: &Self) -> bool {
        let pattern = |p: &Pattern| (p.name.clone(), p.regex.as_str().to_owned());
        self.built_in == other.built_in
            && self
                .patterns
                .iter()
                .map(pattern)
                .eq(other.patterns.iter().map(pattern))
    }
}

impl Eq for Detectors {}

impl Detectors {
    /// These kinds, without patterns.
    pub fn built_in(kinds: &[BuiltIn]) -> Self {
        let sorted: BTreeSet<BuiltIn> = kinds.iter().copied().collect();
        Self {
            built_in: sorted.into_iter().collect(),
            patterns: Arc::default(),
        }
    }

    /// All that one of `several` has. Patterns of one name are taken for the same.
    pub fn join(several: &[Self]) -> Self {
        let kinds: Vec<BuiltIn> = several.iter().flat_map(|d| d.built_in.to_vec()).collect();
        let patterns = several.iter().flat_map(|d| d.patterns.iter());
        let patterns: BTreeMap<&str, &Pattern> = patterns.map(|p| (p.name.as_str(), p)).collect();
        Self {
            patterns: patterns.into_values().cloned().collect(),
            ..Self::built_in(&kinds)
        }
    }

    /// Whether something new can have the name.
    ///
    /// # Errors
    /// [`DetectorError::Name`] or [`DetectorError::Taken`], by a built-in kind or group.
    pub fn check_name(name: &str) -> Result<(), DetectorError> {
        let owned = || name.to_owned();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(DetectorError::Name { name: owned() });
        }
        if !BuiltIn::named(name).is_empty() {
            return Err(DetectorError::Taken { name: owned() });
        }
        Ok(())
    }

    /// How often a text is gone through: once for all built-in kinds, once for each pattern.
    pub fn passes(&self) -> usize {
        self.patterns.len() + usize::from(!self.built_in.is_empty())
    }

    /// Compiles detectors. One that is named twice counts once.
    ///
    /// # Errors
    /// The first detector that cannot be used, and why.
    pub fn compile(detectors: &[Detector<'_>]) -> Result<Self, DetectorError> {
        let mut built_in = Vec::new();
        let mut patterns: Vec<Pattern> = Vec::new();
        for detector in detectors {
            match *detector {
                Detector::BuiltIn(kind) => built_in.push(kind),
                Detector::Pattern { name, regex } => {
                    let taken = patterns.iter().any(|p| p.name.as_str() == name);
                    patterns.push(Pattern::compile(name, regex, taken)?);
                }
            }
        }
        built_in.sort_unstable();
        built_in.dedup();
        Ok(Self {
            built_in: built_in.into(),
            patterns: patterns.into(),
        })
    }

    /// The detectors among these that have one of the `names`, group names included.
    ///
    /// # Errors
    /// The first name that none of them has.
    pub fn only<'n>(&self, names: &'n [impl AsRef<str>]) -> Result<Self, &'n str> {
        let (mut built_in, mut patterns) = (Vec::new(), Vec::new());
        for name in names.iter().map(AsRef::as_ref) {
            let kinds = BuiltIn::named(name);
            let pattern = self.patterns.iter().find(|p| p.name.as_str() == name);
            if !kinds.is_empty() && kinds.iter().all(|kind| self.built_in.contains(kind)) {
                built_in.extend_from_slice(kinds);
            } else {
                patterns.push(pattern.ok_or(name)?.clone());
            }
        }
        built_in.sort_unstable();
        built_in.dedup();
        Ok(Self {
            built_in: built_in.into(),
            patterns: patterns.into(),
        })
    }

    /// All their names; groups are not among them.
    pub fn names(&self) -> Vec<&str> {
        let built_in = self.built_in.iter().map(|kind| kind.as_str());
        built_in
            .chain(self.patterns.iter().map(|p| p.name.as_str()))
            .collect()
    }

    /// A detector that finds something in `text`. Which one, if several do, depends on nothing but the text and the
    /// detectors.
    pub fn find(&self, text: &str) -> Option<DetectorName> {
        let text = fold(text);
        let mut found = None;
        Scan::new(&text, &self.built_in).run(&mut |kind, _| {
            found = Some(kind);
            false
        });
        if let Some(kind) = found {
            return Some(DetectorName(kind.as_str().into()));
        }
        let hit = self.patterns.iter().find(|p| p.regex.is_match(&text))?;
        Some(hit.name.clone())
    }

    /// All the detectors that find something, with how often. For explanations: it costs more than
    /// [`find`](Self::find), and hits of a pattern are counted up to 100 only.
    pub fn find_all(&self, text: &str) -> Vec<(DetectorName, usize)> {
        let text = fold(text);
        let mut hits: Vec<(BuiltIn, usize, usize)> = Vec::new();
        Scan::new(&text, &self.built_in).run(&mut |kind, span| {
            match hits.iter_mut().find(|(known, ..)| *known == kind) {
                // Readings that overlap are one hit.
                Some((_, end, _)) if span.start < *end => {}
                Some((_, end, count)) => {
                    *end = span.end;
                    *count += 1;
                }
                None => hits.push((kind, span.end, 1)),
            }
            true
        });
        hits.sort_unstable();
        let built_in = hits
            .into_iter()
            .map(|(kind, _, count)| (DetectorName(kind.as_str().into()), count));
        let patterns = self.patterns.iter().filter_map(|p| {
            let count = p.regex.find_iter(&text).take(MOST_COUNTED).count();
            (count > 0).then(|| (p.name.clone(), count))
        });
        built_in.chain(patterns).collect()
    }
}

impl Pattern {
    fn compile(name: &str, regex: &str, taken: bool) -> Result<Self, DetectorError> {
        let owned = || name.to_owned();
        Detectors::check_name(name)?;
        if taken {
            return Err(DetectorError::Taken { name: owned() });
        }
        if regex.len() > LONGEST_PATTERN {
            return Err(DetectorError::TooLong { name: owned() });
        }
        // Values are read one after the other, so there is no beginning and no end that it could mean.
        if let Some(anchor) = [r"\A", r"\z"].into_iter().find(|a| regex.contains(a)) {
            return Err(DetectorError::Pattern {
                name: owned(),
                reason: format!("`{anchor}` never matches; write `^` or `$`"),
            });
        }
        let compiled = RegexBuilder::new(regex)
            .multi_line(true)
            .size_limit(PATTERN_MEMORY)
            .dfa_size_limit(PATTERN_MEMORY)
            .build()
            .map_err(|error| DetectorError::Pattern {
                name: owned(),
                reason: last_line(&error.to_string()),
            })?;
        if compiled.is_match("") {
            return Err(DetectorError::MatchesNothing { name: owned() });
        }
        Ok(Self {
            name: DetectorName(name.into()),
            regex: compiled,
        })
    }
}

/// Errors of patterns draw the pattern first and say what is wrong in their last line.
fn last_line(error: &str) -> String {
    let line = error.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
