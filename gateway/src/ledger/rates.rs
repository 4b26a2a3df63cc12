//! Token counts, what they are charged at, and the catalog of known prices.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::entry::BaselineModel;
use super::money::Usd;

#[cfg(test)]
mod tests;

/// Tokens of one attempt, in disjoint buckets: no token is counted twice.
///
/// OpenAI counts cached tokens inside `prompt_tokens` and reasoning inside `completion_tokens`;
/// subtract them before filling this in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens charged at the full rate, neither read from nor written to a cache.
    pub input: u64,
    /// Prompt tokens read from the upstream's prompt cache.
    pub cache_read: u64,
    /// Prompt tokens written to the upstream's prompt cache.
    pub cache_write: u64,
    /// Tokens of the visible answer.
    pub output: u64,
    /// Hidden thinking tokens; charged like output.
    pub reasoning: u64,
}

impl Usage {
    /// All prompt tokens.
    #[must_use]
    pub const fn prompt_tokens(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }

    /// All generated tokens.
    #[must_use]
    pub const fn completion_tokens(&self) -> u64 {
        self.output.saturating_add(self.reasoning)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

/// A cost that is known exactly, or known to be unknown. Unknown is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// The cost.
    Exact(Usd),
    /// No rates are known for what was used.
    Unpriced,
}

impl Price {
    /// Known to cost nothing.
    pub const FREE: Self = Self::Exact(Usd::ZERO);

    /// The amount, where it is known.
    #[must_use]
    pub const fn exact(self) -> Option<Usd> {
        match self {
            Self::Exact(amount) => Some(amount),
            Self::Unpriced => None,
        }
    }

    /// Both together; unknown if either is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact(left), Self::Exact(right)) => left.checked_add(right).into(),
            _ => Self::Unpriced,
        }
    }
}

impl From<Option<Usd>> for Price {
    fn from(amount: Option<Usd>) -> Self {
        amount.map_or(Self::Unpriced, Self::Exact)
    }
}

/// What an upstream charges for one model, in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Prompt tokens.
    pub input: Usd,
    /// Prompt tokens read from the cache; absent: charged like `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Usd>,
    /// Prompt tokens written to the cache; absent: charged like `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
    /// Generated tokens, reasoning included.
    pub output: Usd,
}

impl Rates {
    /// The exact cost of `usage`; unpriced only when it passes [`Usd::LIMIT`].
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Price {
        self.parts(usage)
            .into_iter()
            .try_fold(Usd::ZERO, |sum, (tokens, rate)| {
                sum.checked_add(per_million(tokens, rate)?)
            })
            .into()
    }

    /// The most that a request can cost: the prompt at its dearest rate and `max_output` tokens.
    #[must_use]
    pub fn worst_case(&self, prompt_tokens: u64, max_output: u64) -> Price {
        let dearest = self
            .cache_write
            .map_or(self.input, |write| write.max(self.input));
        let dear = Self {
            input: dearest,
            ..self.clone()
        };
        dear.cost(&Usage {
            input: prompt_tokens,
            output: max_output,
            ..Usage::default()
        })
    }

    fn parts(&self, usage: &Usage) -> [(u64, Usd); 5] {
        [
            (usage.input, self.input),
            (usage.cache_read, self.cache_read.unwrap_or(self.input)),
            (usage.cache_write, self.cache_write.unwrap_or(self.input)),
            (usage.output, self.output),
            (usage.reasoning, self.output),
        ]
    }
}

/// Exact as long as the rate has at most 12 decimals: a millionth adds six, [`Usd`] keeps 18.
fn per_million(tokens: u64, rate: Usd) -> Option<Usd> {
    rate.checked_mul(Decimal::from_i128_with_scale(i128::from(tokens), 6))
}

/// What the local model's hardware and energy cost while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalRate {
    /// US dollars per hour of compute.
    pub per_hour: Usd,
}

impl LocalRate {
    /// Busy time (to the microsecond) at this rate.
    ///
    /// An hour costs exactly `per_hour`. A third of a cent has no finite decimal, so each cost is
    /// rounded once, here, at [`Usd::SCALE`] decimals; the row keeps that figure and sums of rows
    /// are exact.
    #[must_use]
    pub fn cost(&self, busy: Duration) -> Price {
        let micros = i128::try_from(busy.as_micros()).unwrap_or(i128::MAX);
        let hours = Decimal::try_from_i128_with_scale(micros, 0)
            .ok()
            .and_then(|micros| self.per_hour.as_decimal().checked_mul(micros))
            .and_then(|product| product.checked_div(Decimal::from(MICROS_PER_HOUR)));
        hours.and_then(Usd::from_decimal).into()
    }
}

const MICROS_PER_HOUR: u64 = 3_600_000_000;

/// How an attempt is charged; each ledger row keeps a copy, so later price changes leave it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "basis", rename_all = "snake_case")]
pub enum Pricing {
    /// By the time the local model was busy.
    BusyTime(LocalRate),
    /// By tokens.
    Tokens(Rates),
    /// Nobody told us: the attempt is unpriced.
    Unknown,
}

impl Pricing {
    /// What this much work costs.
    #[must_use]
    pub fn cost(&self, usage: &Usage, busy: Duration) -> Price {
        match self {
            Self::BusyTime(rate) => rate.cost(busy),
            Self::Tokens(rates) => rates.cost(usage),
            Self::Unknown => Price::Unpriced,
        }
    }
}

impl From<Option<&Rates>> for Pricing {
    fn from(rates: Option<&Rates>) -> Self {
        rates.map_or(Self::Unknown, |rates| Self::Tokens(rates.clone()))
    }
}

/// Known prices by upstream and model.
///
/// Names match exactly. A prefix guess (`gpt-x` for `gpt-x-mini`) would book a wrong price with
/// a straight face; an unknown name is unpriced and the report says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    upstreams: BTreeMap<String, BTreeMap<String, Rates>>,
}

impl Catalog {
    /// Sets the rates of one model; returns those it had before.
    pub fn insert(
        &mut self,
        upstream: impl Into<String>,
        model: impl Into<String>,
        rates: Rates,
    ) -> Option<Rates> {
        self.upstreams
            .entry(upstream.into())
            .or_default()
            .insert(model.into(), rates)
    }

    /// The rates of exactly this model.
    #[must_use]
    pub fn rates(&self, upstream: &str, model: &str) -> Option<&Rates> {
        self.upstreams.get(upstream)?.get(model)
    }

    /// How attempts on this model are charged; [`Pricing::Unknown`] if it is not listed.
    #[must_use]
    pub fn pricing(&self, upstream: &str, model: &str) -> Pricing {
        self.rates(upstream, model).into()
    }

    /// What `usage` costs there; unpriced if the model is not listed.
    #[must_use]
    pub fn price(&self, upstream: &str, model: &str, usage: &Usage) -> Price {
        self.rates(upstream, model)
            .map_or(Price::Unpriced, |rates| rates.cost(usage))
    }

    /// A route's baseline with today's rates frozen in.
    #[must_use]
    pub fn baseline(&self, upstream: &str, model: &str) -> BaselineModel {
        BaselineModel {
            provider: upstream.to_owned(),
            model: model.to_owned(),
            rates: self.rates(upstream, model).cloned(),
        }
    }
}

impl<U: Into<String>, M: Into<String>> FromIterator<(U, M, Rates)> for Catalog {
    fn from_iter<I: IntoIterator<Item = (U, M, Rates)>>(prices: I) -> Self {
        let mut catalog = Self::default();
        for (upstream, model, rates) in prices {
            catalog.insert(upstream, model, rates);
        }
        catalog
    }
}
