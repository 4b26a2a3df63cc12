//! Models from the Hugging Face hub, into the cache that its own tools use and from there.
//!
//! Downloads go on where they were cut, are checked against the hub's hashes and appear whole or not at all. The crate
//! `hf-hub` resumes too, but checks nothing, knows no offline mode and brings a second HTTP client.
//!
//! Layout of the cache: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>

mod cache;
mod choose;
mod download;
mod listing;
mod model;
mod peek;
mod settings;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cache::Cache;
use choose::{Choice, SIDE_FILES, choose, lacks_tokenizer};
use download::Download;
use listing::Listing;

pub use model::HubModel;
pub use peek::Peeked;
pub use settings::HubSettings;

/// Longest silence of the hub.
const SILENCE: Duration = Duration::from_secs(60);

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The GGUF, or the folder with the safetensors.
    pub weights: PathBuf,
    /// Folder of the tokenizer and the template, where it is another one.
    pub tokenizer: Option<PathBuf>,
    /// All files, in the cache.
    pub files: Vec<PathBuf>,
}

/// What happens meanwhile, for whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Something worth a line.
    Note(&'a str),
    /// A file begins, or goes on, at `done` of `total` bytes.
    File {
        /// Its name in the repository.
        name: &'a str,
        /// Bytes that are there.
        done: u64,
        /// Bytes of the whole.
        total: u64,
    },
    /// Further bytes of it came.
    Bytes(u64),
}

/// Why a model did not come. No text holds the token.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Downloads are not allowed, and it is not in the cache.
    #[error("offline, and `{0}` is not in the cache; pull it where there is a network")]
    Offline(String),
    /// There is no such repository, revision or file.
    #[error("{0} is not on the hub; check the name and the revision")]
    NotFound(String),
    /// The hub wants to know who asks.
    #[error(
        "the hub refuses {0}: it is private, or its licence has to be accepted first; set HF_TOKEN to a token of an account that may read it"
    )]
    Denied(String),
    /// The hub cannot be reached, or breaks off again and again; what came is kept.
    #[error("{0}; what came is kept, and the next try goes on from there")]
    Broken(String),
    /// The content is not what the hub says it is.
    #[error(
        "{file} came damaged: its hash is {got}, the hub says {said}; it was put aside, try again"
    )]
    Damaged {
        /// Name in the repository.
        file: String,
        /// Hash of what came.
        got: String,
        /// Hash that the hub tells.
        said: String,
    },
    /// It is not clear which files are wanted.
    #[error("{0}")]
    Choice(String),
    /// There is no room.
    #[error("{needed} bytes are needed in {folder}, and {free} are free")]
    Full {
        /// Bytes still to come.
        needed: u64,
        /// Where.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk does not do what it should.
    #[error("{path}: {error}")]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl HubError {
    fn disk(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |error| Self::Disk {
            path: path.to_owned(),
            error,
        }
    }
}

/// The hub as one program uses it.
#[derive(Debug)]
pub struct Hub {
    settings: HubSettings,
    client: reqwest::Client,
}

/// Told what happens.
pub type Tell<'a> = dyn Fn(Progress<'_>) + Send + Sync + 'a;

