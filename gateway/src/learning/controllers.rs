//! All controllers: who learns for which request, and what of it reaches the disk, the snapshot, the books and the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use router_policies::{
    Alarm, AlarmCause, AuditPlan, Commit, Fingerprint, LiveSettings, RiskTarget, Route, Trust,
};
use tokio::time::Instant;

use super::controller::{Beginning, Controller, Key, News, Standing};
use super::issued::Issued;
use super::state::{self, Kept};
use super::store::{self, StoreError};
use crate::app::App;
use crate::ledger::{Mode, Turn};
use crate::snapshot::Snapshot;

/// Most controllers of one route. Each holds about 30 kB, and while it learns up to 400 kB of labelled drafts; with `early_abort` as
/// much again, until it has its heads.
const MOST_A_ROUTE: usize = 16;

/// Shortest time between two writings of what was learnt, when nothing turned.
const REST: Duration = Duration::from_secs(30);

/// The controllers of the gateway. They outlive snapshots: a reload changes what they go by, not what they know.
#[derive(Debug)]
pub(super) struct Controllers {
    all: Mutex<BTreeMap<Key, Known>>,
    /// What earlier runs learnt, until somebody asks for it.
    kept: Mutex<BTreeMap<Key, Kept>>,
    /// Set once states are kept on the disk.
    keeping: Mutex<Option<Instant>>,
    /// Controllers that made room for others; what was kept of them goes, too.
    gone: Mutex<Vec<Key>>,
    /// One at a time tells, so that what happened first is told first.
    telling: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Known {
    controller: Arc<Controller>,
    asked: Instant,
}

impl Controllers {
    pub(super) fn new() -> Self {
        Self {
            all: Mutex::default(),
            kept: Mutex::default(),
            keeping: Mutex::new(None),
            gone: Mutex::default(),
            telling: tokio::sync::Mutex::new(()),
        }
    }

    /// Takes up what earlier runs left, and keeps what is learnt from now on.
    pub(super) fn resume(&self, certificates: &Path) -> Result<(), StoreError> {
        let states = state::load(certificates)?;
        let keyed = states.into_iter().map(|kept| {
            let key = Key {
                route: kept.route.clone(),
                fingerprint: store::id_of(&kept.fingerprint),
            };
            (key, kept)
        });
        self.kept.lock().extend(keyed);
        *self.keeping.lock() = Some(Instant::now());
        Ok(())
    }

    /// The controller of a request on `route`, which declares a risk; `None` where too many families of prompts are proven
    /// already.
    pub(super) fn of(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        target: RiskTarget,
        fingerprint: &Fingerprint,
    ) -> Option<Arc<Controller>> {
        let key = Key {
            route: route.id().into_owned(),
            fingerprint: store::id_of(fingerprint),
        };
        let mut all = self.all.lock();
        if let Some(known) = all.get_mut(&key) {
            known.asked = Instant::now();
            return Some(Arc::clone(&known.controller));
        }
        if of_route(&all, &key.route).count() >= MOST_A_ROUTE {
            let gone = least_missed(&all, &key.route)?;
            all.remove(&gone);
            self.gone.lock().push(gone);
        }
        let settings = settings_of(route, target);
        let issued = snapshot.certificate_about(&key.route, fingerprint);
        let beginning = self.beginning(&key, issued);
        let controller = Controller::new(key.clone(), fingerprint.clone(), settings, beginning);
        controller.go_by(settings);
        let controller = Arc::new(controller);
        let known = Known {
            controller: Arc::clone(&controller),
            asked: Instant::now(),
        };
        all.insert(key, known);
        Some(controller)
    }

    /// What was kept counts if the certificate that it rested on is the one that lies there now.
    fn beginning(&self, key: &Key, issued: Option<&Arc<Issued>>) -> Beginning {
        let kept = self.kept.lock().remove(key);
        let void = |issued: &&Arc<Issued>| {
            let voided = kept.as_ref().map(|kept| &kept.voided);
            voided.is_some_and(|ids| ids.iter().any(|id| id == issued.id()))
        };
        let issued = issued.filter(|issued| !void(issued)).cloned();
        let rests_on = issued.as_ref().map(|issued| issued.id());
        match (kept, issued.clone()) {
            (Some(kept), issued) if kept.certificate.as_deref() == rests_on => {
                Beginning::Kept(Box::new(kept), issued)
            }
            (_, Some(issued)) => Beginning::Certificate(issued),
            (_, None) => Beginning::Nothing,
        }
    }

