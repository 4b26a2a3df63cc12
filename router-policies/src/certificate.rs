//! What has been proven about a route, and what it was proven for.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::checkpoint::Heads;
use crate::risk::{Certified, LiveProof, RiskTarget};
use crate::scorer::Scorer;
use crate::signals::Features;
use crate::units::Probability;

/// Proof that accepting drafts of one route up to a threshold keeps a risk target, as it is stored on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Name of the route.
    pub route: String,
    /// What was proven.
    pub target: RiskTarget,
    /// Largest `p_bad` to accept.
    pub threshold: Probability,
    /// Labelled rows it was proven on, accepted or not.
    pub n: u64,
    /// Rows that the threshold accepts.
    pub accepted: u64,
    /// Rows that it accepts and that are bad.
    pub losses: u64,
    /// Upper bound on the regret at the target's assurance.
    pub bound: Probability,
    /// How it was proven.
    #[serde(default, skip_serializing_if = "Proven::is_labelled")]
    pub proven: Proven,
    /// The scorer whose `p_bad` the threshold cuts.
    pub scorer: Scorer,
    /// What it was proven for.
    pub fingerprint: Fingerprint,
    /// What gives up drafts that this certificate will reject; `None` where none was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<Heads>,
}

/// How a threshold was proven.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Proven {
    /// On labelled requests, all at once: the exact binomial test of [`certify`](crate::certify).
    #[default]
    Labelled,
    /// On the stream of requests while it served: the bet of a [`LiveProof`].
    Serving {
        /// The wealth of the bet; at least `1 / (1 - assurance)`.
        wealth: f64,
    },
}

impl Proven {
    const fn is_labelled(&self) -> bool {
        matches!(self, Self::Labelled)
    }
}

/// Everything whose change makes confidences mean something else: hashes or names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Hash of the model's weight files.
    pub weights: String,
    /// Weight format that computes, for example `q8_0`.
    pub quantization: String,
    /// Hash of the chat template.
    pub template: String,
    /// Hash of the tokenizer.
    pub tokenizer: String,
    /// What an answer must be: a hash of the list or schema, or `text` or `json`.
    pub answer: String,
    /// Family of system prompts, for example a hash of its fixed part.
    pub prompt_family: String,
}

/// The certificate was proven for something else; the route must learn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the {what} changed since the certificate was made; the route learns anew")]
pub struct Changed {
    /// What changed first, in words: `model weights`, `chat template` …
    pub what: &'static str,
}

impl Certificate {
    /// A certificate for `route` from what [`certify`](crate::certify) found with `scorer`.
    pub fn new(
        route: impl Into<String>,
        target: RiskTarget,
        certified: Certified,
        scorer: Scorer,
        fingerprint: Fingerprint,
    ) -> Self {
        let Certified {
            threshold,
            n,
            accepted,
            losses,
            bound,
        } = certified;
        let route = route.into();
        Self {
            route,
            target,
            threshold,
            n,
            accepted,
            losses,
            bound,
            proven: Proven::Labelled,
            scorer,
            fingerprint,
            heads: None,
        }
    }

    /// The same with heads that were trained for its scorer and threshold.
    #[must_use]
    pub fn with_heads(self, heads: Option<Heads>) -> Self {
        Self { heads, ..self }
    }

    /// A certificate for `route` from what a live stream proved of `target` with `scorer`. Its bound is the target's
    /// own: a bet proves that the regret is within it, not by how much.
    pub fn proven_serving(
        route: impl Into<String>,
        target: RiskTarget,
        proof: LiveProof,
        scorer: Scorer,
        fingerprint: Fingerprint,
    ) -> Self {
        let certified = Certified {
            threshold: proof.threshold,
            n: proof.n,
            accepted: proof.accepted,
            losses: proof.losses,
            bound: target.max_regret(),
        };
        Self {
            proven: Proven::Serving {
                wealth: proof.wealth,
            },
            ..Self::new(route, target, certified, scorer, fingerprint)
        }
    }

    /// Whether the certificate is about what runs now: the same model, prompts and answers, scored by the same
    /// [version](Features::VERSION) of the features.
    ///
    /// # Errors
    /// [`Changed`] names the first thing that differs.
    pub fn covers(&self, now: &Fingerprint) -> Result<(), Changed> {
        if self.scorer.version() != Features::VERSION {
            return Err(Changed {
                what: "scoring of drafts",
            });
        }
        let then = &self.fingerprint;
        let parts = [
            ("model weights", &then.weights, &now.weights),
            ("quantization", &then.quantization, &now.quantization),
            ("chat template", &then.template, &now.template),
            ("tokenizer", &then.tokenizer, &now.tokenizer),
            ("form of the answer", &then.answer, &now.answer),
            (
                "family of system prompts",
                &then.prompt_family,
                &now.prompt_family,
            ),
        ];
        match parts.into_iter().find(|(_, then, now)| then != now) {
            Some((what, _, _)) => Err(Changed { what }),
            None => Ok(()),
        }
    }

    /// Whether the certificate proves `target`: it was made for an equal or stricter one, and its own numbers bear that
    /// out, which those of an edited file may not.
    pub fn holds_for(&self, target: &RiskTarget) -> bool {
        let consistent = self.losses <= self.accepted && self.accepted <= self.n;
        let proven = match self.proven {
            Proven::Labelled => self.target.is_proven_by(self.losses, self.n),
            // A hair less, for what a number loses on its way through a text.
            Proven::Serving { wealth } => wealth * self.target.delta() >= 1.0 - 1e-9,
        };
        consistent && proven && self.target.implies(target)
    }
}

#[cfg(test)]
pub(crate) mod tests;
