//! What is learnt, as files: one JSON a route and fingerprint, so that a restart goes on where it was.
//!
//! **What a crash can lose, and why that makes nothing less safe.** A file is written when a certificate came or went, and
//! else at most every half minute. After a crash the requests since are missing: they are not fed again, nor is any request
//! fed twice. A crash does not look at labels, and requests are fed in the order of their decisions, so what is left is what
//! was known at an earlier moment, and a bet may be stopped and gone on with at any moment: the promise holds. What was lost of
//! the watch for bad answers delays an alarm by as much. A certificate that came into force is on the disk before the
//! state that rests on it, and one that an alarm made void is gone from the disk before the state says so: whatever the moment
//! of the crash, a state without its certificate is dropped and the route learns.

use std::io;
use std::path::{Path, PathBuf};

use router_policies::{Features, Fingerprint, Learner};
use serde::{Deserialize, Serialize};

use super::store::{StoreError, write_close};

/// Folder of the states, in that of the certificates.
const FOLDER: &str = "live";

/// What is kept of a controller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// Id of the route's variant.
    pub(super) route: String,
    /// What it is about.
    pub(super) fingerprint: Fingerprint,
    /// Id of the certificate in force.
    pub(super) certificate: Option<String>,
    /// Ids of certificates that alarms made void.
    pub(super) voided: Vec<String>,
    /// The statistics.
    pub(super) learner: Learner,
}

/// Reads all states. One that cannot be used is logged and left out: its route learns anew.
///
/// # Errors
/// [`StoreError`] when the folder cannot be read; one that does not exist holds none.
pub(super) fn load(certificates: &Path) -> Result<Vec<Kept>, StoreError> {
    let folder = certificates.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(StoreError::Io {
                path: folder,
                source,
            });
        }
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let states = paths.filter(|path| path.extension().is_some_and(|e| e == "json"));
    Ok(states.filter_map(|path| read(&path)).collect())
}

fn read(path: &Path) -> Option<Kept> {
    let text = std::fs::read(path).map_err(|error| error.to_string());
    let kept: Result<Kept, String> =
        text.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    match kept {
        Ok(kept) if kept.learner.scorer().version() == Features::VERSION => Some(kept),
        Ok(_) => {
            tracing::warn!(path = %path.display(), "learnt by another version; the route learns anew");
            None
        }
        Err(reason) => {
            tracing::warn!(path = %path.display(), reason, "what was learnt cannot be read; the route learns anew");
            None
        }
    }
}

/// Writes a state, whole or not at all.
///
/// # Errors
/// [`StoreError`].
pub(super) fn save(certificates: &Path, id: &str, kept: &Kept) -> Result<(), StoreError> {
    let path = path_of(certificates, &kept.route, id);
    write_close(&path, kept)
}

/// Removes a state.
pub(super) fn remove(certificates: &Path, route: &str, id: &str) {
    // One that was never written is gone already.
    let _gone = std::fs::remove_file(path_of(certificates, route, id));
}

fn path_of(certificates: &Path, route: &str, id: &str) -> PathBuf {
    certificates.join(FOLDER).join(format!("{route}.{id}.json"))
}
