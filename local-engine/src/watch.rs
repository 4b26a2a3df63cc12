//! Tells an engine that hangs from one that is busy.

use std::time::Duration;

use tokio::time::Instant;

/// The prompt is one step, however long it is; it is given the time of a step for each so many tokens.
const PROMPT_SHARE: u32 = 256;

/// Watches one job's steps.
#[derive(Debug)]
pub(crate) struct Watch {
    stall_after: Duration,
    /// Time for the first step.
    prompt: Duration,
    steps: u32,
    since: Instant,
}

impl Watch {
    /// A job whose steps take no longer than `stall_after` each.
    pub(crate) fn new(stall_after: Duration, prompt_tokens: u32) -> Self {
        let prompt = stall_after.saturating_mul(prompt_tokens.div_ceil(PROMPT_SHARE).max(1));
        Self {
            stall_after,
            prompt,
            steps: 0,
            since: Instant::now(),
        }
    }

    /// How often to look.
    pub(crate) fn interval(&self) -> Duration {
        (self.stall_after / 8).max(Duration::from_millis(1))
    }

    /// Whether nothing has happened for too long, `steps` being the steps so far.
    pub(crate) fn has_hung(&mut self, steps: u32) -> bool {
        if steps != self.steps {
            (self.steps, self.since) = (steps, Instant::now());
        }
        let limit = if steps == 0 {
            self.prompt
        } else {
            self.stall_after
        };
        self.since.elapsed() >= limit
    }
}
