//! Whether the traffic is still what the certificate was proven on.
//!
//! Three watches, from the fastest to the surest:
//! * signals without labels against a reference of 500 requests ([`shift`]);
//! * the rate at which the threshold in force escalates, against the rate in the reference ([`cusum`]);
//! * the regret itself, as audits show it ([`loss`]).

mod cusum;
mod loss;
mod shift;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::cusum::Cusum;
use self::loss::LossWatch;
use self::shift::Shift;
use super::alarm::{AlarmCause, WatchedSignal};
use super::learning::{Label, Observation};
use super::settings::LiveSettings;
use crate::number::{count, real};
use crate::risk::cells::{CELLS, Cell};

/// Requests in the reference, the first of an episode, and in each window that is compared with it.
const WINDOW: usize = 500;

/// All watches of one episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    p_bad: Shift,
    tokens: Shift,
    prompt: Shift,
    /// Requests of the reference per cell.
    reference: Vec<u32>,
    referenced: usize,
    /// There is one once a threshold is in force and the reference is complete.
    rate: Option<Cusum>,
    pub(super) loss: LossWatch,
}

impl Watch {
    pub(super) fn new(settings: &LiveSettings) -> Self {
        Self {
            p_bad: Shift::new(),
            tokens: Shift::new(),
            prompt: Shift::new(),
            reference: vec![0; CELLS + 1],
            referenced: 0,
            rate: None,
            loss: LossWatch::new(settings),
        }
    }

    /// Takes one request in, under the threshold in force.
    pub(super) fn observe(
        &mut self,
        seen: &Observation,
        cell: Cell,
        threshold: Option<Cell>,
    ) -> Option<AlarmCause> {
        let shifted = self.shift(seen, threshold);
        let rate = self.rate(cell, threshold);
        let loss = match (threshold, seen.label) {
            (None, _) | (_, Label::Lost) => None,
            (Some(_), label) => self.loss.observe(&seen.sampling, label),
        };
        loss.or(shifted).or(rate)
    }

    /// A larger threshold escalates less; the sums begin anew.
    pub(super) fn threshold_changed(&mut self) {
        self.rate = None;
    }

    /// Of drafts that are given up, what is known of whole drafts stays unknown. What such signals looked like when all were seen to
    /// their ends is no measure then; the next requests are.
    pub(super) fn ends_unseen(&mut self) {
        self.tokens = Shift::new();
        self.prompt = Shift::new();
    }

    /// Above the threshold in force one confidence is as good as another: what is escalated is not at risk, and a draft
    /// that is given up early never tells its own.
    fn shift(&mut self, seen: &Observation, threshold: Option<Cell>) -> Option<AlarmCause> {
        let escalated = threshold.map(|cell| cell.threshold().get());
        let tokens = seen.decision_tokens.map(f64::from);
        let signals = [
            (
                WatchedSignal::PBad,
                &mut self.p_bad,
                Some(seen.p_bad.get()),
                escalated,
            ),
            (
                WatchedSignal::DecisionTokens,
                &mut self.tokens,
                tokens,
                None,
            ),
            (
                WatchedSignal::PromptLikelihood,
                &mut self.prompt,
                seen.prompt_logprob,
                None,
            ),
        ];
        // All of them take the request in, also when the first is alarmed.
        let alarms = signals.map(|(signal, shift, value, alike)| {
            let (index, limit) = shift.observe(value.filter(|v| v.is_finite())?, alike)?;
            Some(AlarmCause::Shift {
                signal,
                index,
                limit,
            })
        });
        alarms.into_iter().flatten().next()
    }

    fn rate(&mut self, cell: Cell, threshold: Option<Cell>) -> Option<AlarmCause> {
        if self.referenced < WINDOW {
            self.referenced += 1;
            if let Some(requests) = self.reference.get_mut(cell.index()) {
                *requests += 1;
            }
            return None;
        }
        let threshold = threshold?;
        if self.rate.is_none() {
            let above = self.reference.iter().skip(threshold.index() + 1);
            let escalated: u32 = above.sum();
            let expected = f64::from(escalated) / real(count(self.referenced));
            self.rate = Some(Cusum::new(expected, count(self.referenced)));
        }
        self.rate.as_mut()?.observe(cell > threshold)
    }
}
