//! Whose word `p_bad` is.

use std::sync::Arc;

use router_policies::{Learner, Scorer};

use crate::learning::issued::Issued;
use crate::ledger::{Document, DocumentKind};

/// Whose word `p_bad` is, in the form that the ledger keeps: what was read back from it.
#[derive(Debug, Clone)]
pub(super) enum Voice {
    /// The plain scorer.
    Plain(Scorer),
    /// One that proves nothing yet.
    Fitted(Scorer, Document),
    /// A certificate's.
    Certified(Arc<Issued>),
}

impl Voice {
    /// The voice of a learner.
    pub(super) fn of(learner: &Learner, issued: Option<Arc<Issued>>) -> Self {
        if let Some(issued) = issued {
            return Self::Certified(issued);
        }
        if *learner.scorer() == Scorer::from_probability() {
            return Self::Plain(Scorer::from_probability());
        }
        let text = serde_json::to_string(learner.scorer());
        let read = text.and_then(|text| Ok((serde_json::from_str(&text)?, text)));
        match read {
            Ok((scorer, text)) => Self::Fitted(scorer, Document::new(DocumentKind::Scorer, text)),
            // A scorer is plain numbers and always reads back.
            Err(_) => Self::Plain(Scorer::from_probability()),
        }
    }

    pub(super) fn scorer(&self) -> &Scorer {
        match self {
            Self::Plain(scorer) | Self::Fitted(scorer, _) => scorer,
            Self::Certified(issued) => &issued.certificate().scorer,
        }
    }

    pub(super) fn document(&self) -> Option<&Document> {
        match self {
            Self::Plain(_) => None,
            Self::Fitted(_, document) => Some(document),
            Self::Certified(issued) => Some(issued.document()),
        }
    }

    pub(super) const fn issued(&self) -> Option<&Arc<Issued>> {
        match self {
            Self::Plain(_) | Self::Fitted(..) => None,
            Self::Certified(issued) => Some(issued),
        }
    }
}
