//! Which rule of learning serves most while the promise holds.

use router_policies::{
    Finish, Labelled, Lesson, Proof, RiskTarget, Role, Scorer, Signals, TokenSignal, learn, prove,
};

use crate::bootstrap::{pick, uniform};
use crate::recorded::Recorded;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
type Rule = (
    &'static str,
    Box<dyn Fn(&[Labelled], &RiskTarget) -> Lesson>,
);

const RUNS: u32 = 200;
const SIZES: [usize; 4] = [500, 1000, 2000, 4000];

/// Drafts of one route.
struct Route {
    name: String,
    rows: Vec<Labelled>,
}

/// Prints, for every rule and number of labels, how often the promise was broken, and the coverage.
pub(crate) fn compare(files: &[String], routes: &[Vec<Recorded>]) -> Result<()> {
    let mut all: Vec<Route> = Vec::new();
    for (file, rows) in files.iter().zip(routes) {
        all.push(Route {
            name: file.clone(),
            rows: rows.iter().map(Recorded::labelled).collect(),
        });
    }
    for (name, margins) in [
        ("synthetic, logprobs tell all", false),
        ("synthetic, margins tell more", true),
    ] {
        let rows = synthetic(20_000, margins);
        all.push(Route {
            name: name.to_owned(),
            rows,
        });
    }
    println!(
        "{RUNS} draws each; % of draws in which the rows left over show more regret than promised / % answered locally"
    );
    for route in &mut all {
        for epsilon in ["2%", "5%"] {
            tabulate(route, &RiskTarget::new(epsilon.parse()?, "90%".parse()?)?);
        }
    }
    Ok(())
}

fn rules() -> Vec<Rule> {
    let spent = |every: usize, share: f64| {
        move |rows: &[Labelled], target: &RiskTarget| two_tests(rows, target, every, share)
    };
    vec![
        (
            "plain",
            Box::new(|rows, target| prove(Scorer::from_probability(), rows, target)),
        ),
        (
            "half fits",
            Box::new(|rows, target| fitted(rows, target, 2)),
        ),
        (
            "a quarter fits",
            Box::new(|rows, target| fitted(rows, target, 4)),
        ),
        ("best of two, 1/2, δ/2", Box::new(spent(2, 0.5))),
        ("best of two, 1/4, δ/2", Box::new(spent(4, 0.5))),
        ("learn()", Box::new(learn)),
    ]
}

fn tabulate(route: &mut Route, target: &RiskTarget) {
    println!(
        "{}, {} at most, {} sure",
        route.name,
        target.max_regret(),
        target.assurance()
    );
    let sizes: Vec<usize> = SIZES
        .into_iter()
        .filter(|size| 3 * size <= 2 * route.rows.len())
        .collect();
    if sizes.is_empty() {
        println!("  too few drafts");
        return;
    }
    println!(
        "  {:<24}{}",
        "labels",
        sizes
            .iter()
            .map(|size| format!("{size:>16}"))
            .collect::<String>()
    );
    let mut lines: Vec<String> = rules()
        .iter()
        .map(|(name, _)| format!("  {name:<24}"))
        .collect();
    for size in sizes {
        let mut random = 0x5EED_u64;
        let mut tallies = vec![(0_u32, 0.0); lines.len()];
        for _ in 0..RUNS {
            draw(&mut route.rows, size, &mut random);
            let (sample, fresh) = route.rows.split_at(size);
            for ((broken, coverage), (_, rule)) in tallies.iter_mut().zip(rules()) {
                let (accepted, losses) = served(&rule(sample, target), fresh);
                *broken += u32::from(losses > target.max_regret().get());
                *coverage += accepted;
            }
        }
        for (line, (broken, coverage)) in lines.iter_mut().zip(tallies) {
            let runs = f64::from(RUNS);
            let shown = format!(
                "{:.1} / {:.1}",
                100.0 * f64::from(broken) / runs,
                100.0 * coverage / runs
            );
            *line += &format!("{shown:>16}");
        }
    }
    for line in lines {
        println!("{line}");
    }
}

