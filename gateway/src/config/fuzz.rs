//! Mutated and random files: none panics, none hangs, and every refusal names a place that is in the file.
//!
//! Inputs are made from the corpus in `tests/fuzz/corpus` and the shipped configurations. They follow from a seed, so
//! a failure can be repeated: the message says with which environment.
//!
//! * `SMALLFIRST_FUZZ_COUNT`: how many inputs; default 10,000.
//! * `SMALLFIRST_FUZZ_SEED`: the first seed; every further input has the next one. Default 1.

mod mutate;
mod random;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::document::{self, Document};
use super::schema::SCHEMA;
use super::shape::Shape;
use super::tree::{Tree, lines};
use super::walk::walk;
use super::{Config, ConfigError};
use mutate::Corpus;
use random::Random;

/// Longest that one input may take, in any build on any machine. They take microseconds to milliseconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// What happened to the inputs.
#[derive(Debug, Default)]
struct Tally {
    inputs: u64,
    accepted: u64,
    problems: usize,
    /// Refused before their form could be looked at.
    not_a_tree: u64,
    /// Refused by the walk and by serde.
    wrong_form: u64,
    /// Refused by serde alone.
    only_serde: u64,
}

#[test]
fn no_input_panics_hangs_or_is_refused_without_a_place() {
    let count = environment("SMALLFIRST_FUZZ_COUNT", 10_000);
    let first = environment("SMALLFIRST_FUZZ_SEED", 1);
    let corpus = corpus();
    let folder = tempfile::tempdir().unwrap();
    let watch = Watch::start();
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for seed in first..first + count {
        watch.now_at(seed);
        let input = mutate::input(&corpus, &mut Random::new(seed));
        let looked = catch_unwind(AssertUnwindSafe(|| look(&input, folder.path(), &mut tally)));
        if let Err(panic) = looked {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            failures.push(format!(
                "{}\nSMALLFIRST_FUZZ_SEED={seed} SMALLFIRST_FUZZ_COUNT=1 repeats it; the input was:\n{}",
                said.unwrap_or_default(),
                input.escape_ascii()
            ));
        }
        if failures.len() == 10 {
            break;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    // Inputs that are all refused at the first character would show nothing.
    if count >= 1_000 {
        assert!(tally.accepted > 0, "{tally:?}");
        assert!(tally.wrong_form > count / 10, "{tally:?}");
    }
}

/// The files of the corpus, as they are, before any mutation.
#[test]
fn the_corpus_itself_is_refused_with_places_or_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for input in corpus().all {
        look(&input, folder.path(), &mut Tally::default());
    }
}

fn look(input: &[u8], folder: &Path, tally: &mut Tally) {
    tally.inputs += 1;
    match Config::parse_bytes(input, folder, "fuzz.yaml") {
        Ok(_) => tally.accepted += 1,
        Err(error) => {
            tally.problems += error.problems().len();
            has_places(&error, &String::from_utf8_lossy(input));
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        serde_agrees(text, tally);
    }
}

fn has_places(error: &ConfigError, text: &str) {
    assert!(!error.problems().is_empty(), "refused without a problem");
    let lines: Vec<&str> = lines(text).collect();
    for problem in error.problems() {
        let (line, column) = problem.position().unwrap();
        assert!(
            (1..=lines.len().max(1)).contains(&line),
            "line {line} of {}: {problem}",
            lines.len()
        );
        let width = lines.get(line - 1).map_or(0, |l| l.chars().count());
        assert!(
            (1..=width + 1).contains(&column),
            "{line}:{column} of {width}: {problem}"
        );
        assert!(!problem.what().is_empty(), "{problem:?}");
    }
    let printed = error.to_string();
    let steers = printed.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(steers, None, "{printed:?}");
}

/// What the walk refuses, serde refuses, too.
fn serde_agrees(text: &str, tally: &mut Tally) {
    let judged = document::read::<Document>(text);
    let Ok((tree, repeated)) = Tree::parse(text) else {
        tally.not_a_tree += 1;
        return;
    };
    let walked = walk(&tree, Shape::new(&SCHEMA));
    match (walked.problems.iter().chain(&repeated).next(), judged) {
        (Some(problem), Ok(_)) => panic!("only the walk refuses it: {problem}"),
        (Some(_), Err(_)) => tally.wrong_form += 1,
        (None, Err(_)) => tally.only_serde += 1,
        (None, Ok(_)) => {}
    }
}

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn corpus() -> Corpus {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["tests/fuzz/corpus", "configs"] {
        collect(&root.join(folder), &mut files);
    }
    // Not as the folder happens to list them: a seed must always give the same input.
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    let all: Vec<Vec<u8>> = files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect();
    let is_tree =
        |bytes: &&Vec<u8>| std::str::from_utf8(bytes).is_ok_and(|text| Tree::parse(text).is_ok());
    let trees = all.iter().filter(is_tree).cloned().collect();
    Corpus { all, trees }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
}

/// Ends the process with the seed at hand when an input takes forever: nothing else can stop a loop.
struct Watch {
    seed: Arc<AtomicU64>,
    /// Dropped with the watch, which ends its thread.
    _alive: mpsc::Sender<()>,
}

impl Watch {
    fn start() -> Self {
        let seed = Arc::new(AtomicU64::new(0));
        let (alive, gone) = mpsc::channel();
        let watched = Arc::clone(&seed);
        std::thread::spawn(move || {
            let mut last = None;
            while gone.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let now = watched.load(Ordering::Relaxed);
                if last == Some(now) {
                    eprintln!(
                        "SMALLFIRST_FUZZ_SEED={now} SMALLFIRST_FUZZ_COUNT=1 does not come to an end"
                    );
                    std::process::abort();
                }
                last = Some(now);
            }
        });
        Self {
            seed,
            _alive: alive,
        }
    }

    fn now_at(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
    }
}
