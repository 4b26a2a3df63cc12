//! Dividing the traffic of a route among arms.
//!
//! Arms are chosen by weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and
//! Schomaker 2005): every arm draws a number from a hash of its own name and of what must stay together, and the
//! largest one wins. An arm's draw depends on nothing but its own name and weight, so between two arms whose weights
//! stay as they are nothing ever moves.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::route::Route;
use crate::matcher::HeaderLookup;
use crate::number::{count, real};
use crate::units::Probability;

/// How the traffic of a route is divided.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What stays together.
    pub by: StickyBy,
    /// Another salt deals the traffic anew.
    pub salt: String,
    /// At least one; names differ; weights add up to 1.
    pub arms: Arc<[Arm]>,
}

/// One way of answering within a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Unique in its split.
    pub name: String,
    /// Its share of the traffic; may be 0.
    pub weight: Probability,
    /// What the route means in this arm; its action is never [`Action::Split`](super::Action::Split).
    pub route: Arc<Route>,
}

/// What stays in one arm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum StickyBy {
    /// All requests of a client key.
    #[default]
    Key,
    /// All requests of a team.
    Team,
    /// All requests of an end user, as the request names one.
    User,
    /// All requests with the same value of this header; lower case.
    Header(String),
    /// Each request for itself.
    Request,
}

/// Why a text does not name what stays together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownSticky;

impl FromStr for StickyBy {
    type Err = UnknownSticky;

    fn from_str(text: &str) -> Result<Self, UnknownSticky> {
        match (text, text.split_once(':')) {
            ("key", _) => Ok(Self::Key),
            ("team", _) => Ok(Self::Team),
            ("user", _) => Ok(Self::User),
            ("request", _) => Ok(Self::Request),
            (_, Some(("header", name))) if is_header_name(name) => {
                Ok(Self::Header(name.to_ascii_lowercase()))
            }
            _ => Err(UnknownSticky),
        }
    }
}

/// Whether `name` is a token of RFC 9110 §5.6.2.
fn is_header_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

/// Who sent a request, as far as teams and splits go by it.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Name of the client key; empty where keys are not used.
    pub key: &'a str,
    /// The team that the key belongs to.
    pub team: Option<&'a str>,
    /// The end user, as the request names one.
    pub user: Option<&'a str>,
    /// The id of the exchange; different for every request.
    pub request: &'a str,
    /// Header lookup by lower-case name.
    pub header: &'a HeaderLookup<'a>,
}

impl fmt::Debug for Asker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the user and the headers, which may be personal.
        f.debug_struct("Asker")
            .field("key", &self.key)
            .field("team", &self.team)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl Split {
    /// The arm of a request. The same on every machine and after every restart: it depends on the name of the route, the
    /// salt, the arms' names and weights, and on what stays together. A request that lacks what it should stay
    /// together by, a header for example, stays with its client key.
    ///
    /// `None` only without arms, which a compiled split never is.
    pub fn arm<'a>(&'a self, route: &str, asker: &Asker<'_>) -> Option<&'a Arm> {
        let (kind, value) = self.sticky(asker);
        self.arms.iter().max_by(|a, b| {
            let draw = |arm: &Arm| draw(arm.weight, &[&self.salt, route, &arm.name, kind, value]);
            draw(a).total_cmp(&draw(b))
        })
    }

    /// Whether each request is dealt anew, so that nobody can tell before which arm it gets.
    pub fn keeps_nothing_together(&self) -> bool {
        self.by == StickyBy::Request
    }

    /// Whether both deal every request of the same route to the arm of the same name.
    pub fn deals_like(&self, other: &Self) -> bool {
        let arms = |split: &Self| -> Vec<(String, Probability)> {
            let arms = split.arms.iter();
            arms.map(|arm| (arm.name.clone(), arm.weight)).collect()
        };
        self.by == other.by && self.salt == other.salt && arms(self) == arms(other)
    }

    /// What the request stays together by; the kind keeps a key and a user of the same name apart.
    fn sticky<'b>(&self, asker: &Asker<'b>) -> (&'static str, &'b str) {
        let found = match &self.by {
            StickyBy::Key => None,
            StickyBy::Request => Some(("request", asker.request)),
            StickyBy::Team => asker.team.map(|team| ("team", team)),
            StickyBy::User => asker.user.map(|user| ("user", user)),
            StickyBy::Header(name) => (asker.header)(name).map(|value| ("header", value)),
        };
        found.unwrap_or(("key", asker.key))
    }
}

/// A number whose largest is an arm's with the probability of its share: `-w / ln u` with `u` uniform in (0, 1), from
/// the first 52 bits of a SHA-256 over the parts, each behind its length.
fn draw(weight: Probability, parts: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(count(part.len()).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let bits = hash
        .finalize()
        .iter()
        .take(8)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    // The half keeps u away from 0 and 1.
    let uniform = (real(bits >> 12) + 0.5) / TWO_TO_THE_52;
    -weight.get() / uniform.ln()
}

/// How many numbers of 52 bits there are. With the half added they are still exact.
const TWO_TO_THE_52: f64 = 4_503_599_627_370_496.0;

#[cfg(test)]
mod tests;
