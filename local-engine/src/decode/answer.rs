//! The answer's text as it grows, with an eye on stop strings.

use std::collections::VecDeque;

use crate::engine::Token;

/// Holds tokens back while their text may turn out to begin a stop string.
#[derive(Debug)]
pub(super) struct Answer {
    stops: Vec<Vec<u8>>,
    held: VecDeque<Token>,
    /// Text of the held tokens.
    text: Vec<u8>,
}

/// What one more token made certain.
#[derive(Debug, PartialEq)]
pub(super) struct Grown {
    /// Tokens that belong to the answer.
    pub(super) certain: Vec<Token>,
    /// A stop string was met; text from there on was cut out of the tokens.
    pub(super) stopped: bool,
}

impl Answer {
    pub(super) fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty());
        let stops = stops.map(|stop| stop.clone().into_bytes()).collect();
        Self {
            stops,
            held: VecDeque::new(),
            text: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, token: Token) -> Grown {
        self.text.extend_from_slice(&token.bytes);
        self.held.push_back(token);
        if let Some(cut) = self.stop() {
            let mut certain = self.rest();
            shorten(&mut certain, cut);
            return Grown {
                certain,
                stopped: true,
            };
        }
        let certain = self.release(self.text.len() - self.suspect());
        Grown {
            certain,
            stopped: false,
        }
    }

    /// Everything that is still held, at the end of the answer.
    pub(super) fn rest(&mut self) -> Vec<Token> {
        self.text.clear();
        self.held.drain(..).collect()
    }

    /// Where the first stop string begins.
    fn stop(&self) -> Option<usize> {
        let found = self.stops.iter().filter_map(|stop| {
            self.text
                .windows(stop.len())
                .position(|window| window == stop.as_slice())
        });
        found.min()
    }

    /// Length of the longest end of the text that begins a stop string.
    fn suspect(&self) -> usize {
        let longest = self.stops.iter().map(|stop| {
            let most = self.text.len().min(stop.len() - 1);
            (1..=most)
                .rev()
                .find(|length| self.text.ends_with(&stop[..*length]))
                .unwrap_or(0)
        });
        longest.max().unwrap_or(0)
    }

    /// Tokens whose text ends within the first `certain` bytes.
    fn release(&mut self, certain: usize) -> Vec<Token> {
        let mut released = Vec::new();
        let mut length = 0;
        while let Some(token) = self.held.front() {
            if length + token.bytes.len() > certain {
                break;
            }
            length += token.bytes.len();
            released.extend(self.held.pop_front());
        }
        self.text.drain(..length);
        released
    }
}

/// Cuts the tokens' text to its first `length` bytes. The tokens stay: their probabilities count.
fn shorten(tokens: &mut [Token], length: usize) {
    let mut left = length;
    for token in tokens {
        token.bytes.truncate(left);
        left -= token.bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scripted::stats;

    fn token(text: &str) -> Token {
        Token {
            id: 0,
            bytes: text.as_bytes().to_vec(),
            stats: stats(-0.1),
        }
    }

    /// Text that came out, and whether a stop string was met.
    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<_> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut answer = Answer::new(&stops);
        let mut text = Vec::new();
        for piece in pieces {
            let grown = answer.push(token(piece));
            text.extend(grown.certain.into_iter().flat_map(|token| token.bytes));
            if grown.stopped {
                return (String::from_utf8(text).unwrap(), true);
            }
        }
        text.extend(answer.rest().into_iter().flat_map(|token| token.bytes));
        (String::from_utf8(text).unwrap(), false)
    }

    #[test]
    fn without_stops_nothing_is_held() {
        let mut answer = Answer::new(&[String::new()]);
        assert_eq!(answer.push(token("a")).certain, [token("a")]);
    }

    #[test]
    fn cuts_before_a_stop_across_tokens() {
        assert_eq!(
            run(&["\n\n", "END"], &["one\n", "\ntwo"]),
            ("one".to_owned(), true)
        );
        assert_eq!(run(&["END"], &["a E", "N", "Dx"]), ("a ".to_owned(), true));
    }

    #[test]
    fn gives_back_what_was_no_stop() {
        assert_eq!(
            run(&["END"], &["a E", "N", "X"]),
            ("a ENX".to_owned(), false)
        );
        assert_eq!(run(&["aab"], &["a", "a", "a", "b"]), ("a".to_owned(), true));
    }

    #[test]
    fn a_stopped_token_stays_with_its_statistics() {
        let mut answer = Answer::new(&["b".to_owned()]);
        let grown = answer.push(token("abc"));
        assert_eq!(
            grown,
            Grown {
                certain: vec![token("a")],
                stopped: true
            }
        );
    }

    proptest! {
        #[test]
        fn equals_a_search_in_the_whole_text(
            pieces in proptest::collection::vec("[ab]{0,3}", 0..12),
            stops in proptest::collection::vec("[ab]{1,4}", 0..3),
        ) {
            let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
            let stops: Vec<_> = stops.iter().map(String::as_str).collect();
            let (text, stopped) = run(&stops, &pieces);
            // The stop that is complete first ends the answer; of several, the one that begins first.
            let whole = pieces.concat();
            let mut length = 0;
            let mut expected = (whole.clone(), false);
            for piece in &pieces {
                length += piece.len();
                let begun = stops.iter().filter_map(|stop| whole[..length].find(stop)).min();
                if let Some(cut) = begun {
                    expected = (whole[..cut].to_owned(), true);
                    break;
                }
            }
            prop_assert_eq!((text, stopped), expected);
        }
    }
}
