//! What stopping drafts early saves, and what it costs, on recorded token traces.
//!
//! ```text
//! cargo run --release --example record MODEL DATA.jsonl TRACES.jsonl
//! cargo run --release -p router-policies --example early_abort -- TRACES.jsonl [MAX_REGRET] [MAX_WRONG] [FOLDS]
//! ```
//!
//! Each fold in turn is kept aside. On all others a scorer is fitted, a threshold certified and heads are trained, as
//! `smallfirst calibrate` does it; then the drafts of the fold are judged and stopped. Nothing was learnt from them.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::fs;

use router_policies::{
    Certificate, CheckpointTally, Fingerprint, Finish, Judge, Labelled, Probability, Proof,
    RiskTarget, Signals, Soft, StopPromise, StopProof, StopTally, TokenSignal, Trace, Traced,
    Tracer, Trust, Verdict, learn_to_stop,
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

impl Recorded {
    fn traced(&self) -> Traced {
        let (mut signals, mut tracer) = (Signals::new(), Tracer::default());
        let end = match self.finish {
            Finish::Stop => self.tokens.len().saturating_sub(1),
            Finish::Length => self.tokens.len(),
        };
        for (index, token) in self.tokens.iter().enumerate() {
            signals.push(token.id, token.signal);
            if index < end {
                tracer.look(&signals);
            }
        }
        Traced {
            labelled: Labelled {
                features: signals.features(self.finish).with_soft(self.soft),
                valid: self.valid,
                bad: !self.right,
            },
            prefixes: tracer.finish(signals.tokens(), self.busy_us - self.prefill_us),
            busy: self.busy_us,
        }
    }
}

/// What all folds come to.
#[derive(Default)]
struct Sum {
    checkpoints: Vec<CheckpointTally>,
    drafts: u64,
    accepted: u64,
    escalated_busy: f64,
    certified: u32,
    with_heads: u32,
}

impl Sum {
    fn add(&mut self, tally: StopTally) {
        self.drafts += tally.drafts;
        self.accepted += tally.accepted;
        self.escalated_busy += tally.escalated_busy;
        if self.checkpoints.is_empty() {
            self.checkpoints = tally.checkpoints;
            return;
        }
        for (sum, at) in self.checkpoints.iter_mut().zip(tally.checkpoints) {
            sum.reached += at.reached;
            sum.stopped += at.stopped;
            sum.wrong += at.wrong;
            sum.saved += at.saved;
        }
    }

    fn tally(self) -> StopTally {
        StopTally {
            checkpoints: self.checkpoints,
            drafts: self.drafts,
            accepted: self.accepted,
            escalated_busy: self.escalated_busy,
        }
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: early_abort TRACES.jsonl [MAX_REGRET] [MAX_WRONG] [FOLDS]";
    let file = arguments.next().ok_or(usage)?;
    let max_regret: Probability = arguments.next().as_deref().unwrap_or("5%").parse()?;
    let max_wrong: Probability = arguments.next().as_deref().unwrap_or("2%").parse()?;
    let folds: usize = arguments.next().as_deref().unwrap_or("10").parse()?;
    let target = RiskTarget::new(max_regret, "90%".parse()?)?;
    let promise = StopPromise::new(max_wrong, target.assurance())?;
    let rows = read(&file)?;

    let mut sum = Sum::default();
    for fold in 0..folds {
        run_fold(&rows, (fold, folds), (&target, &promise), &mut sum);
    }
    println!(
        "{} drafts, {} right; {folds} folds, {} certified at {max_regret}, {} of them with heads at {max_wrong}",
        rows.len(),
        rows.iter().filter(|row| !row.labelled.bad).count(),
        sum.certified,
        sum.with_heads,
    );
    show(&sum.tally());
    Ok(())
}

fn read(file: &str) -> Result<Vec<Traced>> {
    let text = fs::read_to_string(file)?;
    let traced = |line: &str| Ok(serde_json::from_str::<Recorded>(line)?.traced());
    text.lines().map(traced).collect()
}

fn run_fold(
    rows: &[Traced],
    (fold, folds): (usize, usize),
    (target, promise): (&RiskTarget, &StopPromise),
    sum: &mut Sum,
) {
    let side = |held_out: bool| {
        let rows = rows.iter().enumerate();
        rows.filter(move |(index, _)| (index % folds == fold) == held_out)
            .map(|(_, row)| row.clone())
            .collect::<Vec<_>>()
    };
    let taught = learn_to_stop(&side(false), target, promise);
    let Proof::Certified(certified) = taught.lesson.proof else {
        return;
    };
    sum.certified += 1;
    let heads = match taught.stops {
        Some(StopProof::Proven(heads)) => Some(heads),
        _ => None,
    };
    sum.with_heads += u32::from(heads.is_some());
    let now = fingerprint();
    let scorer = taught.lesson.scorer;
    let certificate = Certificate::new("r", *target, certified, scorer, now.clone());
    let certificate = certificate.with_heads(heads);
    let judge = Judge::for_route(Trust::Risk(*target), Some(&certificate), &now);
    let traces: Vec<Trace> = side(true).iter().map(|row| judged(&judge, row)).collect();
    sum.add(StopTally::of(&judge, &traces));
}

fn judged(judge: &Judge, row: &Traced) -> Trace {
    let Labelled {
        features, valid, ..
    } = &row.labelled;
    Trace {
        prefixes: row.prefixes.clone(),
        busy: row.busy,
        accepted: *valid && judge.assess(features, None).verdict == Verdict::Accept,
    }
}

/// Everything here is about one model, so there is nothing to tell apart.
fn fingerprint() -> Fingerprint {
    Fingerprint {
        weights: String::new(),
        quantization: String::new(),
        template: String::new(),
        tokenizer: String::new(),
        answer: String::new(),
        prompt_family: String::new(),
    }
}

fn show(tally: &StopTally) {
    println!("decisions  reached  stopped  wrongly  compute saved");
    for at in &tally.checkpoints {
        println!(
            "{:>9} {:>8} {:>8} {:>8} {:>12.1} %",
            at.decisions,
            at.reached,
            at.stopped,
            at.wrong,
            100.0 * at.saved / tally.escalated_busy.max(f64::MIN_POSITIVE),
        );
    }
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>12.1} %",
        "all",
        tally.drafts,
        tally.stopped(),
        tally.wrong(),
        100.0 * tally.saved_share(),
    );
    println!(
        "saved: of the compute of escalated drafts; {} drafts would have been accepted, {:.2} % of these are stopped",
        tally.accepted,
        100.0 * tally.wrong_share(),
    );
}