impl Hub {
    /// A client of the hub.
    ///
    /// # Errors
    /// [`HubError::Broken`] when there can be no client on this machine.
    pub fn new(settings: HubSettings) -> Result<Self, HubError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("smallfirst/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(SILENCE)
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| HubError::Broken(format!("no HTTP client: {error}")))?;
        Ok(Self { settings, client })
    }

    /// Brings a model here; what is here already is not fetched again.
    ///
    /// # Errors
    /// As [`HubError`] says; what came by then is kept.
    pub async fn pull(&self, model: &HubModel, tell: &Tell<'_>) -> Result<Pulled, HubError> {
        if self.settings.offline {
            return self.found(model);
        }
        let listing = self.listing(model).await?;
        let choice = choose(model, listing.names())?;
        let files = self.fetch(model, &listing, &choice.files, tell).await?;
        let mut pulled = Pulled {
            weights: self.weights(model, &listing.commit, &choice),
            tokenizer: None,
            files,
        };
        if lacks_tokenizer(&choice.files) {
            let more = self.side_files(&listing, tell).await?;
            let folder = more.first().and_then(|file| file.parent());
            if let Some(folder) = folder {
                cache::note_base(&self.cache(model), folder)?;
            }
            pulled.tokenizer = folder.map(Path::to_owned);
            pulled.files.extend(more);
        }
        Ok(pulled)
    }

    /// Tokenizer and template of the model that this one was made from.
    async fn side_files(
        &self,
        listing: &Listing,
        tell: &Tell<'_>,
    ) -> Result<Vec<PathBuf>, HubError> {
        let Some(base) = listing.base_model() else {
            tell(Progress::Note(
                "there is no tokenizer.json in the repository, and it names no base model; put one beside the weights",
            ));
            return Ok(Vec::new());
        };
        tell(Progress::Note(&format!(
            "there is no tokenizer.json in the repository; it comes from the base model {base}"
        )));
        let base: HubModel = base
            .parse()
            .map_err(|error: String| HubError::Choice(format!("the base model: {error}")))?;
        let listing = self.listing(&base).await?;
        let names: Vec<_> = listing
            .names()
            .filter(|name| SIDE_FILES.contains(name))
            .map(str::to_owned)
            .collect();
        self.fetch(&base, &listing, &names, tell).await
    }

    async fn listing(&self, model: &HubModel) -> Result<Listing, HubError> {
        Listing::ask(&self.client, &self.settings, model).await
    }

    /// Downloads what is missing of `names`, and makes them appear under their names.
    async fn fetch(
        &self,
        model: &HubModel,
        listing: &Listing,
        names: &[String],
        tell: &Tell<'_>,
    ) -> Result<Vec<PathBuf>, HubError> {
        let cache = self.cache(model);
        let entries: Vec<_> = names
            .iter()
            .filter_map(|name| listing.entry(name))
            .collect();
        let missing = entries.iter().filter(|entry| !cache.has(entry));
        let needed = missing.map(|entry| cache.missing(entry)).sum();
        cache.make_room(needed)?;
        let mut files = Vec::new();
        for entry in entries {
            if !cache.has(entry) {
                let download = Download {
                    client: &self.client,
                    settings: &self.settings,
                    url: self.settings.file_url(model, &listing.commit, &entry.name),
                    entry,
                    part: cache.part(entry),
                };
                download.run(tell).await?;
                cache.finish(entry)?;
            }
            files.push(cache.show(entry, &listing.commit)?);
        }
        cache.refer(&model.revision, &listing.commit)?;
        Ok(files)
    }

    fn cache(&self, model: &HubModel) -> Cache {
        Cache::new(&self.settings.cache, &model.repository)
    }

    fn weights(&self, model: &HubModel, commit: &str, choice: &Choice) -> PathBuf {
        let snapshot = self.cache(model).snapshot(commit);
        match &choice.gguf {
            Some(file) => snapshot.join(file),
            None => snapshot,
        }
    }

    /// A model that is in the cache already, whoever put it there.
    fn found(&self, model: &HubModel) -> Result<Pulled, HubError> {
        let offline = || HubError::Offline(model.to_string());
        let cache = self.cache(model);
        let commit = cache.commit(&model.revision).ok_or_else(offline)?;
        let names = cache.names(&commit);
        let choice = choose(model, names.iter().map(String::as_str)).map_err(|error| {
            // What is not there offline is no mistake of the name.
            if names.is_empty() { offline() } else { error }
        })?;
        let snapshot = cache.snapshot(&commit);
        Ok(Pulled {
            weights: self.weights(model, &commit, &choice),
            tokenizer: lacks_tokenizer(&choice.files)
                .then(|| cache::noted_base(&cache))
                .flatten(),
            files: choice
                .files
                .iter()
                .map(|name| snapshot.join(name))
                .collect(),
        })
    }
}
