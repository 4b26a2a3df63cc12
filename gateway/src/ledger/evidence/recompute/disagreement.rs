//! Why a stored decision does not follow from what is stored with it.

/// Why a stored decision does not follow from what is stored with it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Disagreement {
    /// Another build must look at it.
    #[error(
        "the features are of version {found}, this build reads version {known}; use the build that wrote them"
    )]
    FeaturesVersion {
        /// As stored.
        found: u32,
        /// As this build reads.
        known: u32,
    },
    /// A value is not what a draft has.
    #[error("the stored features are not those of a draft: {0}")]
    Features(String),
    /// Nothing is named that could have certified it.
    #[error("it was decided by what was proven, and names no certificate")]
    Uncertified,
    /// A document is not there.
    #[error("the {what} {id} is not in the ledger")]
    Missing {
        /// `certificate` or `fingerprint`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A document is not the one that was referred to.
    #[error("the {what} {id} was altered: its content has another hash")]
    Altered {
        /// `certificate` or `fingerprint`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A document cannot be read.
    #[error("the {what} {id} cannot be read: {reason}")]
    Unreadable {
        /// `certificate` or `fingerprint`.
        what: &'static str,
        /// Its id.
        id: String,
        /// What the parser said.
        reason: String,
    },
    /// The certificate is about something else than what ran.
    #[error(
        "the {0} is not the one that the certificate was made for, so it should not have decided"
    )]
    NotCovered(&'static str),
    /// The threshold is not the certificate's.
    #[error("the books say threshold {stored}, the certificate says {certified}")]
    Threshold {
        /// As stored.
        stored: f64,
        /// As certified.
        certified: f64,
    },
    /// The scorer says something else.
    #[error("the books say p_bad {stored}, the scorer says {computed}")]
    Score {
        /// As stored.
        stored: f64,
        /// As computed.
        computed: f64,
    },
    /// Nothing that is stored with it stops the draft where it was stopped.
    #[error(
        "the books say that the draft was stopped at decision {decisions}, and its head does not stop it there with the stored numbers"
    )]
    Stop {
        /// As stored.
        decisions: u32,
    },
    /// The rule says something else.
    #[error("the books say `{stored}`, the rule says {}", if *accepted { "accept" } else { "escalate" })]
    Verdict {
        /// As stored.
        stored: String,
        /// As computed.
        accepted: bool,
    },
}
