//! What the gateway adds to a call: the same requests to the same upstream, directly and through an upstream-only
//! route with ledger and log line on. Direct and gateway calls alternate within one run, so that whatever else the
//! machine does meets both; read the ratios, not the times.
//!
//! `cargo bench --bench overhead --no-default-features`
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway::app::App;
use gateway::config::Config;
use gateway::ledger::Ledger;
use gateway::server;
use gateway::snapshot::{Engines, Snapshot};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reqwest::Client;
use serde_json::json;
use tokio::net::TcpListener;

const WARM_UP: usize = 500;
const ROUNDS: usize = 4_000;

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Failed> {
    let upstream = start_upstream().await?;
    let folder = tempfile::tempdir()?;
    let gateway = start_gateway(upstream, folder.path()).await?;
    println!(
        "{:>8} {:>12} {:>10} {:>10} {:>10} {:>10}",
        "clients", "path", "p50 µs", "p99 µs", "ratio p50", "ratio p99"
    );
    for clients in [1, 8, 32] {
        let (direct, through) = measure(upstream, gateway, clients).await?;
        let ratio = |p| micros(&through, p) / micros(&direct, p);
        row(clients, "direct", &direct, None);
        row(clients, "gateway", &through, Some((ratio(50), ratio(99))));
    }
    Ok(())
}

fn row(clients: usize, path: &str, sorted: &[Duration], ratios: Option<(f64, f64)>) {
    let (p50, p99) = (micros(sorted, 50), micros(sorted, 99));
    let ratios = ratios.map_or_else(String::new, |(a, b)| format!("{a:>10.2} {b:>10.2}"));
    println!("{clients:>8} {path:>12} {p50:>10.0} {p99:>10.0} {ratios}");
}

/// Latencies of both paths, sorted.
async fn measure(
    upstream: SocketAddr,
    gateway: SocketAddr,
    clients: usize,
) -> Result<(Vec<Duration>, Vec<Duration>), Failed> {
    let client = Client::builder().timeout(Duration::from_secs(10)).build()?;
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let (mut direct, mut through) = (Vec::new(), Vec::new());
            for round in 0..(WARM_UP + ROUNDS) / clients {
                let a = call(&client, upstream).await?;
                let b = call(&client, gateway).await?;
                if round >= WARM_UP / clients {
                    direct.push(a);
                    through.push(b);
                }
            }
            Ok::<_, Failed>((direct, through))
        }));
    }
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for task in tasks {
        let (a, b) = task.await??;
        direct.extend(a);
        through.extend(b);
    }
    direct.sort_unstable();
    through.sort_unstable();
    Ok((direct, through))
}

async fn call(client: &Client, address: SocketAddr) -> Result<Duration, Failed> {
    let body =
        json!({ "model": "large", "messages": [{ "role": "user", "content": "x".repeat(1000) }] });
    let started = Instant::now();
    let response = client
        .post(format!("http://{address}/v1/chat/completions"))
        .json(&body)
        .send()
        .await?;
    let response = response.error_for_status()?;
    response.bytes().await?;
    Ok(started.elapsed())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a call are far below 2^52"
)]
fn micros(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted
        .get(rank - 1)
        .map_or(0.0, |d| d.as_nanos() as f64 / 1000.0)
}

/// An upstream that answers at once with a kilobyte.
async fn start_upstream() -> Result<SocketAddr, Failed> {
    let answer = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "large",
        "choices": [{ "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": "y".repeat(1000), "refusal": null } }],
        "usage": { "prompt_tokens": 250, "completion_tokens": 250, "total_tokens": 500 },
    });
    let answer = Bytes::from(answer.to_string());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let answer = answer.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let answer = answer.clone();
                    async move {
                        let _ = request.into_body().collect().await;
                        let mut response = hyper::Response::new(Full::new(answer));
                        let json = hyper::header::HeaderValue::from_static("application/json");
                        response
                            .headers_mut()
                            .insert(hyper::header::CONTENT_TYPE, json);
                        Ok::<_, Infallible>(response)
                    }
                });
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn start_gateway(upstream: SocketAddr, folder: &Path) -> Result<SocketAddr, Failed> {
    let yaml = format!(
        "upstreams:\n  large: {{ base_url: \"http://{upstream}/v1\", prices: {{ large: {{ input: \"2\", output: \"8\" }} }} }}\n\
         routes:\n  - {{ name: all, action: upstream-only, upstream: {{ name: large, model: large }} }}\n"
    );
    let config = Config::parse(&yaml, folder, "bench")?;
    let (ledger, _) = Ledger::open(&config.ledger)?;
    let snapshot = Snapshot::new(config, Engines::new(), BTreeMap::new())?;
    let app = App::new(snapshot, ledger);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(server::serve(
        Arc::new(app),
        listener,
        std::future::pending(),
    ));
    Ok(address)
}
