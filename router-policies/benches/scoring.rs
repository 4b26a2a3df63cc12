//! What it costs to score a draft, and how that grows. Run: `cargo bench -p router-policies --bench scoring`.
//!
//! Best of several passes, in microseconds; the ratios beside them are of the same run.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use router_policies::{
    Answer, Assessment, Features, Finish, Judge, Marker, Probability, Proof, RiskTarget, Role,
    Scorer, Signals, TokenSignal, Trust, Verdict, certify, certify_on, check, inspect,
    thresholds_in,
};

fn main() {
    per_draft();
    per_label();
    per_proof();
    per_grid();
}

/// The verdict on one draft: signals, features, checks, score, decision.
fn per_draft() {
    let fitted = Scorer::fit(&labels(1000)).unwrap();
    println!("one draft of free text, µs{:>40}", "");
    println!(
        "{:>8}{:>12}{:>12}{:>10}{:>10}{:>10}{:>10}{:>12}{:>8}",
        "tokens", "signals", "features", "check", "inspect", "plain", "fitted", "all", "ratio"
    );
    let mut first = None;
    for tokens in [16, 64, 256, 1024, 4096] {
        let draft = Draft::of(tokens);
        let signals = draft.signals();
        let features = draft.features();
        let judge = judge();
        let costs = [
            time(|| draft.signals()),
            time(|| signals.features(Finish::Stop)),
            time(|| check(&Answer::Text, &draft.text, Finish::Stop)),
            time(|| inspect(&Answer::Text, &draft.text, &[PROMPT])),
            time(|| Scorer::from_probability().p_bad(&features)),
            time(|| fitted.p_bad(&features)),
            time(|| draft.verdict(&judge)),
        ];
        let all = costs[6];
        let ratio = all / *first.get_or_insert(all);
        println!(
            "{tokens:>8}{:>12.2}{:>12.2}{:>10.2}{:>10.2}{:>10.3}{:>10.2}{all:>12.2}{ratio:>8.1}",
            costs[0], costs[1], costs[2], costs[3], costs[4], costs[5]
        );
    }
    label_and_json();
}

/// What most drafts are: a label, and a small JSON object.
fn label_and_json() {
    let labels: Vec<String> = (0..150).map(|n| format!("label_{n}")).collect();
    let json = r#"{"city":"Rome","days":3,"unit":"celsius"}"#;
    let cases = [
        ("label of 150", Answer::OneOf(labels.into()), "label_149"),
        ("JSON", Answer::Json, json),
    ];
    for (name, answer, text) in cases {
        let draft = Draft::of(12);
        let judge = judge();
        let cost = time(|| {
            let failed = check(&answer, text, Finish::Stop);
            let features = draft
                .features()
                .with_soft(inspect(&answer, text, &[PROMPT]));
            judge.assess(&features, failed)
        });
        println!("{name:>14}, 12 tokens: {cost:.2} µs from the first token to the verdict");
    }
}

/// What learning costs.
fn per_label() {
    println!("\nlearning, µs");
    let rows = labels(4000);
    let mut first = None;
    for size in [250, 1000, 4000] {
        let cost = time(|| Scorer::fit(rows.get(..size).unwrap_or_default()).unwrap());
        let ratio = cost / *first.get_or_insert(cost);
        println!("  Scorer::fit {size:>5} labels {cost:>10.0}, ratio {ratio:.1}");
    }
}

/// What a certificate costs. The grid has 401 thresholds; with few rows the walk over it is all there is.
fn per_proof() {
    println!("\ncertify, µs");
    let target = RiskTarget::new("2%".parse().unwrap(), "90%".parse().unwrap()).unwrap();
    let mut first = None;
    for size in [120, 1000, 10_000, 100_000] {
        let rows = scored(size);
        let cost = time(|| certify(&rows, &target));
        let ratio = cost / *first.get_or_insert(cost);
        println!("  {size:>7} rows {cost:>10.1}, ratio {ratio:.1}");
    }
}

