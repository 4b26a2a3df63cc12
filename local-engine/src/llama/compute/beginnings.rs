//! What a context holds of earlier prompts, and how a prompt begins with it.

use llama_cpp_2::{LlamaStateSeqFlags, SeqState};

use super::super::prefix::{Key, Start, WORTH};
use super::{Computer, SEQUENCE};

impl Computer<'_> {
    /// Makes the context hold a beginning of `prompt`, as long as possible. Tells how long, and where to stop for a copy
    /// in a model whose state cannot be cut: at the end of what another prompt began with, too.
    pub(super) fn begin(&mut self, key: Option<&Key>, prompt: &[u32]) -> (usize, Option<usize>) {
        let (start, seen) = {
            let kept = self.kept.lock();
            let seen = key.filter(|_| !kept.cuttable());
            let seen = seen.map_or(0, |key| kept.seen(key, prompt).min(prompt.len() - 1));
            (kept.start(key, prompt), seen)
        };
        let usable = start.tokens();
        match start {
            Start::Live(tokens) => {
                if tokens < WORTH {
                    self.put_by();
                }
                self.cut(tokens);
            }
            Start::Nothing => {
                self.put_by();
                self.forget();
            }
            Start::Kept(state, tokens) => {
                self.put_by();
                self.restore(&state, prompt, tokens);
            }
        }
        // A state that would not be cut or set back is gone.
        if self.held.len() != usable {
            self.forget();
        }
        let reused = self.held.len();
        self.trunk = reused;
        self.owner = key.cloned();
        let mut kept = self.kept.lock();
        if let Some(key) = key {
            kept.touch(key, prompt);
        }
        // Known before it is read, for those who ask what a prompt like it will cost.
        kept.hold(key.map(|key| (key.clone(), prompt.to_vec())));
        let stop = (seen >= WORTH && seen > reused).then_some(seen);
        (reused, stop)
    }

    /// Puts what the context holds of a tenant's prompt aside before something else takes its place: as much as was
    /// shared so far, or all while that is unknown.
    fn put_by(&mut self) {
        let Some(key) = self.owner.take().filter(|_| self.held.len() >= WORTH) else {
            return;
        };
        let mut kept = self.kept.lock();
        if !kept.enabled() || !kept.cuttable() {
            return;
        }
        let worth = if self.trunk >= WORTH {
            self.trunk
        } else {
            self.held.len()
        };
        let Some(tokens) = self.held.get(..worth).map(<[u32]>::to_vec) else {
            return;
        };
        if kept.covers(&key, &tokens) {
            return;
        }
        drop(kept);
        self.cut(worth);
        if self.held.len() == worth {
            self.keep(key, tokens);
        }
    }

    /// Copies the context's state into the kept ones, where it is not too large.
    pub(super) fn keep(&self, key: Key, tokens: Vec<u32>) {
        let flags = LlamaStateSeqFlags::empty();
        let size = self.context.state_seq_get_size_ext(SEQUENCE, flags);
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if !self.kept.lock().fits(size) {
            return;
        }
        match self.context.state_seq_get(SEQUENCE, flags) {
            Ok(state) => self.kept.lock().keep(key, tokens, size, state),
            Err(error) => tracing::warn!(%error, "the state of a prompt cannot be kept"),
        }
    }

    fn restore(&mut self, state: &SeqState, prompt: &[u32], tokens: usize) {
        self.forget();
        if let Err(error) = self.context.state_seq_set(state, SEQUENCE) {
            tracing::warn!(%error, "the state of a prompt cannot be restored; it is read again");
            self.forget();
            return;
        }
        self.held = prompt.get(..tokens).unwrap_or_default().to_vec();
        self.drop_behind(tokens);
    }

    /// Leaves the first `tokens` tokens, or none where the model's state cannot be cut.
    fn cut(&mut self, tokens: usize) {
        if tokens < self.held.len() {
            self.held.truncate(tokens);
            self.drop_behind(tokens);
        }
    }

    fn drop_behind(&mut self, tokens: usize) {
        let sequence = u32::try_from(SEQUENCE).ok();
        let from = u32::try_from(tokens).ok();
        let cut = self.context.clear_kv_cache_seq(sequence, from, None);
        if !matches!(cut, Ok(true)) {
            self.forget();
        }
    }

    pub(super) fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.held.clear();
    }
}