    /// Goes by another snapshot: its targets, its audits, its certificates.
    pub(super) fn follow(&self, snapshot: &Snapshot) {
        let policy = &snapshot.config().policy;
        let variants = policy.routes().iter().flat_map(|route| route.variants());
        let settings: BTreeMap<String, LiveSettings> = variants
            .filter_map(|route| match route.trust {
                Trust::Risk(target) => Some((route.id().into_owned(), settings_of(route, target))),
                Trust::Threshold(_) | Trust::Everything => None,
            })
            .collect();
        for controller in self.each() {
            let route = &controller.key().route;
            if let Some(settings) = settings.get(route) {
                controller.go_by(*settings);
            }
            controller.stand_on(snapshot.certificate_about(route, controller.fingerprint()));
        }
    }

    /// What is known of each.
    pub(super) fn standings(&self) -> Vec<Standing> {
        self.each().iter().map(|c| c.standing()).collect()
    }

    /// Whether [`tell`](Self::tell) has something to do.
    pub(super) fn is_due(&self) -> bool {
        self.rested() || self.each().iter().any(|c| c.has_news())
    }

    /// Tells disk, snapshot, books and log what happened, and keeps what was learnt; `all` of it, or what is due.
    pub(super) async fn tell(&self, app: &App, all: bool) {
        let _first_come = self.telling.lock().await;
        let folder = app.snapshot().config().certificates.clone();
        let keeps = self.keeping.lock().is_some();
        // Who keeps nothing leaves no files behind: the demo, and tests.
        let kept_in = keeps.then_some(folder.as_path());
        let rested = self.rested();
        for controller in self.each() {
            let news = controller.news();
            let turned = !news.is_empty();
            for piece in news {
                told(app, kept_in, controller.key(), piece).await;
            }
            if keeps && (all || rested || turned) {
                keep(&folder, &controller).await;
            }
        }
        let gone = std::mem::take(&mut *self.gone.lock());
        for Key { route, fingerprint } in gone {
            let folder = folder.clone();
            let removed = on_disk(move || {
                state::remove(&folder, &route, &fingerprint);
                Ok(())
            });
            // Nothing is left to be done if it fails: what comes back unasked is dropped when it does not fit.
            let _gone = removed.await;
        }
        if rested && let Some(last) = self.keeping.lock().as_mut() {
            *last = Instant::now();
        }
    }

    fn rested(&self) -> bool {
        self.keeping
            .lock()
            .is_some_and(|last| last.elapsed() >= REST)
    }

    fn each(&self) -> Vec<Arc<Controller>> {
        let all = self.all.lock();
        all.values().map(|k| Arc::clone(&k.controller)).collect()
    }
}

fn of_route<'a>(
    all: &'a BTreeMap<Key, Known>,
    route: &'a str,
) -> impl Iterator<Item = (&'a Key, &'a Known)> {
    all.iter().filter(move |(key, _)| key.route == route)
}

/// The controller of `route` without a certificate that was asked for least recently; it makes room for another. So prompts
/// that never come again do not hold their place for long.
fn least_missed(all: &BTreeMap<Key, Known>, route: &str) -> Option<Key> {
    let unproven = of_route(all, route).filter(|(_, known)| known.controller.issued().is_none());
    let oldest = unproven.min_by_key(|(_, known)| known.asked);
    oldest.map(|(key, _)| key.clone())
}

/// What a route learns by. Without audits declared the plan is never drawn from.
fn settings_of(route: &Route, target: RiskTarget) -> LiveSettings {
    LiveSettings {
        audits: plan_of(route).unwrap_or_default(),
        raises: !route.early_abort && route.commit == Commit::Complete,
        bought: route.text_judge.as_ref().map(|judge| judge.share),
        ..LiveSettings::new(target)
    }
}

