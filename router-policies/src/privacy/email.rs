//! E-mail addresses, read outwards from the `@`. Quoted local parts and addresses without a dot in the domain (RFC 5321)
//! are left out: they are rare and look like other things.

use std::ops::Range;

use super::scan::Site;

/// Most bytes of the part before the `@` (RFC 5321 §4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// Most bytes of a domain (RFC 5321 §4.5.3.1.2).
const LONGEST_DOMAIN: usize = 255;
/// Endings that are names of files and no top-level domains: `logo@2x.png`.
const FILES: [&[u8]; 10] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"json", b"html",
];

pub(super) fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let sign = match site.bytes.get(site.start..)? {
        [b'@', ..] => 1,
        [b'%', b'4', b'0', ..] => 3,
        _ => return None,
    };
    let local = local_part(site.bytes.get(..site.start)?)?;
    let rest = site.bytes.get(site.start + sign..)?;
    let domain = domain(rest)?;
    let end = site.start + sign + domain;
    // `git@host:path` is an address of a repository.
    let is_repository = local == b"git" && site.bytes.get(end) == Some(&b':');
    (!is_repository).then(|| site.start - local.len()..end)
}

/// The longest end of `before` that can be a local part.
fn local_part(before: &[u8]) -> Option<&[u8]> {
    let taken =
        |b: &&u8| b.is_ascii_alphanumeric() || !b.is_ascii() || b"!#$&'*+-/=?^_`{|}~.".contains(b);
    let length = before
        .iter()
        .rev()
        .take(LONGEST_LOCAL + 1)
        .take_while(taken)
        .count();
    let local = before.get(before.len() - length..)?;
    let word = local
        .iter()
        .any(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
    let valid = word && length <= LONGEST_LOCAL && local.last() != Some(&b'.');
    valid.then_some(local)
}

/// Length of the domain that `rest` begins with.
fn domain(rest: &[u8]) -> Option<usize> {
    let taken = |b: &&u8| b.is_ascii_alphanumeric() || !b.is_ascii() || matches!(b, b'-' | b'.');
    let length = rest.iter().take(LONGEST_DOMAIN).take_while(taken).count();
    let mut domain = rest.get(..length)?;
    while let [body @ .., b'.' | b'-'] = domain {
        domain = body;
    }
    let dot = domain.iter().rposition(|b| *b == b'.')?;
    let (host, top) = (domain.get(..dot)?, domain.get(dot + 1..)?);
    let labels = host
        .split(|b| *b == b'.')
        .all(|label| !label.is_empty() && label.first() != Some(&b'-'));
    let letters = top.iter().all(|b| b.is_ascii_alphabetic() || !b.is_ascii());
    let named = top.len() >= 2 && (letters || top.to_ascii_lowercase().starts_with(b"xn--"));
    let file = FILES.iter().any(|file| top.eq_ignore_ascii_case(file));
    (labels && named && !file).then_some(domain.len())
}
