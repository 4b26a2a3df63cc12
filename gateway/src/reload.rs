//! Changing the configuration without a restart: a whole new snapshot or none.
//!
//! A file that cannot be used leaves the running configuration in force and says so in the log, in `/readyz` and in
//! the metric `smallfirst_config_reloads_total`. Requests in flight keep the snapshot they began with.

mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::app::App;
use crate::config::{Config, ConfigError, version_of};
use crate::engines::StartEngine;
use crate::learning::{StoreError, load_certificates};
use crate::snapshot::Snapshot;

pub use watch::{HangUps, watch};

/// Reads the configuration again and puts it in force.
#[derive(Debug)]
pub struct Reloader {
    app: Arc<App>,
    file: PathBuf,
    start_engine: StartEngine,
}

/// Why the configuration in force stays. The texts name places in the file, never secrets.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file has problems.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting that is fixed when the process starts.
    #[error("`{key}` is another than at the start; restart the gateway to change it")]
    Fixed {
        /// The key.
        key: &'static str,
    },
    /// A certificate file cannot be used.
    #[error(transparent)]
    Certificates(#[from] StoreError),
    /// A part of the new configuration cannot be built.
    #[error("{0}")]
    Build(String),
}

/// What is known of the configuration in force and of the last try to replace it.
#[derive(Debug, Clone)]
pub struct ReloadStatus {
    /// When the configuration in force was loaded.
    pub loaded_at: Timestamp,
    /// The last try, if it failed.
    pub failure: Option<ReloadFailure>,
}

/// A configuration that was not taken.
#[derive(Debug, Clone)]
pub struct ReloadFailure {
    /// When it was tried.
    pub at: Timestamp,
    /// Its first problem, on one line.
    pub problem: String,
}

impl ReloadStatus {
    /// A configuration that has just been loaded.
    pub(crate) fn loaded() -> Self {
        Self {
            loaded_at: Timestamp::now(),
            failure: None,
        }
    }
}

impl Reloader {
    /// A reloader of `file`; new local models are started with `start_engine`.
    #[must_use]
    pub const fn new(app: Arc<App>, file: PathBuf, start_engine: StartEngine) -> Self {
        Self {
            app,
            file,
            start_engine,
        }
    }

    /// The file that is read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the file and puts it in force. Local models and connection pools whose settings are the same go on.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// [`ReloadError`], already logged and counted; nothing has changed then.
    pub fn reload(&self) -> Result<(), ReloadError> {
        let result = self.build();
        self.app.metrics().config_reloaded(result.is_ok());
        match result {
            Ok(snapshot) => {
                let version = snapshot.config().version.clone();
                self.app.replace(snapshot);
                self.start_engine.follow(self.app.snapshot().config());
                tracing::info!(version, "configuration reloaded");
                Ok(())
            }
            Err(error) => {
                let problem = first_line(&error.to_string());
                tracing::error!(
                    problem,
                    "configuration not reloaded; the one in force stays"
                );
                self.app.reload_failed(ReloadFailure {
                    at: Timestamp::now(),
                    problem,
                });
                Err(error)
            }
        }
    }

    /// [`reload`](Self::reload), unless the file says word for word what is in force.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub fn reload_if_changed(&self) -> Result<(), ReloadError> {
        let text = std::fs::read_to_string(&self.file);
        let in_force = |text: String| version_of(&text) == self.app.snapshot().config().version;
        if text.is_ok_and(in_force) {
            return Ok(());
        }
        self.reload()
    }

    fn build(&self) -> Result<Snapshot, ReloadError> {
        let config = Config::load(&self.file)?;
        let running = self.app.snapshot();
        fixed(running.config(), &config)?;
        let certificates = load_certificates(&config.certificates)?;
        running
            .next(config, certificates, &self.start_engine)
            .map_err(ReloadError::Build)
    }
}

/// Refuses changes of what the process holds from start to end.
fn fixed(running: &Config, new: &Config) -> Result<(), ReloadError> {
    let same = [
        ("listen", running.listen == new.listen),
        ("ledger", running.ledger == new.ledger),
        (
            "limits.connections",
            running.limits.connections == new.limits.connections,
        ),
        (
            "limits.header_timeout",
            running.limits.header_timeout == new.limits.header_timeout,
        ),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((key, _)) => Err(ReloadError::Fixed { key }),
        None => Ok(()),
    }
}

fn first_line(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().unwrap_or_default().trim().to_owned()
}
