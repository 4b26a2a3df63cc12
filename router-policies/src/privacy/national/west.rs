//! The United Kingdom, the Netherlands, Belgium, France and Germany.

use std::ops::Range;

use super::super::checksum::{modulo_11_10, value, weighted};
use super::super::number::Gap;
use super::super::scan::{Compact, Site};
use super::{is_day, pair};

/// Check digit modulo 11, next to a word: the grouping is that of telephone numbers.
pub(super) fn uk_nhs(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[3, 3, 4], &[Gap::Space, Gap::Dash]);
    let taken = grouped.or_else(|| site.number.whole(10))?;
    let sum = weighted(taken.digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let valid =
        sum.is_multiple_of(11) && site.hinted(taken.end, &["nhs"]) && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// The 11-test: weights 9 to 2, and -1 for the last digit. Next to a word.
pub(super) fn nl_bsn(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = [&[4, 2, 3], &[3, 3, 3]]
        .into_iter()
        .find_map(|shape| site.number.shaped(shape, &[Gap::Dot, Gap::Space]));
    let taken = grouped.or_else(|| site.number.whole(9))?;
    // -1 is 10 modulo 11.
    let sum = weighted(taken.digits, &[9, 8, 7, 6, 5, 4, 3, 2, 10]);
    let valid = sum != 0
        && sum.is_multiple_of(11)
        && site.hinted(
            taken.end,
            &["bsn", "burgerservicenummer", "sofinummer", "sofi"],
        )
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Date of birth, serial number, 97 minus the remainder modulo 97; from 2000 on with a 2 before it.
pub(super) fn be_nrn(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped_freely(&[2, 2, 2, 3, 2]);
    let taken = grouped
        .or_else(|| site.number.shaped_freely(&[6, 3, 2]))
        .or_else(|| site.number.whole(11))?;
    let (body, check) = taken.digits.split_at_checked(9)?;
    // Without a known sex the month is raised by 20, without sex and birthday by 40.
    let (day, month) = (pair(body, 4), pair(body, 2) % 20);
    let date = (month == 0 && day <= 31) || is_day(day, month) || (day == 0 && month <= 12);
    let rest = |number: u64| 97 - number % 97;
    let (number, check) = (value(body), value(check));
    let valid = date
        && (rest(number) == check || rest(2_000_000_000 + number) == check)
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}

/// Sex, year, month, place, serial number, and 97 minus the remainder modulo 97. Corsica's 2A and 2B count as 19 and 18.
pub(super) fn fr_nir(site: &Site<'_>) -> Option<Range<usize>> {
    let compact = Compact::read(site, 15).filter(|c| c.gaps_within(&[1, 3, 5, 7, 10, 13]))?;
    let sex: [u8; 1] = compact.digits(0)?;
    let month: [u8; 2] = compact.digits(3)?;
    let place = match compact.characters().get(5..7)? {
        b"2A" => 19,
        b"2B" => 18,
        _ => value(&compact.digits::<2>(5)?),
    };
    let head: [u8; 5] = compact.digits(0)?;
    let serial: [u8; 6] = compact.digits(7)?;
    let key: [u8; 2] = compact.digits(13)?;
    let number = (value(&head) * 100 + place) * 1_000_000 + value(&serial);
    let form =
        matches!(sex, [1..=4 | 7 | 8]) && matches!(pair(&month, 0), 1..=12 | 20..=42 | 50..=99);
    let valid = form && 97 - number % 97 == value(&key) && site.stands_alone(compact.end);
    valid.then_some(site.start..compact.end)
}

/// The first ten digits: no 0 in front, exactly one digit twice or three times, the others at most once. Then a check
/// digit (§139b AO; ISO 7064, modulo 11, 10).
pub(super) fn de_tax_id(site: &Site<'_>) -> Option<Range<usize>> {
    let grouped = site.number.shaped(&[2, 3, 3, 3], &[Gap::Space]);
    let taken = grouped.or_else(|| site.number.whole(11))?;
    let body = taken.digits.get(..10)?;
    let mut repeated = (0..10_u8)
        .map(|digit| body.iter().filter(|d| **d == digit).count())
        .filter(|count| *count > 1);
    let one = matches!(repeated.next(), Some(2 | 3)) && repeated.next().is_none();
    let valid = one
        && body.first() != Some(&0)
        && modulo_11_10(taken.digits)
        && site.stands_alone(taken.end);
    valid.then_some(site.start..taken.end)
}
