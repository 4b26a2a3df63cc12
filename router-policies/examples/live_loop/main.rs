//! The live loop on recorded traffic: learning, serving, a switch of the domain, an alarm, learning again.
//!
//! ```text
//! cargo run --release -p router-policies --example live_loop -- FIRST.jsonl SECOND.jsonl \
//!     [--max-regret 2%] [--assurance 90%] [--audits 2%] [--phase 12000] [--quiet 100000] [--seeds 20] [--json]
//! ```
//!
//! Files are recorded outcomes as `smallfirst replay` reads them. Rows of `FIRST` marked `calibration` fit the
//! calibration of the confidence and are used for nothing else. All streams are drawn with replacement, so the true
//! regret of every threshold is known: it is that of the file.
//!
//! `switch` goes by the first calibration throughout; `switch_refitting` is what the gateway runs, which fits another
//! scorer to the labels that it collects.

mod measure;
mod relearn;
mod stream;

use std::error::Error;
use std::io::Write;

use router_policies::{AuditPlan, LiveSettings, Probability, RiskTarget};
use serde_json::json;

use crate::measure::{parity, quiet, switch};
use crate::relearn::Drafts;
use crate::stream::{Traffic, read, recorded};

struct Options {
    files: Vec<String>,
    settings: LiveSettings,
    phase: u32,
    quiet: u32,
    seeds: u32,
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options(std::env::args().skip(1))?;
    let [first, second] = options.files.as_slice() else {
        return Err("usage: live_loop FIRST.jsonl SECOND.jsonl [options]".into());
    };
    let [calibration, drafts] = Drafts::of(&recorded(first)?);
    let [_, other_drafts] = Drafts::of(&recorded(second)?);
    let (first, calibrator) = read(first, None)?;
    let (second, _) = read(second, calibrator.as_ref())?;
    let settings = options.settings;
    let sizes = [options.phase, options.seeds];
    let found = json!({
        "max_regret": settings.target.max_regret(),
        "assurance": settings.target.assurance(),
        "audits": Probability::from(settings.audits),
        "seeds": options.seeds,
        "switch": switch(settings, [&first, &second], options.phase, options.seeds),
        "switch_refitting": relearn::switch(settings, &calibration, [&drafts, &other_drafts], sizes),
        "quiet": quiet(settings, &first, options.quiet, options.seeds),
        "parity": parity(settings, &first, options.seeds),
    });
    let mut out = std::io::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        table(&mut out, "", &found)?;
    }
    Ok(())
}

/// One line a number, with the path to it.
fn table(out: &mut impl Write, path: &str, value: &serde_json::Value) -> std::io::Result<()> {
    if let Some(parts) = value.as_object() {
        for (name, part) in parts {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path} / {name}")
            };
            table(out, &path, part)?;
        }
        return Ok(());
    }
    match value.as_f64() {
        Some(number) if value.is_f64() => writeln!(out, "{path:<56} {number:>12.4}"),
        _ => writeln!(out, "{path:<56} {:>12}", value.to_string()),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let (mut regret, mut assurance) = (Probability::new(0.02)?, Probability::new(0.9)?);
    let mut audits = AuditPlan::default();
    let mut options = Options {
        files: Vec::new(),
        settings: LiveSettings::new(RiskTarget::new(regret, assurance)?),
        phase: 12_000,
        quiet: 100_000,
        seeds: 20,
        json: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--max-regret" => regret = value()?.parse()?,
            "--assurance" => assurance = value()?.parse()?,
            "--audits" => audits = AuditPlan::new(value()?.parse()?)?,
            "--phase" => options.phase = value()?.parse()?,
            "--quiet" => options.quiet = value()?.parse()?,
            "--seeds" => options.seeds = value()?.parse()?,
            "--json" => options.json = true,
            _ => options.files.push(argument),
        }
    }
    options.settings = LiveSettings {
        audits,
        ..LiveSettings::new(RiskTarget::new(regret, assurance)?)
    };
    Ok(options)
}

/// Mean and median of what the seeds gave.
pub(crate) fn summary(mut values: Vec<f64>) -> serde_json::Value {
    values.sort_by(f64::total_cmp);
    let n = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    json!({
        "n": values.len(),
        "mean": if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / n },
        "median": values.get(values.len() / 2),
        "min": values.first(),
        "max": values.last(),
    })
}

/// The true regret and coverage of a threshold.
pub(crate) fn truth(traffic: &Traffic, threshold: Option<Probability>) -> (f64, f64) {
    let Some(threshold) = threshold else {
        return (0.0, 0.0);
    };
    let accepted = || traffic.rows.iter().filter(|row| row.0 <= threshold);
    let real = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let share = |count: usize| real(count) / real(traffic.rows.len());
    (
        share(accepted().filter(|row| row.1).count()),
        share(accepted().count()),
    )
}
