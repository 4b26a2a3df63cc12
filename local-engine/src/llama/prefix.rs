//! What is kept of prompts that were read before, for the same beginning to be read once only.

use std::collections::VecDeque;
use std::sync::Arc;

/// Shared beginnings of fewer tokens are not worth a copy: chat templates alone begin alike.
pub(super) const WORTH: usize = 64;

/// Whose prompt it was, and which adapter read it. Nothing is ever shared between different keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) tenant: Arc<str>,
    pub(super) lora: Option<Arc<str>>,
}

/// One beginning that was read.
#[derive(Debug)]
struct Entry<S> {
    key: Key,
    tokens: Vec<u32>,
    state: Arc<S>,
    bytes: u64,
}

/// Kept beginnings, the least recently used first, within a budget of bytes. `S` is what the engine needs to go on
/// from the end of one.
#[derive(Debug)]
pub(super) struct Prefixes<S> {
    entries: VecDeque<Entry<S>>,
    bytes: u64,
    budget: u64,
    /// What the engine itself holds now, ready to go on from.
    live: Option<(Key, Vec<u32>)>,
    /// Whether a state can be cut back to any of its tokens. Recurrent models' cannot.
    cuttable: bool,
}

/// Where to begin reading.
#[derive(Debug, Clone)]
pub(super) enum Start<S> {
    /// At the first token.
    Nothing,
    /// The engine holds this many tokens of the prompt already.
    Live(usize),
    /// This state holds so many tokens of the prompt.
    Kept(Arc<S>, usize),
}

impl<S> Start<S> {
    /// Tokens that need not be read.
    pub(super) fn tokens(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Live(tokens) | Self::Kept(_, tokens) => *tokens,
        }
    }
}

impl<S> Prefixes<S> {
    pub(super) fn new(budget: u64, cuttable: bool) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            budget,
            live: None,
            cuttable,
        }
    }

    /// Whether anything may be kept at all.
    pub(super) fn enabled(&self) -> bool {
        self.budget > 0
    }

    pub(super) fn cuttable(&self) -> bool {
        self.cuttable
    }

    /// Whether a state of `bytes` could be kept.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        bytes <= self.budget
    }

    /// Bytes that are kept beside the engine's own.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The longest known beginning of `prompt`. At least one token is left to read: the engine needs its answer.
    pub(super) fn start(&self, key: Option<&Key>, prompt: &[u32]) -> Start<S> {
        let Some(key) = key.filter(|_| self.enabled()) else {
            return Start::Nothing;
        };
        let kept = self
            .of(key)
            .map(|entry| (self.usable(&entry.tokens, prompt), entry));
        let kept = kept.max_by_key(|(tokens, _)| *tokens);
        let live = self.live.as_ref().filter(|(found, _)| found == key);
        let live = live.map_or(0, |(_, tokens)| self.usable(tokens, prompt));
        match kept {
            Some((tokens, entry)) if tokens > live => Start::Kept(Arc::clone(&entry.state), tokens),
            _ if live > 0 => Start::Live(live),
            _ => Start::Nothing,
        }
    }

    fn of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Entry<S>> {
        self.entries.iter().filter(move |entry| entry.key == *key)
    }

    /// How many of `tokens` serve as the beginning of `prompt`.
    fn usable(&self, tokens: &[u32], prompt: &[u32]) -> usize {
        let most = prompt.len().saturating_sub(1);
        let shared = shared(tokens, prompt);
        if self.cuttable {
            shared.min(most)
        } else if shared == tokens.len() && shared <= most {
            shared
        } else {
            0
        }
    }

    /// Longest beginning that `prompt` shares with anything of `key`, whether it can be used or not.
    pub(super) fn seen(&self, key: &Key, prompt: &[u32]) -> usize {
        let live = self.live.iter().filter(|(found, _)| found == key);
        let live = live.map(|(_, tokens)| tokens);
        let kept = self.of(key).map(|entry| &entry.tokens);
        let all = live.chain(kept).map(|tokens| shared(tokens, prompt));
        all.max().unwrap_or(0)
    }

    /// What the engine holds from now on.
    pub(super) fn hold(&mut self, live: Option<(Key, Vec<u32>)>) {
        self.live = live.filter(|_| self.enabled());
    }

    /// Whether `tokens` are the beginning of something that is kept; that counts as a use of it.
    pub(super) fn covers(&mut self, key: &Key, tokens: &[u32]) -> bool {
        let found = self
            .entries
            .iter()
            .position(|entry| entry.key == *key && entry.tokens.starts_with(tokens));
        let entry = found.and_then(|place| self.entries.remove(place));
        let covered = entry.is_some();
        self.entries.extend(entry);
        covered
    }

    /// Keeps a state of `bytes`, at the cost of the least recently used ones. One beyond the budget is not kept.
    pub(super) fn keep(&mut self, key: Key, tokens: Vec<u32>, bytes: u64, state: S) {
        if !self.fits(bytes) {
            return;
        }
        // What the new one begins with is served by the new one, where states can be cut.
        if self.cuttable {
            self.entries
                .retain(|entry| entry.key != key || !tokens.starts_with(&entry.tokens));
        }
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
        while self.bytes + bytes > self.budget {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
        self.bytes += bytes;
        self.entries.push_back(Entry {
            key,
            tokens,
            state: Arc::new(state),
            bytes,
        });
    }

    /// Counts as a use of whatever holds the beginning `tokens`.
    pub(super) fn touch(&mut self, key: &Key, tokens: &[u32]) {
        let entries = self.entries.iter().enumerate();
        let own = entries.filter(|(_, entry)| entry.key == *key);
        let usable = own.map(|(place, entry)| (self.usable(&entry.tokens, tokens), place));
        let longest = usable.filter(|(usable, _)| *usable > 0).max();
        let place = longest.map(|(_, place)| place);
        let entry = place.and_then(|place| self.entries.remove(place));
        self.entries.extend(entry);
    }

    /// Forgets everything: the states belong to an engine that is gone.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
        self.live = None;
    }
}

/// Length of the common beginning.
pub(super) fn shared(one: &[u32], other: &[u32]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(left, right)| left == right)
        .count()
}

#[cfg(test)]
mod tests;
