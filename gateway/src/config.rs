//! The configuration: YAML in, values that cannot be wrong out.
//!
//! [`document`] mirrors the file; nothing outside this module sees it. A file is first parsed into a tree of places
//! (`tree`), whose form is checked against the schema (`walk`), then read by serde, then given its meaning (`build`).
//! Each step tells all it finds, and even a file whose form is wrong in places is looked at to the end (`repair`).

mod build;
mod declared;
pub mod document;
mod former;
#[cfg(test)]
mod fuzz;
mod held;
mod memory;
mod models;
mod problem;
mod read;
mod repair;
mod schema;
mod secret;
mod served;
mod shape;
pub(crate) mod tree;
mod units;
mod walk;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use router_policies::Policy;
use sha2::{Digest, Sha256};

use crate::auth::KeyRing;
use crate::ledger::{Catalog, LedgerUrl};
use crate::upstream::UpstreamSettings;

pub use declared::Declared;
pub use memory::{Load, MemoryRules, Stay, WhenFull};
pub use models::{LocalModel, ModelSource};
pub(crate) use problem::Source;
pub use problem::{ConfigError, Problem};
pub(crate) use read::read_form;
pub use schema::schema;
pub use served::ServedModel;
pub use units::{ByteSize, Cpus};

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Where the ledger lies.
    pub ledger: LedgerUrl,
    /// Folder of the certificates.
    pub certificates: PathBuf,
    /// Client keys.
    pub keys: KeyRing,
    /// Local models by name.
    pub models: BTreeMap<String, LocalModel>,
    /// Memory for them.
    pub memory: MemoryRules,
    /// Upstreams by name.
    pub upstreams: BTreeMap<String, UpstreamSettings>,
    /// Prices of the upstreams' models.
    pub catalog: Catalog,
    /// Routes.
    pub policy: Policy,
    /// Bounds on what a client may ask for and how long it may take.
    pub limits: Limits,
    /// What is not wrong but good to know, each with its key.
    pub warnings: Vec<String>,
    /// SHA-256 of the file, first 12 hexadecimal digits; stored with every exchange.
    pub version: String,
}

/// Bounds on requests and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body: usize,
    /// Longest wait for the request headers.
    pub header_timeout: Duration,
    /// Longest wait for the request body.
    pub body_timeout: Duration,
    /// Most connections at a time.
    pub connections: usize,
    /// Silence after which a held stream gets a comment as sign of life.
    pub keep_alive: Duration,
    /// Time for running requests at shutdown.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            connections: 1024,
            keep_alive: Duration::from_secs(5),
            drain: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every problem found, each with its place and what to write instead.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = bytes_of(path)?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse_bytes(&bytes, &folder, &path.display().to_string())
    }

    /// Reads a configuration from text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, folder: &Path, name: &str) -> Result<Self, ConfigError> {
        let site = Site {
            folder,
            outside: Outside::Required,
        };
        read::read(Source { name, text }, site)
    }

    /// As [`parse`](Self::parse), from bytes that may not be text.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse_bytes(bytes: &[u8], folder: &Path, name: &str) -> Result<Self, ConfigError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text, folder, name),
            Err(error) => Err(ConfigError::not_text(bytes, error.valid_up_to(), name)),
        }
    }
}

/// Where a configuration is read.
#[derive(Debug, Clone, Copy)]
struct Site<'a> {
    /// Relative paths start here.
    folder: &'a Path,
    outside: Outside,
}

/// Whether what a configuration names outside itself, models and secrets, must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outside {
    Required,
    Assumed,
}

/// The bytes of a file, as many as may be of interest.
pub(crate) fn bytes_of(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |error| ConfigError::unreadable(path, &error);
    let mut file = File::open(path).map_err(unreadable)?.take(read::MOST);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// [`Config::version`] of a file with this text.
pub(crate) fn version_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
