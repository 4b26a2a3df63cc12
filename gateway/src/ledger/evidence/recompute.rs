//! Making a stored decision again, from nothing but the ledger.

use std::collections::BTreeMap;

use router_policies::{
    Certificate, Features, Fingerprint, Judge, Probability, Scorer, Stop, Trust,
};
use rusqlite::{Connection, OptionalExtension, Row};

use super::{ACCEPT, Draw, Mode, Origin, Purpose, content_id};
use crate::ledger::LedgerError;

mod disagreement;

pub use disagreement::Disagreement;

/// What a decision names as its scorer.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Spoke {
    Certificate(Box<Certificate>),
    Scorer(Scorer),
}

/// One stored decision with all that it refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The route.
    pub route: String,
    /// What the draft was made for.
    pub purpose: Purpose,
    /// Version of the features.
    pub features_version: u32,
    /// The features, in the order of that version.
    pub features: Vec<f64>,
    /// Id and text of the certificate whose scorer spoke; `None`: the plain scorer.
    pub certificate: Option<(String, Option<String>)>,
    /// Id and text of the fingerprint.
    pub fingerprint: (String, Option<String>),
    /// The rule in force.
    pub mode: Mode,
    /// Largest `p_bad` to accept; in [`Mode::Threshold`] the smallest confidence.
    pub threshold: Option<f64>,
    /// Stored probability that the upstream would have done better.
    pub p_bad: f64,
    /// The check that the draft failed.
    pub failed_check: Option<String>,
    /// [`ACCEPT`], or the word of a reason.
    pub verdict: String,
    /// Decision tokens at which it was stopped, the head's probability and its limit.
    pub stopped: Option<(u32, f64, f64)>,
    /// Chance of an audit and what became of the draw.
    pub audit: Option<(f64, Draw)>,
    /// What was learnt of it.
    pub labels: Vec<Label>,
}

/// A stored label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// How it was learnt.
    pub origin: Origin,
    /// Whether the upstream served the request better.
    pub bad: bool,
    /// The comparison that said so.
    pub comparator: String,
}

/// What came out when a decision was made again and agrees with the books, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recomputed {
    /// Probability that the upstream would have done better.
    pub p_bad: f64,
    /// Whether the draft becomes the answer.
    pub accepted: bool,
}

