//! Certificates as files: one JSON a route.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use router_policies::Certificate;

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

/// Reads all certificates of a folder, by route. A folder that does not exist holds none.
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
        certificates.insert(certificate.route.clone(), certificate);
    }
    Ok(certificates)
}

/// Writes a certificate as `<folder>/<route>.json`, whole or not at all.
///
/// # Errors
/// [`StoreError::Io`].
pub fn save_certificate(folder: &Path, certificate: &Certificate) -> Result<PathBuf, StoreError> {
    let path = folder.join(format!("{}.json", certificate.route));
    let io = |source| StoreError::Io {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(io)?;
    let text = serde_json::to_string_pretty(certificate).map_err(|e| StoreError::Invalid {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    let draft = path.with_extension("json.new");
    std::fs::write(&draft, text + "\n").map_err(io)?;
    std::fs::rename(&draft, &path).map_err(io)?;
    Ok(path)
}
