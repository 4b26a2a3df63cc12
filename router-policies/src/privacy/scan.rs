//! One pass over a text. It stops at places where something can begin and tries there only what can begin so; each try
//! reads a bounded number of bytes, so the whole pass is linear.

use std::ops::Range;

use super::built_in::BuiltIn;
use super::number::Number;
use super::{address, card, email, iban, national, phone, secret};

/// A place where something can begin.
#[derive(Debug)]
pub(super) struct Site<'t> {
    /// The whole text.
    pub(super) bytes: &'t [u8],
    /// The place: the first byte of a word, or the sign that was found.
    pub(super) start: usize,
    /// The number that begins here; without a group where none does.
    pub(super) number: &'t Number,
}

/// Tries one kind at a place: what it covers, if it is there.
pub(super) type Try = fn(&Site<'_>) -> Option<Range<usize>>;

/// What makes the pass stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// A word that begins with a digit.
    Number,
    /// A word that begins with a letter.
    Word,
    /// `@`, or `%` as in `%40`.
    At,
    /// `=`.
    Assignment,
    /// `:`, which assigns too, and stands in IPv6 addresses.
    Colon,
}

/// A pass to be made.
pub(super) struct Scan<'t> {
    text: &'t str,
    numbers: Vec<(BuiltIn, u32, Try)>,
    /// All the first lengths that one of `numbers` wants.
    wanted: u32,
    words: Vec<(BuiltIn, Try)>,
    at: Option<Try>,
    assignment: Option<Try>,
    colon: Option<Try>,
    /// Kinds that are searched for by their fixed beginnings.
    searched: Vec<BuiltIn>,
}

impl<'t> Scan<'t> {
    /// A pass for these kinds.
    pub(super) fn new(text: &'t str, kinds: &[BuiltIn]) -> Self {
        let mut scan = Self {
            text,
            numbers: Vec::new(),
            wanted: 0,
            words: Vec::new(),
            at: None,
            assignment: None,
            colon: None,
            searched: Vec::new(),
        };
        for kind in kinds {
            scan.add(*kind);
        }
        scan
    }

    fn add(&mut self, kind: BuiltIn) {
        match kind {
            BuiltIn::Email => self.at = Some(email::find),
            BuiltIn::Phone => self.add_number(kind, phone::FIRST, phone::find),
            BuiltIn::Card => self.add_number(kind, card::FIRST, card::find),
            BuiltIn::Iban => self.words.push((kind, iban::find)),
            BuiltIn::IpAddress => {
                self.add_number(kind, lengths(&[1, 2, 3]), address::find_v4);
                self.colon = Some(address::find_v6);
            }
            BuiltIn::ApiKey => {
                self.assignment = Some(secret::find_assigned);
                self.searched.push(kind);
            }
            BuiltIn::PrivateKey | BuiltIn::Jwt => self.searched.push(kind),
            national => {
                let (number, word) = national::tries(national);
                if let Some((first, find)) = number {
                    self.add_number(kind, first, find);
                }
                self.words.extend(word.map(|find| (kind, find)));
            }
        }
    }

    fn add_number(&mut self, kind: BuiltIn, first: u32, find: Try) {
        self.numbers.push((kind, first, find));
        self.wanted |= first;
    }

    /// Makes the pass. `hit` gets every kind that is found and what it covers, and says whether to go on.
    pub(super) fn run(&self, hit: &mut dyn FnMut(BuiltIn, Range<usize>) -> bool) {
        for kind in &self.searched {
            if !secret::search(*kind, self.text, hit) {
                return;
            }
        }
        if self.numbers.is_empty() && self.words.is_empty() && self.at.or(self.assignment).is_none()
        {
            return;
        }
        let bytes = self.text.as_bytes();
        let mut before = b' ';
        for (start, byte) in bytes.iter().enumerate() {
            let stop = stop_at(*byte, before);
            before = *byte;
            if let Some(stop) = stop
                && !self.visit(stop, bytes, start, hit)
            {
                return;
            }
        }
    }

