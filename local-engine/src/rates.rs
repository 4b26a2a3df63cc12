//! Measured speeds, smoothed.

use std::time::Duration;

/// Weight of the newest sample: about the last ten samples count.
const WEIGHT: f64 = 0.2;

/// How fast the engine reads prompts and how long it keeps a slot. Unknown speeds count as instant.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// Seconds per prompt token.
    prefill: Option<f64>,
    /// Seconds a job holds its slot.
    job: Option<f64>,
}

impl Rates {
    /// Starts from declared values: prompt tokens per second, time per job.
    pub(crate) fn starting_at(prefill: Option<f64>, job: Option<Duration>) -> Self {
        let prefill = prefill.filter(|rate| *rate > 0.0).map(f64::recip);
        Self {
            prefill,
            job: job.map(|time| time.as_secs_f64()),
        }
    }

    /// Learns from one measured prefill.
    pub(crate) fn prefilled(&mut self, prompt_tokens: u32, took: Duration) {
        if prompt_tokens > 0 {
            blend(
                &mut self.prefill,
                took.as_secs_f64() / f64::from(prompt_tokens),
            );
        }
    }

    /// Learns from one job that left its slot.
    pub(crate) fn job_took(&mut self, time: Duration) {
        blend(&mut self.job, time.as_secs_f64());
    }

    /// Predicted prefill time; `None` before the first measurement.
    pub(crate) fn prefill(&self, prompt_tokens: u32) -> Option<Duration> {
        let seconds = self.prefill? * f64::from(prompt_tokens);
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Predicted time until `jobs` have left `slots` slots one after the other.
    pub(crate) fn queue(&self, jobs: u32, slots: u32) -> Duration {
        let seconds = self.job.unwrap_or(0.0) * f64::from(jobs) / f64::from(slots.max(1));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

fn blend(mean: &mut Option<f64>, sample: f64) {
    *mean = Some(mean.map_or(sample, |old| old + WEIGHT * (sample - old)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_rates_are_optimistic() {
        let rates = Rates::default();
        assert_eq!(rates.prefill(1000), None);
        assert_eq!(rates.queue(5, 1), Duration::ZERO);
    }

    #[test]
    fn a_declared_rate_gives_way_to_measurements() {
        let mut rates = Rates::starting_at(Some(100.0), None);
        assert_eq!(rates.prefill(50), Some(Duration::from_millis(500)));
        for _ in 0..60 {
            rates.prefilled(10, Duration::from_secs(1));
        }
        let predicted = rates.prefill(10).unwrap();
        assert!(predicted.abs_diff(Duration::from_secs(1)) < Duration::from_millis(1));
    }

    #[test]
    fn a_zero_rate_is_no_rate() {
        assert_eq!(Rates::starting_at(Some(0.0), None).prefill(1), None);
    }
}
