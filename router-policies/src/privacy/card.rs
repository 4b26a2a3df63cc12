//! Payment cards: issuer prefix with its lengths, the grouping that cards are printed in, Luhn check.

use std::ops::Range;

use super::checksum::luhn;
use super::number::Gap;
use super::scan::Site;

/// Lengths of the first group, a bit each.
pub(super) const FIRST: u32 = super::scan::lengths(&[4, 6, 13, 14, 15, 16, 17, 18, 19]);

/// The groupings in use, and one group of every length.
const SHAPES: [&[u8]; 16] = [
    &[16],
    &[15],
    &[14],
    &[13],
    &[17],
    &[18],
    &[19],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 1],
    &[4, 4, 5],
    &[6, 13],
];

pub(super) fn find(site: &Site<'_>) -> Option<Range<usize>> {
    SHAPES.iter().find_map(|shape| {
        let taken = site
            .number
            .shaped(shape, &[Gap::Space, Gap::Dash, Gap::Dot])?;
        let end = site.bytes.get(taken.end);
        let inside = end.is_some_and(u8::is_ascii_alphanumeric);
        let valid = !inside && !within_fraction(site) && is_card(taken.digits);
        valid.then_some(site.start..taken.end)
    })
}

/// Whether the digits before the point belong to the same number, as in `0.4111…`.
fn within_fraction(site: &Site<'_>) -> bool {
    let before = |back| {
        site.start
            .checked_sub(back)
            .and_then(|at| site.bytes.get(at))
    };
    before(1) == Some(&b'.') && before(2).is_some_and(u8::is_ascii_digit)
}

fn is_card(digits: &[u8]) -> bool {
    issued(digits) && luhn(digits)
}

/// Whether a network issues cards of this prefix and length (ISO/IEC 7812 issuer identification numbers).
fn issued(digits: &[u8]) -> bool {
    let six = digits.iter().take(6);
    let prefix = six.fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    let lengths = match prefix {
        // Visa.
        400_000..=499_999 => &[13, 16, 19][..],
        // American Express.
        340_000..=349_999 | 370_000..=379_999 => &[15],
        // Mastercard, its older and its newer range; Mir; Troy.
        510_000..=559_999 | 222_100..=272_099 | 220_000..=220_499 | 979_200..=979_299 => &[16],
        // Diners Club.
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            &[14, 16, 19]
        }
        // Discover, JCB, UnionPay, RuPay.
        601_100..=601_199
        | 644_000..=659_999
        | 352_800..=358_999
        | 620_000..=629_999
        | 810_000..=829_999
        | 508_000..=508_999
        | 606_900..=608_999 => &[16, 17, 18, 19],
        // Maestro.
        501_800..=501_899
        | 502_000..=502_099
        | 503_800..=503_899
        | 589_300..=589_399
        | 630_400..=630_499
        | 675_900..=675_999
        | 676_100..=676_399 => &[13, 14, 15, 16, 17, 18, 19],
        _ => &[],
    };
    lengths.contains(&digits.len())
}
