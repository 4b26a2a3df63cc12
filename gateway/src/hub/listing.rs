//! What there is in a repository.

use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::model::is_name;
use super::{HubError, HubModel, HubSettings};

/// A repository at one commit.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    entries: Vec<Entry>,
    base_model: Option<String>,
}

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) hash: Hash,
}

/// The hash that a file is known by, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hash {
    /// SHA-256 of a large file.
    Sha256(String),
    /// What git calls a small one.
    Git(String),
}

impl Hash {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::Git(text) => text,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(default)]
    card_data: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Listing {
    pub(super) async fn ask(
        client: &Client,
        settings: &HubSettings,
        model: &HubModel,
    ) -> Result<Self, HubError> {
        let url = settings.listing_url(model);
        let mut tried = 0;
        loop {
            let mut request = client.get(&url);
            if let Some(token) = &settings.token {
                request = request.bearer_auth(token.expose_secret());
            }
            let answer = request.send().await;
            let said = match answer {
                Ok(answer) if answer.status().is_success() => {
                    let text = answer
                        .bytes()
                        .await
                        .map_err(|error| HubError::Broken(broken(&error).to_owned()))?;
                    return Self::read(&text)
                        .ok_or_else(|| HubError::Broken("the hub's answer makes no sense".into()));
                }
                Ok(answer) => refusal(answer.status(), &model.to_string())?,
                Err(error) => broken(&error).to_owned(),
            };
            tried += 1;
            if tried >= settings.tries {
                return Err(HubError::Broken(format!(
                    "the hub does not answer ({said})"
                )));
            }
            tokio::time::sleep(settings.pause * 2_u32.saturating_pow(tried - 1)).await;
        }
    }

    /// `None` where it is no such answer.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(text).ok()?;
        let base = answer
            .card_data
            .as_ref()
            .and_then(|card| card.get("base_model"));
        let base = base.and_then(|base| base.as_str().or_else(|| base.get(0)?.as_str()));
        let entries = answer.siblings.into_iter().filter_map(entry).collect();
        // A commit becomes the name of a folder.
        is_name(&answer.sha).then_some(Self {
            commit: answer.sha,
            entries,
            base_model: base.map(str::to_owned),
        })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The model that this one was made from.
    pub(super) fn base_model(&self) -> Option<&str> {
        self.base_model.as_deref()
    }
}

/// Leaves out what has no hash, and names that would lead out of the cache.
fn entry(sibling: Sibling) -> Option<Entry> {
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let (size, hash) = match (sibling.lfs, sibling.blob_id) {
        (Some(lfs), _) if hex(&lfs.sha256, 64) => {
            (lfs.size, Hash::Sha256(lfs.sha256.to_ascii_lowercase()))
        }
        (None, Some(id)) if hex(&id, 40) => (sibling.size?, Hash::Git(id.to_ascii_lowercase())),
        _ => return None,
    };
    sibling.rfilename.split('/').all(is_name).then_some(Entry {
        name: sibling.rfilename,
        size,
        hash,
    })
}

/// What to say of a status that may pass, or an error for one that will not.
pub(super) fn refusal(status: StatusCode, what: &str) -> Result<String, HubError> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(HubError::Denied(what.to_owned())),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(HubError::NotFound(what.to_owned())),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Ok(format!("it answers {status}"))
        }
        status => Err(HubError::Broken(format!(
            "the hub answers {status} to {what}"
        ))),
    }
}

/// Without the address, which may be signed.
pub(super) fn broken(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "the hub cannot be reached"
    } else if error.is_timeout() {
        "the hub fell silent"
    } else {
        "the connection broke off"
    }
}
