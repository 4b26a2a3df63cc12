//! What a confidence made of all signals is worth against a single number, on recorded drafts.
//!
//! ```text
//! cargo run --release -p router-policies --example traces -- TRACES.jsonl ...
//! cargo run --release -p router-policies --example traces -- --rules TRACES.jsonl ...
//! ```
//!
//! The traces are those of the example `record`. Each file is a route. Drafts that failed their checks are doubted most by
//! every method; the upstream is taken to be always right. A fitted scorer never scores a draft that it has seen: it is fitted
//! to nine tenths and scores the last tenth. Intervals are 95 % over 500 bootstrap samples, those of differences paired.
//! `--rules` compares ways to spend labels on fitting and on proving instead, on these drafts and on made-up ones.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod bootstrap;
mod recorded;
mod rules;

use std::error::Error;

use bootstrap::Resampled;
use recorded::Recorded;
use router_policies::{Doubt, Outcome, Probability, Scorer, expected_error, reliability};

const FOLDS: usize = 10;

/// One way to doubt drafts.
struct Method {
    name: &'static str,
    doubts: Vec<Doubt>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let for_rules = files.iter().any(|argument| argument == "--rules");
    files.retain(|argument| argument != "--rules");
    let routes: Vec<Vec<Recorded>> = files
        .iter()
        .map(|file| recorded::read(file))
        .collect::<Result<_, _>>()?;
    if for_rules {
        return rules::compare(&files, &routes);
    }
    for (file, rows) in files.iter().zip(&routes) {
        let right = rows.iter().filter(|row| row.right).count();
        let invalid = rows.iter().filter(|row| !row.valid).count();
        println!(
            "{file}: {} drafts, {right} right, {invalid} failed their checks",
            rows.len()
        );
        println!(
            "  {:<26}{:<22}{:<22}{:<27}{:<8}",
            "", "AUROC", "APGR", "AUROC against product", "ECE"
        );
        report(rows, &methods(rows)?)?;
    }
    Ok(())
}

fn methods(rows: &[Recorded]) -> Result<Vec<Method>, Box<dyn Error>> {
    let single = |name, logprob: fn(&Recorded) -> f64| Method {
        name,
        doubts: rows
            .iter()
            .map(|row| row.doubt(Doubt::from_logprob(logprob(row))))
            .collect(),
    };
    Ok(vec![
        single("product of probabilities", |row| {
            row.features.draft_logprob()
        }),
        single("mean logprob", |row| row.feature("mean_logprob")),
        single("min logprob", |row| row.feature("min_logprob")),
        single("mean logprob, all tokens", |row| row.whole_mean),
        single("min logprob, all tokens", |row| row.whole_min),
        Method {
            name: "fitted to features",
            doubts: held_out(rows)?,
        },
    ])
}

/// Doubts by scorers that were fitted to the other folds.
fn held_out(rows: &[Recorded]) -> Result<Vec<Doubt>, Box<dyn Error>> {
    let mut doubts = vec![Doubt::NEVER; rows.len()];
    for fold in 0..FOLDS {
        let fitting: Vec<_> = rows
            .iter()
            .enumerate()
            .filter(|(index, row)| index % FOLDS != fold && row.valid)
            .map(|(_, row)| (row.features, !row.right))
            .collect();
        let scorer = Scorer::fit(&fitting)?;
        let held_out = doubts.iter_mut().zip(rows).skip(fold).step_by(FOLDS);
        for (doubt, row) in held_out {
            *doubt = row.doubt(Doubt::from_p_bad(scorer.p_bad(&row.features)));
        }
    }
    Ok(doubts)
}

fn report(rows: &[Recorded], methods: &[Method]) -> Result<(), Box<dyn Error>> {
    let outcomes: Vec<Vec<Outcome>> = methods
        .iter()
        .map(|method| {
            method
                .doubts
                .iter()
                .zip(rows)
                .map(|(doubt, row)| row.outcome(*doubt))
                .collect()
        })
        .collect();
    let resampled = Resampled::new(&outcomes);
    for (index, method) in methods.iter().enumerate() {
        let [auroc, apgr] = resampled.intervals(index)?;
        let against = resampled.difference(index, 0)?;
        println!(
            "  {:<26}{:<22}{:<22}{:<27}{:.3}",
            method.name,
            auroc.to_string(),
            apgr.to_string(),
            if index == 0 {
                String::new()
            } else {
                against.signed()
            },
            error_of(&method.doubts, rows)
        );
    }
    Ok(())
}

/// Expected calibration error of the confidence, over drafts that passed their checks.
fn error_of(doubts: &[Doubt], rows: &[Recorded]) -> f64 {
    let grade = |right| {
        if right {
            Probability::ONE
        } else {
            Probability::ZERO
        }
    };
    let valid = doubts.iter().zip(rows).filter(|(_, row)| row.valid);
    let graded = valid.map(|(doubt, row)| (doubt.p_bad().complement(), grade(row.right)));
    expected_error(&reliability(graded)).unwrap_or(f64::NAN)
}
