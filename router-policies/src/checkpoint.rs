//! Whether a draft that is not finished yet will be rejected anyway, so that its rest need not be computed.
//!
//! A draft is looked at when its first decision token has come, its fourth, its eighth and so on by doubling. Two
//! things can end it there:
//!
//! * *Certainty.* The plain scorer goes by the probability of the draft as a whole, which no further token can raise. Once it is
//!   below what the verdict asks for, the draft is lost. Such a stop is never wrong and takes no training.
//! * *A head.* At the first six checkpoints a fitted scorer of the features so far says how probable a rejection is.
//!   The draft is given up when that probability reaches the limit of the head; how [`train()`] finds the limits, it says.
//!
//! A stopped draft counts as one with a `p_bad` of 1: traffic that is never accepted. So heads only take away from what is
//! accepted, and whatever was proven about `P(accepted AND bad)` stays true. A wrong stop costs an upstream call and
//! no quality; how many there may be is promised, see [`Heads`].

mod heads;
mod lesson;
mod tally;
mod trace;
mod train;
mod training;

#[cfg(test)]
mod tests;

pub use heads::{Heads, StopPromise};
pub use lesson::{Stopping, learn_to_stop};
pub use tally::{CheckpointTally, StopTally};
pub use trace::{Course, Prefix, Trace, Traced, Tracer, features_at};
pub use train::{StopProof, train};

pub(crate) use trace::reached;
pub(crate) use training::{Judged, Training};

use crate::units::Probability;

/// The checkpoints that have heads, in decision tokens.
pub const CHECKPOINTS: [u32; 6] = [1, 4, 8, 16, 32, 64];

/// Chance with which a draft that was stopped is made again to its end when nobody needs the model, so that something is learnt of such
/// drafts too and a head that went wrong is noticed.
pub const FINISHED: Probability = Probability::PERCENT_10;

/// Whether a draft is looked at when it has this many decision tokens: 1, 4, 8, 16, 32, 64 and on by doubling.
pub const fn is_checkpoint(decisions: u64) -> bool {
    decisions.is_power_of_two() && decisions != 2
}

/// Why a draft is given up before its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Decision tokens so far.
    pub decisions: u32,
    /// Probability that the verdict would have been to escalate; 1 where that is certain.
    pub p_rejected: Probability,
    /// The head's limit, which that probability has reached; 1 where it is certain.
    pub limit: Probability,
}
