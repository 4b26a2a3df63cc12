//! What a stream gains that begins before its draft is complete (`commit: window`), and what it costs, on recorded token
//! traces.
//!
//! ```text
//! cargo run --release --example record MODEL DATA.jsonl TRACES.jsonl
//! cargo run --release -p router-policies --example window -- TRACES.jsonl [MAX_REGRET] [RUNS]
//! ```
//!
//! In each run half of the drafts are drawn to learn from, as `smallfirst calibrate` does; what that accepts is measured on
//! the others. A draft that is committed early and fails its checks later counts as lost.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::fs;

use router_policies::{
    CHECKPOINTS, Finish, Labelled, Probability, Proof, RiskTarget, Signals, Soft, TokenSignal,
    features_at, learn,
};
use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A line as the example `record` writes it.
#[derive(Deserialize)]
struct Recorded {
    right: bool,
    valid: bool,
    finish: Finish,
    soft: Soft,
    prefill_us: f64,
    busy_us: f64,
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    id: u32,
    #[serde(flatten)]
    signal: TokenSignal,
}

/// A draft as it was when it was decided.
#[derive(Clone)]
struct Decided {
    labelled: Labelled,
    /// Time to the first byte, and to the last, in microseconds.
    first: f64,
    last: f64,
}

impl Recorded {
    /// `commit`: decision tokens after which it is decided; `None`: at its end.
    fn decided(&self, commit: Option<u32>) -> Decided {
        let mut signals = Signals::new();
        let mut early = None;
        let end = match self.finish {
            Finish::Stop => self.tokens.len().saturating_sub(1),
            Finish::Length => self.tokens.len(),
        };
        for (index, token) in self.tokens.iter().enumerate() {
            signals.push(token.id, token.signal);
            let there = commit.and_then(|decisions| features_at(&signals, decisions));
            if let Some(features) = there.filter(|_| index < end && early.is_none()) {
                early = Some((features, real(index + 1) / real(self.tokens.len())));
            }
        }
        let decoding = self.busy_us - self.prefill_us;
        let (features, valid, share) = match early {
            Some((features, share)) => (features, true, share),
            None => {
                let features = signals.features(self.finish).with_soft(self.soft);
                (features, self.valid, 1.0)
            }
        };
        Decided {
            labelled: Labelled {
                features,
                valid,
                bad: !self.right || !self.valid,
            },
            first: self.prefill_us + decoding * share,
            last: self.busy_us,
        }
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: window TRACES.jsonl [MAX_REGRET] [RUNS]";
    let file = arguments.next().ok_or(usage)?;
    let max_regret: Probability = arguments.next().as_deref().unwrap_or("5%").parse()?;
    let runs: u32 = arguments.next().as_deref().unwrap_or("40").parse()?;
    let target = RiskTarget::new(max_regret, "90%".parse()?)?;
    let text = fs::read_to_string(&file)?;
    let recorded: Vec<Recorded> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<std::result::Result<_, _>>()?;
    println!(
        "commit after   local  regret  first byte p50 ms  p95 ms   (means of {runs} runs at {max_regret})"
    );
    let windows = CHECKPOINTS.into_iter().map(Some).chain([None]);
    for commit in windows {
        let rows: Vec<Decided> = recorded.iter().map(|row| row.decided(commit)).collect();
        let name = commit.map_or_else(|| "the end".to_owned(), |n| format!("{n} tokens"));
        println!("{name:>12} {}", measured(&rows, &target, runs));
    }
    Ok(())
}

fn measured(rows: &[Decided], target: &RiskTarget, runs: u32) -> String {
    let (mut local, mut regret, mut random) = (0.0, 0.0, 0x5EED_u64);
    let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let mut rows = rows.to_vec();
        for index in (1..rows.len()).rev() {
            rows.swap(index, pick(&mut random, index + 1));
        }
        let (drawn, others) = rows.split_at(rows.len() / 2);
        let drawn: Vec<Labelled> = drawn.iter().map(|row| row.labelled).collect();
        let lesson = learn(&drawn, target);
        let Proof::Certified(proven) = lesson.proof else {
            continue;
        };
        for row in others {
            let Labelled {
                features,
                valid,
                bad,
            } = row.labelled;
            if valid && lesson.scorer.p_bad(&features) <= proven.threshold {
                local += 1.0 / real(others.len());
                regret += f64::from(u8::from(bad)) / real(others.len());
                firsts.push(row.first);
                lasts.push(row.last);
            }
        }
    }
    let mean = |total: f64| total / f64::from(runs);
    firsts.sort_by(f64::total_cmp);
    let at = |share: usize| {
        let place = firsts.len().saturating_sub(1) * share / 100;
        firsts.get(place).copied().unwrap_or(f64::NAN) / 1000.0
    };
    let spared = 1.0 - firsts.iter().sum::<f64>() / lasts.iter().sum::<f64>();
    format!(
        "{:>7.3} {:>7.4} {:>18.1} {:>7.1}   {:>4.1} % sooner than the last",
        mean(local),
        mean(regret),
        at(50),
        at(95),
        100.0 * spared
    )
}

fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// A number below `below`, by xorshift.
fn pick(random: &mut u64, below: usize) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    usize::try_from(*random % u64::try_from(below).unwrap_or(1).max(1)).unwrap_or(0)
}
