//! The demo's clients: ordinary HTTP requests to the gateway, four at a time, every fourth one streamed.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::gateway::{CLIENT_MODEL, KEY};
use super::traffic::DemoRequest;
use crate::cli::{Failure, progress_bar};
use crate::openai::{DONE, SseDecoder};

/// Clients at a time.
const AT_A_TIME: usize = 4;

/// What a client got.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) request: DemoRequest,
    /// Answer text, or a word for what went wrong.
    pub(super) answer: Result<String, String>,
    /// `x-smallfirst-source`.
    pub(super) source: String,
    /// `x-smallfirst-reason`.
    pub(super) reason: String,
    pub(super) latency: Duration,
}

/// Sends everything and waits for the answers.
pub(super) async fn send_all(
    address: SocketAddr,
    requests: Vec<DemoRequest>,
) -> Result<Vec<Outcome>, Failure> {
    let client = Client::builder()
        .timeout(Duration::from_secs(120))
        .build()
        .map_err(Failure::environment)?;
    let url = format!("http://{address}/v1/chat/completions");
    let bar = progress_bar(requests.len(), "asking the gateway");
    let outcomes = stream::iter(requests.into_iter().enumerate())
        .map(|(index, request)| {
            let (client, url, bar) = (client.clone(), url.clone(), bar.clone());
            async move {
                let outcome = send(&client, &url, request, index % 4 == 3).await;
                bar.inc(1);
                outcome
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    bar.finish_and_clear();
    Ok(outcomes)
}

async fn send(client: &Client, url: &str, request: DemoRequest, streamed: bool) -> Outcome {
    let body = json!({ "model": CLIENT_MODEL, "messages": request.messages(), "stream": streamed });
    let started = Instant::now();
    let mut outcome = Outcome {
        request,
        answer: Err("unreachable".to_owned()),
        source: String::new(),
        reason: String::new(),
        latency: Duration::ZERO,
    };
    let sent = client.post(url).bearer_auth(KEY).json(&body).send().await;
    if let Ok(response) = sent {
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        outcome.source = header("x-smallfirst-source");
        outcome.reason = header("x-smallfirst-reason");
        outcome.answer = read(response, streamed).await;
    }
    outcome.latency = started.elapsed();
    outcome
}

async fn read(response: Response, streamed: bool) -> Result<String, String> {
    let status = response.status();
    let bytes = response
        .bytes()
        .await
        .map_err(|_| "broken off".to_owned())?;
    if !status.is_success() {
        return Err(format!("status {}", status.as_u16()));
    }
    if streamed {
        streamed_text(&bytes)
    } else {
        whole_text(&bytes)
    }
}

fn whole_text(bytes: &[u8]) -> Result<String, String> {
    let body: Value = serde_json::from_slice(bytes).map_err(|_| "not JSON".to_owned())?;
    let text = body
        .pointer("/choices/0/message/content")
        .and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| "no text".to_owned())
}

fn streamed_text(bytes: &[u8]) -> Result<String, String> {
    let mut decoder = SseDecoder::new(1 << 20);
    decoder.feed(bytes);
    let mut text = String::new();
    while let Some(event) = decoder.next_event().map_err(|e| e.to_string())? {
        if event.data == DONE {
            return Ok(text);
        }
        let chunk: Value = serde_json::from_str(&event.data).map_err(|_| "not JSON".to_owned())?;
        text.push_str(
            chunk
                .pointer("/choices/0/delta/content")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
    }
    Err("ended without [DONE]".to_owned())
}