/// How often accepted answers of a route are audited; `None`: never.
pub(super) fn plan_of(route: &Route) -> Option<AuditPlan> {
    let audit = route.audit?;
    let plan = AuditPlan::new(audit.rate).ok()?;
    Some(plan.near(audit.near_threshold))
}

async fn told(app: &App, folder: Option<&Path>, key: &Key, news: News) {
    let route = key.route.as_str();
    match news {
        News::Certified { issued, first } => {
            certified(app, folder, &issued).await;
            let certificate = issued.certificate();
            let (threshold, n) = (certificate.threshold.get(), certificate.n);
            tracing::info!(
                route,
                certificate = issued.id(),
                threshold,
                n,
                first,
                "proven while serving"
            );
            if first {
                let turn = turn(route, Mode::Certified, "proven", Some(&issued));
                app.ledger().turned(turn).await;
            }
        }
        News::Voided { issued, alarm } => {
            if let Some(issued) = &issued {
                voided(app, folder, issued, alarm).await;
            }
            let (cause, at) = (alarm.cause.to_string(), alarm.at);
            tracing::warn!(
                route,
                cause,
                requests = at,
                "alarm; the route escalates everything and learns anew"
            );
            app.metrics().alarmed(route, word(&alarm.cause));
            let turn = turn(route, Mode::Learning, word(&alarm.cause), issued.as_ref());
            app.ledger().turned(turn).await;
        }
        News::Stopping(issued) => {
            certified(app, folder, &issued).await;
            if let Some(heads) = &issued.certificate().heads {
                tracing::info!(
                    route,
                    certificate = issued.id(),
                    accepted = heads.accepted,
                    wrong = heads.wrong,
                    "drafts that will probably be rejected are given up from now on; proven while serving"
                );
            }
        }
        News::Refitted => {
            tracing::info!(
                route,
                "a scorer was fitted to what was learnt; what it is worth is proven anew"
            );
        }
    }
}

async fn certified(app: &App, folder: Option<&Path>, issued: &Arc<Issued>) {
    app.ledger().note(issued.document().clone()).await;
    let Some(folder) = folder else {
        return app.put_in_force(&issued.certificate().route, Some(issued));
    };
    let (place, certificate) = (folder.to_path_buf(), issued.certificate().clone());
    let saved = on_disk(move || {
        let name = store::name_of(&place, &certificate);
        store::save_proven(&place, &certificate).map(|()| name)
    });
    match saved.await {
        Ok(name) => app.put_in_force(&name, Some(issued)),
        // It is proven all the same; after a restart the route learns again.
        Err(error) => tracing::error!(error, "a certificate cannot be kept"),
    }
}

async fn voided(app: &App, folder: Option<&Path>, issued: &Arc<Issued>, alarm: Alarm) {
    app.withdraw(issued.id());
    let Some(folder) = folder else { return };
    let (place, certificate) = (folder.to_path_buf(), issued.certificate().clone());
    let moved = on_disk(move || store::set_aside(&place, &certificate, &alarm));
    if let Err(error) = moved.await {
        tracing::error!(
            error,
            "a void certificate cannot be set aside; remove its file before a restart"
        );
    }
}

async fn keep(folder: &Path, controller: &Controller) {
    let Some(kept) = controller.unsaved() else {
        return;
    };
    let (place, id): (PathBuf, String) =
        (folder.to_path_buf(), controller.key().fingerprint.clone());
    if let Err(error) = on_disk(move || state::save(&place, &id, &kept)).await {
        tracing::error!(error, "what was learnt cannot be kept");
    }
}

/// Work with files, away from the async executor. The error is for the log.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn turn(route: &str, mode: Mode, cause: &'static str, issued: Option<&Arc<Issued>>) -> Turn {
    Turn {
        at: Timestamp::now(),
        route: route.to_owned(),
        mode,
        cause: cause.into(),
        certificate: issued.map(|issued| issued.id().to_owned()),
    }
}

/// The word of a cause in books and metrics.
const fn word(cause: &AlarmCause) -> &'static str {
    match cause {
        AlarmCause::Shift { .. } => "shifted_signal",
        AlarmCause::EscalationRate { .. } => "escalation_rate",
        AlarmCause::AuditedLoss { .. } => "audited_loss",
        _ => "drift",
    }
}
