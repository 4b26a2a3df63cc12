//! The statistics of a route that is serving: what it may accept, what is audited, and when its certificate is void.
//!
//! [`RouteLearning`] is one state machine per route. The gateway asks it how a draft's label is to be drawn
//! ([`RouteLearning::sampling`]), and tells it each request as soon as its label is known or known to be none
//! ([`RouteLearning::observe`]). Out come thresholds and alarms. It is a value of constant size, about 30 kB, that can be
//! stored as JSON at any time and read back.
//!
//! [`Learner`] adds the scorer: which one speaks, and when one that was fitted to the labels collected takes over.
//!
//! Nothing here draws a random number or reads a clock.

mod alarm;
mod audit;
mod drift;
mod learner;
mod learning;
mod settings;

#[cfg(test)]
mod tests;

pub use alarm::{Alarm, AlarmCause, WatchedSignal};
pub use audit::{AuditPlan, AuditPlanError, LabelSampling};
pub use learner::{Learner, Step};
pub use learning::{Event, Label, LearningReport, Observation, Phase, RouteLearning};
pub use settings::LiveSettings;
