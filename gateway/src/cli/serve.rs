//! `smallfirst serve`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use super::{Failure, say};
use crate::app::App;
use crate::config::Config;
use crate::engines::StartEngine;
use crate::learning::load_certificates;
use crate::ledger::Ledger;
use crate::reload::{HangUps, Reloader, watch};
use crate::server;
use crate::snapshot::Snapshot;

/// How often the configuration file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path).map_err(|e| Failure::config(&e))?;
    let certificates = load_certificates(&config.certificates).map_err(Failure::input)?;
    let (ledger, opened) = Ledger::open(&config.ledger).map_err(Failure::environment)?;
    if opened.lost > 0 {
        tracing::warn!(
            exchanges = opened.lost,
            "an earlier run ended without settling these; they are booked as lost"
        );
    }
    let program = std::env::current_exe().map_err(Failure::environment)?;
    let start_engine = StartEngine::workers(program);
    let engines = start_engine.start_all(&config).map_err(Failure::input)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|e| Failure::environment(format!("cannot listen on {}: {e}", config.listen)))?;
    let address = listener.local_addr().map_err(Failure::environment)?;
    let snapshot = Snapshot::new(config, engines, certificates).map_err(Failure::input)?;
    let app = Arc::new(App::new(snapshot, ledger.clone()));
    let snapshot = app.snapshot();
    let resuming = app.learning().resume(&snapshot);
    resuming.await.map_err(Failure::environment)?;
    let reloader = Reloader::new(Arc::clone(&app), path.to_path_buf(), start_engine);
    let _watching = AbortOnDropHandle::new(tokio::spawn(watch(
        Arc::new(reloader),
        HangUps::listen(),
        LOOK_EVERY,
    )));
    say(&format!("listening on http://{address}"));
    server::serve(app, listener, until_told_to_stop()).await;
    ledger.close().await.map_err(Failure::environment)
}

/// Completes on SIGTERM or SIGINT.
pub(crate) async fn until_told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be watched; only SIGINT stops the gateway");
            let _ = interrupted.await;
        }
    }
}
