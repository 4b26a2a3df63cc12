//! The server that plays the script.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::vec;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::reply::{Hold, Step};
use super::{Received, Stage, lock};

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stage.connections.fetch_add(1, Ordering::AcqRel);
        let stage = Arc::clone(&stage);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&stage), request));
            // Broken connections are part of the script.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(stage: Arc<Stage>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let mut watch = Watch {
        stage: Arc::clone(&stage),
        ended: false,
    };
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let path = head.uri.path().to_owned();
    let unscripted = (stage.answer)(&body);
    if let Some(received) = &stage.received {
        lock(received).push(Received {
            path,
            headers: head.headers,
            text,
            body,
        });
    }
    let reply = lock(&stage.script).pop_front().unwrap_or(unscripted);
    stage.arrived.send_modify(|count| *count += 1);
    match reply.hold {
        Hold::No => {}
        Hold::UntilReleased => stage
            .released
            .acquire()
            .await
            .map_err(io::Error::other)?
            .forget(),
        Hold::Forever => std::future::pending().await,
        Hold::Drop => {
            watch.ended = true;
            return Err(io::Error::other("the script closes the connection"));
        }
    }
    let mut response = Response::new(play(reply.steps, watch));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

fn play(steps: Vec<Step>, watch: Watch) -> Body {
    let playing = Playing {
        steps: steps.into_iter(),
        watch,
    };
    let frames = stream::unfold(playing, |mut playing| async move {
        let frame = playing.next().await?;
        Some((frame, playing))
    });
    StreamBody::new(frames).boxed_unsync()
}

struct Playing {
    steps: vec::IntoIter<Step>,
    watch: Watch,
}

impl Playing {
    async fn next(&mut self) -> Option<io::Result<Frame<Bytes>>> {
        loop {
            match self.steps.next() {
                Some(Step::Send(bytes)) => return Some(Ok(Frame::data(bytes))),
                Some(Step::Await) => self.watch.stage.released.acquire().await.ok()?.forget(),
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Break) => {
                    // A body that is not ready makes hyper flush; what was sent shall arrive before the break.
                    tokio::task::yield_now().await;
                    self.watch.ended = true;
                    return Some(Err(io::Error::other("the script breaks the body")));
                }
                None => {
                    self.watch.ended = true;
                    return None;
                }
            }
        }
    }
}

/// Notices replies that are dropped before their end, which is what a closed connection does to them.
struct Watch {
    stage: Arc<Stage>,
    ended: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            self.stage.abandoned.send_modify(|count| *count += 1);
        }
    }
}
