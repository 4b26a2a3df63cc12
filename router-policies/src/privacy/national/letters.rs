//! Numbers with letters in them.

use std::ops::Range;

use super::super::checksum::value;
use super::super::scan::{Compact, Site};

/// Two letters, six digits in pairs, A to D. Letters and pairs that are not given: HMRC, NIM39110.
pub(super) fn uk_nino(site: &Site<'_>) -> Option<Range<usize>> {
    // Most words end here.
    match site.bytes.get(site.start + 2..)? {
        [b' ' | b'-', digit, ..] | [digit, ..] if digit.is_ascii_digit() => {}
        _ => return None,
    }
    let compact = Compact::read(site, 9).filter(|c| c.gaps_within(&[2, 4, 6, 8]))?;
    let [first, second, _, _, _, _, _, _, suffix] = *compact.characters() else {
        return None;
    };
    let _digits: [u8; 6] = compact.digits(2)?;
    let given = |letter: u8, not: &[u8]| letter.is_ascii_uppercase() && !not.contains(&letter);
    let pair = !matches!(
        &[first, second],
        b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ"
    );
    let valid = given(first, b"DFIQUV")
        && given(second, b"DFIQUVO")
        && pair
        && (b'A'..=b'D').contains(&suffix)
        && site.stands_alone(compact.end);
    valid.then_some(site.start..compact.end)
}

/// Sixteen characters; namesakes get letters in place of digits (omocodia). Check letter: decree of 23 December 1976.
pub(super) fn it_codice_fiscale(site: &Site<'_>) -> Option<Range<usize>> {
    // Values of the characters 0-9 or A-J, K, … at odd places, counted from 1.
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    const DIGIT_PLACES: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];
    // Most words end here: neither in one run nor in groups is the year where it belongs.
    let rest = site.bytes.get(site.start..)?;
    let year = |at: usize| {
        rest.get(at..at + 2)
            .is_some_and(|year| year.iter().all(is_digit_like))
    };
    let grouped = rest.get(3) == Some(&b' ') && rest.get(7) == Some(&b' ') && year(8);
    let whole = year(6) && rest.get(15).is_some_and(u8::is_ascii_alphabetic);
    if !grouped && !whole {
        return None;
    }
    let compact = Compact::read(site, 16).filter(|c| c.gaps_within(&[3, 6, 11, 15]))?;
    let mut sum = 0;
    for (place, character) in compact.characters().iter().enumerate() {
        let digit_like = is_digit_like(character);
        let fits = match place {
            8 => b"ABCDEHLMPRST".contains(character),
            place if DIGIT_PLACES.contains(&place) => digit_like,
            _ => character.is_ascii_uppercase(),
        };
        if !fits {
            return None;
        }
        let rank = match character {
            b'0'..=b'9' => usize::from(character - b'0'),
            _ => usize::from(character - b'A'),
        };
        let value = if place % 2 == 0 {
            *ODD.get(rank)?
        } else {
            u32::try_from(rank).ok()?
        };
        sum += if place == 15 { 0 } else { value };
    }
    let check = u32::from(*compact.characters().last()? - b'A');
    (sum % 26 == check).then_some(site.start..compact.end)
}

/// A digit, or a letter in its place.
fn is_digit_like(character: &u8) -> bool {
    character.is_ascii_digit() || b"LMNPQRSTUV".contains(&character.to_ascii_uppercase())
}

/// Check letters of DNI and NIE by remainder modulo 23.
const SPANISH: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// Eight digits and a letter.
pub(super) fn es_dni(site: &Site<'_>) -> Option<Range<usize>> {
    let compact = Compact::read(site, 9).filter(|c| c.gaps_within(&[2, 5, 8]))?;
    let digits: [u8; 8] = compact.digits(0)?;
    spanish(site, &compact, value(&digits))
}

/// X, Y or Z for 0, 1 or 2, seven digits and a letter.
pub(super) fn es_nie(site: &Site<'_>) -> Option<Range<usize>> {
    let first = match site.bytes.get(site.start)?.to_ascii_uppercase() {
        b'X' => 0,
        b'Y' => 10_000_000,
        b'Z' => 20_000_000,
        _ => return None,
    };
    let compact = Compact::read(site, 9).filter(|c| c.gaps_within(&[1, 8]))?;
    let digits: [u8; 7] = compact.digits(1)?;
    spanish(site, &compact, first + value(&digits))
}

fn spanish(site: &Site<'_>, compact: &Compact, number: u64) -> Option<Range<usize>> {
    let letter = SPANISH.get(usize::try_from(number % 23).ok()?)?;
    let valid = compact.characters().last() == Some(letter) && site.stands_alone(compact.end);
    valid.then_some(site.start..compact.end)
}

/// Seven digits, a check letter modulo 23, and from 2013 on a second letter that counts nine times.
pub(super) fn ie_pps(site: &Site<'_>) -> Option<Range<usize>> {
    [9, 8].into_iter().find_map(|length| {
        let compact = Compact::read(site, length).filter(|c| c.gaps_within(&[7]))?;
        let digits: [u8; 7] = compact.digits(0)?;
        let extra = match compact.characters().get(8) {
            None | Some(b'W') => 0,
            Some(letter @ b'A'..=b'I') => u64::from(letter - b'A' + 1),
            Some(_) => return None,
        };
        let weights = (2..=8).rev();
        let sum: u64 = digits
            .iter()
            .zip(weights)
            .map(|(digit, weight)| u64::from(*digit) * weight)
            .sum();
        let check = match (sum + extra * 9) % 23 {
            0 => b'W',
            rest => b'A' + u8::try_from(rest - 1).ok()?,
        };
        let valid = compact.characters().get(7) == Some(&check) && site.stands_alone(compact.end);
        valid.then_some(site.start..compact.end)
    })
}
