//! `smallfirst serve`.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, say};
use crate::app::App;
use crate::config::Config;
use crate::learning::load_certificates;
use crate::ledger::Ledger;
use crate::snapshot::Snapshot;
use crate::{engines, server};

pub(super) async fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path).map_err(Failure::input)?;
    let certificates = load_certificates(&config.certificates).map_err(Failure::input)?;
    let (ledger, opened) = Ledger::open(&config.ledger).map_err(Failure::environment)?;
    if opened.lost > 0 {
        tracing::warn!(
            exchanges = opened.lost,
            "an earlier run ended without settling these; they are booked as lost"
        );
    }
    let program = std::env::current_exe().map_err(Failure::environment)?;
    let engines = engines::start(&config, &program).map_err(Failure::input)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|e| Failure::environment(format!("cannot listen on {}: {e}", config.listen)))?;
    let address = listener.local_addr().map_err(Failure::environment)?;
    let snapshot = Snapshot::new(config, engines, certificates).map_err(Failure::input)?;
    let app = App::new(snapshot, ledger.clone());
    say(&format!("listening on http://{address}"));
    server::serve(Arc::new(app), listener, until_told_to_stop()).await;
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
