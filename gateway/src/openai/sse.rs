//! Server-sent events (WHATWG HTML §9.2), as far as chat APIs use them.

use bytes::{Buf, Bytes, BytesMut};

/// The event that ends a stream.
pub const DONE: &str = "[DONE]";

/// One event: the lines of `data` joined by a newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Payload.
    pub data: String,
}

/// Encodes one event.
#[must_use]
pub fn encode(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// Encodes a comment, which clients ignore; used as keep-alive.
#[must_use]
pub fn comment(text: &str) -> Bytes {
    Bytes::from(format!(": {text}\n\n"))
}

/// Splits a byte stream into events, wherever the network cut it.
#[derive(Debug, Default)]
pub struct SseDecoder {
    buffer: BytesMut,
    data: Option<String>,
    limit: usize,
}

/// An event grew past the decoder's limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is longer than {0} bytes")]
pub struct EventTooLong(usize);

impl SseDecoder {
    /// A decoder that refuses events longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            data: None,
            limit,
        }
    }

    /// Adds bytes as they came from the network.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete event, if there is one.
    ///
    /// # Errors
    /// [`EventTooLong`] when an event does not end within the limit.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventTooLong> {
        while let Some(line) = self.take_line() {
            if line.is_empty() {
                if let Some(data) = self.data.take() {
                    return Ok(Some(Event { data }));
                }
                continue;
            }
            self.take_field(&line);
            self.check_length()?;
        }
        self.check_length()?;
        Ok(None)
    }

    fn check_length(&self) -> Result<(), EventTooLong> {
        let held = self.buffer.len() + self.data.as_ref().map_or(0, String::len);
        if held > self.limit {
            Err(EventTooLong(self.limit))
        } else {
            Ok(())
        }
    }

    fn take_line(&mut self) -> Option<String> {
        let end = self.buffer.iter().position(|b| *b == b'\n')?;
        let mut line = self.buffer.split_to(end);
        self.buffer.advance(1);
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    fn take_field(&mut self, line: &str) {
        let Some(value) = line.strip_prefix("data:") else {
            return;
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(parts: &[&[u8]]) -> Vec<String> {
        let mut decoder = SseDecoder::new(1 << 16);
        let mut events = Vec::new();
        for part in parts {
            decoder.feed(part);
            while let Some(event) = decoder.next_event().unwrap() {
                events.push(event.data);
            }
        }
        events
    }

    #[test]
    fn reads_comments_names_and_carriage_returns() {
        let text = b": keep-alive\n\nevent: x\r\ndata: {\"a\":1}\r\n\r\ndata:b\ndata: c\n\ndata: [DONE]\n\n";
        assert_eq!(decode(&[text]), ["{\"a\":1}", "b\nc", DONE]);
    }

    #[test]
    fn refuses_an_endless_event() {
        let mut decoder = SseDecoder::new(16);
        decoder.feed(b"data: 0123456789 0123456789");
        assert_eq!(decoder.next_event(), Err(EventTooLong(16)));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            payloads in proptest::collection::vec("[a-zé€😀{}\":, ]{1,20}", 1..6),
            cut in 0_usize..200,
        ) {
            let wire: Vec<u8> = payloads.iter().flat_map(|p| encode(p).to_vec()).collect();
            let cut = cut.min(wire.len());
            let (head, tail) = wire.split_at(cut);
            prop_assert_eq!(decode(&[head, tail]), decode(&[&wire]));
            prop_assert_eq!(decode(&[&wire]).len(), payloads.len());
        }
    }
}
