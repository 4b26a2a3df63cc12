//! How fast the adapters are through the whole path, worker process included, beside llama.cpp called directly, its Python
//! binding, and what the machine's memory can deliver. All contenders take turns within each round, on the same file.
//!
//! ```text
//! throughput MODEL.gguf [--python PYTHON] [--threads N] [--prompt N] [--answer N] [--rounds N] [--busy N] [--sweep]
//! ```
//!
//! `--python` is an interpreter that has the package `llama-cpp-python`. The prompt's tokens are read as one prompt that
//! nobody has sent before, the answer's are made one by one; the first round warms up and is not counted. `--busy` lets so
//! many threads compute something else meanwhile; `--sweep` tries other sizes of steps and flash attention in place of
//! all that is ours.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measurement"
)]

#[path = "throughput/binding.rs"]
mod binding;
#[path = "throughput/direct.rs"]
mod direct;
#[path = "throughput/memory.rs"]
mod memory;
#[path = "throughput/ours.rs"]
mod ours;
#[path = "throughput/table.rs"]
mod table;

use std::path::PathBuf;
use std::time::Duration;

use local_engine::Adapter;

/// What every contender does in a round.
#[derive(Debug, Clone, Copy)]
struct Task {
    prompt: usize,
    answer: usize,
}

/// How long a contender took for its round.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Tokens of the prompt, and the time to read them.
    prompt: (usize, Duration),
    /// Tokens after the first, and the time to make them.
    answer: (usize, Duration),
}

/// Somebody who computes the model.
trait Contender {
    fn name(&self) -> &str;
    /// `number` is a different one in every round.
    fn play(&mut self, task: Task, number: usize) -> Round;
}

fn main() {
    if ours::is_worker() {
        ours::host();
        return;
    }
    let options = Options::read(std::env::args().skip(1));
    let bandwidth = memory::bandwidth(options.threads);
    let weights = memory::weights(&options.model);
    println!(
        "{}: {:.0} MiB of weights, {} threads, memory is read at {:.1} GB/s: at most {:.1} tokens/s one by one",
        options.model.display(),
        weights / 1_048_576.0,
        options.threads,
        bandwidth / 1e9,
        bandwidth / weights
    );
    keep_busy(options.busy);
    let mut contenders = contenders(&options);
    let rounds = play(&mut contenders, &options);
    let names: Vec<&str> = contenders.iter().map(|one| one.name()).collect();
    table::show(&names, &rounds, bandwidth / weights);
    drop(contenders);
    if !options.sweep {
        ours::beginnings(&options);
    }
}

fn keep_busy(threads: usize) {
    for _ in 0..threads {
        std::thread::spawn(|| {
            loop {
                std::hint::black_box(0);
            }
        });
    }
}

/// The rounds of each contender, without the first.
fn play(contenders: &mut [Box<dyn Contender>], options: &Options) -> Vec<Vec<Round>> {
    let mut rounds = vec![Vec::new(); contenders.len()];
    for number in 0..=options.rounds {
        for (contender, rounds) in contenders.iter_mut().zip(&mut rounds) {
            eprint!(
                "\rround {number} of {}: {:<40}",
                options.rounds,
                contender.name()
            );
            let round = contender.play(options.task, number);
            if number > 0 {
                rounds.push(round);
            }
        }
    }
    eprintln!();
    rounds
}

fn contenders(options: &Options) -> Vec<Box<dyn Contender>> {
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    if let Some(python) = &options.python {
        contenders.push(Box::new(binding::Binding::start(python, options)));
    }
    contenders.push(Box::new(direct::Direct::usual(options)));
    if options.sweep {
        contenders.extend(direct::Direct::sweep(options).map(|one| Box::new(one) as _));
        return contenders;
    }
    contenders.push(Box::new(direct::Direct::like_ours(options)));
    for adapter in Adapter::ALL {
        if adapter.is_built() {
            contenders.extend(ours::Ours::start(adapter, options).map(|ours| Box::new(ours) as _));
        }
    }
    contenders
}

struct Options {
    model: PathBuf,
    python: Option<PathBuf>,
    threads: u32,
    task: Task,
    rounds: usize,
    busy: usize,
    sweep: bool,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let mut options = Self {
            model: PathBuf::new(),
            python: None,
            threads: u32::try_from(cores).unwrap(),
            task: Task {
                prompt: 512,
                answer: 64,
            },
            rounds: 5,
            busy: 0,
            sweep: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .unwrap_or_else(|| panic!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--python" => options.python = Some(value().into()),
                "--threads" => options.threads = value().parse().unwrap(),
                "--prompt" => options.task.prompt = value().parse().unwrap(),
                "--answer" => options.task.answer = value().parse().unwrap(),
                "--busy" => options.busy = value().parse().unwrap(),
                "--sweep" => options.sweep = true,
                "--rounds" => options.rounds = value().parse().unwrap(),
                _ => options.model = argument.into(),
            }
        }
        options
    }
}
