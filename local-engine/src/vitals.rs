//! How an engine has fared: what its operator wants to see.

use std::collections::BTreeMap;
use std::time::Duration;

/// Counts since the engine was started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// Process that runs the model now, if it has one of its own.
    pub process_id: Option<u32>,
    /// Times it was started again, by what ended it before.
    pub restarts: BTreeMap<Cause, u64>,
    /// Jobs that compute or wait now.
    pub present: u32,
    /// First tokens: when they came, and when they were predicted to come.
    pub first_tokens: FirstTokens,
    /// How it came into memory and left it, if it may do that.
    pub stays: Option<Stays>,
}

/// A model's time in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stays {
    /// Bytes that its process has in memory now, as the system measures.
    pub resident: u64,
    /// Bytes that are kept free for it now: what it is expected to take at most, or what it takes where that is more.
    pub held: u64,
    /// Bytes that it is expected to take at most.
    pub expected: u64,
    /// Times it was loaded.
    pub loads: u64,
    /// Time that took, all of them together.
    pub loading: Duration,
    /// Times it was unloaded, by why.
    pub unloads: BTreeMap<&'static str, u64>,
    /// Times it was asked for and found no room.
    pub refusals: u64,
}

/// Sums over all jobs that gave a first token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FirstTokens {
    /// Jobs.
    pub count: u64,
    /// Time from arrival to the first token as predicted on arrival.
    pub predicted: Duration,
    /// Time that it took.
    pub actual: Duration,
    /// Distance between the two, without its sign.
    pub error: Duration,
}

impl FirstTokens {
    /// These and others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self {
            count: self.count + others.count,
            predicted: self.predicted.saturating_add(others.predicted),
            actual: self.actual.saturating_add(others.actual),
            error: self.error.saturating_add(others.error),
        }
    }

    /// Takes in one job.
    pub(crate) fn note(&mut self, predicted: Duration, actual: Duration) {
        self.count += 1;
        self.predicted = self.predicted.saturating_add(predicted);
        self.actual = self.actual.saturating_add(actual);
        self.error = self.error.saturating_add(predicted.abs_diff(actual));
    }
}

/// What ended a worker process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A signal that somebody sent: 9, 15 or the like.
    Killed,
    /// A signal that it brought on itself: an abort, a bad memory access.
    Crashed,
    /// It passed its memory limit, or the system ran out of memory.
    Memory,
    /// It gave no sign of life.
    Hung,
    /// It ended by itself, because its engine broke off.
    Exited,
    /// It said something that nobody can read.
    Garbled,
    /// The model did not load.
    NotLoaded,
    /// The program did not start.
    NotStarted,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Killed,
        Self::Crashed,
        Self::Memory,
        Self::Hung,
        Self::Exited,
        Self::Garbled,
        Self::NotLoaded,
        Self::NotStarted,
    ];

    /// Stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Crashed => "crashed",
            Self::Memory => "memory",
            Self::Hung => "hung",
            Self::Exited => "exited",
            Self::Garbled => "garbled",
            Self::NotLoaded => "not_loaded",
            Self::NotStarted => "not_started",
        }
    }
}
