//! The rows of evidence: what a decision rested on, and what was learnt of it later.
//!
//! Numbers, names and hashes only. A decision refers to its certificate by content, so it can be made again after the
//! certificate in force has changed; [`Evidence::recompute`] does.

use std::borrow::Cow;

use jiff::Timestamp;
use router_policies::{Features, Probability};
use sha2::{Digest, Sha256};

use super::entry::ExchangeId;
use super::words::words;

mod recompute;

#[cfg(test)]
mod tests;

pub use recompute::{Disagreement, Evidence, Label, Recomputed};
pub(crate) use recompute::{has_table, is_kept};

words! {
    /// What a draft was made for.
    Purpose {
        /// To answer the client, if it is good enough.
        Answer = "answer",
        /// To learn, on a route where nothing is proven; nobody waited for it.
        Learning = "learning",
        /// To learn how a draft that was stopped early would have ended; nobody waited for it.
        Redo = "redo",
    }
}

words! {
    /// The rule that decided.
    Mode {
        /// A certificate's threshold.
        Certified = "certified",
        /// Nothing is proven: everything escalates.
        Learning = "learning",
        /// A confidence that was set by hand.
        Threshold = "threshold",
        /// Whatever passes its checks is accepted.
        Everything = "everything",
    }
}

words! {
    /// What became of a draw: for an audit of an accepted answer, or for finishing a draft that was stopped early.
    Draw {
        /// The answer is audited; the draft is made again to its end.
        Drawn = "drawn",
        /// The lot did not fall on it.
        NotDrawn = "not_drawn",
        /// Drawn, but the day's money is spent.
        Capped = "capped",
        /// Drawn, but too many audits are running.
        Busy = "busy",
        /// Drawn, but nobody knows what it would cost, so no cap can hold.
        Unpriced = "unpriced",
        /// Drawn, but the gateway is about to stop.
        Draining = "draining",
    }
}

words! {
    /// Where a label comes from.
    Origin {
        /// The request was escalated; its draft is compared with the answer that the client got.
        Escalation = "escalation",
        /// The accepted answer is compared with an answer that was asked for to learn.
        Audit = "audit",
        /// The route asks both for every request.
        Shadow = "shadow",
        /// A draft that had been stopped early was made again to its end.
        FinishedAbort = "finished_abort",
        /// An answer that was committed before its end failed later.
        Commit = "commit",
    }
}

words! {
    /// What a judge of texts said of a draft and the upstream's answer.
    Preferred {
        /// The draft is better.
        Draft = "draft",
        /// The upstream's answer is.
        Upstream = "upstream",
        /// Neither is.
        Tie = "tie",
        /// It did not say one of its words.
        Unreadable = "unreadable",
    }
}

words! {
    /// What kind of document the ledger keeps by its content.
    DocumentKind {
        /// A certificate: scorer, threshold and what they prove.
        Certificate = "certificate",
        /// What ran: model, template, answer form, family of prompts.
        Fingerprint = "fingerprint",
        /// A scorer that speaks while a route learns: nothing is proven of it yet.
        Scorer = "scorer",
    }
}

/// Where a draft was stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoppedAt {
    /// Decision tokens so far.
    pub decisions: u32,
    /// Probability, by the head of that checkpoint, that the draft would be rejected.
    pub p_rejected: f64,
    /// The head's limit.
    pub limit: f64,
}

/// What a decision about one draft rested on.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The exchange.
    pub exchange: ExchangeId,
    /// What the draft was made for.
    pub purpose: Purpose,
    /// What the scorer read.
    pub features: Features,
    /// Id of the certificate whose scorer spoke, or of a scorer without one; `None`: the plain scorer.
    pub certificate: Option<String>,
    /// Id of the fingerprint of what ran.
    pub fingerprint: String,
    /// The rule in force.
    pub mode: Mode,
    /// Largest `p_bad` to accept; in [`Mode::Threshold`] the smallest confidence; `None` where none is in force.
    pub threshold: Option<Probability>,
    /// Probability that the upstream would have done better.
    pub p_bad: Probability,
    /// The check that the draft failed: a reason's word.
    pub failed_check: Option<&'static str>,
    /// [`ACCEPT`], or the word of the reason to escalate.
    pub verdict: &'static str,
    /// Where it was stopped, if it was.
    pub stopped: Option<StoppedAt>,
    /// Chance of a label and what became of the draw: of an audit for accepted answers, of being made again to its end for
    /// drafts that were stopped, of being compared at all for escalated ones where a judge compares.
    pub audit: Option<(Probability, Draw)>,
    /// When.
    pub at: Timestamp,
}

/// The verdict of a decision that made the draft the answer.
pub const ACCEPT: &str = "accept";

/// What was learnt of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRow {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Which of its drafts.
    pub purpose: Purpose,
    /// How it was learnt.
    pub origin: Origin,
    /// Whether the upstream served the request better.
    pub bad: bool,
    /// The comparison that said so.
    pub comparator: &'static str,
    /// When.
    pub at: Timestamp,
}

/// Whether two answers of the upstream to the same request differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatRow {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Whether they differ.
    pub differs: bool,
    /// The comparison that said so.
    pub comparator: &'static str,
    /// When.
    pub at: Timestamp,
}

/// One word of a judge of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgingRow {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Which of its drafts.
    pub purpose: Purpose,
    /// Whether the judge read the draft before the upstream's answer.
    pub draft_first: bool,
    /// What it said.
    pub preferred: Preferred,
    /// When.
    pub at: Timestamp,
}

/// A route begins to answer locally, or stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: Timestamp,
    /// The route.
    pub route: String,
    /// The rule in force from now on.
    pub mode: Mode,
    /// A short fixed word.
    pub cause: Cow<'static, str>,
    /// The certificate that came into force, or that was voided.
    pub certificate: Option<String>,
}

/// A text that decisions refer to by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// [`content_id`] of the content.
    pub id: String,
    /// What it is.
    pub kind: DocumentKind,
    /// JSON.
    pub content: String,
}

impl Document {
    /// A document with the id that its content has.
    #[must_use]
    pub fn new(kind: DocumentKind, content: String) -> Self {
        Self {
            id: content_id(content.as_bytes()),
            kind,
            content,
        }
    }
}

/// Short name of a content: the first 12 hexadecimal digits of its SHA-256.
#[must_use]
pub fn content_id(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What goes to the writer.
#[derive(Clone, Debug)]
pub(super) enum EvidenceRow {
    Document(Document),
    Decision(Box<Decision>),
    Label(LabelRow),
    Repeat(RepeatRow),
    Judging(JudgingRow),
    Turn(Turn),
}
