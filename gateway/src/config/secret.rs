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
        // The value itself is not repeated: it may well be the secret.
        _ => Err("write where the key lies, `env:NAME` or `file:PATH`, not the key".to_owned()),
    }
}

/// Reads a client key as a hash: `sha256:HEX`, or the hash of what [`secret`] finds.
pub(super) fn key_hash(reference: &str, folder: &Path) -> Result<KeyHash, String> {
    use secrecy::ExposeSecret;
    match reference.strip_prefix("sha256:") {
        Some(hex) => KeyHash::from_hex(hex)
            .ok_or_else(|| "`sha256:` must be followed by 64 hexadecimal digits".to_owned()),
        None => secret(reference, folder)
            .map(|key| KeyHash::of(key.expose_secret()))
            .map_err(|e| e.replace("or `file:PATH`", "`file:PATH` or `sha256:HEX`")),
    }
}
