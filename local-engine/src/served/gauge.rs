//! How long prompts are and how fast they are read, learnt from what the servers counted.

use std::time::Duration;

use parking_lot::Mutex;

use crate::job::Message;
use crate::rates::Rates;

/// Bytes of a token of English text.
const USUAL: f64 = 4.0;

/// Tokens that a chat template adds to each message.
const AROUND: u32 = 4;

/// Weight of the newest sample.
const WEIGHT: f64 = 0.2;

/// What was learnt from answers so far.
#[derive(Debug)]
pub(super) struct Gauge {
    bytes_per_token: Mutex<f64>,
    rates: Mutex<Rates>,
}

impl Gauge {
    pub(super) fn new() -> Self {
        Self {
            bytes_per_token: Mutex::new(USUAL),
            rates: Mutex::default(),
        }
    }

    /// Estimated tokens of a prompt.
    pub(super) fn tokens(&self, messages: &[Message]) -> u32 {
        let text = f64::from(bytes(messages)) / *self.bytes_per_token.lock();
        whole(text).saturating_add(around(messages))
    }

    /// Expected time to the first token.
    pub(super) fn first_token(&self, prompt_tokens: u32) -> Duration {
        let rates = self.rates.lock();
        rates.prefill(prompt_tokens).unwrap_or_default()
    }

    /// Learns from an answer: the server counted `tokens` of the prompt, and the first one came after `took`.
    pub(super) fn learn(&self, messages: &[Message], tokens: u32, took: Duration) {
        self.rates.lock().prefilled(tokens, took);
        let text = f64::from(tokens.saturating_sub(around(messages)));
        if text >= 1.0 {
            let sample = (f64::from(bytes(messages)) / text).clamp(0.5, 16.0);
            let mut mean = self.bytes_per_token.lock();
            *mean += WEIGHT * (sample - *mean);
        }
    }
}

fn bytes(messages: &[Message]) -> u32 {
    let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn around(messages: &[Message]) -> u32 {
    u32::try_from(messages.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(AROUND)
}

/// The next whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to the range of the type"
)]
fn whole(value: f64) -> u32 {
    value.ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(bytes: usize) -> Vec<Message> {
        vec![Message {
            role: "user".into(),
            content: "x".repeat(bytes),
        }]
    }

    #[test]
    fn counts_come_to_what_the_server_counts() {
        let gauge = Gauge::new();
        assert_eq!(gauge.tokens(&prompt(400)), 104);
        for _ in 0..40 {
            gauge.learn(&prompt(400), 204, Duration::from_millis(204));
        }
        assert_eq!(gauge.tokens(&prompt(400)), 204);
        let expected = Duration::from_millis(204);
        assert!(gauge.first_token(204).abs_diff(expected) < Duration::from_millis(1));
    }
}
