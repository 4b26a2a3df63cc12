//! Quantities as people write them in a policy file: `2 %`, `250ms`. A value that lacks its unit is an error
//! that says which unit to add, since a wrong guess would change what a route promises.

mod amount;
mod factor;
mod probability;
mod span;

#[cfg(test)]
mod tests;

pub use amount::Amount;
pub use factor::Factor;
pub use probability::Probability;
pub use span::Span;

use thiserror::Error;

/// Why a text is not the quantity it should be. Every message says what to write instead.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UnitError {
    /// A probability that is no number at all.
    #[error(
        "`{text}` is not a probability; write a percentage such as `2 %` or a number from 0 to 1"
    )]
    NotAProbability {
        /// What was written.
        text: String,
    },
    /// A number outside 0 to 1 without a percent sign.
    #[error(
        "{value} is not between 0 and 1; write a percentage such as `2 %` or a number from 0 to 1"
    )]
    NotBetweenZeroAndOne {
        /// What was written.
        value: f64,
    },
    /// A percentage outside 0 to 100.
    #[error("`{text}` is not between 0 % and 100 %")]
    NotAPercentage {
        /// What was written.
        text: String,
    },
    /// A duration without its unit.
    #[error("`{text}` has no unit; write `{text}ms`, `{text}s`, `{text}m` or `{text}h`")]
    NoUnit {
        /// What was written.
        text: String,
    },
    /// A duration that cannot be read.
    #[error(
        "`{text}` is not a duration; write whole numbers with units, such as `250ms`, `2s` or `1m30s`"
    )]
    NotASpan {
        /// What was written.
        text: String,
    },
    /// Something that is not an exact amount of money.
    #[error(
        "`{text}` is not an amount in USD; write a plain decimal number in quotes, like \"0.50\""
    )]
    NotAnAmount {
        /// What was written.
        text: String,
    },
    /// Something that is not a factor of at least 1.
    #[error("`{text}` is not a factor; write a number of at least 1, such as `3x`")]
    NotAFactor {
        /// What was written.
        text: String,
    },
    /// A duration beyond what 64 bits of milliseconds hold.
    #[error("`{text}` is too long a duration")]
    TooLong {
        /// What was written.
        text: String,
    },
}
