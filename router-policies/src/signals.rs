//! What the tokens of a draft say about it, folded up while they arrive.

mod features;
mod role;
mod surprise;

#[cfg(test)]
mod tests;

pub use features::{FeatureError, Features, Soft};
pub use role::{Marker, Role};

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
    /// What the token is to the answer; a [`Marker`] tells.
    #[serde(default)]
    pub role: Role,
}

/// How likely the model found the prompt itself, from the prefill: an unusual prompt is one it was hardly trained on.
///
/// Values that are NaN or out of range are taken as the worst value there is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PromptSignal {
    /// Mean `ln p` of the prompt's tokens; nats, at most 0.
    pub mean_logprob: f32,
    /// `ln p` of the least likely one; nats, at most 0.
    pub min_logprob: f32,
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
/// Forced tokens are counted and otherwise ignored. Of the frame only the logprobs are kept, apart from the others.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    prompt: Option<PromptSignal>,
    tokens: u64,
    forced: u64,
    decisions: u64,
    decided_last: bool,
    frame: Frame,
    first_logprob: f64,
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

/// What is kept of unforced tokens that are no decisions; zeros if there was none.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    sum_logprob: f64,
    min_logprob: f64,
}

impl Signals {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what the prefill said, where the engine tells.
    pub const fn read_prompt(&mut self, prompt: PromptSignal) {
        self.prompt = Some(prompt);
    }

    /// Takes in the next token. `id` is its vocabulary index, or any other number that equal tokens share; it is
    /// only used to notice repetition.
    pub fn push(&mut self, id: u32, signal: TokenSignal) {
        self.tokens += 1;
        self.decided_last = false;
        if signal.forced {
            self.forced += 1;
            return;
        }
        let logprob = within(signal.logprob, LOGPROB_FLOOR, 0.0, LOGPROB_FLOOR);
        match signal.role {
            Role::Frame => {
                self.frame.sum_logprob += logprob;
                self.frame.min_logprob = self.frame.min_logprob.min(logprob);
            }
            Role::Decision => self.decide(id, logprob, signal),
        }
    }

    fn decide(&mut self, id: u32, logprob: f64, signal: TokenSignal) {
        let margin = within(signal.margin, -MARGIN_RANGE, MARGIN_RANGE, -MARGIN_RANGE);
        let entropy = within(signal.entropy, 0.0, ENTROPY_CEILING, ENTROPY_CEILING);
        let legal_mass = within(signal.legal_mass, LEGAL_MASS_FLOOR, 1.0, LEGAL_MASS_FLOOR);

        self.sum_logprob += logprob;
        self.sum_miss += -logprob.exp_m1();
        self.sum_margin += margin;
        // The first decision finds zeros from `default`, which are no observations.
        if self.decisions == 0 {
            self.min_margin = margin;
            self.first_logprob = logprob;
        }
        self.min_margin = self.min_margin.min(margin);
        self.max_entropy = self.max_entropy.max(entropy);
        self.min_ln_legal_mass = self.min_ln_legal_mass.min(legal_mass.ln());
        self.surprises.push(-logprob);
        self.decisions += 1;
        self.decided_last = true;
        self.slide_window(logprob);
        self.note_repetition(id);
    }

    /// Tokens seen, forced ones included.
    pub const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Decision tokens: those that the model chose and that carry the answer.
    pub const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Tokens that were the only ones allowed.
    pub const fn forced(&self) -> u64 {
        self.forced
    }

    /// Whether the newest token was a decision.
    pub const fn decided_last(&self) -> bool {
        self.decided_last
    }

    /// The features of the draft as it stands. All of them are finite.
    ///
    /// A draft without a single decision gives no evidence for itself: its features are those of the worst token.
    pub fn features(&self, finish: Finish) -> Features {
        if self.decisions > 0 {
            return self.summarise(finish);
        }
        let mut worst = Self {
            prompt: self.prompt,
            ..Self::default()
        };
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
        let prompt = |pick: fn(PromptSignal) -> f32| {
            self.prompt.map_or(0.0, |prompt| {
                within(pick(prompt), LOGPROB_FLOOR, 0.0, LOGPROB_FLOOR)
            })
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
            -self.surprises.quantile(0.95),
            -self.surprises.quantile(0.75),
            self.first_logprob,
            self.frame.sum_logprob,
            self.frame.min_logprob,
            prompt(|prompt| prompt.mean_logprob),
            prompt(|prompt| prompt.min_logprob),
            if self.prompt.is_some() { 1.0 } else { 0.0 },
            0.0,
            0.0,
            0.0,
            0.0,
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
    role: Role::Decision,
};

/// `value` brought into `[low, high]`, or `worst` for NaN.
fn within(value: f32, low: f64, high: f64, worst: f64) -> f64 {
    if value.is_nan() {
        worst
    } else {
        f64::from(value).clamp(low, high)
    }
}
