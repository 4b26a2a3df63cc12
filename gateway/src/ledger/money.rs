//! US dollars, exactly.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(test)]
mod tests;

/// An amount of US dollars, exact to [`Usd::SCALE`] decimals; may be negative.
///
/// Never more than [`Usd::SCALE`] decimals and never beyond [`Usd::LIMIT`] in size: within those
/// bounds 96-bit decimal addition does not round, so a sum is the same in every order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(Decimal);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// Most decimals an amount keeps.
    pub const SCALE: u32 = 18;
    /// Largest size of an amount, in whole dollars.
    pub const LIMIT: i64 = 10_000_000_000;

    /// The amount, rounded half to even at [`Usd::SCALE`]; `None` beyond [`Usd::LIMIT`].
    #[must_use]
    pub fn from_decimal(amount: Decimal) -> Option<Self> {
        (amount.abs() <= Decimal::from(Self::LIMIT))
            .then(|| Self(amount.round_dp(Self::SCALE).normalize()))
    }

    /// The amount as a plain decimal, in dollars.
    #[must_use]
    pub const fn as_decimal(self) -> Decimal {
        self.0
    }

    /// The sum, or `None` beyond [`Usd::LIMIT`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_decimal)
    }

    /// The difference, or `None` beyond [`Usd::LIMIT`].
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::from_decimal)
    }

    /// The amount times a count or a ratio, or `None` beyond [`Usd::LIMIT`].
    #[must_use]
    pub fn checked_mul(self, factor: Decimal) -> Option<Self> {
        self.0.checked_mul(factor).and_then(Self::from_decimal)
    }

    /// The sum, held at ±[`Usd::LIMIT`].
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        self.checked_add(other)
            .unwrap_or_else(|| Self::limit(self.0.is_sign_negative()))
    }

    /// The difference, held at ±[`Usd::LIMIT`].
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        self.checked_sub(other)
            .unwrap_or_else(|| Self::limit(self.0.is_sign_negative()))
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// This amount as a share of `whole`; `None` when `whole` is zero.
    #[must_use]
    pub fn share_of(self, whole: Self) -> Option<Decimal> {
        self.0.checked_div(whole.0)
    }

    /// For people: cents from one dollar up (`$1,234.50`), four significant digits below
    /// (`$0.0123`). Rounded, so never for sums.
    #[must_use]
    pub fn human(self) -> String {
        let size = self.0.abs();
        let shown = if size >= Decimal::ONE {
            size.round_dp(2)
        } else {
            size.round_sf(4).unwrap_or(size)
        };
        let text = shown.normalize().to_string();
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let sign = if self.0.is_sign_negative() && !shown.is_zero() {
            "-"
        } else {
            ""
        };
        format!("{sign}${}.{decimals:0<2}", grouped(whole))
    }

    fn limit(negative: bool) -> Self {
        Self(Decimal::from(if negative {
            -Self::LIMIT
        } else {
            Self::LIMIT
        }))
    }
}

/// Digits with a comma before every third from the right.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Usd {
    /// The exact amount as a plain decimal without trailing zeros, `0.0125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A negative zero would print as `-0`.
        let plain = if self.0.is_zero() {
            Decimal::ZERO
        } else {
            self.0.normalize()
        };
        fmt::Display::fmt(&plain, f)
    }
}

impl Sum for Usd {
    /// Held at ±[`Usd::LIMIT`]; exact, and the same in every order, below it.
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl<'a> Sum<&'a Self> for Usd {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

/// A text that is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an amount in US dollars; write a plain decimal such as \"2.50\", with at most \
     18 decimals"
)]
pub struct ParseUsdError(String);

impl FromStr for Usd {
    type Err = ParseUsdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseUsdError(text.to_owned());
        let amount = Decimal::from_str_exact(text.trim())
            .or_else(|_| Decimal::from_scientific(text.trim()))
            .map_err(|_| refused())?
            .normalize();
        // Rounding a price in silence would make the books disagree with the price list.
        if amount.scale() > Self::SCALE {
            return Err(refused());
        }
        Self::from_decimal(amount).ok_or_else(refused)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AmountVisitor)
    }
}

struct AmountVisitor;

impl serde::de::Visitor<'_> for AmountVisitor {
    type Value = Usd;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in US dollars as a quoted decimal, such as \"2.50\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Usd, E> {
        text.parse().map_err(E::custom)
    }
}
