//! Where in a JSON text a byte stands, in constant memory.

/// Containers whose kind is remembered, one bit each. Deeper ones are taken for arrays, so that what they hold counts
/// as values.
const DEPTH: u32 = u64::BITS;

/// Follows a JSON text byte by byte. It never fails: of a text that is not JSON it says something, and a validator
/// rejects the draft in the end.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonScan {
    place: Place,
    /// Bit `n`: the container at depth `n + 1` is an object.
    objects: u64,
    depth: u32,
    /// The next string of the innermost object is a key.
    key_next: bool,
    /// The innermost container has just been opened.
    empty: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Between,
    String {
        key: bool,
        escaped: bool,
    },
    /// Only the byte after its last one tells where a number ends.
    Number,
    /// A literal, or what is none of JSON's.
    Bare,
}

impl JsonScan {
    /// Takes in the next byte; whether it belongs to a value.
    pub(super) fn is_value(&mut self, byte: u8) -> bool {
        match self.place {
            Place::String { key, escaped } => {
                self.place = match byte {
                    _ if escaped => Place::String {
                        key,
                        escaped: false,
                    },
                    b'\\' => Place::String { key, escaped: true },
                    b'"' => Place::Between,
                    _ => self.place,
                };
                !key
            }
            Place::Number | Place::Bare if !is_structure(byte) => true,
            Place::Number => {
                self.between(byte);
                true
            }
            Place::Bare | Place::Between => self.between(byte),
        }
    }

    fn between(&mut self, byte: u8) -> bool {
        self.place = Place::Between;
        let was_empty = self.empty;
        self.empty = was_empty && byte.is_ascii_whitespace();
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => false,
            b'{' | b'[' => {
                self.open(byte == b'{');
                false
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.key_next = false;
                was_empty
            }
            b',' => {
                self.key_next = self.in_object();
                false
            }
            b':' => {
                self.key_next = false;
                false
            }
            b'"' => {
                let key = self.key_next;
                self.place = Place::String {
                    key,
                    escaped: false,
                };
                false
            }
            b'-' | b'0'..=b'9' => {
                self.place = Place::Number;
                true
            }
            _ => {
                self.place = Place::Bare;
                true
            }
        }
    }

    /// Whether more digits could follow, so that ending here is a choice.
    pub(super) const fn in_number(&self) -> bool {
        matches!(self.place, Place::Number)
    }

    fn open(&mut self, object: bool) {
        if let Some(bit) = 1_u64.checked_shl(self.depth) {
            self.objects = if object {
                self.objects | bit
            } else {
                self.objects & !bit
            };
        }
        self.depth = self.depth.saturating_add(1);
        self.key_next = object && self.depth <= DEPTH;
        self.empty = true;
    }

    const fn in_object(&self) -> bool {
        matches!(self.depth, 1..=DEPTH) && (self.objects >> (self.depth - 1)) & 1 == 1
    }
}

const fn is_structure(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"'
    )
}
