//! Who is asking: a client key becomes a [`Principal`].

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::fault::{Fault, FaultKind};

/// Name of the principal where no keys are configured.
pub const ANONYMOUS: &str = "anonymous";

/// Who is charged for a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Name of the key, never the key.
    pub name: String,
    /// The team that the key belongs to.
    pub team: Option<String>,
    /// Further words that the operator gave the key, for policies to go by.
    pub tags: BTreeMap<String, String>,
}

impl Principal {
    /// The principal of a key without a team or tags.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            team: None,
            tags: BTreeMap::new(),
        }
    }
}

/// SHA-256 of a client key; the key itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hash of a key in clear.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// The known client keys.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: Vec<(Principal, KeyHash)>,
    /// Names of the tags that any key has.
    tags: BTreeSet<String>,
}

impl KeyRing {
    /// A ring of named keys. An empty one lets everybody in as [`ANONYMOUS`]; the configuration allows that only on
    /// loopback addresses.
    #[must_use]
    pub fn new(keys: Vec<(Principal, KeyHash)>) -> Self {
        let tags = keys.iter().flat_map(|(principal, _)| principal.tags.keys());
        Self {
            tags: tags.cloned().collect(),
            keys,
        }
    }

    /// Whether any key has a tag of that name.
    #[must_use]
    pub fn has_tag(&self, name: &str) -> bool {
        self.tags.contains(name)
    }

    /// Names of the tags that any key has.
    pub(crate) const fn tag_names(&self) -> &BTreeSet<String> {
        &self.tags
    }

    /// Who the keys belong to, in the order of the configuration.
    pub fn principals(&self) -> impl Iterator<Item = &Principal> {
        self.keys.iter().map(|(principal, _)| principal)
    }

    /// Finds the principal of a request.
    ///
    /// # Errors
    /// [`FaultKind::Unauthorized`] without a known key.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Fault> {
        if self.keys.is_empty() {
            return Ok(Principal::named(ANONYMOUS));
        }
        let Some(key) = presented(headers) else {
            return Err(Fault::new(
                FaultKind::Unauthorized,
                "no API key: send `Authorization: Bearer KEY` or `x-api-key: KEY`",
            ));
        };
        let hash = KeyHash::of(key);
        // Every entry is compared in full, so timing tells nothing about which one was near.
        let mut found = None;
        for (principal, known) in &self.keys {
            if bool::from(known.0.ct_eq(&hash.0)) {
                found = Some(principal);
            }
        }
        found
            .cloned()
            .ok_or_else(|| Fault::new(FaultKind::Unauthorized, "the API key is not known here"))
    }
}

fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| {
            let (scheme, key) = v.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
    bearer.or_else(|| headers.get("x-api-key").and_then(|v| v.to_str().ok()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ring() -> KeyRing {
        KeyRing::new(vec![
            (Principal::named("team-a"), KeyHash::of("k1")),
            (Principal::named("team-b"), KeyHash::of("k2")),
        ])
    }

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn both_header_forms_find_the_principal() {
        for (name, value) in [
            ("authorization", "Bearer k2"),
            ("authorization", "bearer k2"),
            ("x-api-key", "k2"),
        ] {
            assert_eq!(
                ring().authenticate(&headers(name, value)).unwrap().name,
                "team-b"
            );
        }
    }

    #[test]
    fn unknown_or_missing_keys_are_refused_without_an_echo() {
        let fault = ring()
            .authenticate(&headers("x-api-key", "k3-secret"))
            .unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Unauthorized);
        assert!(!fault.public().contains("k3"));
        assert!(ring().authenticate(&HeaderMap::new()).is_err());
        assert!(
            ring()
                .authenticate(&headers("authorization", "Basic k1"))
                .is_err()
        );
    }

    #[test]
    fn hashes_are_read_from_hex() {
        let hex = "2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea";
        assert_eq!(KeyHash::from_hex(hex), Some(KeyHash::of("demo")));
        assert_eq!(KeyHash::from_hex("2a"), None);
        assert_eq!(KeyHash::from_hex(&"zz".repeat(32)), None);
    }
}
