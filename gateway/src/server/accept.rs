//! The accept loop: a permit before a connection, a drain before the end.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::app::App;

/// Pause after a failed accept (usually: out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves connections until `stop` completes, then lets running requests end within the configured time.
pub async fn serve(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(app.snapshot().config().limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let server = connection_builder(&app);
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, permit)) = accepted else {
            continue;
        };
        let app = Arc::clone(&app);
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(super::answer(app, request).await) }
        });
        let connection = server
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let watched = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    app.start_draining();
    drop(listener);
    drain(&app, graceful, connections).await;
}

fn connection_builder(app: &App) -> auto::Builder<TokioExecutor> {
    let limits = app.snapshot().config().limits;
    let mut server = auto::Builder::new(TokioExecutor::new());
    // Without a timer hyper ignores the header timeout.
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100);
    server
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Tokens are small writes; waiting for more of them would be felt.
            let _ = stream.set_nodelay(true);
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn drain(app: &App, graceful: GracefulShutdown, mut connections: JoinSet<()>) {
    let grace = app.snapshot().config().limits.drain;
    let began = Instant::now();
    tracing::info!(connections = connections.len(), "draining");
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "drain time is over; cutting the rest"
        );
    }
    // Cut connections drop their exchanges, which are booked as such.
    connections.shutdown().await;
    app.learning()
        .stop(app, grace.saturating_sub(began.elapsed()))
        .await;
}
