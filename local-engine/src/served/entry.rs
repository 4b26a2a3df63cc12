//! What a server says about one token, in one form whatever its dialect.

use serde_json::Value;

use super::dialect::Dialect;
use crate::engine::TokenStats;

/// Log-probability that stands for impossible: finite, so that sums and JSON stay numbers.
const FLOOR: f64 = -1.0e4;

/// What a server writes where it means minus infinity (vLLM), or lower.
const THEIR_FLOOR: f64 = -9_999.0;

/// Whether a token may stand here.
type Legal<'a> = dyn Fn(&[u8]) -> bool + 'a;

/// One token of the answer with its closest rivals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) id: Option<u32>,
    pub(super) bytes: Vec<u8>,
    /// `ln p`, at most 0 and finite.
    logprob: f64,
    rivals: Vec<Rival>,
}

/// A token that could have stood there.
#[derive(Debug, Clone, PartialEq)]
struct Rival {
    bytes: Vec<u8>,
    logprob: f64,
}

impl Entry {
    /// Reads one element of `logprobs.content`; `None` where it has no usable log-probability.
    pub(super) fn read(value: &Value, dialect: Dialect) -> Option<Self> {
        let (bytes, logprob) = token(value, dialect)?;
        let listed = value.get("top_logprobs").and_then(Value::as_array);
        let listed = listed
            .into_iter()
            .flatten()
            .filter_map(|rival| token(rival, dialect));
        let mut rivals: Vec<_> = listed
            .map(|(bytes, logprob)| Rival { bytes, logprob })
            .collect();
        // The list may name the chosen one, too, and then once.
        if let Some(own) = rivals.iter().position(|rival| rival.bytes == bytes) {
            rivals.remove(own);
        }
        Some(Self {
            id: number(value),
            bytes,
            logprob,
            rivals,
        })
    }

    /// Statistics from the listed tokens alone. What is not listed is a remainder `r = 1 - sum(p)`:
    ///
    /// * `margin` is exact where a rival is listed, and else as small as `r` allows;
    /// * `entropy` is a lower bound: the remainder counts as portions of the size of the smallest listed
    ///   probability, `-r ln(p_min)`, and no unlisted token can be more probable than that one;
    /// * `legal_mass` counts the listed tokens that `is_legal` lets pass, so it is a lower bound, too.
    pub(super) fn stats(&self, forced: bool, is_legal: Option<&Legal<'_>>) -> TokenStats {
        let listed = || self.rivals.iter().map(|rival| rival.logprob);
        let own = self.logprob.exp();
        let rest = (1.0 - own - listed().map(f64::exp).sum::<f64>()).max(0.0);
        let smallest = listed().fold(self.logprob, f64::min);
        let unlisted = rest.ln().min(smallest).max(FLOOR);
        let best_other = listed().fold(f64::NEG_INFINITY, f64::max);
        let best_other = if best_other.is_finite() {
            best_other
        } else {
            unlisted
        };
        let part = |ln_p: f64| -ln_p.exp() * ln_p;
        let entropy = part(self.logprob) + listed().map(part).sum::<f64>() - rest * smallest;
        let mass = is_legal.map_or(1.0, |is_legal| own + self.mass(is_legal));
        TokenStats {
            logprob: narrow(self.logprob),
            margin: narrow(self.logprob - best_other),
            entropy: narrow(entropy.max(0.0)),
            legal_mass: narrow(mass.clamp(0.0, 1.0)),
            forced,
        }
    }

    fn mass(&self, is_legal: &Legal<'_>) -> f64 {
        let legal = self.rivals.iter().filter(|rival| is_legal(&rival.bytes));
        legal.map(|rival| rival.logprob.exp()).sum()
    }
}

