//! A model on the hub, looked at before it is fetched: the small files, and of the weights the headers.

use std::fs;
use std::path::{Path, PathBuf};

use http::header::RANGE;
use local_engine::inspect::holds_header;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::choose::{SIDE_FILES, choose};
use super::listing::{Entry, Listing, broken, refusal};
use super::{Hub, HubError, HubModel};

/// Bytes of a weight file that are asked for at first, and at most. Headers of GGUFs hold the vocabulary.
const FIRST: u64 = 1 << 20;
const MOST: u64 = 64 << 20;

/// Largest file beside the weights that is fetched.
const SMALL: u64 = 4 << 20;

/// A model without most of its weights.
#[derive(Debug)]
pub struct Peeked {
    /// The GGUF or the folder, as long as the true one and mostly empty.
    pub path: PathBuf,
    /// Bytes of all its files.
    pub size: u64,
    /// It goes with this.
    folder: TempDir,
}

impl Peeked {
    /// The folder with the files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Hub {
    /// Fetches what can be known about a model without fetching it.
    ///
    /// # Errors
    /// As [`pull`](Self::pull).
    pub async fn peek(&self, model: &HubModel) -> Result<Peeked, HubError> {
        if self.settings.offline {
            return Err(HubError::Offline(model.to_string()));
        }
        let listing = self.listing(model).await?;
        let choice = choose(model, listing.names())?;
        let folder =
            tempfile::tempdir().map_err(HubError::disk(Path::new("a temporary folder")))?;
        let mut size = 0_u64;
        for entry in choice.files.iter().filter_map(|name| listing.entry(name)) {
            size = size.saturating_add(entry.size);
            self.look_at(model, &listing, entry, folder.path()).await?;
        }
        if super::lacks_tokenizer(&choice.files) {
            self.look_at_base(&listing, folder.path()).await?;
        }
        let gguf = choice.gguf.as_deref().map(file_name);
        Ok(Peeked {
            path: gguf.map_or_else(|| folder.path().to_owned(), |name| folder.path().join(name)),
            size,
            folder,
        })
    }

    async fn look_at_base(&self, listing: &Listing, folder: &Path) -> Result<(), HubError> {
        let base = listing
            .base_model()
            .and_then(|name| name.parse::<HubModel>().ok());
        let Some(base) = base else { return Ok(()) };
        let listing = self.listing(&base).await?;
        // Not what describes the weights: these are another file's.
        let side = SIDE_FILES.iter().filter(|name| **name != "config.json");
        for entry in side.filter_map(|name| listing.entry(name)) {
            self.look_at(&base, &listing, entry, folder).await?;
        }
        Ok(())
    }

    /// Writes a small file as it is, of a large one the header, and of a tokenizer that it is there.
    async fn look_at(
        &self,
        model: &HubModel,
        listing: &Listing,
        entry: &Entry,
        folder: &Path,
    ) -> Result<(), HubError> {
        let url = self.settings.file_url(model, &listing.commit, &entry.name);
        let path = folder.join(file_name(&entry.name));
        let is_weights = [".gguf", ".safetensors"]
            .iter()
            .any(|end| entry.name.ends_with(end));
        let bytes = if is_weights {
            self.header(&url, entry).await?
        } else if entry.name == "tokenizer.json" || entry.size > SMALL {
            b"{}".to_vec()
        } else {
            self.head(&url, entry, entry.size).await?
        };
        fs::write(&path, bytes).map_err(HubError::disk(&path))?;
        if is_weights {
            // A hole: it takes no room.
            let file = fs::File::options().write(true).open(&path);
            file.and_then(|file| file.set_len(entry.size))
                .map_err(HubError::disk(&path))?;
        }
        Ok(())
    }

    /// Asks for more until the header is whole.
    async fn header(&self, url: &str, entry: &Entry) -> Result<Vec<u8>, HubError> {
        let mut length = FIRST;
        loop {
            let length_now = length.min(entry.size);
            let bytes = self.head(url, entry, length_now).await?;
            if holds_header(&entry.name, &bytes) || length_now == entry.size || length >= MOST {
                return Ok(bytes);
            }
            length *= 4;
        }
    }

    /// The first bytes of a file.
    async fn head(&self, url: &str, entry: &Entry, length: u64) -> Result<Vec<u8>, HubError> {
        let failed = |error: reqwest::Error| HubError::Broken(broken(&error).to_owned());
        if length == 0 {
            return Ok(Vec::new());
        }
        let range = format!("bytes=0-{}", length - 1);
        let mut request = self.client.get(url).header(RANGE, range);
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() && status != StatusCode::PARTIAL_CONTENT {
            let said = refusal(status, &entry.name)?;
            return Err(HubError::Broken(format!("{}: {said}", entry.name)));
        }
        let most = usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        // A server without ranges sends everything: enough is enough.
        while bytes.len() < most {
            let Some(piece) = response.chunk().await.map_err(failed)? else {
                break;
            };
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(most);
        Ok(bytes)
    }
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
