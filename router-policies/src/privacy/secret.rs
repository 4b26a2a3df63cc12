//! Keys and tokens: by the fixed beginnings that services give them, or by being assigned to a name that says so.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::built_in::BuiltIn;
use super::scan::Site;

/// Fixed beginnings of keys, with the least number of characters that follow. Sources: the services' documentation.
/// The literal beginnings let the search skip through the text at the speed of memory.
const KEYS: &str = concat!(
    r"(?-u:\b)(?:",
    // OpenAI, Anthropic, OpenRouter and others.
    r"sk-[A-Za-z0-9_-]{20,}|",
    // AWS.
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?-u:\b)|",
    // GitHub, GitLab.
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}|",
    // Google.
    r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|",
    // Slack.
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|",
    // Stripe.
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{24,}|",
    // Hugging Face, Groq, xAI, Replicate, Perplexity.
    r"hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{30,}|pplx-[A-Za-z0-9]{40,}|",
    // npm, PyPI, SendGrid, DigitalOcean, Shopify.
    r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}|",
    r"do[opr]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})",
);
/// Header and payload of a token are JSON objects, and base64 of `{"` is `eyJ` (RFC 7519).
const JWT: &str = r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*";
/// RFC 7468 and its older relatives.
const PEM: &str = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----";

static PATTERNS: LazyLock<[Option<Regex>; 3]> =
    LazyLock::new(|| [KEYS, PEM, JWT].map(|pattern| Regex::new(pattern).ok()));

fn pattern(kind: BuiltIn) -> Option<&'static Regex> {
    let [keys, pem, jwt] = &*PATTERNS;
    match kind {
        BuiltIn::PrivateKey => pem.as_ref(),
        BuiltIn::Jwt => jwt.as_ref(),
        _ => keys.as_ref(),
    }
}

/// Searches the text for one kind. `false` if `hit` said to stop.
pub(super) fn search(
    kind: BuiltIn,
    text: &str,
    hit: &mut dyn FnMut(BuiltIn, Range<usize>) -> bool,
) -> bool {
    pattern(kind).is_none_or(|regex| regex.find_iter(text).all(|found| hit(kind, found.range())))
}

/// Ends of names that keep a secret, in lower case, without separators.
const NAMES: [&str; 14] = [
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "authkey",
    "secret",
    "token",
    "password",
    "passwd",
    "pwd",
    "credential",
    "authorization",
    "key",
];
/// Most bytes of the name before the sign, and of the value after it.
const LONGEST_NAME: usize = 40;
const LONGEST_VALUE: usize = 256;
const SHORTEST_VALUE: usize = 16;
/// Least bits of entropy per character. Random hexadecimal has about 3.6 at 32 characters, words and paths have letters
/// only or less.
const LEAST_ENTROPY: f64 = 3.0;

/// A value of high entropy after `=` or `:`, with a name before it that says it is a secret.
pub(super) fn find_assigned(site: &Site<'_>) -> Option<Range<usize>> {
    let before = site.bytes.get(..site.start)?;
    let after = site.bytes.get(site.start + 1..)?;
    let padding = after
        .iter()
        .take(4)
        .take_while(|b| matches!(b, b' ' | b'\n' | b'"' | b'\'' | b'=' | b'`'))
        .count();
    let rest = after.get(padding..)?;
    // `Authorization: Bearer VALUE`.
    let scheme = [&b"bearer "[..], b"basic ", b"token "]
        .into_iter()
        .find(|scheme| {
            rest.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
    let skipped = scheme.map_or(0, <[u8]>::len);
    let value = value(rest.get(skipped..)?);
    // The cheap questions first: most assignments are short.
    if value.len() < SHORTEST_VALUE || !names_a_secret(before) || !is_random(value) {
        return None;
    }
    let start = site.start + 1 + padding + skipped;
    Some(start..start + value.len())
}

fn value(rest: &[u8]) -> &[u8] {
    let taken =
        |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'/' | b'.' | b'~');
    let length = rest.iter().take(LONGEST_VALUE).take_while(taken).count();
    rest.get(..length).unwrap_or_default()
}

fn names_a_secret(before: &[u8]) -> bool {
    let mut name = [0_u8; LONGEST_NAME];
    let mut length = 0;
    let spaced = before.iter().rev().take(LONGEST_NAME);
    let padding = |b: &&u8| matches!(b, b' ' | b'"' | b'\'' | b'`' | b'\\' | b']');
    for byte in spaced.skip_while(padding) {
        match byte {
            b'-' | b'_' => continue,
            b if b.is_ascii_alphanumeric() => {}
            _ => break,
        }
        if let Some(slot) = name.get_mut(length) {
            *slot = byte.to_ascii_lowercase();
            length += 1;
        }
    }
    let backwards = name.get(..length).unwrap_or_default();
    NAMES.iter().any(|ending| {
        backwards.len() >= ending.len()
            && ending
                .bytes()
                .rev()
                .eq(backwards.iter().copied().take(ending.len()))
    })
}

fn is_random(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && entropy(value) >= LEAST_ENTROPY
}

/// Shannon entropy of the bytes' frequencies, in bits per byte.
fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total: u16 = counts.iter().sum();
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / f64::from(total);
            -share * share.log2()
        })
        .sum()
}
