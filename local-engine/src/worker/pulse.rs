//! Whether the child still lives: when to ask it, and when to give it up.

use std::time::Duration;

use tokio::time::Instant;

/// Longest time between two questions.
const EVERY: Duration = Duration::from_secs(1);
/// Unanswered questions after which it gets no further jobs.
const PATIENCE: u32 = 3;

/// What the silence so far asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// A question.
    Short,
    /// A question, and no jobs until it is answered.
    Long(Duration),
    /// The end.
    Final(Duration),
}

/// The time since the last sign of life.
#[derive(Debug)]
pub(super) struct Pulse {
    every: Duration,
    limit: Duration,
    heard: Instant,
    next: Instant,
}

impl Pulse {
    /// Of a child that is given up after `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        let every = (limit / 4).min(EVERY);
        let now = Instant::now();
        Self {
            every,
            limit,
            heard: now,
            next: now + every,
        }
    }

    /// When to look at the silence next.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// There was a sign of life.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// What to do now that [`next`](Self::next) has come.
    pub(super) fn look(&mut self) -> Silence {
        let now = Instant::now();
        let late = now.duration_since(self.next);
        self.next = now + self.every;
        if late >= self.limit {
            // This process itself did not run; that says nothing about the child.
            self.heard = now;
        }
        let silence = now.duration_since(self.heard);
        if silence >= self.limit {
            Silence::Final(silence)
        } else if silence >= self.every * PATIENCE {
            Silence::Long(silence)
        } else {
            Silence::Short
        }
    }
}

#[cfg(test)]
#[cfg(feature = "stopped-clock")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn looks(pulse: &mut Pulse, times: usize) -> Vec<Silence> {
        let mut seen = Vec::new();
        for _ in 0..times {
            tokio::time::sleep_until(pulse.next()).await;
            seen.push(pulse.look());
        }
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_grows_from_short_to_final() {
        use Silence::{Final, Long, Short};
        let mut pulse = Pulse::new(5 * SECOND);
        let expected = [
            Short,
            Short,
            Long(3 * SECOND),
            Long(4 * SECOND),
            Final(5 * SECOND),
        ];
        assert_eq!(looks(&mut pulse, 5).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn any_sign_of_life_begins_anew() {
        let mut pulse = Pulse::new(10 * SECOND);
        for _ in 0..9 {
            assert_eq!(looks(&mut pulse, 2).await, [Silence::Short; 2]);
            pulse.heard();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_that_did_not_run_blames_nobody() {
        let mut pulse = Pulse::new(10 * SECOND);
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(pulse.look(), Silence::Short);
    }
}
