//! A hub on loopback: an API, a place for files that redirects large ones to another host, and every way to fail.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What goes wrong with the next request for a large file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection ends after so many bytes.
    CutAfter(usize),
    /// A status, with `retry-after: 0`.
    Status(u16),
    /// Ranges are ignored.
    NoRanges,
    /// Other bytes come than the hub announced.
    Damaged,
}

type Seen = (String, Option<String>, Option<String>);

#[derive(Debug, Default)]
struct Stage {
    cdn: Mutex<String>,
    repositories: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
    base_models: Mutex<BTreeMap<String, String>>,
    troubles: Mutex<VecDeque<Trouble>>,
    token: Mutex<Option<String>>,
    /// Path, range and authorization of each request.
    seen: Mutex<Vec<Seen>>,
}

/// The running hub.
#[derive(Debug)]
pub(super) struct TestHub {
    pub(super) url: String,
    stage: Arc<Stage>,
    _servers: [AbortOnDropHandle<()>; 2],
}

/// The commit that every repository is at.
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Files from this size on lie on the other host.
const LARGE: usize = 1000;

impl TestHub {
    pub(super) async fn start() -> Self {
        let stage = Arc::new(Stage::default());
        let (url, hub) = serve(Arc::clone(&stage)).await;
        let (cdn, files) = serve(Arc::clone(&stage)).await;
        *stage.cdn.lock() = cdn;
        Self {
            url,
            stage,
            _servers: [hub, files],
        }
    }

    pub(super) fn put(&self, repository: &str, name: &str, content: &[u8]) {
        let mut repositories = self.stage.repositories.lock();
        let files = repositories.entry(repository.to_owned()).or_default();
        files.insert(name.to_owned(), content.to_vec());
    }

    pub(super) fn made_from(&self, repository: &str, base: &str) {
        let mut bases = self.stage.base_models.lock();
        bases.insert(repository.to_owned(), base.to_owned());
    }

    pub(super) fn trouble(&self, troubles: &[Trouble]) {
        self.stage.troubles.lock().extend(troubles);
    }

    pub(super) fn ask_for(&self, token: &str) {
        *self.stage.token.lock() = Some(token.to_owned());
    }

    /// Ranges asked for, and whether a token came with it, of requests to the other host.
    pub(super) fn of_cdn(&self) -> Vec<(Option<String>, bool)> {
        let seen = self.stage.seen.lock();
        let on_cdn = seen.iter().filter(|(path, ..)| path.starts_with("/cdn/"));
        on_cdn
            .map(|(_, range, token)| (range.clone(), token.is_some()))
            .collect()
    }

    pub(super) fn requests(&self) -> usize {
        self.stage.seen.lock().len()
    }
}

async fn serve(stage: Arc<Stage>) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move {
                let answer = |request: Request<Incoming>| {
                    let response = stage.answer(request.uri().path(), request.headers());
                    async move { Ok::<_, Infallible>(response) }
                };
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    });
    (url, AbortOnDropHandle::new(task))
}

fn full(status: u16, bytes: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

impl Stage {
    fn answer(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        let text = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let token = text("authorization");
        self.seen
            .lock()
            .push((path.to_owned(), text("range"), token.clone()));
        if let Some(path) = path.strip_prefix("/cdn/") {
            return self.file(path, text("range"));
        }
        let asked = self.token.lock().clone();
        if asked.is_some_and(|asked| token != Some(format!("Bearer {asked}"))) {
            return full(401, "");
        }
        if let Some(path) = path.strip_prefix("/api/models/") {
            let (repository, _) = path.split_once("/revision/").unwrap();
            return self.listing(repository);
        }
        let (repository, rest) = path
            .trim_start_matches('/')
            .split_once("/resolve/")
            .unwrap();
        let (_, name) = rest.split_once('/').unwrap();
        let size = self
            .content(repository, name)
            .map_or(0, |content| content.len());
        if size < LARGE {
            return self.file(&format!("{repository}/{name}"), text("range"));
        }
        let mut response = full(302, "");
        let place = format!("{}/cdn/{repository}/{name}", self.cdn.lock());
        response
            .headers_mut()
            .insert("location", place.parse().unwrap());
        response
    }

    fn content(&self, repository: &str, name: &str) -> Option<Vec<u8>> {
        self.repositories.lock().get(repository)?.get(name).cloned()
    }

    fn listing(&self, repository: &str) -> Response<Body> {
        let repositories = self.repositories.lock();
        let Some(files) = repositories.get(repository) else {
            return full(404, "");
        };
        let siblings: Vec<Value> = files
            .iter()
            .map(|(name, content)| sibling(name, content))
            .collect();
        let mut answer = json!({"sha": COMMIT, "siblings": siblings});
        if let Some(base) = self.base_models.lock().get(repository) {
            answer["cardData"] = json!({"base_model": [base]});
        }
        full(200, answer.to_string())
    }

    fn file(&self, path: &str, range: Option<String>) -> Response<Body> {
        let mut parts = path.splitn(3, '/');
        let repository = format!("{}/{}", parts.next().unwrap(), parts.next().unwrap());
        let Some(mut content) = self.content(&repository, parts.next().unwrap()) else {
            return full(404, "");
        };
        let trouble = (content.len() >= LARGE)
            .then(|| self.troubles.lock().pop_front())
            .flatten();
        match trouble {
            Some(Trouble::Status(status)) => {
                let mut response = full(status, "");
                response
                    .headers_mut()
                    .insert("retry-after", "0".parse().unwrap());
                return response;
            }
            Some(Trouble::Damaged) => content[7] ^= 1,
            _ => {}
        }
        let ranges = range.filter(|_| trouble != Some(Trouble::NoRanges));
        let start = ranges.map_or(0, |range| {
            let range = range.strip_prefix("bytes=").unwrap();
            let (start, end) = range.split_once('-').unwrap();
            if let Ok(end) = end.parse::<usize>() {
                content.truncate(end + 1);
            }
            start.parse::<usize>().unwrap()
        });
        let total = content.len();
        let rest = content.split_off(start);
        let mut response = match trouble {
            Some(Trouble::CutAfter(bytes)) => cut(&rest, bytes),
            _ => full(200, rest),
        };
        if start > 0 {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {start}-{}/{total}", total - 1);
            response
                .headers_mut()
                .insert("content-range", range.parse().unwrap());
        }
        response
    }
}

fn cut(content: &[u8], bytes: usize) -> Response<Body> {
    let sent = Bytes::copy_from_slice(&content[..bytes.min(content.len())]);
    let data = stream::iter([Ok(Frame::data(sent))]);
    let end = stream::once(async {
        // The server writes out what it has when the body has nothing more for the moment; so little fits a socket.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        Err(io::Error::other("cut"))
    });
    let mut response = Response::new(StreamBody::new(data.chain(end)).boxed_unsync());
    let length = content.len().to_string().parse().unwrap();
    response.headers_mut().insert("content-length", length);
    response
}

fn sibling(name: &str, content: &[u8]) -> Value {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let git = Sha1::new_with_prefix(format!("blob {}\0", content.len()));
    let mut sibling = json!({
        "rfilename": name,
        "size": content.len(),
        "blobId": hex(&git.chain_update(content).finalize()),
    });
    if content.len() >= LARGE {
        let sha256 = hex(&Sha256::digest(content));
        sibling["lfs"] = json!({"sha256": sha256, "size": content.len(), "pointerSize": 130});
    }
    sibling
}
