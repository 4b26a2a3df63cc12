//! Certificates as files: one JSON a route.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use router_policies::{Alarm, Certificate, Fingerprint};
use serde::Serialize;

use crate::ledger::content_id;

/// Trouble with certificate files.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not a certificate.
    #[error("{path}: not a certificate ({reason}); make it again with `smallfirst calibrate`")]
    Invalid {
        /// Where.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
}

/// Reads all certificates of a folder: those of calibrations, and others that stand alone for their route, by route;
/// further ones, of other families of prompts, by the name of their file. A folder that does not exist holds none.
///
/// # Errors
/// [`StoreError`] for the first file that cannot be used: a broken certificate must not pass as a missing one.
pub fn load_certificates(folder: &Path) -> Result<BTreeMap<String, Certificate>, StoreError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        |source| StoreError::Io { path, source }
    };
    if !folder.exists() {
        return Ok(BTreeMap::new());
    }
    let mut certificates = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        let certificate: Certificate =
            serde_json::from_str(&text).map_err(|e| StoreError::Invalid {
                path: path.clone(),
                reason: e.to_string(),
            })?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy());
        let family = family_name(&certificate);
        let key = match name {
            Some(name) if name == family => family,
            _ => certificate.route.clone(),
        };
        certificates.insert(key, certificate);
    }
    Ok(certificates)
}

/// Writes the certificate of a calibration as `<folder>/<route>.json`, whole or not at all. It takes the place of one that
/// was proven for the same while serving.
///
/// # Errors
/// [`StoreError`].
pub fn save_certificate(folder: &Path, certificate: &Certificate) -> Result<PathBuf, StoreError> {
    let path = folder.join(format!("{}.json", certificate.route));
    write_whole(&path, certificate)?;
    let other = folder.join(format!("{}.json", family_name(certificate)));
    match std::fs::remove_file(&other) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Io {
            path: other,
            source,
        }),
        _ => Ok(path),
    }
}

/// Writes a certificate that was proven while serving. A route may have several, one for each family of prompts: it takes the
/// place of one for the same, else `<folder>/<route>.json`, else that name with the fingerprint's id.
///
/// # Errors
/// [`StoreError`].
pub(super) fn save_proven(folder: &Path, certificate: &Certificate) -> Result<(), StoreError> {
    let path = folder.join(format!("{}.json", name_of(folder, certificate)));
    write_whole(&path, certificate)
}

/// The name, without its ending, of the file that holds a certificate for the same as this one, or that would.
pub(super) fn name_of(folder: &Path, certificate: &Certificate) -> String {
    let plain = certificate.route.clone();
    let other = family_name(certificate);
    let held = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).ok()?;
        serde_json::from_str::<Certificate>(&text).ok()
    };
    match held(&plain) {
        None if !folder.join(format!("{other}.json")).exists() => plain,
        Some(held) if held.fingerprint == certificate.fingerprint => plain,
        _ => other,
    }
}

/// Takes a certificate out of force that an alarm made void: it is kept beside as `<name>.<moment>.void`, with the alarm.
///
/// # Errors
/// [`StoreError`]. The certificate is gone from its place first, so that nothing brings it back.
pub(super) fn set_aside(
    folder: &Path,
    certificate: &Certificate,
    alarm: &Alarm,
) -> Result<(), StoreError> {
    let name = name_of(folder, certificate);
    let path = folder.join(format!("{name}.json"));
    let now = Timestamp::now();
    let aside = folder.join(format!("{name}.{}.void", now.strftime("%Y%m%dT%H%M%S%3fZ")));
    match std::fs::rename(&path, &aside) {
        // It was never written.
        Err(source) if source.kind() == io::ErrorKind::NotFound => {}
        moved => moved.map_err(|source| StoreError::Io {
            path: path.clone(),
            source,
        })?,
    }
    write_whole(
        &aside,
        &Void {
            voided_at: now,
            because: alarm.cause.to_string(),
            alarm,
            certificate,
        },
    )
}

/// A void certificate as it is kept.
#[derive(Serialize)]
struct Void<'a> {
    voided_at: Timestamp,
    because: String,
    alarm: &'a Alarm,
    certificate: &'a Certificate,
}

fn family_name(certificate: &Certificate) -> String {
    format!("{}.{}", certificate.route, id_of(&certificate.fingerprint))
}

/// Id of a fingerprint.
pub(super) fn id_of(fingerprint: &Fingerprint) -> String {
    // A fingerprint is plain text in plain fields; it always has a text form.
    content_id(
        serde_json::to_string(fingerprint)
            .unwrap_or_default()
            .as_bytes(),
    )
}

/// Writes JSON that people read, whole or not at all.
fn write_whole(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    write(path, serde_json::to_string_pretty(value))
}

/// Writes JSON of many numbers, whole or not at all.
pub(super) fn write_close(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    write(path, serde_json::to_string(value))
}

fn write(path: &Path, text: serde_json::Result<String>) -> Result<(), StoreError> {
    let io = |source| StoreError::Io {
        path: path.to_path_buf(),
        source,
    };
    let text = text.map_err(|e| StoreError::Invalid {
        path: path.to_path_buf(),
        reason: e.to_string(),
    })?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = File::create(&draft).map_err(io)?;
    file.write_all((text + "\n").as_bytes()).map_err(io)?;
    // Without this a power cut may leave the new name with nothing behind it.
    file.sync_all().map_err(io)?;
    std::fs::rename(&draft, path).map_err(io)
}