/// What the number of thresholds costs, and what it gains.
fn per_grid() {
    println!("\ncertify, µs by size of the grid, and the share that is accepted");
    let target = RiskTarget::new("2%".parse().unwrap(), "90%".parse().unwrap()).unwrap();
    for size in [1000, 10_000] {
        let rows = scored(size);
        let mut first = None;
        for number in [51, 101, 401, 1601] {
            let prove = || certify_on(&rows, &target, thresholds_in(number));
            let cost = time(prove);
            let ratio = cost / *first.get_or_insert(cost);
            let accepted = match prove() {
                Proof::Certified(proven) => proven.accepted as f64 / proven.n as f64,
                Proof::NotEnough { .. } | Proof::NoThreshold { .. } => 0.0,
            };
            println!(
                "  {size:>7} rows {number:>6} thresholds {cost:>10.1}, ratio {ratio:.1}, accepts {accepted:.4}"
            );
        }
    }
}

/// Rows whose `p_bad` is true.
fn scored(size: usize) -> Vec<(Probability, bool)> {
    let mut random = 7;
    (0..size)
        .map(|_| {
            let p = uniform(&mut random).powi(3);
            (Probability::new(p).unwrap(), uniform(&mut random) < p)
        })
        .collect()
}

const PROMPT: &str = "Please summarise the following report for the board in plain words, without numbers where they can \
    be avoided, and say what is to be decided by whom until when.";

struct Draft {
    tokens: Vec<TokenSignal>,
    text: String,
}

impl Draft {
    fn of(tokens: usize) -> Self {
        let mut random = 3;
        let token = |_| TokenSignal {
            logprob: -(uniform(&mut random).powi(4) as f32),
            margin: 3.0,
            entropy: 0.2,
            legal_mass: 1.0,
            forced: false,
            role: Role::Decision,
        };
        let tokens: Vec<_> = (0..tokens).map(token).collect();
        let text = (0..tokens.len())
            .map(|n| format!("word{} ", n * 7919 % 1009))
            .collect();
        Self { tokens, text }
    }

    fn signals(&self) -> Signals {
        let mut signals = Signals::new();
        let mut marker = Marker::new(&Answer::Text);
        for (id, token) in (0..).zip(&self.tokens) {
            let role = marker.mark(b"word");
            signals.push(id, TokenSignal { role, ..*token });
        }
        signals
    }

    fn features(&self) -> Features {
        self.signals().features(Finish::Stop)
    }

    fn verdict(&self, judge: &Judge) -> Assessment {
        let failed = check(&Answer::Text, &self.text, Finish::Stop);
        let soft = inspect(&Answer::Text, &self.text, &[PROMPT]);
        let assessment = judge.assess(&self.features().with_soft(soft), failed);
        debug_assert_ne!(
            assessment.verdict,
            Verdict::Escalate(router_policies::Reason::Learning)
        );
        assessment
    }
}

fn judge() -> Judge {
    let now = router_policies::Fingerprint {
        weights: String::new(),
        quantization: String::new(),
        template: String::new(),
        tokenizer: String::new(),
        answer: String::new(),
        prompt_family: String::new(),
    };
    Judge::for_route(Trust::Threshold("50%".parse().unwrap()), None, &now)
}

fn labels(size: usize) -> Vec<(Features, bool)> {
    let mut random = 11;
    (0..size)
        .map(|_| {
            let quality = uniform(&mut random);
            let mut signals = Signals::new();
            for id in 0..6 {
                let token = TokenSignal {
                    logprob: -((1.0 - quality) * uniform(&mut random)) as f32,
                    margin: (5.0 * quality + uniform(&mut random)) as f32,
                    entropy: (1.0 - quality) as f32,
                    legal_mass: 0.9,
                    forced: false,
                    role: Role::Decision,
                };
                signals.push(id, token);
            }
            (
                signals.features(Finish::Stop),
                uniform(&mut random) > quality,
            )
        })
        .collect()
}

/// Microseconds of one call: the best of passes of at least a millisecond each.
fn time<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut calls = 1_u32;
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(work());
        }
        let spent = start.elapsed();
        best = best.min(spent.as_secs_f64() * 1e6 / f64::from(calls));
        if spent < Duration::from_millis(1) {
            calls *= 4;
        }
    }
    best
}

/// Uniform in `[0, 1)`, by `SplitMix64` (Steele, Lea and Flood 2014).
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}
