//! Features on comparable scales.

use serde::{Deserialize, Serialize};

use crate::number::{count, real};
use crate::signals::Features;

/// One feature of a fitted scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Term {
    /// A name from [`Features::NAMES`].
    pub(super) feature: String,
    /// Mean of the transformed feature.
    pub(super) centre: f64,
    /// Standard deviation of the transformed feature; 1 where it never varied.
    pub(super) scale: f64,
    /// Log-odds per standard deviation.
    pub(super) weight: f64,
}

impl Term {
    pub(super) fn is_sound(&self) -> bool {
        self.centre.is_finite()
            && self.weight.is_finite()
            && self.scale.is_finite()
            && self.scale > 0.0
    }
}

/// Standardised values are cut off here, so that a feature that hardly varied among the labels cannot decide
/// alone when it varies later.
const CUT: f64 = 10.0;

/// Added before taking logarithms: about the noise of a log-softmax in 32-bit floats.
const NOISE: f64 = 1e-6;

/// Per feature, in the order of [`Features::NAMES`], whether it measures a distance from certainty that spans orders
/// of magnitude.
///
/// Drafts with logprobs of -0.001 and -0.0001 differ tenfold in how often they are wrong, and it is among such
/// drafts that a strict risk target decides. On a log scale, unlike on the plain one, a linear model can tell
/// them apart.
const LOGARITHMIC: [bool; Features::COUNT] = [
    true, true, true, true, true, true, // the logprobs and mean_miss
    false, false, // margins
    true, true, true, // max_entropy, min_legal_mass, lowest_window
    false, false, false, // ln_tokens, truncated, repetition
    true, true, true, true, true, // further logprobs, those of the frame among them
    false, false, false, // the prompt
    false, false, false, false, // hedged, copied, looped, empty
];

fn transform(index: usize, value: f64) -> f64 {
    match LOGARITHMIC.get(index) {
        Some(true) => (value.abs() + NOISE).ln(),
        _ => value,
    }
}

/// The features transformed, standardised and cut off. Prompt features that the engine did not tell are average.
pub(super) fn standardise(terms: &[Term], features: &Features) -> [f64; Features::COUNT] {
    let values = features.values();
    let mut inputs = [0.0; Features::COUNT];
    let slots = inputs.iter_mut().zip(terms.iter().zip(values)).enumerate();
    for (index, (slot, (term, value))) in slots {
        *slot = ((transform(index, value) - term.centre) / term.scale).clamp(-CUT, CUT);
    }
    if values[Features::PROMPT_KNOWN] < 0.5 {
        for index in Features::PROMPT {
            inputs[index] = 0.0;
        }
    }
    inputs
}

/// The terms that standardise `rows`, with weights of 0.
pub(super) fn terms(rows: &[Features]) -> Vec<Term> {
    let size = real(count(rows.len()).max(1));
    Features::NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let column = || {
                rows.iter()
                    .filter_map(move |row| Some(transform(index, *row.values().get(index)?)))
            };
            let centre = column().sum::<f64>() / size;
            let variance = column().map(|value| (value - centre).powi(2)).sum::<f64>() / size;
            // What is left of a constant column is rounding, relative to its size.
            let varies = variance.sqrt() > 1e-9 * (1.0 + centre.abs());
            let scale = if varies { variance.sqrt() } else { 1.0 };
            Term {
                feature: (*name).to_owned(),
                centre,
                scale,
                weight: 0.0,
            }
        })
        .collect()
}
