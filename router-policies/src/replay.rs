//! What a policy would have done with recorded outcomes, and what a confidence is worth.
//!
//! A recording says of each request how far its draft was doubted and how good both answers were: that of the local
//! model and that of the upstream. From it follow, without a single new request, the quality and the share of calls
//! of every threshold. [`Ranking`] holds them all; [`reliability()`] tells how honest the probabilities are.
//!
//! Every figure treats rows of equal doubt alike: in a curve a tie is a straight line, the mean over all orders of its
//! rows. Everything is `O(n log n)` in the number of rows and linear once they are ranked.

mod calibrator;
mod doubt;
mod named;
mod ranking;
mod reliability;

#[cfg(test)]
mod tests;

pub use calibrator::Calibrator;
pub use doubt::Doubt;
pub use named::{NamedFit, NamedScorer};
pub use ranking::{Operation, Outcome, Point, Ranking};
pub use reliability::{BINS, Bin, expected_error, reliability};
