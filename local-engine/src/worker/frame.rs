//! What the two processes say to each other: a length (u32, little endian), then JSON.

use std::io;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::LengthDelimitedCodec;

use crate::engine::{Event, ModelInfo};
use crate::error::EngineError;
use crate::job::{Job, Message};
use crate::spec::EngineSpec;

/// Longest frame: a text of [`LONGEST_TEXT`] passes however it is escaped, a broken length does not.
const LONGEST: usize = 7 * LONGEST_TEXT;

/// Most bytes of text in one request.
pub(super) const LONGEST_TEXT: usize = 8 << 20;

/// Most texts to embed in one request: their vectors, written out, pass in one frame.
pub(super) const MOST_TEXTS: usize = 1024;

/// Names a request for the life of the connection.
pub(super) type Id = u64;

/// Parent to child.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Ask {
    /// The first frame.
    Load(EngineSpec),
    Generate {
        id: Id,
        job: Job,
    },
    Cancel {
        id: Id,
    },
    Count {
        id: Id,
        messages: Vec<Message>,
    },
    /// Answered at once, whatever else is going on.
    Ping,
    /// What a job's prompt would cost; answered as a count.
    Unread {
        id: Id,
        job: Job,
    },
    Embed {
        id: Id,
        texts: Vec<String>,
    },
}

/// Child to parent.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Tell {
    Ready(ModelInfo),
    LoadFailed(EngineError),
    Event {
        id: Id,
        event: Event,
    },
    Counted {
        id: Id,
        tokens: Result<u32, EngineError>,
    },
    Pong,
    Embedded {
        id: Id,
        vectors: Result<Vec<Vec<f32>>, EngineError>,
    },
}

pub(super) fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .little_endian()
        .max_frame_length(LONGEST)
        .new_codec()
}

pub(super) fn encode(message: &impl Serialize) -> io::Result<Bytes> {
    Ok(serde_json::to_vec(message)?.into())
}

/// The error names the position only: a frame may carry a prompt.
pub(super) fn decode<T: DeserializeOwned>(frame: &BytesMut) -> io::Result<T> {
    serde_json::from_slice(frame).map_err(|error| {
        let text = format!(
            "unreadable frame at byte {} ({:?})",
            error.column(),
            error.classify()
        );
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_util::codec::{Decoder, Encoder};

    use super::*;
    use crate::job::{Constraint, Sampling};

    fn ask(text: &str) -> Ask {
        let messages = vec![Message {
            role: "user".into(),
            content: text.into(),
        }];
        let job = Job {
            messages,
            max_tokens: 7,
            sampling: Sampling::Random {
                temperature: 0.7,
                top_p: 0.9,
                seed: None,
            },
            constraint: Some(Constraint::JsonSchema(text.into())),
            stop: vec!["\n".into()],
            first_token_within: None,
            tenant: None,
            lora: None,
        };
        Ask::Generate { id: u64::MAX, job }
    }

    fn wire(messages: &[Ask]) -> BytesMut {
        let mut buffer = BytesMut::new();
        for message in messages {
            codec()
                .encode(encode(message).unwrap(), &mut buffer)
                .unwrap();
        }
        buffer
    }

    fn read_in_pieces(pieces: &[&[u8]]) -> Vec<Ask> {
        let (mut codec, mut buffer, mut read) = (codec(), BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                read.push(decode(&frame).unwrap());
            }
        }
        read
    }

    #[test]
    fn survives_a_cut_at_every_byte() {
        let sent = [ask("Hé\n\u{2603}"), Ask::Cancel { id: 3 }];
        let wire = wire(&sent);
        let length = u32::from_le_bytes(wire[..4].try_into().unwrap());
        assert_eq!(
            usize::try_from(length).unwrap(),
            encode(&sent[0]).unwrap().len()
        );
        for cut in 0..=wire.len() {
            let (head, tail) = wire.split_at(cut);
            assert_eq!(read_in_pieces(&[head, tail]), sent);
        }
        let bytes: Vec<_> = wire.chunks(1).collect();
        assert_eq!(read_in_pieces(&bytes), sent);
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused() {
        let mut buffer = BytesMut::from(&[0xff; 8][..]);
        assert!(codec().decode(&mut buffer).is_err());
    }

    #[test]
    fn a_broken_frame_does_not_leak_its_text() {
        let frame = BytesMut::from(&br#"{"Generate":{"id":1,"job":"secret"}}"#[..]);
        let error = decode::<Ask>(&frame).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_survives(text in ".*", count in 1..4_usize) {
            let sent: Vec<_> = (0..count).map(|_| ask(&text)).collect();
            prop_assert_eq!(read_in_pieces(&[&wire(&sent)]), sent);
        }
    }
}
