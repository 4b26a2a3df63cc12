//! A stand-in for a large-model API, on loopback. It knows the demo's gold answers, is wrong on purpose in a few of
//! them, takes its time, and says in every answer that it is a stand-in.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::traffic::{Step, mixed};
use crate::openai::{Answer, AnswerUsage, chunks_of, completion_of};

/// Model name in its answers.
pub(super) const MODEL: &str = "stand-in-large-model";
/// Share of labelled requests that it answers wrongly, in percent: large models err too.
const WRONG_PERCENT: u8 = 3;
/// Its answers take between these, by request.
const FASTEST: Duration = Duration::from_millis(120);
const SPREAD_MS: u64 = 280;

/// A running stand-in; it stops when dropped.
#[derive(Debug)]
pub(super) struct StandIn {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl StandIn {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, Arc::new(Knowledge::of_the_demo())));
        Ok(Self {
            address,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

async fn accept(listener: TcpListener, knowledge: Arc<Knowledge>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let knowledge = Arc::clone(&knowledge);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&knowledge), request));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    knowledge: Arc<Knowledge>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(|b| b.to_bytes())
        .unwrap_or_default();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        let mut refused = Response::new(Full::new(Bytes::from_static(
            b"{\"error\":{\"message\":\"not JSON\"}}",
        )));
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refused);
    };
    let user = last_user_text(&body);
    let dice = dice(user);
    sleep(FASTEST + Duration::from_millis(u64::from(dice) * SPREAD_MS / 255)).await;
    let answer = compose(&knowledge, user, &body);
    let streamed = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let (kind, bytes) = if streamed {
        (
            "text/event-stream",
            chunks_of(&answer, true).flatten().collect::<Vec<u8>>(),
        )
    } else {
        let mut whole = completion_of(&answer);
        whole["system_fingerprint"] = json!("stand-in");
        ("application/json", whole.to_string().into_bytes())
    };
    let mut response = Response::new(Full::new(bytes.into()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

fn compose(knowledge: &Knowledge, user: &str, body: &Value) -> Answer {
    let text = knowledge.answer(user);
    let prompt = body
        .get("messages")
        .map(Value::to_string)
        .unwrap_or_default();
    Answer {
        id: format!("chatcmpl-stand-in-{}", dice(user)),
        created: jiff::Timestamp::now().as_second(),
        model: MODEL.to_owned(),
        finish_reason: "stop",
        // Four bytes a token, the usual ratio for English.
        usage: AnswerUsage {
            prompt_tokens: u64::try_from(prompt.len() / 4).unwrap_or(0),
            completion_tokens: u64::try_from(text.len().div_ceil(4)).unwrap_or(0),
        },
        pieces: vec![text],
    }
}

fn last_user_text(body: &Value) -> &str {
    let messages = body
        .get("messages")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let last = messages
        .iter()
        .rev()
        .find(|m| m.get("role").and_then(Value::as_str) == Some("user"));
    last.and_then(|m| m.get("content"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A number that depends on nothing but the text, so that every run of the demo is the same.
fn dice(text: &str) -> u8 {
    Sha256::digest(text.as_bytes())
        .first()
        .copied()
        .unwrap_or(0)
}

/// Gold answers by request text.
struct Knowledge {
    answers: HashMap<String, String>,
}

impl Knowledge {
    fn of_the_demo() -> Self {
        let answers = mixed(None).into_iter().filter_map(|request| {
            let text = match request.gold? {
                Value::String(text) => text,
                gold => gold.to_string(),
            };
            let wrong = u16::from(dice(&request.user)) * 100 / 256 < u16::from(WRONG_PERCENT);
            let text = match request.step {
                _ if !wrong => text,
                Step::Slots => "{}".to_owned(),
                Step::Intents | Step::Open => "none_of_these".to_owned(),
            };
            Some((request.user, text))
        });
        Self {
            answers: answers.collect(),
        }
    }

    fn answer(&self, user: &str) -> String {
        self.answers.get(user).cloned().unwrap_or_else(|| {
            "This is the demo's stand-in for a large model, not a model. With OPENAI_API_KEY or --upstream a real \
             one would have answered this question here, at length."
                .to_owned()
        })
    }
}
