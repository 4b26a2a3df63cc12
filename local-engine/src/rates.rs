//! Measured speeds: what a prompt and an answer of some length take, learnt from what they took.

mod line;

use std::time::Duration;

pub(crate) use line::Line;

/// How fast the engine reads and writes. What is unknown counts as instant.
///
/// Both are a fixed cost and one per token, see [`Line`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    prefill: Line,
    decode: Line,
}

impl Rates {
    /// Starts from a declared speed in prompt tokens per second.
    pub(crate) fn starting_at(prefill: Option<f64>) -> Self {
        let declared = prefill.filter(|rate| *rate > 0.0).map(f64::recip);
        Self {
            prefill: Line::starting_at(declared),
            decode: Line::default(),
        }
    }

    /// Learns from one measured prefill.
    pub(crate) fn prefilled(&mut self, prompt_tokens: u32, took: Duration) {
        if prompt_tokens > 0 {
            self.prefill.learn(prompt_tokens.into(), took.as_secs_f64());
        }
    }

    /// Learns from the `tokens` tokens that came after the first one.
    pub(crate) fn decoded(&mut self, tokens: u32, took: Duration) {
        if tokens > 0 {
            self.decode.learn(tokens.into(), took.as_secs_f64());
        }
    }

    /// Predicted prefill time; `None` before the first measurement.
    pub(crate) fn prefill(&self, prompt_tokens: u32) -> Option<Duration> {
        seconds(self.prefill.at(prompt_tokens.into())?)
    }

    /// Predicted time for `tokens` tokens after the first; `None` before the first measurement.
    pub(crate) fn decode(&self, tokens: u32) -> Option<Duration> {
        seconds(self.decode.at(tokens.into())?)
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_at_first() {
        let rates = Rates::default();
        assert_eq!((rates.prefill(1000), rates.decode(5)), (None, None));
    }

    #[test]
    fn a_declared_rate_gives_way_to_measurements() {
        let mut rates = Rates::starting_at(Some(100.0));
        assert_eq!(rates.prefill(50), Some(Duration::from_millis(500)));
        for _ in 0..60 {
            rates.prefilled(10, Duration::from_secs(1));
        }
        let predicted = rates.prefill(10).unwrap();
        assert!(predicted.abs_diff(Duration::from_secs(1)) < Duration::from_millis(1));
    }

    #[test]
    fn a_zero_rate_is_no_rate() {
        assert_eq!(Rates::starting_at(Some(0.0)).prefill(1), None);
    }

    #[test]
    fn a_short_prompt_keeps_its_fixed_cost() {
        let mut rates = Rates::default();
        for _ in 0..20 {
            for tokens in [10, 100, 400] {
                let took = Duration::from_millis(20 + 2 * u64::from(tokens));
                rates.prefilled(tokens, took);
            }
        }
        let short = rates.prefill(10).unwrap();
        assert!(
            short.abs_diff(Duration::from_millis(40)) < Duration::from_millis(6),
            "{short:?}"
        );
        let long = rates.prefill(1000).unwrap();
        assert!(
            long.abs_diff(Duration::from_millis(2020)) < Duration::from_millis(80),
            "{long:?}"
        );
    }
}
