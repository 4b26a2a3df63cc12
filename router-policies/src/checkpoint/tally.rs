//! What stopping does to drafts whose end is known.

use super::CHECKPOINTS;
use super::Stop;
use super::trace::Trace;
use crate::number::{count, real};
use crate::verdict::Judge;

/// What happens at one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckpointTally {
    /// Decision tokens.
    pub decisions: u32,
    /// Drafts that come this far.
    pub reached: u64,
    /// Of those, how many are stopped here.
    pub stopped: u64,
    /// Of those, how many the verdict would have accepted.
    pub wrong: u64,
    /// Compute that the stops save, in the unit of [`Trace::busy`].
    pub saved: f64,
}

/// What happens at all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct StopTally {
    /// One for each of [`CHECKPOINTS`], in order. Later ones count with the last.
    pub checkpoints: Vec<CheckpointTally>,
    /// Drafts.
    pub drafts: u64,
    /// Drafts that the verdict accepts.
    pub accepted: u64,
    /// Compute of drafts that are escalated, wrongly stopped ones included, had they been finished; in the unit of
    /// [`Trace::busy`].
    pub escalated_busy: f64,
}

impl StopTally {
    /// What `judge` would have stopped of `traces`.
    pub fn of(judge: &Judge, traces: &[Trace]) -> Self {
        let mut tally = Self {
            checkpoints: CHECKPOINTS.map(CheckpointTally::at).into(),
            drafts: count(traces.len()),
            accepted: count(traces.iter().filter(|trace| trace.accepted).count()),
            escalated_busy: 0.0,
        };
        for trace in traces {
            tally.add(judge, trace);
        }
        tally
    }

    /// Drafts that are stopped.
    pub fn stopped(&self) -> u64 {
        self.checkpoints.iter().map(|at| at.stopped).sum()
    }

    /// Drafts that are stopped and would have been accepted.
    pub fn wrong(&self) -> u64 {
        self.checkpoints.iter().map(|at| at.wrong).sum()
    }

    /// Compute that is saved, as a share of what all escalated drafts would have taken to their ends; 0 without any.
    pub fn saved_share(&self) -> f64 {
        let saved: f64 = self.checkpoints.iter().map(|at| at.saved).sum();
        if self.escalated_busy > 0.0 {
            saved / self.escalated_busy
        } else {
            0.0
        }
    }

    /// Wrongly stopped drafts as a share of those that the verdict accepts; 0 without any.
    pub fn wrong_share(&self) -> f64 {
        real(self.wrong()) / real(self.accepted.max(1))
    }

    fn add(&mut self, judge: &Judge, trace: &Trace) {
        let mut stopped = false;
        for prefix in &trace.prefixes {
            let stop = judge.stop_at(prefix.decisions, &prefix.features);
            let Some(at) = self.checkpoint(prefix.decisions) else {
                break;
            };
            at.reached += u64::from(CHECKPOINTS.contains(&prefix.decisions));
            if let Some(Stop { .. }) = stop {
                at.stopped += 1;
                at.wrong += u64::from(trace.accepted);
                at.saved += prefix.left;
                stopped = true;
                break;
            }
        }
        if stopped || !trace.accepted {
            self.escalated_busy += trace.busy;
        }
    }

    /// The checkpoint at this many decisions, or the last one.
    fn checkpoint(&mut self, decisions: u32) -> Option<&mut CheckpointTally> {
        let index = CHECKPOINTS.partition_point(|known| *known < decisions);
        let last = self.checkpoints.len().checked_sub(1)?;
        self.checkpoints.get_mut(index.min(last))
    }
}

impl CheckpointTally {
    const fn at(decisions: u32) -> Self {
        Self {
            decisions,
            reached: 0,
            stopped: 0,
            wrong: 0,
            saved: 0.0,
        }
    }
}
