//! One model of those that share the memory.

use std::time::Duration;

use crate::config::Stay;

/// Why a model leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engines) enum Cause {
    /// Another one takes its room.
    Evicted,
    /// Nobody asked for it for as long as its settings say.
    Idle,
    /// All together took more than the budget, because it shrank or a model grew.
    OverBudget,
    /// It did not load.
    Failed,
    /// It is not configured any more.
    Retired,
}

impl Cause {
    /// Stable lower-case name.
    pub(in crate::engines) const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Idle => "idle",
            Self::OverBudget => "over_budget",
            Self::Failed => "failed",
            Self::Retired => "retired",
        }
    }
}

/// Where a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engines) enum Place {
    /// On the disk.
    Out,
    /// On the disk; it comes now if there is room.
    Offered,
    /// On the disk; somebody waits for it.
    Waiting,
    /// It is being read, because somebody asked for it or with the gateway.
    Loading {
        asked: bool,
    },
    In,
    /// In memory; it takes no more jobs and goes when the last has ended.
    Going(Cause),
    /// Its process is being ended.
    Leaving,
}

/// A model and what is known of it.
#[derive(Debug, Clone)]
pub(in crate::engines) struct Occupant {
    pub(in crate::engines) place: Place,
    pub(in crate::engines) stay: Stay,
    /// Bytes that it takes at most, as far as can be said before it runs.
    pub(in crate::engines) expected: u64,
    /// Bytes that its process takes.
    pub(in crate::engines) resident: u64,
    /// Most bytes that any of its processes took.
    peak: u64,
    /// Bytes that were kept free for it when it was loaded.
    reserved: u64,
    /// Jobs that run there.
    pub(in crate::engines) busy: u32,
    pub(in crate::engines) used_at: Duration,
    /// When it came to be where it is.
    pub(in crate::engines) since: Duration,
    pub(in crate::engines) retired: bool,
    /// Somebody asked for it while it was on its way out.
    pub(in crate::engines) again: bool,
}

impl Occupant {
    pub(super) const fn new(expected: u64, stay: Stay) -> Self {
        Self {
            place: Place::Out,
            stay,
            expected,
            resident: 0,
            peak: 0,
            reserved: 0,
            busy: 0,
            used_at: Duration::ZERO,
            since: Duration::ZERO,
            retired: false,
            again: false,
        }
    }

    /// Bytes that are in use or kept free for it.
    pub(in crate::engines) fn held(&self) -> u64 {
        match self.place {
            Place::Out | Place::Offered | Place::Waiting if self.keeps_room() => self.expected,
            Place::Out | Place::Offered | Place::Waiting => 0,
            Place::Loading { .. } | Place::In | Place::Going(_) | Place::Leaving => {
                self.reserved.max(self.resident)
            }
        }
    }

    /// Bytes that it needs to be loaded: what is expected of it, or what it took before, where that was more. What grew
    /// beyond the budget may come again all the same, alone.
    pub(super) fn needs(&self, budget: u64) -> u64 {
        self.expected.max(self.peak.min(budget))
    }

    /// Its room is kept free from now on.
    pub(super) fn reserve(&mut self, budget: Option<u64>) {
        self.reserved = budget.map_or(self.expected, |budget| self.needs(budget));
    }

    /// Its process takes so many bytes.
    pub(super) fn measure(&mut self, bytes: u64) {
        self.resident = bytes;
        self.peak = self.peak.max(bytes);
    }

    /// Whether it has its room for itself.
    pub(super) const fn keeps_room(&self) -> bool {
        self.stay.keep && !self.retired
    }

    /// Whether what it holds will not become free by what was begun already.
    pub(super) const fn stays(&self) -> bool {
        match self.place {
            Place::Going(_) | Place::Leaving => self.keeps_room(),
            Place::Out | Place::Offered | Place::Waiting | Place::Loading { .. } | Place::In => {
                !self.retired
            }
        }
    }

    pub(super) const fn takes_jobs(&self) -> bool {
        matches!(self.place, Place::In | Place::Loading { asked: false })
    }

    /// Whether it only has to be ended.
    pub(in crate::engines) const fn is_done(&self) -> bool {
        matches!(self.place, Place::Going(_)) && self.busy == 0
    }

    /// Whether its room may be given to others.
    pub(super) const fn may_go(&self) -> bool {
        matches!(self.place, Place::In) && !self.stay.keep
    }
}
