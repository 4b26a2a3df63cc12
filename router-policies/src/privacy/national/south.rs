//! Switzerland, Austria, Portugal and Poland.

use std::ops::Range;

use super::super::checksum::weighted;
use super::super::number::Gap;
use super::super::scan::Site;
use super::{is_day, pair};

/// 756, then ten digits; check digit of EAN-13.
pub(super) fn ch_ahv(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[3, 4, 4, 2], &[Gap::Dot, Gap::Space]);
    let taken = grouped.or_else(|| site.number.whole(13))?;
    let sum = weighted(taken.digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
    let valid = taken.digits.starts_with(&[7, 5, 6])
        && sum.is_multiple_of(10)
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Serial number, check digit modulo 11 in the fourth place, date of birth. Months 13 to 15 continue a full day.
pub(super) fn at_svnr(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[4, 6], &[Gap::Space, Gap::Dash]);
    let taken = grouped.or_else(|| {
        let hints = [
            "svnr",
            "sv-nr",
            "sozialversicherungsnummer",
            "versicherungsnummer",
        ];
        site.number
            .whole(10)
            .filter(|taken| site.hinted(taken.end, &hints))
    })?;
    let digits = taken.digits;
    let sum = weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]);
    let check = digits
        .get(3)
        .is_some_and(|digit| u32::from(*digit) == sum % 11);
    let month = pair(digits, 6);
    let date = is_day(
        pair(digits, 4),
        if (13..=15).contains(&month) { 1 } else { month },
    );
    let valid = check && date && digits.first() != Some(&0) && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Check digit modulo 11, next to a word.
pub(super) fn pt_nif(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[3, 3, 3], &[Gap::Space, Gap::Dot]);
    let taken = grouped.or_else(|| site.number.whole(9))?;
    let check = match weighted(taken.digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    let valid = taken
        .digits
        .last()
        .is_some_and(|digit| u32::from(*digit) == check)
        && !matches!(taken.digits.first(), Some(0 | 4))
        && site.hinted(taken.end, &["nif", "contribuinte", "contribuintes"])
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Date of birth with the century in the month, serial number, check digit.
pub(super) fn pl_pesel(site: &Site<'_>) -> Option<Range<usize>> {
    let taken = site.number.whole(11)?;
    let sum = weighted(taken.digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let date = is_day(pair(taken.digits, 4), pair(taken.digits, 2) % 20);
    let valid = date && sum.is_multiple_of(10) && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}
