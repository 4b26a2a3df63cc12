//! Sweden, Finland and Norway.

use std::ops::Range;

use super::super::checksum::{luhn, value, weighted};
use super::super::number::{Gap, Number, digit_at};
use super::super::scan::Site;
use super::{is_day, pair};

/// Date of birth, serial number, Luhn check over the last ten digits. A `+` in place of the dash is for those over 100;
/// coordination numbers have 60 added to the day.
pub(super) fn se_personnummer(site: &Site<'_>) -> Option<Range<usize>> {
    let (digits, end) = swedish(site)?;
    let ten = digits.get(digits.len().checked_sub(10)?..)?;
    let century = digits.len() == 10 || matches!(pair(&digits, 0), 18..=20);
    let day = pair(ten, 4);
    let date = is_day(if day > 60 { day - 60 } else { day }, pair(ten, 2));
    let valid = century && date && luhn(ten) && site.stands_alone(end);
    valid.then_some(site.start..end)
}

fn swedish(site: &Site<'_>) -> Option<(Vec<u8>, usize)> {
    let dashed = [&[6, 4], &[8, 4]]
        .into_iter()
        .find_map(|shape| site.number.shaped(shape, &[Gap::Dash]));
    if let Some(taken) = dashed.or_else(|| site.number.whole(12)) {
        return Some((taken.digits.to_vec(), taken.end));
    }
    let ten = site.number.whole(10);
    if let Some(taken) =
        ten.filter(|ten| site.hinted(ten.end, &["personnummer", "personnr", "pnr"]))
    {
        return Some((taken.digits.to_vec(), taken.end));
    }
    let date = site.number.whole(6).or_else(|| site.number.whole(8))?;
    if site.bytes.get(date.end) != Some(&b'+') {
        return None;
    }
    let serial = Number::read(site.bytes, date.end + 1);
    let serial = serial.whole(4)?;
    Some(([date.digits, serial.digits].concat(), serial.end))
}

/// Date of birth, a sign for the century, serial number, check character modulo 31.
pub(super) fn fi_hetu(site: &Site<'_>) -> Option<Range<usize>> {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let text: &[u8; 11] = site.bytes.get(site.start..)?.first_chunk()?;
    let (date, rest) = text.split_at_checked(6)?;
    let [sign, serial @ .., check] = rest else {
        return None;
    };
    let mut digits = [0; 9];
    for (slot, byte) in digits.iter_mut().zip(date.iter().chain(serial)) {
        *slot = digit_at(&[*byte], 0)?;
    }
    let end = site.start + text.len();
    let place = usize::try_from(value(&digits) % 31).ok()?;
    let valid = b"+-ABCDEFUVWXYabcdefuvwxy".contains(sign)
        && is_day(pair(&digits, 0), pair(&digits, 2))
        && CHECKS.get(place) == Some(&check.to_ascii_uppercase())
        && site.stands_alone(end);
    valid.then_some(site.start..end)
}

/// Date of birth, serial number, two check digits modulo 11. D-numbers have 40 added to the day.
pub(super) fn no_fnr(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[6, 5], &[Gap::Space]);
    let taken = grouped.or_else(|| site.number.whole(11))?;
    let digits = taken.digits;
    let day = pair(digits, 0);
    let date = is_day(if day > 40 { day - 40 } else { day }, pair(digits, 2));
    let valid = date
        && weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}
