//! `smallfirst demo`: the whole product on the bundled model, with real HTTP on both sides.
//!
//! Calibrates both routes on labelled requests, sends traffic with known answers through the gateway, and compares
//! cost and quality with the large model alone and the small model alone.

mod bundle;
mod clients;
mod gateway;
mod grade;
mod stand_in;
mod summary;
mod traffic;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::app::App;
use crate::cli::calibrate::until_ready;
use crate::cli::{Failure, say, until_told_to_stop};
use crate::engines::StartEngine;
use crate::ledger::{Ledger, LedgerUrl, writer_is_alive};
use crate::server;
use crate::snapshot::Snapshot;
use gateway::Large;

/// Where the demo leaves its ledger.
const LEDGER: &str = "smallfirst-demo.db";

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Requests to send; without it, all of the demo's traffic once.
    #[arg(long)]
    requests: Option<usize>,
    /// Prints one JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Stays up after the report.
    #[arg(long)]
    serve: bool,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Base URL of a real OpenAI-compatible API in place of the stand-in; its key is read from `OPENAI_API_KEY`.
    #[arg(long)]
    upstream: Option<String>,
    /// Model to ask for at a real upstream.
    #[arg(long, default_value = "gpt-4.1")]
    upstream_model: String,
}

/// Runs the demo.
///
/// # Errors
/// When a part of it cannot be started.
pub(crate) async fn run(arguments: DemoArguments) -> Result<(), Failure> {
    let large = Large::choose(&arguments).await?;
    let model = bundle::unpack()?;
    let config = gateway::config(model.path(), &large, arguments.listen)?;
    let program = std::env::current_exe().map_err(Failure::environment)?;
    let engines = StartEngine::workers(program)
        .start_all(&config)
        .map_err(Failure::environment)?;
    let engine = engines
        .get(gateway::MODEL)
        .cloned()
        .ok_or_else(|| Failure::environment("no demo model"))?;
    until_ready(&engine).await?;
    let calibrations = gateway::calibrate_routes(&config, &engine).await?;
    let certificates = gateway::certificates(&calibrations);
    let ledger = fresh_ledger()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|e| Failure::environment(format!("cannot listen on {}: {e}", config.listen)))?;
    let address = listener.local_addr().map_err(Failure::environment)?;
    let snapshot = Snapshot::new(config, engines, certificates).map_err(Failure::environment)?;
    let app = Arc::new(App::new(snapshot, ledger.clone()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = AbortOnDropHandle::new(tokio::spawn(server::serve(
        Arc::clone(&app),
        listener,
        async {
            let _ = stopped.await;
        },
    )));
    let requests = traffic::mixed(arguments.requests);
    let outcomes = clients::send_all(address, requests).await?;
    let graded = grade::grade(outcomes, &large, &engine, app.snapshot().config()).await?;
    let summary = summary::summarise(&graded, &calibrations, &ledger, &large).await?;
    say(&if arguments.json {
        summary.json()
    } else {
        summary.text(address, arguments.serve)
    });
    if arguments.serve {
        say(&format!("listening on http://{address}"));
        until_told_to_stop().await;
    }
    let _ = stop.send(());
    serving.await.map_err(Failure::environment)?;
    ledger.close().await.map_err(Failure::environment)
}

/// A new ledger; the one of an earlier demo is kept beside it.
fn fresh_ledger() -> Result<Ledger, Failure> {
    let url = LedgerUrl::Sqlite(LEDGER.into());
    if writer_is_alive(&url) {
        // Moving the file away under a running gateway would lose its rows.
        return Err(Failure::environment(format!(
            "another demo is writing to {LEDGER}; stop it, or use another folder"
        )));
    }
    for suffix in ["", "-wal", "-shm"] {
        let old = format!("{LEDGER}{suffix}");
        if std::path::Path::new(&old).exists() {
            std::fs::rename(&old, format!("smallfirst-demo.previous.db{suffix}"))
                .map_err(|e| Failure::environment(format!("{old}: {e}")))?;
        }
    }
    let (ledger, _) = Ledger::open(&url).map_err(Failure::environment)?;
    Ok(ledger)
}