    /// Tries everything that can be at a place. `false` ends the pass.
    fn visit(
        &self,
        stop: Stop,
        bytes: &[u8],
        start: usize,
        hit: &mut dyn FnMut(BuiltIn, Range<usize>) -> bool,
    ) -> bool {
        let site = Site {
            bytes,
            start,
            number: &Number::NONE,
        };
        match stop {
            Stop::Number if self.numbers.is_empty() => true,
            Stop::Number => {
                let number = &Number::read(bytes, start);
                let first = 1 << number.first_length();
                if self.wanted & first == 0 {
                    return true;
                }
                let site = Site { number, ..site };
                let fitting = self
                    .numbers
                    .iter()
                    .filter(|(_, wanted, _)| wanted & first != 0);
                tell(fitting.map(|(kind, _, find)| (*kind, *find)), &site, hit)
            }
            Stop::Word => tell(self.words.iter().copied(), &site, hit),
            Stop::At => tell_one(BuiltIn::Email, self.at, &site, hit),
            Stop::Colon | Stop::Assignment => {
                let colon = self.colon.filter(|_| stop == Stop::Colon);
                tell_one(BuiltIn::IpAddress, colon, &site, hit)
                    && tell_one(BuiltIn::ApiKey, self.assignment, &site, hit)
            }
        }
    }
}

/// The set of these lengths, a bit each; at most 31.
pub(super) const fn lengths(lengths: &[u8]) -> u32 {
    let (mut set, mut rest) = (0, lengths);
    while let [length, others @ ..] = rest {
        set |= 1 << *length;
        rest = others;
    }
    set
}

fn tell(
    mut tries: impl Iterator<Item = (BuiltIn, Try)>,
    site: &Site<'_>,
    hit: &mut dyn FnMut(BuiltIn, Range<usize>) -> bool,
) -> bool {
    tries.all(|(kind, find)| find(site).is_none_or(|span| hit(kind, span)))
}

fn tell_one(
    kind: BuiltIn,
    find: Option<Try>,
    site: &Site<'_>,
    hit: &mut dyn FnMut(BuiltIn, Range<usize>) -> bool,
) -> bool {
    find.and_then(|find| find(site))
        .is_none_or(|span| hit(kind, span))
}

/// Whether something can begin at `byte`, which follows `before`.
const fn stop_at(byte: u8, before: u8) -> Option<Stop> {
    match byte {
        b'0'..=b'9' if !before.is_ascii_alphanumeric() => Some(Stop::Number),
        b'a'..=b'z' | b'A'..=b'Z' if !before.is_ascii_alphanumeric() => Some(Stop::Word),
        b'@' | b'%' => Some(Stop::At),
        b'=' => Some(Stop::Assignment),
        b':' => Some(Stop::Colon),
        _ => None,
    }
}

/// Letters and digits from a place on, in capitals, with single spaces or dashes between them left out.
#[derive(Debug)]
pub(super) struct Compact {
    characters: [u8; Self::MOST],
    length: usize,
    /// A set bit `i` says that something was left out before character `i`.
    pub(super) gaps: u64,
    /// Where the last character ends in the text.
    pub(super) end: usize,
}

impl Compact {
    /// Most characters; the longest IBAN has 33.
    const MOST: usize = 34;

    /// Reads exactly `length` characters, or nothing. They must not be a part of a longer word.
    pub(super) fn read(site: &Site<'_>, length: usize) -> Option<Self> {
        let mut compact = Self {
            characters: [0; Self::MOST],
            length,
            gaps: 0,
            end: site.start,
        };
        for (place, slot) in compact.characters.get_mut(..length)?.iter_mut().enumerate() {
            let next = *site.bytes.get(compact.end)?;
            if place > 0 && matches!(next, b' ' | b'-' | b'.') {
                compact.gaps |= 1 << place;
                compact.end += 1;
            }
            let character = site.bytes.get(compact.end)?.to_ascii_uppercase();
            if !character.is_ascii_alphanumeric() {
                return None;
            }
            *slot = character;
            compact.end += 1;
        }
        let longer = site
            .bytes
            .get(compact.end)
            .is_some_and(u8::is_ascii_alphanumeric);
        (!longer).then_some(compact)
    }

    /// The characters.
    pub(super) fn characters(&self) -> &[u8] {
        self.characters.get(..self.length).unwrap_or_default()
    }

    /// Whether gaps lie only before these characters.
    pub(super) fn gaps_within(&self, places: &[u32]) -> bool {
        let allowed = places.iter().fold(0_u64, |bits, place| bits | (1 << place));
        self.gaps & !allowed == 0
    }

    /// The characters as values of digits; `None` if one is no digit.
    pub(super) fn digits<const N: usize>(&self, from: usize) -> Option<[u8; N]> {
        let mut digits = [0; N];
        for (slot, character) in digits
            .iter_mut()
            .zip(self.characters().get(from..from + N)?)
        {
            *slot = character.is_ascii_digit().then(|| character - b'0')?;
        }
        Some(digits)
    }
}
