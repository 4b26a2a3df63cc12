//! A draft as a short list of named numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::units::Probability;

/// Number of features.
const COUNT: usize = 26;

/// What is known of a draft, as finite numbers in a fixed order.
///
/// Unless a row says otherwise, statistics are over decision tokens: those that were not forced and carry the answer.
/// Logprobs are natural logarithms.
///
/// | name | meaning | unit, range |
/// | --- | --- | --- |
/// | `sum_logprob` | log-probability of all decisions together | nats, ≤ 0 |
/// | `min_logprob` | least likely token | nats, -100 to 0 |
/// | `tenth_logprob` | 10 % quantile, from a histogram | nats, -100 to 0 |
/// | `median_logprob` | 50 % quantile, from a histogram | nats, -100 to 0 |
/// | `mean_logprob` | mean | nats, -100 to 0 |
/// | `mean_miss` | mean of `1 - p` | 0 to 1 |
/// | `min_margin` | smallest lead over the runner-up | nats, -100 to 100 |
/// | `mean_margin` | mean lead | nats, -100 to 100 |
/// | `max_entropy` | most undecided step | nats, 0 to 20 |
/// | `min_legal_mass` | `ln` of the smallest mass on allowed tokens | nats, -28 to 0 |
/// | `lowest_window` | lowest mean logprob of 16 tokens in a row; of all tokens if there are fewer | nats, -100 to 0 |
/// | `ln_tokens` | `ln` of the number of decision tokens | ≥ 0 |
/// | `truncated` | whether the token limit ended it | 0 or 1 |
/// | `repetition` | longest run that repeats what stood up to 16 tokens before, as a share; 0 below 8 tokens | 0 to 1 |
/// | `twentieth_logprob` | 5 % quantile, from a histogram | nats, -100 to 0 |
/// | `quarter_logprob` | 25 % quantile, from a histogram | nats, -100 to 0 |
/// | `first_logprob` | first decision | nats, -100 to 0 |
/// | `frame_logprob` | log-probability of the unforced rest, such as keys and punctuation of JSON | nats, ≤ 0 |
/// | `min_frame_logprob` | least likely token of that rest | nats, -100 to 0 |
/// | `prompt_mean_logprob` | mean over the prompt; 0 where the engine does not tell | nats, -100 to 0 |
/// | `prompt_min_logprob` | least likely token of the prompt; 0 where the engine does not tell | nats, -100 to 0 |
/// | `prompt_known` | whether the engine tells | 0 or 1 |
/// | `hedged` | whether the finished text says that it does not know, or refuses somewhere | 0 or 1 |
/// | `copied` | share of a finished free text that stands in the request, in runs of 8 words | 0 to 1 |
/// | `looped` | share of a finished free text that one repeated phrase covers | 0 to 1 |
/// | `empty` | whether finished JSON holds no value | 0 or 1 |
///
/// Serialised as a map from name to number; reading asks for exactly these names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<String, f64>", try_from = "BTreeMap<String, f64>")]
pub struct Features([f64; COUNT]);

/// What a finished text says of itself without being wrong outright; [`inspect`](crate::inspect) finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soft {
    /// It says that it does not know, or refuses somewhere after its start.
    pub hedged: bool,
    /// Share of it that stands in the request, word for word.
    pub copied: Probability,
    /// Share of it that one repeated phrase covers.
    pub looped: Probability,
    /// It is JSON without a value.
    pub empty: bool,
}

impl Soft {
    /// Nothing to be said.
    pub const NOTHING: Self = Self {
        hedged: false,
        copied: Probability::ZERO,
        looped: Probability::ZERO,
        empty: false,
    };
}

/// Why numbers are not the features of a draft.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FeatureError {
    /// A feature has no value.
    #[error("feature `{0}` is missing")]
    Missing(&'static str),
    /// There is no such feature.
    #[error("there is no feature `{0}`; there are: {all}", all = Features::NAMES.join(", "))]
    Unknown(String),
    /// A value is NaN or infinite.
    #[error("feature `{0}` is not a finite number")]
    NotFinite(&'static str),
}

impl Features {
    /// How many there are.
    pub const COUNT: usize = COUNT;

    /// Version of the names and their meaning; scorers of another version do not apply.
    pub const VERSION: u32 = 3;

    /// The names, in order.
    pub const NAMES: [&'static str; COUNT] = [
        "sum_logprob",
        "min_logprob",
        "tenth_logprob",
        "median_logprob",
        "mean_logprob",
        "mean_miss",
        "min_margin",
        "mean_margin",
        "max_entropy",
        "min_legal_mass",
        "lowest_window",
        "ln_tokens",
        "truncated",
        "repetition",
        "twentieth_logprob",
        "quarter_logprob",
        "first_logprob",
        "frame_logprob",
        "min_frame_logprob",
        "prompt_mean_logprob",
        "prompt_min_logprob",
        "prompt_known",
        "hedged",
        "copied",
        "looped",
        "empty",
    ];

    /// Positions of the two prompt features and of their indicator in [`Self::NAMES`].
    pub(crate) const PROMPT: [usize; 2] = [19, 20];
    pub(crate) const PROMPT_KNOWN: usize = 21;
    /// Positions of what only the finished text tells.
    const HEDGED: usize = 22;
    const COPIED: usize = 23;
    const LOOPED: usize = 24;
    const EMPTY: usize = 25;

    /// Values in the order of [`Self::NAMES`], all finite.
    pub(crate) const fn from_array(values: [f64; COUNT]) -> Self {
        Self(values)
    }

    /// Features by name, as a recording has them.
    ///
    /// # Errors
    /// [`FeatureError`] unless there is one finite value for each of [`Self::NAMES`] and nothing else.
    pub fn from_named(named: &BTreeMap<String, f64>) -> Result<Self, FeatureError> {
        if let Some(name) = named
            .keys()
            .find(|name| !Self::NAMES.contains(&name.as_str()))
        {
            return Err(FeatureError::Unknown(name.clone()));
        }
        let mut values = [0.0; COUNT];
        for (value, name) in values.iter_mut().zip(Self::NAMES) {
            *value = *named.get(name).ok_or(FeatureError::Missing(name))?;
            if !value.is_finite() {
                return Err(FeatureError::NotFinite(name));
            }
        }
        Ok(Self(values))
    }

    /// The feature of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        Self::NAMES.into_iter().zip(self.0)
    }

    /// The values, in the order of [`Self::NAMES`].
    pub const fn values(&self) -> [f64; COUNT] {
        self.0
    }

    /// Log-probability of the whole draft: of all tokens that were not forced, in nats.
    pub const fn draft_logprob(&self) -> f64 {
        self.0[0] + self.0[17]
    }

    /// The same features with what the finished text says in itself.
    #[must_use]
    pub const fn with_soft(mut self, soft: Soft) -> Self {
        self.0[Self::HEDGED] = if soft.hedged { 1.0 } else { 0.0 };
        self.0[Self::COPIED] = soft.copied.get();
        self.0[Self::LOOPED] = soft.looped.get();
        self.0[Self::EMPTY] = if soft.empty { 1.0 } else { 0.0 };
        self
    }
}

impl From<Features> for BTreeMap<String, f64> {
    fn from(features: Features) -> Self {
        features
            .iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

impl TryFrom<BTreeMap<String, f64>> for Features {
    type Error = FeatureError;

    fn try_from(named: BTreeMap<String, f64>) -> Result<Self, FeatureError> {
        Self::from_named(&named)
    }
}
