//! Learning: certificates from labelled requests, and what the traffic itself teaches.
//!
//! Everything here happens after the client has its answer. An exchange that has ended is handed over to
//! the background: a discarded draft is compared with the upstream's answer, a route where nothing
//! is proven makes a draft to learn.

mod background;
mod calibrate;
mod compare;
mod family;
mod issued;
mod labelled;
mod lesson;
mod practice;
mod priority;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::app::App;
use crate::exchange::Judging;
use crate::ledger::{Decision, Ledger, Origin};
use background::Background;
use priority::Precedence;

pub use calibrate::{Calibration, CalibrationError, calibrate};
pub use compare::{Called, Collected, Compared, Said, Strictness, agrees, compare};
pub use family::prompt_family;
pub use issued::Issued;
pub use labelled::{LabelledError, LabelledRequest, read_labelled};
pub use store::{StoreError, load_certificates, save_certificate};

pub(crate) use lesson::Judged;
pub(crate) use practice::Practice;
pub(crate) use priority::ClientDraft;

/// The part of the gateway that learns while it serves.
#[derive(Debug)]
pub struct Learning {
    ledger: Ledger,
    background: Background,
    models: Mutex<BTreeMap<String, Arc<Precedence>>>,
    /// Documents that the ledger has been told of.
    noted: Mutex<BTreeSet<String>>,
}

/// What an exchange teaches after its end.
#[derive(Debug)]
pub(crate) enum Aftermath {
    /// A draft was judged and not used; the upstream said this.
    Compare(Box<Judged>, Said),
    /// No draft was made, or none to its end; one shall be.
    Practise(Box<Practice>),
}

impl Learning {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            background: Background::new(),
            models: Mutex::new(BTreeMap::new()),
            noted: Mutex::new(BTreeSet::new()),
        }
    }

    /// Announces a draft for a client; drafts to learn give way.
    pub(crate) fn client(&self, model: &str) -> ClientDraft {
        self.precedence(model).client()
    }

    fn precedence(&self, model: &str) -> Arc<Precedence> {
        let mut models = self.models.lock();
        if let Some(precedence) = models.get(model) {
            return Arc::clone(precedence);
        }
        let precedence = Precedence::new();
        models.insert(model.to_owned(), Arc::clone(&precedence));
        precedence
    }

    /// Writes down what a decision rested on, with the documents it refers to.
    pub(crate) async fn keep(&self, judging: &Judging, decision: Decision) {
        for document in judging.documents() {
            // Before the row that refers to it; the ledger drops what it knows.
            if self.noted.lock().insert(document.id.clone()) {
                self.ledger.note(document.clone()).await;
            }
        }
        self.ledger.decided(decision).await;
    }

    /// Hands an ended exchange to the background. Never waits; if there is no room, nothing is learnt from it.
    pub(crate) fn after(app: &Arc<App>, aftermath: Aftermath) {
        let work = Arc::clone(app);
        app.learning().background.spawn(async move {
            match aftermath {
                Aftermath::Compare(judged, said) => {
                    work.learning()
                        .label(&judged, &said, Origin::Escalation)
                        .await;
                }
                Aftermath::Practise(practice) => practice.run(work).await,
            }
        });
    }

    /// Lessons that were dropped because too many were under way.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.background.dropped()
    }

    /// Waits until nothing is being learnt.
    pub async fn settled(&self) {
        self.background.settled().await;
    }

    /// Begins nothing more; what runs has `grace` to end, except for drafts, which end at once.
    pub async fn stop(&self, grace: Duration) {
        self.background.stop(grace).await;
    }
}
