//! The scripted engine as a model of known probabilities: its scripts are read off the table, and keep to the job.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_core::future::BoxFuture;
use futures_util::StreamExt;
use local_engine::scripted::{End, Script, Scripted};
use local_engine::{
    Constraint, EngineError, Estimate, Event, FinishReason, Generation, Health, Job, LocalEngine,
    Message, ModelInfo, Sampling, TokenStats,
};

use crate::chain::{Chain, END, VOCABULARY};
use crate::suite::Setup;

const CONTEXT: u32 = 2048;

/// A scripted engine whose tokens are bytes.
#[derive(Debug)]
pub(crate) struct Table(Scripted);

impl Table {
    pub(crate) fn new(setup: Setup) -> Self {
        let chain = setup.model.chain();
        Self(Scripted::new(move |job| match course(&chain, setup, job) {
            Ok(script) => script,
            Err(error) => Script::failing(error),
        }))
    }

    pub(crate) fn steps(&self) -> u64 {
        self.0.tokens_emitted()
    }

    #[cfg(feature = "stopped-clock")]
    pub(crate) fn set_health(&self, health: Health) {
        self.0.set_health(health);
    }
}

impl LocalEngine for Table {
    fn info(&self) -> Option<Arc<ModelInfo>> {
        self.0.info()
    }

    fn health(&self) -> Health {
        self.0.health()
    }

    fn count_tokens(&self, messages: Vec<Message>) -> BoxFuture<'_, Result<u32, EngineError>> {
        self.0.count_tokens(messages)
    }

    fn estimate(&self, prompt_tokens: u32) -> Estimate {
        self.0.estimate(prompt_tokens)
    }

    fn generate(&self, job: Job) -> Generation {
        Box::pin(self.0.generate(job).map(|mut event| {
            if let Event::Token(token) = &mut event {
                token.bytes = bytes(&token.bytes);
            }
            event
        }))
    }
}

/// A script's tokens are texts. In them a character of the same number stands for each byte.
fn letter(byte: u8) -> String {
    char::from(byte).to_string()
}

fn bytes(letters: &[u8]) -> Vec<u8> {
    let letters = String::from_utf8_lossy(letters);
    letters
        .chars()
        .filter_map(|letter| u8::try_from(letter).ok())
        .collect()
}

fn course(chain: &Chain, setup: Setup, job: &Job) -> Result<Script, EngineError> {
    let unsupported = |what: &str| Err(EngineError::Unsupported(what.to_owned()));
    if job.lora.is_some() {
        return unsupported("no such adapter");
    }
    let list = match &job.constraint {
        None => None,
        Some(Constraint::OneOf(list)) if !list.is_empty() => Some(&**list),
        Some(_) => return unsupported("no such constraint"),
    };
    let limit = setup.context.map_or(CONTEXT, std::num::NonZeroU32::get);
    let words = job
        .messages
        .iter()
        .flat_map(|message| message.content.split_whitespace());
    let prompt_tokens = u32::try_from(words.count()).unwrap_or(u32::MAX);
    if prompt_tokens >= limit {
        return Err(EngineError::PromptTooLong {
            tokens: prompt_tokens,
            limit: limit - 1,
        });
    }
    let mut walk = Walk::new(chain, list, job);
    let reason = walk.run(job.max_tokens.min(limit - prompt_tokens));
    Ok(Script {
        prompt_tokens,
        per_token: setup.pace,
        tokens: walk.tokens,
        end: End::Finished(reason),
        ..Script::answering("", 0.0)
    })
}

struct Walk<'a> {
    chain: &'a Chain,
    list: Option<&'a [String]>,
    job: &'a Job,
    rows: HashMap<u32, Rc<[f64]>>,
    draws: u64,
    said: Vec<u8>,
    tokens: Vec<(String, TokenStats)>,
}

