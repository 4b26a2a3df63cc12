//! Sits inside the engine's sampler, sees the full logits of every step, and decides.
//!
//! The engine's own statistics are of no use (base 10, mixed before and after the mask), and so is its
//! sampler at temperature 0. So the choice falls here, and the engine is left one token to choose from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use candle_core::{Result, Tensor};
use mistralrs::CustomLogitsProcessor;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::decode::{Plan, Stepper};
use crate::engine::{Event, FinishReason, Usage};
use crate::error::EngineError;
use crate::job::Sampling;
use crate::rates::Rates;

/// Follows one job through the engine.
pub(super) struct Probe {
    state: Mutex<State>,
    steps: AtomicU32,
    meter: Arc<Meter>,
}

/// What all jobs of a model add up to.
#[derive(Default)]
pub(super) struct Meter {
    pub(super) steps: AtomicU64,
    pub(super) rates: Mutex<Rates>,
}

struct State {
    stepper: Stepper,
    events: mpsc::Sender<Event>,
    prompt_tokens: u32,
    sent: Instant,
    /// Makes the engine stop at once.
    stop_token: u32,
    meter: Arc<Meter>,
    /// Length of the context that was answered last, and the answer.
    last: Option<(usize, u32)>,
    ended: bool,
    draws: fastrand::Rng,
}

impl Probe {
    /// `events` has room for the whole answer: nothing here waits.
    pub(super) fn new(
        plan: Plan,
        prompt_tokens: u32,
        stop_token: u32,
        events: mpsc::Sender<Event>,
        meter: Arc<Meter>,
    ) -> Self {
        let draws = match plan.sampling {
            Sampling::Random {
                seed: Some(seed), ..
            } => fastrand::Rng::with_seed(seed),
            Sampling::Random { .. } | Sampling::Greedy => fastrand::Rng::new(),
        };
        let state = State {
            draws,
            stepper: Stepper::new(plan),
            events,
            prompt_tokens,
            sent: Instant::now(),
            stop_token,
            meter: Arc::clone(&meter),
            last: None,
            ended: false,
        };
        Self {
            state: Mutex::new(state),
            steps: AtomicU32::new(0),
            meter,
        }
    }

    /// Steps that the engine has taken.
    pub(super) fn steps(&self) -> u32 {
        self.steps.load(Ordering::Acquire)
    }

    /// Whether the last event is out, or nobody reads any more.
    pub(super) fn ended(&self) -> bool {
        self.state.lock().ended
    }
}

impl CustomLogitsProcessor for Probe {
    fn apply(&self, logits: &Tensor, context: &[u32]) -> Result<Tensor> {
        self.steps.fetch_add(1, Ordering::AcqRel);
        self.meter.steps.fetch_add(1, Ordering::AcqRel);
        let values = logits.to_vec1::<f32>()?;
        let token = self.state.lock().choose(&values, context.len());
        only(token, logits)
    }
}

/// Logits that leave `token` alone.
pub(super) fn only(token: u32, like: &Tensor) -> Result<Tensor> {
    let mut values = vec![f32::NEG_INFINITY; like.elem_count()];
    let place = usize::try_from(token)
        .ok()
        .and_then(|token| values.get_mut(token));
    match place {
        Some(value) => *value = 0.0,
        None => candle_core::bail!("token {token} is beyond the model's vocabulary"),
    }
    Tensor::from_vec(values, like.shape(), like.device())
}

impl State {
    fn choose(&mut self, logits: &[f32], context: usize) -> u32 {
        // The engine may ask twice about one step.
        if let Some((length, token)) = self.last
            && length == context
        {
            return token;
        }
        let token = self.step(logits);
        self.last = Some((context, token));
        token
    }

    fn step(&mut self, logits: &[f32]) -> u32 {
        if self.ended || self.events.is_closed() {
            self.ended = true;
            return self.stop_token;
        }
        if self.stepper.chosen() == 0 {
            let (prompt_tokens, took) = (self.prompt_tokens, self.sent.elapsed());
            // Before the event: who has read it may count on the estimate.
            self.meter.rates.lock().prefilled(prompt_tokens, took);
            self.emit(Event::Prefilled {
                prompt_tokens,
                reused_tokens: 0,
                took,
            });
        }
        match self.stepper.step(logits, self.draws.f64()) {
            Ok(step) => {
                for token in step.certain {
                    self.emit(Event::Token(token));
                }
                let Some(reason) = step.end else {
                    return step.token;
                };
                self.finish(reason)
            }
            Err(error) => self.fail(error),
        }
    }

    fn finish(&mut self, reason: FinishReason) -> u32 {
        let usage = Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.stepper.chosen(),
            busy: self.sent.elapsed(),
        };
        self.emit(Event::Finished { reason, usage });
        self.ended = true;
        self.stop_token
    }

    fn fail(&mut self, error: EngineError) -> u32 {
        self.emit(Event::Failed(error));
        self.ended = true;
        self.stop_token
    }

    fn emit(&self, event: Event) {
        // There is room for the whole answer, so this only fails when the reader is gone; the next step sees
        // that and stops.
        let _ = self.events.try_send(event);
    }
}
