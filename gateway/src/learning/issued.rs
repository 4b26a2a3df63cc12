//! A certificate as it is in force, together with the text that says so in the ledger.

use std::sync::Arc;

use router_policies::Certificate;

use crate::ledger::{Document, DocumentKind};

/// A certificate in force. What decides is what was read back from the text that the ledger keeps, so a decision can be
/// made again to the last bit whatever the text form does to a number.
#[derive(Debug, Clone)]
pub struct Issued {
    document: Document,
    certificate: Certificate,
}

impl Issued {
    /// Puts a certificate into the form in which it comes into force.
    ///
    /// # Errors
    /// When its text does not read back as a certificate, which only a damaged one does.
    pub fn new(certificate: &Certificate) -> Result<Arc<Self>, serde_json::Error> {
        let text = serde_json::to_string(certificate)?;
        Ok(Arc::new(Self {
            certificate: serde_json::from_str(&text)?,
            document: Document::new(DocumentKind::Certificate, text),
        }))
    }

    /// Its name in ledger and log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.document.id
    }

    /// What the ledger keeps.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}
