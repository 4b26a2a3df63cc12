//! Our adapters, each in a worker process as the gateway has it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use local_engine::worker::{Worker, WorkerSettings, parent_link, serve};
use local_engine::{Adapter, EngineSpec, Event, FinishReason, Health, Job, LocalEngine, Message};
use tokio::runtime::Runtime;

use crate::table::median;
use crate::{Contender, Options, Round, Task};

const AS_CHILD: &str = "SMALLFIRST_THROUGHPUT_WORKER";
const PREFIX_CACHE: u64 = 256 << 20;
/// Tokens of the system prompt that comes again and again, and of what is new in each request.
const SYSTEM: usize = 1000;
const NEW: usize = 64;

pub(crate) fn is_worker() -> bool {
    std::env::var_os(AS_CHILD).is_some()
}

/// The main function of a worker.
pub(crate) fn host() {
    let served = Runtime::new().unwrap().block_on(async {
        let (read, write) = parent_link().unwrap().into_split();
        serve(local_engine::load, read, write).await
    });
    if let Err(error) = served {
        // Its last words; a parent that is gone misses nothing.
        let _ = writeln!(std::io::stderr(), "{error}");
    }
}

pub(crate) struct Ours {
    name: String,
    worker: Worker,
    runtime: Runtime,
}

/// One generation, by the clock of whoever asked for it.
struct Played {
    prompt: usize,
    first: Duration,
    tokens: usize,
    all: Duration,
    reason: FinishReason,
}

impl Ours {
    /// `None` where the adapter refuses the model, which is told.
    pub(crate) fn start(adapter: Adapter, options: &Options) -> Option<Self> {
        let spec = EngineSpec {
            adapter,
            threads: Some(options.threads.try_into().unwrap()),
            prefix_cache: PREFIX_CACHE,
            ..EngineSpec::new(&options.model)
        };
        let program = std::env::current_exe().unwrap();
        let mut settings = WorkerSettings::new(program, [""; 0], spec);
        settings.environment.push((AS_CHILD.into(), "1".into()));
        let runtime = Runtime::new().unwrap();
        let worker = runtime.block_on(async { Worker::start(settings) });
        let why = runtime.block_on(until_ready(&worker));
        if let Some(why) = why {
            println!("{}: not measured: {why}", adapter.as_str());
            return None;
        }
        Some(Self {
            name: format!("our path, {}", adapter.as_str()),
            worker,
            runtime,
        })
    }

    /// Seconds to the first token behind `system` and a text that begins like no other one.
    fn first_token(&self, system: Option<&str>, number: usize) -> f64 {
        let mut messages = vec![Message::user(self.text(NEW, number))];
        if let Some(system) = system {
            let system = Message {
                role: "system".to_owned(),
                content: system.to_owned(),
            };
            messages.insert(0, system);
        }
        let tenant: Option<Arc<str>> = system.map(|_| "tenant".into());
        let job = Job {
            tenant,
            ..Job::greedy(messages, 1)
        };
        self.ask(job).first.as_secs_f64()
    }

    fn ask(&self, job: Job) -> Played {
        self.runtime.block_on(play(&self.worker, job))
    }

    /// A text of at least `tokens` tokens that begins like no other one.
    fn text(&self, tokens: usize, number: usize) -> String {
        let mut text = format!("{} ", (b'a' + u8::try_from(number % 26).unwrap()) as char);
        let mut word = number;
        loop {
            let count = self.worker.count_tokens(vec![Message::user(&*text)]);
            let count = self.runtime.block_on(count).unwrap();
            let missing = tokens.saturating_sub(usize::try_from(count).unwrap());
            if missing == 0 {
                return text;
            }
            // A word has about three tokens at most, so this comes near from below.
            for _ in 0..missing.div_ceil(16) {
                word = (word * 7 + 3) % 1009;
                text.push_str(&format!("w{word} "));
            }
        }
    }
}

async fn until_ready(worker: &Worker) -> Option<String> {
    loop {
        match worker.health() {
            Health::Ready => return None,
            Health::Down(why) => return Some(why),
            Health::Loading | Health::Unloaded => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn play(worker: &Worker, job: Job) -> Played {
    let begun = Instant::now();
    let mut events = worker.generate(job);
    let (mut prompt, mut first, mut tokens) = (0, None, 0);
    while let Some(event) = events.next().await {
        match event {
            Event::Prefilled { prompt_tokens, .. } => {
                prompt = usize::try_from(prompt_tokens).unwrap();
            }
            Event::Token(_) => {
                first.get_or_insert_with(|| begun.elapsed());
                tokens += 1;
            }
            Event::Finished { reason, .. } => {
                return Played {
                    prompt,
                    first: first.unwrap(),
                    tokens,
                    all: begun.elapsed(),
                    reason,
                };
            }
            Event::Failed(error) => panic!("{error}"),
        }
    }
    panic!("no end")
}

impl Contender for Ours {
    fn name(&self) -> &str {
        &self.name
    }

    fn play(&mut self, task: Task, number: usize) -> Round {
        let text = self.text(task.prompt, number);
        let prompt = self.ask(Job::greedy(vec![Message::user(text)], 1));
        // Weights without sense may end an answer at any time.
        let answer = (0..20)
            .map(|turn| {
                let text = self.text(8, number + turn);
                let tokens = u32::try_from(task.answer + 1).unwrap();
                self.ask(Job::greedy(vec![Message::user(text)], tokens))
            })
            .find(|answer| answer.reason == FinishReason::Length)
            .unwrap_or_else(|| panic!("every answer ends early; ask for fewer tokens"));
        Round {
            prompt: (prompt.prompt, prompt.first),
            answer: (answer.tokens - 1, answer.all - answer.first),
        }
    }
}

/// How long the first token takes behind a long system prompt that was seen before, against that of the new tokens alone;
/// of the adapter that keeps beginnings.
pub(crate) fn beginnings(options: &Options) {
    let Some(ours) = Ours::start(Adapter::LlamaCpp, options) else {
        return;
    };
    let system = ours.text(SYSTEM, 7);
    let cold = ours.first_token(Some(&system), 0);
    let rounds: Vec<(f64, f64)> = (1..=options.rounds)
        .map(|round| {
            let alone = ours.first_token(None, 2 * round);
            (alone, ours.first_token(Some(&system), 2 * round + 1))
        })
        .collect();
    let ratios: Vec<f64> = rounds.iter().map(|(alone, warm)| warm / alone).collect();
    let of =
        |part: fn(&(f64, f64)) -> f64| 1e3 * median(&rounds.iter().map(part).collect::<Vec<_>>());
    println!(
        "{}: first token behind a system prompt of {SYSTEM} tokens: {:.0} ms unseen, {:.0} ms seen before, {:.0} ms for \
         the {NEW} new tokens alone: {:.2} times ({:.2}-{:.2})",
        ours.name,
        1e3 * cold,
        of(|round| round.1),
        of(|round| round.0),
        median(&ratios),
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max)
    );
}
