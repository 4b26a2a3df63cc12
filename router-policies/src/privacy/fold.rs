//! One spelling for what looks alike: digits of other scripts, full-width forms, special spaces and dashes become
//! ASCII, invisible characters disappear. Plain text is not copied.

use std::borrow::Cow;

/// What becomes of a character.
enum Fold {
    Keep,
    Drop,
    Write(char),
}

/// The text as detectors read it.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(may_fold) {
        return Cow::Borrowed(text);
    }
    let changed = text
        .char_indices()
        .find(|(_, c)| !matches!(fold_char(*c), Fold::Keep));
    let Some((start, _)) = changed else {
        return Cow::Borrowed(text);
    };
    let (same, rest) = text.split_at(start);
    let mut folded = String::with_capacity(text.len());
    folded.push_str(same);
    for c in rest.chars() {
        match fold_char(c) {
            Fold::Keep => folded.push(c),
            Fold::Drop => {}
            Fold::Write(c) => folded.push(c),
        }
    }
    Cow::Owned(folded)
}

/// Whether a character that begins with this byte of UTF-8 may be folded. For most letters the byte alone says no.
const fn may_fold(lead: u8) -> bool {
    matches!(lead, 0xc2 | 0xcd | 0xd8..=0xe3 | 0xea | 0xef | 0xf0)
}

fn fold_char(c: char) -> Fold {
    let code = u32::from(c);
    match code {
        0..=0x7f => Fold::Keep,
        // Soft hyphen, joiners, direction marks, byte order mark, variation selectors.
        0xad
        | 0x34f
        | 0x61c
        | 0x180e
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x2064
        | 0x2066..=0x206f
        | 0xfe00..=0xfe0f
        | 0xfeff => Fold::Drop,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Fold::Write(' '),
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0xfe58 | 0xfe63 => Fold::Write('-'),
        0x3002 | 0xfe52 | 0xff61 => Fold::Write('.'),
        0xfe6b => Fold::Write('@'),
        // Full-width forms of the printable ASCII characters.
        0xff01..=0xff5e => char::from_u32(code - 0xfee0).map_or(Fold::Keep, Fold::Write),
        _ => digit(code).map_or(Fold::Keep, Fold::Write),
    }
}

/// Where the decimal digits of the scripts in living use begin (Unicode general category Nd), sorted.
const ZEROS: [u32; 37] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50,
    0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0,
    0x1e950,
];
/// Mathematical digits: five styles of ten, one after the other.
const MATHEMATICAL: std::ops::Range<u32> = 0x1d7ce..0x1d800;

/// The ASCII digit of a decimal digit of another script.
fn digit(code: u32) -> Option<char> {
    if code < 0x660 {
        return None;
    }
    if MATHEMATICAL.contains(&code) {
        return char::from_digit((code - MATHEMATICAL.start) % 10, 10);
    }
    let before = ZEROS.partition_point(|zero| *zero <= code);
    let zero = ZEROS.get(before.checked_sub(1)?)?;
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_never_hides_a_fold() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let folds = !matches!(fold_char(c), Fold::Keep);
            let lead = c.encode_utf8(&mut [0; 4]).as_bytes()[0];
            assert!(!folds || may_fold(lead), "{c:?}");
        }
    }
}
