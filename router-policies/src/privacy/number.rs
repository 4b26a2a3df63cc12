//! Groups of digits, as people write long numbers.

use super::scan::Site;

/// Most digits that are read; the longest kind has 19.
const MOST_DIGITS: usize = 20;
/// Most groups that are read.
const MOST_GROUPS: usize = 8;
/// Most characters between two groups: " - " and ") " occur.
const WIDEST_GAP: usize = 3;

/// What lies between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    Space,
    Dash,
    Dot,
    Slash,
    /// Anything else that may stand between groups, such as parentheses or two spaces.
    Mixed,
}

/// The digits that follow one another from a place on, with single gaps between their groups. Small: one is made for
/// every number of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    digits: [u8; MOST_DIGITS],
    /// Digits of each group.
    lengths: [u8; MOST_GROUPS],
    /// Digits up to the end of each group.
    totals: [u8; MOST_GROUPS],
    /// What lies before each group.
    gaps: [Gap; MOST_GROUPS],
    /// Where each group ends, from `start` on.
    ends: [u8; MOST_GROUPS],
    count: usize,
    start: usize,
}

/// The first groups of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'n> {
    /// Values 0 to 9.
    pub(super) digits: &'n [u8],
    /// Where they end in the text.
    pub(super) end: usize,
}

impl Number {
    /// No number.
    pub(super) const NONE: Self = Self {
        digits: [0; MOST_DIGITS],
        lengths: [0; MOST_GROUPS],
        totals: [0; MOST_GROUPS],
        gaps: [Gap::Mixed; MOST_GROUPS],
        ends: [0; MOST_GROUPS],
        count: 0,
        start: 0,
    };

    /// Reads the number that starts at `start`; it has no group if there is no digit, or too many.
    pub(super) fn read(bytes: &[u8], start: usize) -> Self {
        let mut number = Self {
            start,
            ..Self::NONE
        };
        let (mut at, mut total, mut gap) = (start, 0, Gap::Mixed);
        let places = number.lengths.iter_mut().zip(&mut number.totals);
        let places = places.zip(&mut number.ends).zip(&mut number.gaps);
        for (((length, digits), end), gap_before) in places {
            let before = total;
            while let (Some(digit), Some(slot)) =
                (digit_at(bytes, at), number.digits.get_mut(total))
            {
                *slot = digit;
                total += 1;
                at += 1;
            }
            // Too long to be anything that is looked for.
            if total == before || digit_at(bytes, at).is_some() {
                break;
            }
            *length = small(total - before);
            *end = small(at - start);
            *digits = small(total);
            *gap_before = gap;
            number.count += 1;
            let Some((next_gap, width)) = read_gap(bytes, at) else {
                break;
            };
            gap = next_gap;
            at += width;
        }
        number
    }

    /// How many groups there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Digits of the first group; 0 without one.
    pub(super) const fn first_length(&self) -> u8 {
        let [first, ..] = self.lengths;
        first
    }

    /// Lengths of the groups.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        let lengths = self.lengths.iter().take(self.count);
        lengths.map(|length| usize::from(*length))
    }

    /// The gaps between the first `groups` groups.
    pub(super) fn gaps(&self, groups: usize) -> impl Iterator<Item = Gap> {
        let gaps = self.gaps.iter().take(groups.min(self.count));
        gaps.skip(1).copied()
    }

    /// The first `groups` groups.
    pub(super) fn first(&self, groups: usize) -> Option<Taken<'_>> {
        if groups > self.count {
            return None;
        }
        let last = groups.checked_sub(1)?;
        Some(Taken {
            digits: self.digits.get(..usize::from(*self.totals.get(last)?))?,
            end: self.start + usize::from(*self.ends.get(last)?),
        })
    }

    /// The first group, if it has `length` digits.
    pub(super) fn whole(&self, length: u8) -> Option<Taken<'_>> {
        if self.first_length() == length {
            self.first(1)
        } else {
            None
        }
    }

    /// The first groups, if they have these lengths and the same one of these `gaps` between all of them.
    pub(super) fn shaped(&self, lengths: &[u8], gaps: &[Gap]) -> Option<Taken<'_>> {
        let taken = self.shaped_freely(lengths)?;
        let mut between = self.gaps(lengths.len());
        let first = between.next();
        let uniform =
            first.is_none_or(|gap| gaps.contains(&gap)) && between.all(|gap| Some(gap) == first);
        uniform.then_some(taken)
    }

    /// The first groups, if they have these lengths, whatever lies between them.
    pub(super) fn shaped_freely(&self, lengths: &[u8]) -> Option<Taken<'_>> {
        // Places past the last group are 0, which is no length.
        if self.lengths.starts_with(lengths) {
            self.first(lengths.len())
        } else {
            None
        }
    }
}

impl Site<'_> {
    /// Whether nothing is attached to the stretch from this site to `end` that makes it a part of something longer, such
    /// as a version, a decimal fraction or an identifier.
    pub(super) fn stands_alone(&self, end: usize) -> bool {
        let at = |index: Option<usize>| {
            index
                .and_then(|i| self.bytes.get(i))
                .copied()
                .unwrap_or(b' ')
        };
        let joins = |b: u8| matches!(b, b'-' | b'.' | b'/' | b'_' | b'+');
        let left = (at(self.start.checked_sub(1)), at(self.start.checked_sub(2)));
        let right = (at(Some(end)), at(Some(end + 1)));
        let attached = |(near, far): (u8, u8), far_counts: fn(&u8) -> bool| {
            near.is_ascii_alphanumeric() || (joins(near) && far_counts(&far))
        };
        let before = attached(left, u8::is_ascii_alphanumeric);
        let after = match right.0 {
            // The end of a sentence, unless a digit follows.
            b'.' => right.1.is_ascii_digit(),
            _ => attached(right, u8::is_ascii_alphanumeric),
        };
        !before && !after
    }
}

/// Lengths within a number are far below 255: at most 20 digits and 7 gaps of 3.
fn small(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

pub(super) fn digit_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes
        .get(at)
        .filter(|b| b.is_ascii_digit())
        .map(|b| b - b'0')
}

/// The gap at `at` and its width, if a digit follows it.
fn read_gap(bytes: &[u8], at: usize) -> Option<(Gap, usize)> {
    let gap = bytes.get(at..)?;
    let width = gap
        .iter()
        .take(WIDEST_GAP + 1)
        .take_while(|b| matches!(b, b' ' | b'-' | b'.' | b'/' | b'(' | b')'))
        .count();
    if width == 0 || width > WIDEST_GAP || digit_at(bytes, at + width).is_none() {
        return None;
    }
    let kind = match gap.get(..width)? {
        b" " => Gap::Space,
        b"-" | b" - " => Gap::Dash,
        b"." => Gap::Dot,
        b"/" | b" / " => Gap::Slash,
        _ => Gap::Mixed,
    };
    Some((kind, width))
}
