//! How often a threshold breaks its promise, over many random calibration splits of recorded outcomes.
//!
//! ```text
//! cargo run --release -p router-policies --example splits -- OUTCOMES.jsonl [RUNS] [CALIBRATION_ROWS] [ASSURANCE]
//! ```
//!
//! Reads the recording that `smallfirst replay` reads, as far as it has confidences from 0 to 1. Each run draws
//! calibration rows at random, finds two thresholds on them and measures both on all other rows: the certified one, and
//! a naively tuned one, the largest whose share of losses on the calibration rows is within the target.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::io::{BufRead, BufReader};

use router_policies::{Doubt, Outcome, Probability, Proof, RiskTarget, certify};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    route: String,
    confidence: Probability,
    local_correct: Grade,
    upstream_correct: Grade,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Grade {
    Plain(bool),
    Graded(Probability),
}

impl From<Grade> for Probability {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Plain(true) => Self::ONE,
            Grade::Plain(false) => Self::ZERO,
            Grade::Graded(grade) => grade,
        }
    }
}

/// What one kind of threshold did over all runs.
#[derive(Default)]
struct Tally {
    violations: f64,
    coverage: f64,
    regret: f64,
}

impl Tally {
    fn add(&mut self, test: &[Outcome], threshold: Option<Probability>, epsilon: f64) {
        let accepts = |o: &&Outcome| threshold.is_some_and(|t| o.doubt.p_bad() <= t);
        let accepted: Vec<_> = test.iter().filter(accepts).collect();
        let losses = accepted.iter().filter(|o| o.is_bad()).count();
        let regret = ratio(losses, test.len());
        self.violations += f64::from(u8::from(regret > epsilon));
        self.coverage += ratio(accepted.len(), test.len());
        self.regret += regret;
    }

    fn print(&self, runs: f64) -> String {
        let share = self.violations / runs;
        let error = (share * (1.0 - share) / runs).sqrt();
        format!(
            "{:5.1} ± {:3.1} | {:5.1} | {:5.2}",
            100.0 * share,
            100.0 * error,
            100.0 * self.coverage / runs,
            100.0 * self.regret / runs
        )
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let file = arguments.get(1).ok_or("which file of outcomes?")?;
    let argument = |index: usize, usual: u32| {
        arguments
            .get(index)
            .map_or(Ok(usual), |text| text.parse::<u32>())
    };
    let (runs, size) = (argument(2, 200)?, usize::try_from(argument(3, 1000)?)?);
    let assurance: Probability = arguments.get(4).map_or("90%", String::as_str).parse()?;
    let (route, mut outcomes) = read(file)?;
    if outcomes.len() <= size {
        return Err(format!("{} rows leave none to test on", outcomes.len()).into());
    }
    println!(
        "{route}: {} rows, {runs} runs of {size} calibration rows, assurance {assurance}",
        outcomes.len()
    );
    println!(
        "  target | certified: % violated | % local | % regret | naive: % violated | % local | % regret"
    );
    let mut random = 0x5EED_u64;
    for epsilon in ["0.5%", "1%", "2%", "5%"] {
        let target = RiskTarget::new(epsilon.parse()?, assurance)?;
        let (mut certified, mut naive) = (Tally::default(), Tally::default());
        for _ in 0..runs {
            draw(&mut outcomes, size, &mut random);
            let (calibration, test) = outcomes.split_at(size);
            let limit = target.max_regret().get();
            certified.add(test, proven(calibration, &target), limit);
            naive.add(test, tuned(calibration, limit), limit);
        }
        let runs = f64::from(runs);
        println!(
            "  {epsilon:>6} | {} | {}",
            certified.print(runs),
            naive.print(runs)
        );
    }
    Ok(())
}

fn read(file: &str) -> Result<(String, Vec<Outcome>), Box<dyn Error>> {
    let (mut route, mut outcomes) = (String::new(), Vec::new());
    for line in BufReader::new(std::fs::File::open(file)?).lines() {
        let row: Row = serde_json::from_str(&line?)?;
        outcomes.push(Outcome {
            doubt: Doubt::from_confidence(row.confidence),
            local: row.local_correct.into(),
            upstream: row.upstream_correct.into(),
        });
        route = row.route;
    }
    Ok((route, outcomes))
}

fn proven(calibration: &[Outcome], target: &RiskTarget) -> Option<Probability> {
    let rows: Vec<_> = calibration
        .iter()
        .map(|o| (o.doubt.p_bad(), o.is_bad()))
        .collect();
    match certify(&rows, target) {
        Proof::Certified(certified) => Some(certified.threshold),
        Proof::NotEnough { .. } | Proof::NoThreshold { .. } => None,
    }
}

/// The largest doubt among the calibration rows up to which their losses are within the limit.
fn tuned(calibration: &[Outcome], limit: f64) -> Option<Probability> {
    let mut sorted: Vec<_> = calibration.iter().collect();
    sorted.sort_by_key(|o| o.doubt);
    let mut losses = 0;
    let within = |o: &&&Outcome| {
        losses += usize::from(o.is_bad());
        ratio(losses, calibration.len()) <= limit
    };
    sorted
        .iter()
        .take_while(within)
        .last()
        .map(|o| o.doubt.p_bad())
}

/// Moves a random sample to the front: the first `size` steps of Fisher and Yates.
fn draw(rows: &mut [Outcome], size: usize, random: &mut u64) {
    for index in 0..size {
        let left = u64::try_from(rows.len() - index).unwrap_or(u64::MAX);
        let pick = usize::try_from(next(random) % left).unwrap_or(0);
        rows.swap(index, index + pick);
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