/// Bytes and natural logarithm of a listed token.
fn token(value: &Value, dialect: Dialect) -> Option<(Vec<u8>, f64)> {
    let logprob = value
        .get("logprob")?
        .as_f64()
        .filter(|ln_p| !ln_p.is_nan())?;
    let logprob = if logprob <= THEIR_FLOOR {
        FLOOR
    } else {
        (logprob * dialect.to_natural()).clamp(FLOOR, 0.0)
    };
    let told = value.get("bytes").and_then(Value::as_array);
    let told = told.and_then(|bytes| bytes.iter().map(byte).collect::<Option<Vec<_>>>());
    let bytes = match told {
        Some(bytes) => bytes,
        None => value.get("token")?.as_str()?.as_bytes().to_vec(),
    };
    Some((bytes, logprob))
}

fn byte(value: &Value) -> Option<u8> {
    value.as_u64().and_then(|byte| u8::try_from(byte).ok())
}

/// The number of a token: `id` where the server adds it, or written as `token_id:123`.
fn number(value: &Value) -> Option<u32> {
    let id = value.get("id").and_then(Value::as_u64);
    let id = id.and_then(|id| u32::try_from(id).ok());
    id.or_else(|| {
        let text = value.get("token")?.as_str()?;
        text.strip_prefix("token_id:")?.parse().ok()
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "statistics need no more than f32"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Entry {
        Entry::read(value, Dialect::Openai).unwrap()
    }

    #[test]
    fn each_dialect_says_the_same() {
        let vllm = json!({"token": "token_id:42", "bytes": [65], "logprob": -0.5, "top_logprobs": [
            {"token": "token_id:42", "bytes": [65], "logprob": -0.5},
            {"token": "token_id:43", "bytes": [66], "logprob": -9999.0}]});
        let llama = json!({"id": 42, "token": "A", "bytes": [65], "logprob": -0.5, "top_logprobs": [
            {"id": 42, "token": "A", "bytes": [65], "logprob": -0.5},
            {"id": 43, "token": "B", "bytes": [66], "logprob": -20000.0}]});
        assert_eq!(read(&vllm), read(&llama));
        let tenth = json!({"token": "A", "logprob": -1.0});
        let natural = Entry::read(&tenth, Dialect::MistralRs)
            .unwrap()
            .stats(false, None);
        assert!((natural.logprob + std::f32::consts::LN_10).abs() < 1e-6);
    }

    #[test]
    fn without_a_logprob_there_is_nothing() {
        for value in [
            json!({"token": "A"}),
            json!({"token": "A", "logprob": null}),
            json!({"logprob": -1}),
            json!("A"),
        ] {
            assert_eq!(Entry::read(&value, Dialect::Openai), None, "{value}");
        }
    }

    #[test]
    fn a_mask_that_forced_an_unlikely_token_shows() {
        let entry = read(&json!({"token": "b", "logprob": -3.0, "top_logprobs": [
            {"token": "x", "logprob": -0.2}, {"token": "bi", "logprob": -2.5}]}));
        let stats = entry.stats(false, Some(&|bytes| bytes == b"bi"));
        assert!((stats.margin + 2.8).abs() < 1e-6);
        let mass = (-3.0_f32).exp() + (-2.5_f32).exp();
        assert!((stats.legal_mass - mass).abs() < 1e-6);
    }

    proptest! {
        /// Against the whole distribution: the bounds hold whatever part of it is listed.
        #[test]
        fn bounds_hold(weights in proptest::collection::vec(0.001_f64..1.0, 2..60), listed in 0_usize..20) {
            let total: f64 = weights.iter().sum();
            let mut p: Vec<f64> = weights.iter().map(|w| w / total).collect();
            p.sort_by(|a, b| b.total_cmp(a));
            let top: Vec<_> = p.iter().take(listed).enumerate()
                .map(|(i, p)| json!({"token": i.to_string(), "logprob": p.ln()})).collect();
            let stats = read(&json!({"token": "0", "logprob": p[0].ln(), "top_logprobs": top})).stats(false, None);
            let entropy: f64 = p.iter().map(|p| -p * p.ln()).sum();
            prop_assert!(f64::from(stats.entropy) <= entropy + 1e-5);
            let margin = p[0].ln() - p[1].ln();
            prop_assert!(f64::from(stats.margin) <= margin + 1e-5);
            if listed >= 2 {
                prop_assert!((f64::from(stats.margin) - margin).abs() < 1e-5);
            }
        }
    }
}
