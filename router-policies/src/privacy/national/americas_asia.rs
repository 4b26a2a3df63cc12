//! The Americas, Asia and Australia.

use std::ops::Range;

use super::super::checksum::{luhn, verhoeff, weighted};
use super::super::number::{Gap, Taken};
use super::super::scan::{Compact, Site};
use super::{is_day, pair};

/// Numbers from advertisements that were never, or are no longer, a person's.
const ADVERTISED: [[u8; 9]; 2] = [[0, 7, 8, 0, 5, 1, 1, 2, 0], [2, 1, 9, 0, 9, 9, 9, 9, 9]];

/// Area, group and serial are never all zeros, areas 666 and from 900 on are not given (SSA, since 2011).
pub(super) fn us_ssn(site: &Site<'_>) -> Option<Range<usize>> {
    let taken = three_two_four(site, &["ssn", "social security"])?;
    let area = taken
        .digits
        .iter()
        .take(3)
        .fold(0_u16, |n, d| n * 10 + u16::from(*d));
    let given = area != 0 && area != 666 && area < 900;
    let parts = pair(taken.digits, 3) != 0 && taken.digits.get(5..) != Some(&[0; 4]);
    let advertised = ADVERTISED.iter().any(|known| known == taken.digits);
    let valid = given && parts && !advertised && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Begins with 9; the middle is in the ranges that the IRS gives.
pub(super) fn us_itin(site: &Site<'_>) -> Option<Range<usize>> {
    let taken = three_two_four(site, &["itin", "taxpayer"])?;
    let group = matches!(pair(taken.digits, 3), 50..=65 | 70..=88 | 90..=92 | 94..=99);
    let valid = taken.digits.first() == Some(&9) && group && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

fn three_two_four<'s>(site: &'s Site<'_>, hints: &[&str]) -> Option<Taken<'s>> {
    let grouped = site.number.shaped(&[3, 2, 4], &[Gap::Dash, Gap::Space]);
    grouped.or_else(|| {
        site.number
            .whole(9)
            .filter(|taken| site.hinted(taken.end, hints))
    })
}

/// Luhn check; 0 and 8 begin no number.
pub(super) fn ca_sin(site: &Site<'_>) -> Option<Range<usize>> {
    let dashed = site.number.shaped(&[3, 3, 3], &[Gap::Dash]);
    let taken = dashed.or_else(|| {
        let other = site
            .number
            .shaped(&[3, 3, 3], &[Gap::Space])
            .or_else(|| site.number.whole(9));
        other.filter(|taken| site.hinted(taken.end, &["sin", "social insurance", "nas"]))
    })?;
    let begins = !matches!(taken.digits.first(), Some(0 | 8));
    let valid = begins && luhn(taken.digits) && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Two check digits modulo 11; numbers of one repeated digit pass the check and are not given.
pub(super) fn br_cpf(site: &Site<'_>) -> Option<Range<usize>> {
    let taken = site.number.whole(11).or_else(|| {
        let dotted = site.number.gaps(4).eq([Gap::Dot, Gap::Dot, Gap::Dash]);
        site.number.shaped_freely(&[3, 3, 3, 2]).filter(|_| dotted)
    })?;
    let digits = taken.digits;
    let check = |weights: &[u32], place: usize| {
        let digit = weighted(digits, weights) * 10 % 11 % 10;
        digits
            .get(place)
            .is_some_and(|actual| u32::from(*actual) == digit)
    };
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    let valid = varied
        && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2], 9)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2], 10)
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Verhoeff check; 0 and 1 begin no number.
pub(super) fn in_aadhaar(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[4, 4, 4], &[Gap::Space, Gap::Dash]);
    let taken = grouped.or_else(|| {
        let whole = site.number.whole(12)?;
        site.hinted(whole.end, &["aadhaar", "aadhar", "uidai"])
            .then_some(whole)
    })?;
    let begins = taken.digits.first().is_some_and(|digit| *digit >= 2);
    let valid = begins && verhoeff(taken.digits) && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// GB 11643: region, date of birth, serial number, check character modulo 11-2 (ISO 7064), X for 10.
pub(super) fn cn_resident_id(site: &Site<'_>) -> Option<Range<usize>> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10X98765432";
    let compact = Compact::read(site, 18).filter(|compact| compact.gaps == 0)?;
    let digits: [u8; 17] = compact.digits(0)?;
    let century = matches!(pair(&digits, 6), 18..=20);
    let date = century && is_day(pair(&digits, 12), pair(&digits, 10));
    let check = usize::try_from(weighted(&digits, &WEIGHTS) % 11).ok()?;
    let valid =
        date && CHECKS.get(check) == compact.characters().last() && site.stands_alone(compact.end);
    valid.then_some(site.start..compact.end)
}

/// Weighted sum modulo 11, next to a word.
pub(super) fn au_tfn(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[3, 3, 3], &[Gap::Space, Gap::Dash]);
    let taken = grouped.or_else(|| site.number.whole(9))?;
    let sum = weighted(taken.digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]);
    let valid = sum.is_multiple_of(11)
        && site.hinted(taken.end, &["tfn", "tax file"])
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}