impl Evidence {
    /// The decisions about one exchange, by purpose.
    ///
    /// # Errors
    /// When the ledger cannot be read or is damaged.
    pub fn read(connection: &Connection, exchange: &str) -> Result<Vec<Self>, LedgerError> {
        let failed = || LedgerError::sqlite("read the evidence");
        let mut statement = connection
            .prepare(
                "SELECT route, purpose, features_version, features, certificate,
                    (SELECT content FROM documents WHERE id = certificate), fingerprint,
                    (SELECT content FROM documents WHERE id = fingerprint), mode, threshold, p_bad, failed_check,
                    verdict, checkpoint, checkpoint_p, checkpoint_limit, propensity, audit
                 FROM decisions JOIN exchanges ON id = exchange_id WHERE exchange_id = ?1 ORDER BY purpose",
            )
            .map_err(failed())?;
        let mut rows = statement.query([exchange]).map_err(failed())?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed())? {
            let mut evidence = evidence(row)?;
            evidence.labels = labels(connection, exchange, evidence.purpose)?;
            found.push(evidence);
        }
        Ok(found)
    }

    /// Makes the decision again: the scorer of the stored certificate reads the stored features, and the rule in force
    /// judges. Everything must come out as it stands in the books, to the last bit.
    ///
    /// # Errors
    /// The first [`Disagreement`].
    pub fn recompute(&self) -> Result<Recomputed, Disagreement> {
        let features = self.features()?;
        let now: Fingerprint = self
            .document("fingerprint", Some(&self.fingerprint))?
            .ok_or_else(|| Disagreement::Missing {
                what: "fingerprint",
                id: self.fingerprint.0.clone(),
            })?;
        let spoke = self.document("certificate", self.certificate.as_ref())?;
        self.check_stop(spoke.as_ref(), &now, &features)?;
        let scorer = match spoke {
            None if self.mode == Mode::Certified => return Err(Disagreement::Uncertified),
            None => Scorer::from_probability(),
            Some(Spoke::Certificate(certificate)) => {
                self.check_certificate(&certificate, &now)?;
                certificate.scorer
            }
            Some(Spoke::Scorer(scorer)) if self.mode != Mode::Certified => scorer,
            Some(Spoke::Scorer(_)) => return Err(self.unproven()),
        };
        let p_bad = match self.failed_check {
            Some(_) => Probability::ONE,
            None => scorer.p_bad(&features),
        };
        if self.stopped.is_none() && p_bad.get().to_bits() != self.p_bad.to_bits() {
            return Err(Disagreement::Score {
                stored: self.p_bad,
                computed: p_bad.get(),
            });
        }
        let accepted = self.accepts(p_bad);
        if accepted != (self.verdict == ACCEPT) {
            return Err(Disagreement::Verdict {
                stored: self.verdict.clone(),
                accepted,
            });
        }
        Ok(Recomputed {
            p_bad: p_bad.get(),
            accepted,
        })
    }

    /// Names and values of the features, where this build knows their version.
    ///
    /// # Errors
    /// [`Disagreement`] when it does not, or when they are not those of a draft.
    pub fn features(&self) -> Result<Features, Disagreement> {
        if self.features_version != Features::VERSION {
            return Err(Disagreement::FeaturesVersion {
                found: self.features_version,
                known: Features::VERSION,
            });
        }
        let (found, known) = (self.features.len(), Features::NAMES.len());
        if found != known {
            let text = format!("there are {found} of them in place of {known}");
            return Err(Disagreement::Features(text));
        }
        let values = self.features.iter().copied();
        let named: BTreeMap<_, _> = Features::NAMES
            .iter()
            .map(|name| (*name).to_owned())
            .zip(values)
            .collect();
        Features::from_named(&named).map_err(|error| Disagreement::Features(error.to_string()))
    }

    fn unproven(&self) -> Disagreement {
        Disagreement::Unreadable {
            what: "certificate",
            id: self
                .certificate
                .as_ref()
                .map(|(id, _)| id.clone())
                .unwrap_or_default(),
            reason: "it is a scorer of which nothing was proven".to_owned(),
        }
    }

    fn check_certificate(
        &self,
        certificate: &Certificate,
        now: &Fingerprint,
    ) -> Result<(), Disagreement> {
        if self.mode != Mode::Certified {
            return Ok(());
        }
        certificate
            .covers(now)
            .map_err(|changed| Disagreement::NotCovered(changed.what))?;
        let (stored, certified) = (self.threshold.unwrap_or(2.0), certificate.threshold.get());
        // What accepts less than was proven is proven, too: live statistics step down to a threshold of their grid.
        if stored <= certified {
            Ok(())
        } else {
            Err(Disagreement::Threshold { stored, certified })
        }
    }

    /// The head, or the certainty, that stopped the draft must stop it again with the same numbers.
    fn check_stop(
        &self,
        spoke: Option<&Spoke>,
        now: &Fingerprint,
        features: &Features,
    ) -> Result<(), Disagreement> {
        let Some((decisions, p_rejected, limit)) = self.stopped else {
            return Ok(());
        };
        let threshold = self.threshold.and_then(|t| Probability::new(t).ok());
        let judge = match (self.mode, spoke, threshold) {
            (Mode::Certified, Some(Spoke::Certificate(certificate)), threshold) => {
                let (scorer, heads) = (certificate.scorer.clone(), certificate.heads.as_ref());
                Some(Judge::serving(scorer, threshold, heads))
            }
            (Mode::Threshold, _, Some(threshold)) => {
                Some(Judge::for_route(Trust::Threshold(threshold), None, now))
            }
            _ => None,
        };
        let again = judge.and_then(|judge| judge.stop_at(decisions, features));
        let same = |stop: Stop| {
            stop.p_rejected.get().to_bits() == p_rejected.to_bits()
                && stop.limit.get().to_bits() == limit.to_bits()
        };
        if again.is_some_and(same) {
            Ok(())
        } else {
            Err(Disagreement::Stop { decisions })
        }
    }

    fn accepts(&self, p_bad: Probability) -> bool {
        if self.failed_check.is_some() || self.stopped.is_some() {
            return false;
        }
        let limit = self.threshold;
        match self.mode {
            Mode::Certified => limit.is_some_and(|limit| p_bad.get() <= limit),
            Mode::Threshold => limit.is_some_and(|limit| p_bad.complement().get() >= limit),
            Mode::Everything => true,
            Mode::Learning => false,
        }
    }

    /// A document, checked against its id and parsed; `None` where none is referred to.
    fn document<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        reference: Option<&(String, Option<String>)>,
    ) -> Result<Option<T>, Disagreement> {
        let Some((id, content)) = reference else {
            return Ok(None);
        };
        let id = || id.clone();
        let Some(content) = content else {
            return Err(Disagreement::Missing { what, id: id() });
        };
        if content_id(content.as_bytes()) != id() {
            return Err(Disagreement::Altered { what, id: id() });
        }
        let parsed = serde_json::from_str(content);
        parsed.map(Some).map_err(|error| Disagreement::Unreadable {
            what,
            id: id(),
            reason: error.to_string(),
        })
    }
}