/// Shares of the rows that are accepted, and that are accepted and bad.
fn served(lesson: &Lesson, rows: &[Labelled]) -> (f64, f64) {
    let Proof::Certified(certified) = lesson.proof else {
        return (0.0, 0.0);
    };
    let accepted = rows
        .iter()
        .filter(|row| row.valid && lesson.scorer.p_bad(&row.features) <= certified.threshold);
    let (mut count, mut bad) = (0, 0);
    for row in accepted {
        count += 1;
        bad += usize::from(row.bad);
    }
    (ratio(count, rows.len()), ratio(bad, rows.len()))
}

fn fitted(rows: &[Labelled], target: &RiskTarget, every: usize) -> Lesson {
    let fitting: Vec<_> = rows
        .iter()
        .step_by(every)
        .filter(|row| row.valid)
        .map(|row| (row.features, row.bad))
        .collect();
    let scorer = Scorer::fit(&fitting).unwrap_or_else(|_| Scorer::from_probability());
    let others = rows
        .iter()
        .enumerate()
        .filter(|(index, _)| index % every != 0);
    prove(scorer, others.map(|(_, row)| row), target)
}

/// The better of the plain scorer and a fitted one; `share` of δ is for the fitted one.
fn two_tests(rows: &[Labelled], target: &RiskTarget, every: usize, share: f64) -> Lesson {
    let part = |share: f64| {
        let assurance = 1.0 - target.delta() * share;
        assurance
            .try_into()
            .ok()
            .and_then(|a| RiskTarget::new(target.max_regret(), a).ok())
            .unwrap_or(*target)
    };
    let plain = prove(Scorer::from_probability(), rows, &part(1.0 - share));
    let fitted = fitted(rows, &part(share), every);
    let accepts = |lesson: &Lesson| match lesson.proof {
        Proof::Certified(c) => c.accepted * 1_000_000 / c.n,
        _ => 0,
    };
    if accepts(&fitted) > accepts(&plain) {
        fitted
    } else {
        plain
    }
}

/// Drafts of three tokens. Their logprobs tell something of the quality; where `margins` is set, the margins tell more.
fn synthetic(size: usize, margins: bool) -> Vec<Labelled> {
    let mut random = 0xFACE_u64;
    let mut normal = || {
        let radius = (-2.0 * (1.0 - uniform(&mut random)).ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform(&mut random)).cos()
    };
    let mut lot = 0xD1CE_u64;
    let draft = |_| {
        let quality = 2.0 * normal();
        let mut signals = Signals::new();
        for id in 0..3 {
            let seen = if margins { 0.4 * quality } else { quality };
            let margin = if margins {
                5.0 + quality + 0.5 * normal()
            } else {
                5.0
            };
            #[expect(clippy::cast_possible_truncation, reason = "signals are 32-bit")]
            let (logprob, margin) = (-(-2.5 - seen + normal()).exp() as f32, margin as f32);
            let role = Role::Decision;
            signals.push(
                id,
                TokenSignal {
                    logprob,
                    margin,
                    entropy: 0.1,
                    legal_mass: 1.0,
                    forced: false,
                    role,
                },
            );
        }
        let bad = uniform(&mut lot) < 1.0 / (1.0 + (1.5 + 1.5 * quality).exp());
        Labelled {
            features: signals.features(Finish::Stop),
            valid: true,
            bad,
        }
    };
    (0..size).map(draft).collect()
}

/// Moves a random sample to the front: the first `size` steps of Fisher and Yates.
fn draw(rows: &mut [Labelled], size: usize, random: &mut u64) {
    for index in 0..size {
        let other = index + pick(random, rows.len() - index);
        rows.swap(index, other);
    }
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
