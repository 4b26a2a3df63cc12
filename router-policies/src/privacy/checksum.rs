//! Check digits. Every function takes digits as values 0 to 9.

/// The Luhn check of ISO/IEC 7812-1, check digit last.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            match (place % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled @ 0..=9) => doubled,
                (_, doubled) => doubled - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Sum of the digits, each times its weight; digits without a weight do not count.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    let products = digits.iter().zip(weights);
    products
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum()
}

/// The number that the digits write, at most 19 of them.
pub(super) fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0_u64, |sum, digit| {
        sum.wrapping_mul(10).wrapping_add(u64::from(*digit))
    })
}

/// Remainder modulo 97 of an alphanumeric text with A = 10 to Z = 35, as in ISO 13616. `None` for other characters.
pub(super) fn modulo_97(characters: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0;
    for character in characters {
        rest = match character {
            b'0'..=b'9' => rest * 10 + u32::from(character - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(character - b'A') + 10,
            _ => return None,
        } % 97;
    }
    Some(rest)
}

/// The check of ISO 7064, modulo 11, 10, check digit last.
pub(super) fn modulo_11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10_u32, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum } * 2) % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// The check of Verhoeff (1969), check digit last: operations of the dihedral group of the pentagon.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut sum = 0;
    for (place, digit) in digits.iter().rev().enumerate() {
        let mut digit = *digit;
        for _ in 0..place % 8 {
            digit = PERMUTATION
                .get(usize::from(digit))
                .copied()
                .unwrap_or_default();
        }
        sum = dihedral(sum, digit);
    }
    sum == 0
}

/// Product in the dihedral group of order 10: 0 to 4 are rotations, 5 to 9 reflections.
const fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}
