//! Learning: certificates from labelled requests, and what the traffic itself teaches.
//!
//! Everything here happens after the client has its answer. An exchange that has ended is handed over to
//! the background: a discarded draft is compared with the upstream's answer, a route where nothing
//! is proven makes a draft to learn, an accepted answer that the lot fell on is audited.
//!
//! What follows from it is a controller's: thresholds that are proven while serving, and alarms that make them void.

mod audit;
mod background;
mod calibrate;
mod compare;
mod controller;
mod controllers;
mod family;
mod issued;
mod labelled;
mod lesson;
mod practice;
mod priority;
mod state;
mod store;
mod text_judge;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use router_policies::{AuditPlan, Fingerprint, RiskTarget, Route};

use crate::app::App;
use crate::ledger::{Decision, Document, Draw, Ledger, LedgerError};
use crate::snapshot::Snapshot;
use audit::Auditor;
use background::Background;
use controllers::Controllers;
use priority::Precedence;

pub use calibrate::{Calibration, CalibrationError, Stops, calibrate};
pub use compare::{Called, Collected, Compared, Said, Strictness, agrees, compare};
pub use family::prompt_family;
pub use issued::Issued;
pub use labelled::{LabelledError, LabelledRequest, read_labelled};
pub use store::{StoreError, load_certificates, save_certificate};

pub(crate) use audit::{Audit, Drawn, Lot, Question};
pub(crate) use controller::{Controller, Ruling, Standing, Ticket};
pub(crate) use lesson::{Comparison, Judged};
pub(crate) use practice::Practice;
pub(crate) use priority::ClientDraft;
pub(crate) use text_judge::FreeLabel;

/// The part of the gateway that learns while it serves.
#[derive(Debug)]
pub struct Learning {
    ledger: Ledger,
    background: Background,
    controllers: Controllers,
    auditor: Auditor,
    models: Mutex<BTreeMap<String, Arc<Precedence>>>,
    /// Documents that the ledger has been told of.
    noted: Mutex<BTreeSet<String>>,
}

/// What an exchange teaches after its end.
#[derive(Debug)]
pub(crate) enum Aftermath {
    /// A draft was judged and not used; the upstream said something.
    Compare(Box<Comparison>),
    /// No draft was made, or none to its end; one shall be.
    Practise(Box<Practice>),
    /// A draft was accepted, and the lot fell on it.
    Audit(Box<Audit>),
}

/// Why what was learnt before cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The files of what was learnt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The books of today's audits.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Learning {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            background: Background::new(),
            controllers: Controllers::new(),
            auditor: Auditor::new(),
            models: Mutex::new(BTreeMap::new()),
            noted: Mutex::new(BTreeSet::new()),
        }
    }

    /// Takes up what an earlier run of the gateway learnt and spent, and keeps on the disk what is learnt from now on. Call it
    /// once, before serving.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub async fn resume(&self, snapshot: &Snapshot) -> Result<(), ResumeError> {
        self.controllers.resume(&snapshot.config().certificates)?;
        self.auditor.resume(&self.ledger).await?;
        Ok(())
    }

    /// Draws lots from this seed from now on; for tests, which want to know what is drawn.
    pub fn seed(&self, seed: u64) {
        self.auditor.seed(seed);
    }

    /// Who learns for requests on `route` that `fingerprint` is about.
    pub(crate) fn controller(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        target: RiskTarget,
        fingerprint: &Fingerprint,
    ) -> Option<Arc<Controller>> {
        self.controllers.of(snapshot, route, target, fingerprint)
    }

    /// Goes by another snapshot from now on.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        self.controllers.follow(snapshot);
    }

    /// What is known of each controller.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        self.controllers.standings()
    }

    /// What audits cost today: route, whether more may be made, and the amount, to be shown.
    pub(crate) fn audit_money(&self) -> Vec<(String, bool, f64)> {
        self.auditor.money()
    }

    /// Whether there is money for audits of `route`.
    pub(crate) fn audits_open(&self, route: &Route) -> bool {
        self.auditor.is_open(route)
    }

    /// How accepted answers of a route are audited that declares no risk.
    pub(crate) fn audit_plan(route: &Route) -> Option<AuditPlan> {
        controllers::plan_of(route)
    }

    /// Draws whether an accepted answer is audited.
    pub(crate) fn draw(&self, lot: &Lot<'_>) -> (Draw, Option<Drawn>) {
        let stopping = self.background.stopping().is_cancelled();
        self.auditor.draw(lot, stopping)
    }

    /// A number drawn uniformly from `[0, 1)`.
    fn uniform(&self) -> f64 {
        self.auditor.uniform()
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
    pub(crate) async fn keep<'a>(
        &self,
        documents: impl Iterator<Item = &'a Document>,
        decision: Decision,
    ) {
        for document in documents {
            // Before the row that refers to it; the ledger drops what it knows.
            if self.noted.lock().insert(document.id.clone()) {
                self.ledger.note(document.clone()).await;
            }
        }
        self.ledger.decided(decision).await;
    }

    /// Hands an ended exchange to the background. Never waits; if there is no room, nothing is learnt from it.
    pub(crate) fn after(app: &Arc<App>, aftermath: Aftermath) {
        let (app, background) = (Arc::clone(app), &app.learning().background);
        match aftermath {
            Aftermath::Compare(comparison) => background.spawn(async move {
                comparison.run(&app).await;
                Self::tend(&app);
            }),
            Aftermath::Practise(practice) => background.spawn(async move {
                practice.run(Arc::clone(&app)).await;
                Self::tend(&app);
            }),
            // Its place was taken when the lot fell on it.
            Aftermath::Audit(audit) => background.spawn_placed(async move {
                audit.run(Arc::clone(&app)).await;
                Self::tend(&app);
            }),
        }
    }

    /// Has told in the background, without waiting, what has become of the routes, if anything has.
    pub(crate) fn tend(app: &Arc<App>) {
        let learning = app.learning();
        if learning.controllers.is_due() {
            let app = Arc::clone(app);
            learning.background.spawn_placed(async move {
                app.learning().controllers.tell(&app, false).await;
            });
        }
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

    /// Begins nothing more; what runs has `grace` to end, except for drafts, which end at once. Then what was learnt is kept.
    pub async fn stop(&self, app: &App, grace: Duration) {
        self.background.stop(grace).await;
        self.controllers.tell(app, true).await;
    }
}
