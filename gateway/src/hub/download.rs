//! One file, from where it was cut to its end, with its hash.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use http::header::{CONTENT_RANGE, RANGE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::listing::{Entry, Hash, broken, refusal};
use super::{HubError, HubSettings, Progress, Tell};

/// Longest pause between tries, also where the hub asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One file to fetch.
pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) settings: &'a HubSettings,
    pub(super) url: String,
    pub(super) entry: &'a Entry,
    /// Where it grows.
    pub(super) part: PathBuf,
}

/// How one try ended.
enum Try {
    Whole,
    /// It may go on later; what happened, and how long the hub wants to be left alone.
    Cut(String, Option<Duration>),
}

impl Download<'_> {
    /// Fetches what is missing and checks the whole.
    pub(super) async fn run(&self, tell: &Tell<'_>) -> Result<(), HubError> {
        let mut without_progress = 0;
        loop {
            let before = self.length();
            tell(Progress::File {
                name: &self.entry.name,
                done: before,
                total: self.entry.size,
            });
            let (what, asked) = match self.go_on(before, tell).await? {
                Try::Whole => break,
                Try::Cut(what, asked) => (what, asked),
            };
            without_progress = if self.length() > before {
                0
            } else {
                without_progress + 1
            };
            if without_progress >= self.settings.tries {
                return Err(HubError::Broken(format!("{}: {what}", self.entry.name)));
            }
            tell(Progress::Note(&format!(
                "{}: {what}; it goes on from byte {}",
                self.entry.name,
                self.length()
            )));
            let pause = self.settings.pause * 2_u32.saturating_pow(without_progress);
            let pause = asked.map_or(pause, |asked| asked.max(pause));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
        self.check().await
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |data| data.len())
    }

    /// One request, from byte `start` on.
    async fn go_on(&self, start: u64, tell: &Tell<'_>) -> Result<Try, HubError> {
        if start == self.entry.size && start > 0 {
            return Ok(Try::Whole);
        }
        let start = if start > self.entry.size { 0 } else { start };
        let mut request = self.client.get(&self.url);
        if let Some(token) = &self.settings.token {
            // Not sent on to another host that the hub redirects to.
            request = request.bearer_auth(token.expose_secret());
        }
        if start > 0 {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(Try::Cut(broken(&error).to_owned(), None)),
        };
        let start = match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&response, start) => start,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.begin_anew()?;
                return Ok(Try::Cut("the hub has another file now".to_owned(), None));
            }
            // A server that knows no ranges sends all of it again.
            status if status.is_success() => 0,
            status => {
                let asked = retry_after(&response);
                return Ok(Try::Cut(refusal(status, &self.entry.name)?, asked));
            }
        };
        self.take(response, start, tell).await
    }

    /// Appends what comes.
    async fn take(&self, response: Response, start: u64, tell: &Tell<'_>) -> Result<Try, HubError> {
        let failed = HubError::disk(&self.part);
        let mut options = tokio::fs::OpenOptions::new();
        options.create(true).write(true);
        options.append(start > 0).truncate(start == 0);
        let mut file = options.open(&self.part).await.map_err(&failed)?;
        let mut length = start;
        let mut pieces = response.bytes_stream();
        let cut = loop {
            let piece = match pieces.next().await {
                None => break None,
                Some(Err(error)) => break Some(broken(&error).to_owned()),
                Some(Ok(piece)) => piece,
            };
            let size = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            length = length.saturating_add(size);
            if length > self.entry.size {
                drop(file);
                self.begin_anew()?;
                return Ok(Try::Cut("more came than the hub said".to_owned(), None));
            }
            file.write_all(&piece).await.map_err(&failed)?;
            tell(Progress::Bytes(size));
        };
        file.flush().await.map_err(&failed)?;
        file.sync_all().await.map_err(&failed)?;
        Ok(match cut {
            None if length == self.entry.size => Try::Whole,
            None => Try::Cut("the connection broke off".to_owned(), None),
            Some(what) => Try::Cut(what, None),
        })
    }

    fn begin_anew(&self) -> Result<(), HubError> {
        match fs::remove_file(&self.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(HubError::disk(&self.part)(error))
            }
            _ => Ok(()),
        }
    }

    /// Compares the hash. A damaged file is put aside, so that the next try begins anew.
    async fn check(&self) -> Result<(), HubError> {
        let (path, hash) = (self.part.clone(), self.entry.hash.clone());
        let size = self.entry.size;
        let got = tokio::task::spawn_blocking(move || hash_of(&path, &hash, size))
            .await
            .map_err(io::Error::other)
            .and_then(|got| got)
            .map_err(HubError::disk(&self.part))?;
        if got == self.entry.hash.as_str() {
            return Ok(());
        }
        let aside = self.part.with_extension("damaged");
        fs::rename(&self.part, &aside).map_err(HubError::disk(&self.part))?;
        Err(HubError::Damaged {
            file: self.entry.name.clone(),
            got,
            said: self.entry.hash.as_str().to_owned(),
        })
    }
}

/// Whether the part that is sent is the one that was asked for.
fn begins_at(response: &Response, start: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let text = range.and_then(|value| value.to_str().ok()).unwrap_or("");
    text.starts_with(&format!("bytes {start}-"))
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

fn hash_of(path: &PathBuf, hash: &Hash, size: u64) -> io::Result<String> {
    let file = File::open(path)?;
    match hash {
        Hash::Sha256(_) => digest(Sha256::new(), file),
        // As git hashes a file: <https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>
        Hash::Git(_) => digest(Sha1::new_with_prefix(format!("blob {size}\0")), file),
    }
}

fn digest<D: Digest>(mut hasher: D, mut file: File) -> io::Result<String> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hasher.update(bytes);
    }
    let bytes = hasher.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
