//! Telephone numbers. They have no check digit, so only forms count that little else is written in.

use std::ops::Range;

use super::number::{Gap, Taken};
use super::scan::Site;

const HINTS: [&str; 16] = [
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "fax",
    "call",
    "whatsapp",
    "sms",
    "telefon",
    "handy",
    "mobil",
    "telefono",
    "portable",
    "rufnummer",
    "telefoon",
];

/// Lengths of the first group, a bit each.
pub(super) const FIRST: u32 = super::scan::lengths(&[1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15]);

pub(super) fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let before = |back| {
        site.start
            .checked_sub(back)
            .and_then(|at| site.bytes.get(at))
            .copied()
    };
    let found = match (before(1), before(2)) {
        (Some(b'+'), left) if !left.is_some_and(|b| b.is_ascii_alphanumeric()) => {
            international(site, 0)
        }
        (Some(b'('), Some(b'+')) => international(site, 0),
        _ => exit_code(site).or_else(|| national(site)),
    };
    found.map(|end| site.start..end)
}

/// After a `+`, or after `skip` digits: 8 to 15 digits (ITU-T E.164) that begin with an assigned zone.
fn international(site: &Site<'_>, skip: usize) -> Option<usize> {
    longest(site, |groups, taken| {
        let number = taken.digits.get(skip..).unwrap_or_default();
        // In one run a short one is rather a sum with its sign.
        let least = if groups == 1 { 10 } else { 8 };
        (least..=15).contains(&number.len()) && number.first().is_some_and(|zone| *zone != 0)
    })
}

/// `00` in place of the `+`, with gaps: without any, it is rather an identifier.
fn exit_code(site: &Site<'_>) -> Option<usize> {
    let starts =
        |digits: &[u8]| digits.starts_with(&[0, 0]) && digits.get(2).is_some_and(|d| *d != 0);
    let grouped = site.number.count() >= 3 && starts(site.number.first(1)?.digits);
    grouped
        .then(|| international(site, 2))
        .flatten()
        .filter(|end| site.stands_alone(*end))
}

fn national(site: &Site<'_>) -> Option<usize> {
    let end = north_american(site)
        .or_else(|| trunk_zero(site))
        .or_else(|| bare(site))?;
    site.stands_alone(end).then_some(end)
}

/// `(212) 555-0123`, `212-555-0123`, `1-212-555-0123` (North American Numbering Plan: neither area nor exchange begins
/// with 0 or 1). With spaces only next to a word: three groups of digits are also sums and parts.
fn north_american(site: &Site<'_>) -> Option<usize> {
    let (skip, taken) = match site.number.shaped_freely(&[3, 3, 4]) {
        Some(taken) => (0, taken),
        None => (1, site.number.shaped_freely(&[1, 3, 3, 4])?),
    };
    let [area, _, _, exchange, ..] = *taken.digits.get(skip..)? else {
        return None;
    };
    let country = skip == 0 || taken.digits.first() == Some(&1);
    let groups = skip + 3;
    let clear = site
        .number
        .gaps(groups)
        .all(|gap| gap != Gap::Space && gap != Gap::Slash);
    let valid = country && area >= 2 && exchange >= 2;
    (valid && (clear || site.hinted(taken.end, &HINTS))).then_some(taken.end)
}

/// National numbers of most of the world: a 0, then 8 to 11 digits, in 2 to 6 groups of at least two digits.
fn trunk_zero(site: &Site<'_>) -> Option<usize> {
    let first = site.number.first(1)?;
    let [0, second, ..] = *first.digits else {
        return None;
    };
    let lengths = |groups| site.number.lengths().take(groups);
    let is_date = lengths(3).eq([2, 2, 4]);
    if second == 0 || is_date || !(2..=6).contains(&first.digits.len()) {
        return None;
    }
    longest(site, |groups, taken| {
        // A date or a decimal fraction has dots too; a telephone number with dots goes in pairs.
        let dots = site.number.gaps(groups).any(|gap| gap == Gap::Dot);
        let pairs = lengths(groups).all(|length| length == 2);
        (2..=6).contains(&groups)
            && lengths(groups).all(|length| length >= 2)
            && (9..=12).contains(&taken.digits.len())
            && (!dots || pairs)
    })
}

/// Digits in one run, next to a word.
fn bare(site: &Site<'_>) -> Option<usize> {
    let taken = site.number.first(1)?;
    let fits = (9..=12).contains(&taken.digits.len());
    (fits && site.hinted(taken.end, &HINTS)).then_some(taken.end)
}

/// The end of the most groups that `fits`.
fn longest(site: &Site<'_>, fits: impl Fn(usize, &Taken<'_>) -> bool) -> Option<usize> {
    let counts = (1..=site.number.count()).rev();
    let taken = counts.filter_map(|groups| Some((groups, site.number.first(groups)?)));
    let end = taken
        .filter(|(groups, taken)| fits(*groups, taken))
        .map(|(_, taken)| taken.end)
        .next()?;
    let within_word = site.bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (!within_word).then_some(end)
}
