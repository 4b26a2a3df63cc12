//! Measures a model on labelled requests: how often it is right, whether its own probabilities tell right
//! from wrong, and how fast it is.
//!
//! ```text
//! evaluate MODEL DATA.jsonl [--choices LABELS.txt | --json | --schema SCHEMA.json] [--against OTHER.jsonl]
//!     [--max-tokens N] [--errors]
//! ```
//!
//! Answers are held to a list of labels, to JSON or to a schema while they are written, or to nothing.
//!
//! A line of data is `{"system": …, "user": …, "gold": …}`. The gold is the exact answer, an object that the
//! answer must equal as JSON, or null for a request without a right answer. `--against` names requests
//! that ought not to be answered: the second AUROC tells them from rightly answered ones.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use local_engine::mistral::Mistral;
use local_engine::{Constraint, EngineSpec, Event, Job, LocalEngine, Message};
use serde::Deserialize;
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::read()?;
    let began = Instant::now();
    let engine = Mistral::load(EngineSpec::new(&options.model)).await?;
    let info = engine.info().ok_or("no model")?;
    println!(
        "model       {} {}, {} tokens of context",
        info.architecture, info.quantization, info.context_tokens
    );
    println!(
        "load        {:?} (ready after {:?})",
        info.load_time,
        began.elapsed()
    );
    println!("memory      {} after loading", memory("VmRSS"));

    let outcomes = run(&engine, &options, &options.data).await?;
    report(&outcomes);
    if let Some(path) = &options.against {
        let others = run(&engine, &options, path).await?;
        let right: Vec<_> = outcomes
            .iter()
            .filter(|one| one.right)
            .map(|one| one.confidence)
            .collect();
        let others: Vec<_> = others.iter().map(|one| one.confidence).collect();
        println!(
            "auroc       {:.4} right answers against {} others",
            auroc(&right, &others),
            others.len()
        );
    }
    println!(
        "memory      {} at the end, {} at most",
        memory("VmRSS"),
        memory("VmHWM")
    );
    Ok(())
}

struct Options {
    model: PathBuf,
    data: PathBuf,
    constraint: Option<Constraint>,
    against: Option<PathBuf>,
    max_tokens: u32,
    errors: bool,
}

impl Options {
    fn read() -> Result<Self> {
        let mut arguments = std::env::args().skip(1);
        let mut files = Vec::new();
        let (mut constraint, mut against, mut max_tokens, mut errors) = (None, None, 128, false);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--choices" => {
                    let text = fs::read_to_string(value()?)?;
                    let labels = text.lines().map(str::to_owned).collect();
                    constraint = Some(Constraint::OneOf(labels));
                }
                "--json" => constraint = Some(Constraint::Json),
                "--schema" => {
                    let schema = fs::read_to_string(value()?)?;
                    constraint = Some(Constraint::JsonSchema(schema.into()));
                }
                "--against" => against = Some(value()?.into()),
                "--max-tokens" => max_tokens = value()?.parse()?,
                "--errors" => errors = true,
                _ => files.push(PathBuf::from(argument)),
            }
        }
        let [model, data] = files
            .try_into()
            .map_err(|_| "usage: evaluate MODEL DATA.jsonl [options]")?;
        Ok(Self {
            model,
            data,
            constraint,
            against,
            max_tokens,
            errors,
        })
    }
}

#[derive(Deserialize)]
struct Line {
    system: String,
    user: String,
    gold: Value,
}

/// What became of one request.
struct Outcome {
    right: bool,
    /// The answer is a JSON object.
    object: bool,
    /// Sum of the log-probabilities of the tokens that were a choice, in nats.
    confidence: f64,
    latency: Duration,
    prefill: Duration,
    busy: Duration,
    prompt_tokens: u32,
    completion_tokens: u32,
}

async fn run(engine: &Mistral, options: &Options, path: &PathBuf) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let line: Line = serde_json::from_str(line)?;
        let (answer, outcome) = answer(engine, options, &line).await?;
        let right = is_right(&answer, &line.gold);
        if options.errors && !right {
            println!(
                "wrong       {answer} instead of {}: {}",
                line.gold, line.user
            );
        }
        let object = serde_json::from_str::<Map<String, Value>>(&answer).is_ok();
        outcomes.push(Outcome {
            right,
            object,
            ..outcome
        });
    }
    Ok(outcomes)
}

