//! The course of one answer, step by step.

use std::sync::Arc;

use super::answer::Answer;
use super::choose::choose;
use super::legal::{Place, Rule};
use super::stats::{Distribution, index};
use crate::engine::{FinishReason, Token};
use crate::error::EngineError;
use crate::job::Sampling;

/// Text of each token, by its number.
pub(crate) type Pieces = Arc<[Box<[u8]>]>;

/// What one answer has to keep to.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) sampling: Sampling,
    /// What the answer is held to.
    pub(crate) rule: Rule,
    /// Tokens that end an answer; at least one.
    pub(crate) ends: Arc<[u32]>,
    pub(crate) max_tokens: u32,
    pub(crate) stop: Vec<String>,
    pub(crate) pieces: Pieces,
}

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub(crate) struct Stepper {
    plan: Plan,
    place: Place,
    chosen: u32,
    answer: Answer,
}

/// What one step led to.
#[derive(Debug, PartialEq)]
pub(crate) struct Step {
    /// The token that was chosen.
    pub(crate) token: u32,
    /// Tokens that are now certain to belong to the answer.
    pub(crate) certain: Vec<Token>,
    /// Set when the answer is complete.
    pub(crate) end: Option<FinishReason>,
}

impl Stepper {
    pub(crate) fn new(plan: Plan) -> Self {
        let answer = Answer::new(&plan.stop);
        Self {
            place: Place::start(&plan.rule),
            plan,
            chosen: 0,
            answer,
        }
    }

    /// Tokens chosen so far.
    pub(crate) fn chosen(&self) -> u32 {
        self.chosen
    }

    /// Takes one step. `draw` is uniform in 0..1.
    ///
    /// # Errors
    /// When the model computed no numbers, or nothing is legal.
    pub(crate) fn step(&mut self, logits: &[f32], draw: f64) -> Result<Step, EngineError> {
        let none = || EngineError::Internal("the model gave no usable numbers".to_owned());
        let distribution = Distribution::new(logits).ok_or_else(none)?;
        let legal = self.place.legal(&self.plan.pieces, &self.plan.ends)?;
        let allowed = legal.as_ref().map(|legal| legal.tokens.as_slice());
        let token = choose(logits, allowed, self.plan.sampling, draw).ok_or_else(none)?;
        let mass = allowed.map_or(1.0, |tokens| distribution.mass(tokens));
        let stats = distribution.stats(token, mass, legal.is_some_and(|legal| legal.forced));
        self.chosen += 1;
        let ended = self.plan.ends.contains(&token);
        let bytes = if ended { Vec::new() } else { self.piece(token) };
        if !ended {
            self.place.take(token)?;
        }
        Ok(self.grow(
            Token {
                id: token,
                bytes,
                stats,
            },
            ended,
        ))
    }

    fn grow(&mut self, token: Token, ended: bool) -> Step {
        let id = token.id;
        let mut grown = self.answer.push(token);
        let end = if ended || grown.stopped {
            Some(FinishReason::Stop)
        } else {
            (self.chosen >= self.plan.max_tokens).then_some(FinishReason::Length)
        };
        if end.is_some() {
            grown.certain.extend(self.answer.rest());
        }
        Step {
            token: id,
            certain: grown.certain,
            end,
        }
    }

    fn piece(&self, token: u32) -> Vec<u8> {
        self.plan
            .pieces
            .get(index(token))
            .map(|piece| piece.to_vec())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
