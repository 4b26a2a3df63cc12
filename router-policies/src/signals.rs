//! What the tokens of a draft say about it, folded up while they arrive.

mod features;
mod surprise;

#[cfg(test)]
mod tests;

pub use features::{FeatureError, Features};

use serde::{Deserialize, Serialize};

use self::surprise::Surprises;
use crate::number::real;

/// Statistics of one decode step: natural logarithms over the full vocabulary, before any mask.
///
/// Values that are NaN or out of range are taken as the worst value there is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TokenSignal {
    /// `ln p` of the emitted token; nats, at most 0.
    pub logprob: f32,
    /// `ln p` of the emitted token minus `ln p` of the best other one; nats, negative where a mask overruled the
    /// model.
    pub margin: f32,
    /// Shannon entropy of the step; nats, at least 0.
    pub entropy: f32,
    /// Probability mass of the tokens that were allowed, before masking; 0 to 1.
    pub legal_mass: f32,
    /// Only one token was allowed, so the choice says nothing.
    pub forced: bool,
}

/// Why a draft ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended its answer.
    Stop,
    /// The token limit or the context was used up.
    Length,
}

/// Worst values a signal can take; also the stand-in for NaN. `e^-100` is far below any probability that a
/// 32-bit softmax can tell from zero, and 20 nats is the entropy of half a billion equal choices.
const LOGPROB_FLOOR: f64 = -100.0;
const MARGIN_RANGE: f64 = 100.0;
const ENTROPY_CEILING: f64 = 20.0;
const LEGAL_MASS_FLOOR: f64 = 1e-12;

/// Tokens in the window whose mean logprob is tracked, after `DeepConf` (Fu et al. 2025).
const WINDOW: usize = 16;
/// Longest distance at which repetition is looked for, in tokens.
const LAGS: usize = 16;
/// Shortest run of repeated tokens that counts as repetition; shorter ones occur in any text.
const REPETITION_FROM: u64 = 8;

/// Accumulates the signals of one draft. Every step costs the same, however long the draft is: sums, extremes, the
/// last 16 logprobs, the last 16 token ids and a histogram of 16 bins are all that is kept.
///
/// Forced tokens are counted and otherwise ignored.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    tokens: u64,
    decisions: u64,
    surprises: Surprises,
    sum_logprob: f64,
    sum_miss: f64,
    min_margin: f64,
    sum_margin: f64,
    max_entropy: f64,
    min_ln_legal_mass: f64,
    /// Newest first; meaningful up to `decisions` entries.
    recent_logprobs: [f64; WINDOW],
    lowest_window: f64,
    /// Newest first; meaningful up to `decisions` entries.
    recent_ids: [u32; LAGS],
    /// For each distance, how many tokens in a row have equalled the one that far before.
    runs: [u64; LAGS],
    longest_run: u64,
}

impl Signals {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next token. `id` is its vocabulary index, or any other number that equal tokens share; it is
    /// only used to notice repetition.
    pub fn push(&mut self, id: u32, signal: TokenSignal) {
        self.tokens += 1;
        if signal.forced {
            return;
        }
        let logprob = within(signal.logprob, LOGPROB_FLOOR, 0.0, LOGPROB_FLOOR);
        let margin = within(signal.margin, -MARGIN_RANGE, MARGIN_RANGE, -MARGIN_RANGE);
        let entropy = within(signal.entropy, 0.0, ENTROPY_CEILING, ENTROPY_CEILING);
        let legal_mass = within(signal.legal_mass, LEGAL_MASS_FLOOR, 1.0, LEGAL_MASS_FLOOR);

        self.sum_logprob += logprob;
        self.sum_miss += -logprob.exp_m1();
        self.sum_margin += margin;
        // The first decision finds a margin of 0 from `default`, which is no observation.
        self.min_margin = if self.decisions == 0 {
            margin
        } else {
            self.min_margin.min(margin)
        };
        self.max_entropy = self.max_entropy.max(entropy);
        self.min_ln_legal_mass = self.min_ln_legal_mass.min(legal_mass.ln());
        self.surprises.push(-logprob);
        self.decisions += 1;
        self.slide_window(logprob);
        self.note_repetition(id);
    }

    /// Tokens seen, forced ones included.
    pub const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Tokens that the model chose: all but the forced ones.
    pub const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Tokens that were the only ones allowed.
    pub const fn forced(&self) -> u64 {
        self.tokens - self.decisions
    }

    /// The features of the draft as it stands. All of them are finite.
    ///
    /// A draft without a single decision gives no evidence for itself: its features are those of the worst token.
    pub fn features(&self, finish: Finish) -> Features {
        if self.decisions > 0 {
            return self.summarise(finish);
        }
        let mut worst = Self::new();
        worst.push(0, WORST);
        worst.summarise(finish)
    }

    fn summarise(&self, finish: Finish) -> Features {
        let decisions = real(self.decisions);
        let mean_logprob = self.sum_logprob / decisions;
        let repeated = if self.longest_run < REPETITION_FROM {
            0
        } else {
            self.longest_run
        };
        Features::from_array([
            self.sum_logprob,
            -self.surprises.most(),
            -self.surprises.quantile(0.9),
            -self.surprises.quantile(0.5),
            mean_logprob,
            self.sum_miss / decisions,
            self.min_margin,
            self.sum_margin / decisions,
            self.max_entropy,
            self.min_ln_legal_mass,
            if self.window_is_full() {
                self.lowest_window
            } else {
                mean_logprob
            },
            decisions.ln(),
            if finish == Finish::Length { 1.0 } else { 0.0 },
            real(repeated) / decisions,
        ])
    }

    fn window_is_full(&self) -> bool {
        usize::try_from(self.decisions).map_or(true, |decisions| decisions >= WINDOW)
    }

    fn slide_window(&mut self, logprob: f64) {
        self.recent_logprobs.rotate_right(1);
        self.recent_logprobs[0] = logprob;
        if self.window_is_full() {
            // Summed anew each time: a running sum would collect rounding errors over a long draft.
            let mean = self.recent_logprobs.iter().sum::<f64>() / real(WINDOW as u64);
            self.lowest_window = self.lowest_window.min(mean);
        }
    }

    fn note_repetition(&mut self, id: u32) {
        let earlier = usize::try_from(self.decisions - 1).unwrap_or(LAGS);
        for (run, before) in self.runs.iter_mut().zip(self.recent_ids).take(earlier) {
            *run = if before == id { *run + 1 } else { 0 };
            self.longest_run = self.longest_run.max(*run);
        }
        self.recent_ids.rotate_right(1);
        self.recent_ids[0] = id;
    }
}

/// A token about which nothing good can be said.
const WORST: TokenSignal = TokenSignal {
    logprob: f32::NEG_INFINITY,
    margin: f32::NEG_INFINITY,
    entropy: f32::INFINITY,
    legal_mass: 0.0,
    forced: false,
};

/// `value` brought into `[low, high]`, or `worst` for NaN.
fn within(value: f32, low: f64, high: f64, worst: f64) -> f64 {
    if value.is_nan() {
        worst
    } else {
        f64::from(value).clamp(low, high)
    }
}
