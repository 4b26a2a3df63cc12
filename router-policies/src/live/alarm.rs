//! What makes a certificate void.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Probability;

/// The traffic is no longer what the certificate was proven on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Requests since learning last began, this one included.
    pub at: u64,
    /// What was seen.
    pub cause: AlarmCause,
}

/// What an alarm was raised on, with the evidence.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AlarmCause {
    /// A signal that needs no label is distributed otherwise than when the route was certified.
    Shift {
        /// Which signal.
        signal: WatchedSignal,
        /// Population stability index of the last window against the reference.
        index: f64,
        /// The index from which on it is an alarm.
        limit: f64,
    },
    /// Far more, or far fewer, drafts are escalated than when the route was certified.
    EscalationRate {
        /// Share of the reference that the threshold in force escalates.
        expected: Probability,
        /// Whether there are more.
        more: bool,
        /// Height of the cumulative sum.
        sum: f64,
        /// The height from which on it is an alarm.
        limit: f64,
    },
    /// Audits, and answers that failed after they were committed, prove that the regret is above the target.
    AuditedLoss {
        /// Audits since the certificate.
        audits: u64,
        /// Of those, how many were bad.
        losses: u64,
        /// Answers that failed after they were committed.
        #[serde(default)]
        failed: u64,
        /// Wealth of the bet that the regret is above the target; the alarm comes at `1 / false_alarm`.
        wealth: f64,
    },
}

/// A signal that is compared with a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchedSignal {
    /// The scorer's `p_bad`.
    PBad,
    /// Number of tokens of the draft that carry the answer.
    DecisionTokens,
    /// How likely the local model found the prompt.
    PromptLikelihood,
}

impl fmt::Display for WatchedSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PBad => "confidence",
            Self::DecisionTokens => "number of decision tokens",
            Self::PromptLikelihood => "likelihood of the prompt",
        })
    }
}

impl fmt::Display for AlarmCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shift {
                signal,
                index,
                limit,
            } => write!(
                f,
                "the {signal} is distributed otherwise than when the route was certified: population stability index \
                 {index:.2}, alarm from {limit:.2}"
            ),
            Self::EscalationRate { expected, more, .. } => {
                let direction = if *more { "more" } else { "fewer" };
                write!(
                    f,
                    "far {direction} drafts are escalated than the expected {expected:.1}"
                )
            }
            Self::AuditedLoss {
                audits,
                losses,
                failed,
                ..
            } => {
                write!(
                    f,
                    "{losses} of {audits} audited answers would have been better served by the upstream"
                )?;
                if *failed > 0 {
                    write!(f, " and {failed} failed after they were committed")?;
                }
                f.write_str(", which is more than the target allows")
            }
        }
    }
}
