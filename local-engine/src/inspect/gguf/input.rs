//! The bytes of a header, little-endian, believed only within reason.

use std::io::{self, Read};

/// Longest string that is believed. Chat templates have tens of kilobytes.
const LONGEST_STRING: u64 = 1 << 24;

/// Most entries of a list that are believed. Vocabularies have some hundred thousand.
const LONGEST_LIST: u64 = 1 << 24;

/// A metadata value as far as it matters here.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    List(List),
    Other,
}

/// What is kept of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) length: u64,
    /// Sum and greatest of its whole numbers; 0 where it holds other things.
    pub(crate) sum: u64,
    pub(crate) greatest: u64,
}

/// Input that knows how far it has come.
pub(super) struct Input<R> {
    source: R,
    position: u64,
}

impl<R: Read> Input<R> {
    pub(super) const fn new(source: R) -> Self {
        Self {
            source,
            position: 0,
        }
    }

    /// Bytes read so far.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.position = self.position.saturating_add(N as u64);
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> io::Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    pub(super) fn string(&mut self) -> io::Result<String> {
        let length = self.u64()?;
        if length > LONGEST_STRING {
            return Err(broken("it has a string of impossible length"));
        }
        let mut bytes = Vec::new();
        (&mut self.source).take(length).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).ok() != Some(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position = self.position.saturating_add(length);
        // Token lists are bytes that need not be text; names and templates are.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) fn value(&mut self, kind: u32) -> io::Result<Value> {
        let number = |n: i64| u64::try_from(n).map_or(Value::Other, Value::Number);
        Ok(match kind {
            0 => Value::Number(u64::from(u8::from_le_bytes(self.bytes()?))),
            1 => number(i64::from(i8::from_le_bytes(self.bytes()?))),
            2 => Value::Number(u64::from(u16::from_le_bytes(self.bytes()?))),
            3 => number(i64::from(i16::from_le_bytes(self.bytes()?))),
            4 => Value::Number(u64::from(self.u32()?)),
            5 => number(i64::from(i32::from_le_bytes(self.bytes()?))),
            6 => self.skip::<4>()?,
            7 => self.skip::<1>()?,
            8 => Value::Text(self.string()?),
            9 => self.list()?,
            10 => Value::Number(self.u64()?),
            11 => number(i64::from_le_bytes(self.bytes()?)),
            12 => self.skip::<8>()?,
            _ => return Err(broken("it has a value of an unknown type")),
        })
    }

    fn skip<const N: usize>(&mut self) -> io::Result<Value> {
        self.bytes::<N>().map(|_| Value::Other)
    }

    fn list(&mut self) -> io::Result<Value> {
        let kind = self.u32()?;
        let length = self.u64()?;
        if kind == 9 || length > LONGEST_LIST {
            return Err(broken("it has an impossible list"));
        }
        let mut list = List {
            length,
            ..List::default()
        };
        for _ in 0..length {
            if let Value::Number(number) = self.value(kind)? {
                list.sum = list.sum.saturating_add(number);
                list.greatest = list.greatest.max(number);
            }
        }
        Ok(Value::List(list))
    }
}

/// An error about the content.
pub(super) fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
