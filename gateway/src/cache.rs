//! Exact answers kept for a while: same key of the client, same route, same request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ledger::Usage;

/// Most answers kept.
const CAPACITY: u64 = 10_000;

/// A stored answer.
#[derive(Debug, Clone)]
pub struct CachedAnswer {
    /// The `chat.completion` object.
    pub body: Value,
    /// Tokens of the answer, to price the baseline with.
    pub usage: Usage,
    keep_for: Duration,
}

/// Hash of everything that may change an answer, the principal included: tenants never share an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// Key of a request. Requests of different `domain` share nothing, see `egress`; `essence` is the request
    /// without what only changes its delivery.
    #[must_use]
    pub fn new(
        principal: &str,
        route: &str,
        policy_version: &str,
        domain: &str,
        essence: &Value,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"smallfirst answer v2");
        for part in [
            principal,
            route,
            policy_version,
            domain,
            &essence.to_string(),
        ] {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// The store. Bounded by number; entries expire after their route's time.
#[derive(Debug, Clone)]
pub struct AnswerCache {
    entries: Cache<CacheKey, Arc<CachedAnswer>>,
}

struct KeepFor;

impl Expiry<CacheKey, Arc<CachedAnswer>> for KeepFor {
    fn expire_after_create(
        &self,
        _: &CacheKey,
        answer: &Arc<CachedAnswer>,
        _: Instant,
    ) -> Option<Duration> {
        Some(answer.keep_for)
    }
}

impl AnswerCache {
    pub(crate) fn new() -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(CAPACITY)
                .expire_after(KeepFor)
                .build(),
        }
    }

    /// The stored answer, if it has not expired.
    pub async fn get(&self, key: &CacheKey) -> Option<Arc<CachedAnswer>> {
        self.entries.get(key).await
    }

    /// Stores an answer for `keep_for`.
    pub async fn put(&self, key: CacheKey, body: Value, usage: Usage, keep_for: Duration) {
        self.entries
            .insert(
                key,
                Arc::new(CachedAnswer {
                    body,
                    usage,
                    keep_for,
                }),
            )
            .await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_part_changes_the_key() {
        let key = |p: &str, r: &str, v: &str, e: Value| CacheKey::new(p, r, v, "free", &e);
        let base = key("a", "r", "1", json!({ "x": 1 }));
        assert_eq!(base, key("a", "r", "1", json!({ "x": 1 })));
        assert_ne!(base, key("b", "r", "1", json!({ "x": 1 })));
        assert_ne!(base, key("a", "s", "1", json!({ "x": 1 })));
        assert_ne!(base, key("a", "r", "2", json!({ "x": 1 })));
        assert_ne!(base, key("a", "r", "1", json!({ "x": 2 })));
        assert_ne!(
            base,
            CacheKey::new("a", "r", "1", "pinned", &json!({ "x": 1 }))
        );
        assert_ne!(key("ab", "c", "", json!(0)), key("a", "bc", "", json!(0)));
    }

    #[tokio::test]
    async fn answers_come_back() {
        let cache = AnswerCache::new();
        let key = CacheKey::new("a", "r", "1", "free", &json!(1));
        assert!(cache.get(&key).await.is_none());
        cache
            .put(
                key,
                json!({ "id": "c" }),
                Usage::default(),
                Duration::from_secs(60),
            )
            .await;
        assert_eq!(cache.get(&key).await.unwrap().body["id"], "c");
    }
}