fn evidence(row: &Row<'_>) -> Result<Evidence, LedgerError> {
    let certificate: Option<String> = value(row, 4)?;
    let content: Option<String> = value(row, 5)?;
    let stopped: Option<u32> = value(row, 13)?;
    let propensity: Option<f64> = value(row, 16)?;
    let draw = value::<Option<String>>(row, 17)?
        .map(|text| word(text, "the outcome of a draw", Draw::from_word))
        .transpose()?;
    Ok(Evidence {
        route: value(row, 0)?,
        purpose: word(value(row, 1)?, "a purpose", Purpose::from_word)?,
        features_version: value(row, 2)?,
        features: floats(&value::<Vec<u8>>(row, 3)?)?,
        certificate: certificate.map(|id| (id, content)),
        fingerprint: (value(row, 6)?, value(row, 7)?),
        mode: word(value(row, 8)?, "a mode", Mode::from_word)?,
        threshold: value(row, 9)?,
        p_bad: value(row, 10)?,
        failed_check: value(row, 11)?,
        verdict: value(row, 12)?,
        stopped: match stopped {
            Some(decisions) => Some((decisions, value(row, 14)?, value(row, 15)?)),
            None => None,
        },
        audit: propensity.zip(draw),
        labels: Vec::new(),
    })
}

fn labels(
    connection: &Connection,
    exchange: &str,
    purpose: Purpose,
) -> Result<Vec<Label>, LedgerError> {
    let failed = || LedgerError::sqlite("read the labels");
    let mut statement = connection
        .prepare(
            "SELECT origin, bad, comparator FROM labels WHERE exchange_id = ?1 AND purpose = ?2 ORDER BY labelled_us",
        )
        .map_err(failed())?;
    let mut rows = statement
        .query([exchange, purpose.as_str()])
        .map_err(failed())?;
    let mut labels = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        labels.push(Label {
            origin: word(value(row, 0)?, "the origin of a label", Origin::from_word)?,
            bad: value(row, 1)?,
            comparator: value(row, 2)?,
        });
    }
    Ok(labels)
}

fn floats(bytes: &[u8]) -> Result<Vec<f64>, LedgerError> {
    let chunks = bytes.chunks(8).map(|chunk| {
        let eight = <[u8; 8]>::try_from(chunk).map_err(|_| LedgerError::Damaged {
            value: format!("{} bytes", bytes.len()),
            expected: "features, eight bytes each",
        })?;
        Ok(f64::from_le_bytes(eight))
    });
    chunks.collect()
}

fn word<T>(
    text: String,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, LedgerError> {
    read(&text).ok_or(LedgerError::Damaged {
        value: text,
        expected,
    })
}

fn value<T: rusqlite::types::FromSql>(row: &Row<'_>, index: usize) -> Result<T, LedgerError> {
    row.get(index)
        .map_err(LedgerError::sqlite("read a row of evidence"))
}

/// Whether the ledger is recent enough to hold evidence.
pub(crate) fn is_kept(connection: &Connection) -> Result<bool, LedgerError> {
    has_table(connection, "decisions")
}

/// Whether the ledger has a table of this name; a file of an older build may not.
pub(crate) fn has_table(connection: &Connection, name: &str) -> Result<bool, LedgerError> {
    connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [name],
            |_| Ok(()),
        )
        .optional()
        .map(|found| found.is_some())
        .map_err(LedgerError::sqlite("read the ledger"))
}
