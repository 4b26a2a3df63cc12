//! Records what a local model's drafts of labelled requests look like, without a word of them: the signals of each token
//! and whether the draft was right. `cargo run -p router-policies --example traces` says what they are worth.
//!
//! ```text
//! cargo run --release --example record MODEL DATA.jsonl TRACES.jsonl [--choices LABELS.txt] [--max-tokens N]
//! ```
//!
//! A line of data is `{"system": …, "user": …, "gold": …}`, as for the example `evaluate`: the gold is the exact answer, an
//! object that the answer must equal as JSON, or null for a request without a right answer. Without choices an answer
//! ought to be JSON. A line of traces is `{"right", "valid", "finish", "soft", "prefill_us", "busy_us", "tokens": [{"id", …}]}`;
//! `soft` is what the text says of itself, an `id` counts the different tokens of the draft, so that it shows repetition and nothing else.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::mistral::Mistral;
use local_engine::{Constraint, EngineSpec, Event, FinishReason, Job, LocalEngine, Message, Token};
use router_policies::{Answer, Finish, Marker, Soft, TokenSignal, check, inspect};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::read()?;
    let engine = Mistral::load(EngineSpec::new(&options.model)).await?;
    let mut out = std::io::BufWriter::new(fs::File::create(&options.out)?);
    let (mut right, mut count) = (0_u32, 0_u32);
    for line in fs::read_to_string(&options.data)?.lines() {
        let trace = record(&engine, &options, &serde_json::from_str(line)?).await?;
        right += u32::from(trace.right);
        count += 1;
        serde_json::to_writer(&mut out, &trace)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    println!("{right} of {count} right");
    Ok(())
}

struct Options {
    model: PathBuf,
    data: PathBuf,
    out: PathBuf,
    answer: Answer,
    max_tokens: u32,
}

impl Options {
    fn read() -> Result<Self> {
        let mut arguments = std::env::args().skip(1);
        let (mut files, mut answer, mut max_tokens) = (Vec::new(), Answer::Json, 128);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--choices" => {
                    let text = fs::read_to_string(value()?)?;
                    answer = Answer::OneOf(text.lines().map(str::to_owned).collect());
                }
                "--max-tokens" => max_tokens = value()?.parse()?,
                _ => files.push(PathBuf::from(argument)),
            }
        }
        let [model, data, out] = files
            .try_into()
            .map_err(|_| "usage: record MODEL DATA.jsonl TRACES.jsonl [options]")?;
        Ok(Self {
            model,
            data,
            out,
            answer,
            max_tokens,
        })
    }
}

#[derive(Deserialize)]
struct Line {
    system: String,
    user: String,
    gold: Value,
}

#[derive(Serialize)]
struct Trace {
    right: bool,
    valid: bool,
    finish: Finish,
    soft: Soft,
    prefill_us: u128,
    busy_us: u128,
    tokens: Vec<Recorded>,
}

#[derive(Serialize)]
struct Recorded {
    id: u32,
    #[serde(flatten)]
    signal: TokenSignal,
}

/// A draft on its way.
struct Draft {
    text: Vec<u8>,
    prefill: Duration,
    marker: Marker,
    ids: HashMap<u32, u32>,
    tokens: Vec<Recorded>,
}

impl Draft {
    fn push(&mut self, token: &Token) {
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let stats = token.stats;
        self.tokens.push(Recorded {
            id: *self.ids.entry(token.id).or_insert(next),
            signal: TokenSignal {
                logprob: stats.logprob,
                margin: stats.margin,
                entropy: stats.entropy,
                legal_mass: stats.legal_mass,
                forced: stats.forced,
                role: self.marker.mark(&token.bytes),
            },
        });
        self.text.extend_from_slice(&token.bytes);
    }

    fn conclude(self, busy: Duration, finish: Finish, answer: &Answer, line: &Line) -> Trace {
        let text = String::from_utf8_lossy(&self.text);
        Trace {
            right: is_right(&text, &line.gold),
            valid: check(answer, &text, finish).is_none(),
            finish,
            soft: inspect(answer, &text, &[&line.system, &line.user]),
            prefill_us: self.prefill.as_micros(),
            busy_us: busy.as_micros(),
            tokens: self.tokens,
        }
    }
}

async fn record(engine: &Mistral, options: &Options, line: &Line) -> Result<Trace> {
    let mut stream = engine.generate(job(options, line));
    let mut draft = Draft {
        text: Vec::new(),
        prefill: Duration::ZERO,
        marker: Marker::new(&options.answer),
        ids: HashMap::new(),
        tokens: Vec::new(),
    };
    while let Some(event) = stream.next().await {
        match event {
            Event::Prefilled { took, .. } => draft.prefill = took,
            Event::Token(token) => draft.push(&token),
            Event::Finished { reason, usage } => {
                let finish = match reason {
                    FinishReason::Stop => Finish::Stop,
                    FinishReason::Length => Finish::Length,
                };
                return Ok(draft.conclude(usage.busy, finish, &options.answer, line));
            }
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err("an answer without an end".into())
}

fn job(options: &Options, line: &Line) -> Job {
    let message = |role: &str, content: &str| Message {
        role: role.into(),
        content: content.into(),
    };
    let messages = vec![message("system", &line.system), message("user", &line.user)];
    Job {
        constraint: match &options.answer {
            Answer::OneOf(labels) => Some(Constraint::OneOf(Arc::clone(labels))),
            _ => None,
        },
        ..Job::greedy(messages, options.max_tokens)
    }
}

fn is_right(answer: &str, gold: &Value) -> bool {
    match gold {
        Value::String(gold) => answer == gold,
        Value::Object(gold) => serde_json::from_str::<Map<String, Value>>(answer)
            .is_ok_and(|answer| equal(&answer, gold)),
        _ => false,
    }
}

/// A single value and a list of one are the same slot.
fn equal(answer: &Map<String, Value>, gold: &Map<String, Value>) -> bool {
    let list = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        single => vec![single.clone()],
    };
    answer.len() == gold.len()
        && gold
            .iter()
            .all(|(name, value)| answer.get(name).is_some_and(|own| list(own) == list(value)))
}
