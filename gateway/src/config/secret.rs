//! References to secrets. The file names where a secret lies, never the secret.

use std::path::Path;

use secrecy::SecretString;

use crate::auth::KeyHash;

/// Reads `env:NAME` or `file:PATH`.
pub(super) fn secret(reference: &str, folder: &Path) -> Result<SecretString, String> {
    match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name)
            .ok()
            .filter(|value| !value.trim().is_empty())
            .map(|value| SecretString::from(value.trim().to_owned()))
            .ok_or_else(|| format!("the environment variable `{name}` is not set")),
        Some(("file", path)) => {
            let text = std::fs::read_to_string(folder.join(path))
                .map_err(|e| format!("the file `{path}` cannot be read: {e}"))?;
            match text.trim() {
                "" => Err(format!("the file `{path}` is empty")),
                key => Ok(SecretString::from(key.to_owned())),
            }
        }
        _ => Err(NO_REFERENCE.to_owned()),
    }
}

// The value itself is not repeated: it may well be the secret.
const NO_REFERENCE: &str = "write where the key lies, `env:NAME` or `file:PATH`, not the key";

/// Checks the form of a reference without looking for the secret; nothing stands in its place.
pub(super) fn assumed(reference: &str) -> Result<SecretString, String> {
    match reference.split_once(':') {
        Some(("env" | "file", name)) if !name.is_empty() => Ok(SecretString::default()),
        _ => Err(NO_REFERENCE.to_owned()),
    }
}

/// As [`assumed`], for a client key: what is hashed is the reference, so nobody gets in with it.
pub(super) fn assumed_hash(reference: &str) -> Result<KeyHash, String> {
    if reference.starts_with("sha256:") {
        return key_hash(reference, Path::new(""));
    }
    assumed(reference)
        .map(|_| KeyHash::of(reference))
        .map_err(|error| with_hash(&error))
}

fn with_hash(error: &str) -> String {
    error.replace("or `file:PATH`", "`file:PATH` or `sha256:HEX`")
}

/// Reads a client key as a hash: `sha256:HEX`, or the hash of what [`secret`] finds.
pub(super) fn key_hash(reference: &str, folder: &Path) -> Result<KeyHash, String> {
    use secrecy::ExposeSecret;
    match reference.strip_prefix("sha256:") {
        Some(hex) => KeyHash::from_hex(hex)
            .ok_or_else(|| "`sha256:` must be followed by 64 hexadecimal digits".to_owned()),
        None => secret(reference, folder)
            .map(|key| KeyHash::of(key.expose_secret()))
            .map_err(|error| with_hash(&error)),
    }
}
