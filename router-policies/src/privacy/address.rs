//! Internet addresses, read with the standard library's own parsers.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::scan::Site;

/// Most bytes of an IPv6 address in text.
const LONGEST: usize = 45;

/// Four numbers with dots, in one word of their own: `1.2.3.4.5` and `v1.2.3.4` are versions.
pub(super) fn find_v4(site: &Site<'_>) -> Option<Range<usize>> {
    let part = |b: &&u8| b.is_ascii_digit() || **b == b'.';
    let rest = site.bytes.get(site.start..)?;
    let length = rest.iter().take(16).take_while(part).count();
    let mut word = rest.get(..length)?;
    while let [body @ .., b'.'] = word {
        word = body;
    }
    let end = site.start + word.len();
    let address: Ipv4Addr = std::str::from_utf8(word).ok()?.parse().ok()?;
    let telling = !address.is_loopback() && !address.is_unspecified() && !address.is_broadcast();
    let word_follows = match site.bytes.get(end..).unwrap_or_default() {
        // A version: `1.2.3.4-rc`.
        [b'-', next, ..] => next.is_ascii_alphabetic(),
        [next, ..] => next.is_ascii_alphanumeric(),
        [] => false,
    };
    let before = site.start.checked_sub(1).and_then(|at| site.bytes.get(at));
    let within = matches!(before, Some(b'.' | b'-' | b'_'));
    (telling && !word_follows && !within).then_some(site.start..end)
}

/// A word of hexadecimal groups around the colon at the site. Only its first colon finds it.
pub(super) fn find_v6(site: &Site<'_>) -> Option<Range<usize>> {
    let part = |b: &&u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let before = site.bytes.get(..site.start)?;
    let back = before
        .iter()
        .rev()
        .take(5)
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    let start = site.start - back;
    let within = match site.bytes.get(..start)? {
        // `ip:2001:db8::7` is a name and an address.
        [.., b, b':'] => b.is_ascii_hexdigit() || *b == b':',
        [.., b] => b.is_ascii_alphanumeric() || *b == b'_',
        [] => false,
    };
    if within {
        return None;
    }
    let rest = site.bytes.get(start..)?;
    let length = rest.iter().take(LONGEST + 1).take_while(part).count();
    let mut word = rest.get(..length)?;
    while let [body @ .., b'.'] = word {
        word = body;
    }
    if word.iter().filter(|b| **b == b':').count() < 2 {
        return None;
    }
    let end = start + word.len();
    let next = site.bytes.get(end);
    if next.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_')) {
        return None;
    }
    let address: Ipv6Addr = std::str::from_utf8(word).ok()?.parse().ok()?;
    // `abc::def` is a path in a program.
    let telling =
        !address.is_loopback() && !address.is_unspecified() && word.iter().any(u8::is_ascii_digit);
    telling.then_some(start..end)
}