impl<'a> Walk<'a> {
    fn new(chain: &'a Chain, list: Option<&'a [String]>, job: &'a Job) -> Self {
        static UNSEEDED: AtomicU64 = AtomicU64::new(1 << 32);
        let seed = match job.sampling {
            Sampling::Random { seed, .. } => seed,
            Sampling::Greedy => None,
        };
        Self {
            chain,
            list,
            job,
            rows: HashMap::new(),
            draws: seed.unwrap_or_else(|| UNSEEDED.fetch_add(1, Ordering::Relaxed)),
            said: Vec::new(),
            tokens: Vec::new(),
        }
    }

    fn run(&mut self, most: u32) -> FinishReason {
        let mut current = u32::from(b'\n');
        for _ in 0..most {
            let row = self.row(current);
            let legal: Vec<u32> = (0..VOCABULARY).filter(|next| self.allows(*next)).collect();
            let chosen = self.choose(&row, &legal);
            let byte = u8::try_from(chosen).ok();
            let stats = statistics(&row, &legal, chosen, self.list.is_some());
            self.tokens
                .push((byte.map_or_else(String::new, letter), stats));
            self.said.extend(byte);
            if byte.is_none() || self.stopped() {
                return FinishReason::Stop;
            }
            current = chosen;
        }
        FinishReason::Length
    }

    fn row(&mut self, current: u32) -> Rc<[f64]> {
        let read = || {
            (0..VOCABULARY)
                .map(|next| self.chain.p(current, next))
                .collect()
        };
        Rc::clone(self.rows.entry(current).or_insert_with(read))
    }

    fn allows(&self, next: u32) -> bool {
        let Some(list) = self.list else {
            return true;
        };
        let entries = list.iter().map(|entry| entry.as_bytes());
        let mut rests = entries.filter_map(|entry| entry.strip_prefix(self.said.as_slice()));
        match u8::try_from(next) {
            Ok(byte) => rests.any(|rest| rest.first() == Some(&byte)),
            Err(_) => next == END && rests.any(<[u8]>::is_empty),
        }
    }

    fn choose(&mut self, row: &[f64], legal: &[u32]) -> u32 {
        let power = match self.job.sampling {
            Sampling::Greedy => {
                let best = |one: &&u32, other: &&u32| at(row, **one).total_cmp(&at(row, **other));
                return legal.iter().max_by(best).copied().unwrap_or(END);
            }
            Sampling::Random { temperature, .. } => 1.0 / f64::from(temperature),
        };
        let weight = |token: u32| at(row, token).powf(power);
        let mut left = self.draw() * legal.iter().map(|token| weight(*token)).sum::<f64>();
        for token in legal {
            left -= weight(*token);
            if left < 0.0 {
                return *token;
            }
        }
        END
    }

    /// Uniform in 0..1: `SplitMix64` (Steele, Lea and Flood, 2014).
    fn draw(&mut self) -> f64 {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.draws ^ (self.draws >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let upper = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(0);
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }

    /// Cuts a stop string and what follows it out of the tokens, which stay.
    fn stopped(&mut self) -> bool {
        let found = self.job.stop.iter().filter_map(|stop| {
            let windows = &mut self.said.windows(stop.len());
            windows.position(|window| window == stop.as_bytes())
        });
        let Some(begin) = found.min() else {
            return false;
        };
        for (text, _) in self.tokens.iter_mut().skip(begin) {
            text.clear();
        }
        true
    }
}

fn statistics(row: &[f64], legal: &[u32], chosen: u32, listed: bool) -> TokenStats {
    let others = (0..VOCABULARY).filter(|token| *token != chosen);
    let best = others.map(|token| at(row, token)).fold(0.0, f64::max);
    let entropy: f64 = -row.iter().map(|p| p * p.ln()).sum::<f64>();
    let mass: f64 = legal.iter().map(|token| at(row, *token)).sum();
    TokenStats {
        logprob: narrow(at(row, chosen).ln()),
        margin: narrow(at(row, chosen).ln() - best.ln()),
        entropy: narrow(entropy),
        legal_mass: if listed { narrow(mass.min(1.0)) } else { 1.0 },
        forced: legal.len() == 1,
    }
}

fn at(row: &[f64], token: u32) -> f64 {
    usize::try_from(token)
        .ok()
        .and_then(|token| row.get(token))
        .copied()
        .unwrap_or(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "statistics are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