async fn answer(engine: &Mistral, options: &Options, line: &Line) -> Result<(String, Outcome)> {
    let message = |role: &str, content: &str| Message {
        role: role.into(),
        content: content.into(),
    };
    let messages = vec![message("system", &line.system), message("user", &line.user)];
    let job = Job {
        constraint: options.constraint.clone(),
        ..Job::greedy(messages, options.max_tokens)
    };
    let began = Instant::now();
    let mut stream = engine.generate(job);
    let (mut text, mut confidence, mut prefill) = (Vec::new(), 0.0, Duration::ZERO);
    while let Some(event) = stream.next().await {
        match event {
            Event::Prefilled { took, .. } => prefill = took,
            Event::Token(token) => {
                if !token.stats.forced {
                    confidence += f64::from(token.stats.logprob);
                }
                text.extend(token.bytes);
            }
            Event::Finished { usage, .. } => {
                let outcome = Outcome {
                    right: false,
                    object: false,
                    confidence,
                    latency: began.elapsed(),
                    prefill,
                    busy: usage.busy,
                    prompt_tokens: usage.prompt_tokens,
                    completion_tokens: usage.completion_tokens,
                };
                return Ok((String::from_utf8_lossy(&text).into_owned(), outcome));
            }
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err("an answer without an end".into())
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

fn report(outcomes: &[Outcome]) {
    let seconds =
        |pick: fn(&Outcome) -> Duration| outcomes.iter().map(pick).sum::<Duration>().as_secs_f64();
    let total =
        |pick: fn(&Outcome) -> u32| outcomes.iter().map(|one| f64::from(pick(one))).sum::<f64>();
    let (right, wrong): (Vec<_>, Vec<_>) = outcomes.iter().partition(|one| one.right);
    let confidence = |list: &[&Outcome]| list.iter().map(|one| one.confidence).collect::<Vec<_>>();
    let count = total(|_| 1);
    println!(
        "right       {} of {count} ({:.2} %)",
        right.len(),
        100.0 * total(|one| one.right.into()) / count
    );
    println!(
        "objects     {:.2} % of the answers are JSON objects",
        100.0 * total(|one| one.object.into()) / count
    );
    println!(
        "auroc       {:.4} right answers against wrong ones",
        auroc(&confidence(&right), &confidence(&wrong))
    );
    let prompt = total(|one| one.prompt_tokens);
    println!(
        "prefill     {:.0} tokens/s ({:.1} a prompt)",
        prompt / seconds(|one| one.prefill),
        prompt / count
    );
    let decoded = total(|one| one.completion_tokens - 1);
    let decoding = seconds(|one| one.busy) - seconds(|one| one.prefill);
    println!(
        "decode      {:.0} tokens/s ({:.1} an answer)",
        decoded / decoding,
        decoded / count + 1.0
    );
    println!(
        "answers     {:.1} a second",
        count / seconds(|one| one.latency)
    );
    let mut latencies: Vec<_> = outcomes.iter().map(|one| one.latency).collect();
    latencies.sort();
    let at = |part: usize| {
        latencies
            .get(latencies.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    println!("latency     p50 {:?}, p95 {:?}", at(50), at(95));
}

/// Probability that a value of `high` is above one of `low`; a tie counts half.
fn auroc(high: &[f64], low: &[f64]) -> f64 {
    let mut all: Vec<_> = high.iter().map(|value| (*value, true)).collect();
    all.extend(low.iter().map(|value| (*value, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins, mut pairs) = (0.0, 0.0, 0.0);
    for group in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let highs: f64 = group
            .iter()
            .map(|(_, high)| if *high { 1.0 } else { 0.0 })
            .sum();
        let lows: f64 = group
            .iter()
            .map(|(_, high)| if *high { 0.0 } else { 1.0 })
            .sum();
        wins += highs * (below + lows / 2.0);
        below += lows;
        pairs += highs;
    }
    wins / (pairs * below)
}

/// A line of `/proc/self/status`.
fn memory(field: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
