//! The figures of all contenders.

use crate::Round;

const BAR: usize = 24;

/// `bound` is what the memory allows, in tokens a second.
pub(crate) fn show(names: &[&str], rounds: &[Vec<Round>], bound: f64) {
    println!(
        "{:<34} {:>22} {:>7}   {:>22} {:>7}  of the memory's bound",
        "", "prompt, tokens/s", "ratio", "answer, tokens/s", "ratio"
    );
    let (first, _) = rounds.split_first().unwrap();
    for (name, rounds) in names.iter().zip(rounds) {
        let answer = rates(rounds, |round| round.answer);
        let share = median(&answer) / bound;
        println!(
            "{name:<34} {} {:>7.3}   {} {:>7.3}  {:<BAR$} {:.2}",
            range(&rates(rounds, |round| round.prompt)),
            ratio(first, rounds, |round| round.prompt),
            range(&answer),
            ratio(first, rounds, |round| round.answer),
            bar(share),
            share
        );
    }
    println!("ratios: median of each round's, to the first line; rates: median (least to most)");
}

type Part = fn(&Round) -> (usize, std::time::Duration);

fn rates(rounds: &[Round], part: Part) -> Vec<f64> {
    rounds.iter().map(|round| rate(part(round))).collect()
}

fn rate((tokens, took): (usize, std::time::Duration)) -> f64 {
    tokens as f64 / took.as_secs_f64()
}

fn ratio(first: &[Round], rounds: &[Round], part: Part) -> f64 {
    let ratios = first.iter().zip(rounds);
    let ratios: Vec<f64> = ratios
        .map(|(first, round)| rate(part(round)) / rate(part(first)))
        .collect();
    median(&ratios)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn range(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!(
        "{:>8.1} {:>13}",
        median(values),
        format!("({least:.1}-{most:.1})")
    )
}

fn bar(share: f64) -> String {
    let cells = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(cells), "·".repeat(BAR - cells))
}
