//! `smallfirst replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use router_policies::{Probability, RiskTarget};

use super::report::terminal_width;
use super::{Failure, byte_bar, say};
use crate::chart::Chart;
use crate::config::Config;
use crate::learning::load_certificates;
use crate::ledger::{LedgerUrl, keeps_evidence, read_only};
use crate::replay::{Pictures, Replay, hindsight};
use crate::report::parse_moment;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// Recorded outcomes, one JSON object a line: `{"id", "route", "confidence", "local_correct", "upstream_correct",
    /// ...}`; `-` is standard input.
    #[arg(required_unless_present = "ledger", conflicts_with = "ledger")]
    outcomes: Option<PathBuf>,
    /// Largest share of all traffic that may be answered locally where the upstream would have done better.
    #[arg(long, default_value = "2%", conflicts_with = "ledger")]
    max_regret: Probability,
    /// How sure that must be.
    #[arg(long, default_value = "90%", conflicts_with = "ledger")]
    assurance: Probability,
    /// Instead of a file: a ledger, `sqlite:PATH` or just a path. Tells what its requests would have cost and risked
    /// under the policy of --config and the certificates it names.
    #[arg(long, requires = "config")]
    ledger: Option<LedgerUrl>,
    /// Configuration file with the policy to try.
    #[arg(long, requires = "ledger")]
    config: Option<PathBuf>,
    /// Only requests from this moment on: a date (UTC) or an RFC 3339 time.
    #[arg(long, requires = "ledger")]
    from: Option<String>,
    /// Only requests before this moment.
    #[arg(long, requires = "ledger")]
    to: Option<String>,
    /// One JSON object instead of tables and charts.
    #[arg(long)]
    json: bool,
    /// Also writes the charts as SVG files into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "ledger")]
    svg: Option<PathBuf>,
}

pub(super) fn run(arguments: &ReplayArguments) -> Result<(), Failure> {
    let text = match (&arguments.outcomes, &arguments.ledger, &arguments.config) {
        (Some(outcomes), _, _) => of_recording(arguments, outcomes)?,
        (None, Some(ledger), Some(config)) => of_ledger(arguments, ledger, config)?,
        // The parser has asked for one or the other already.
        _ => {
            return Err(Failure::input(
                "give a file of outcomes, or --ledger and --config",
            ));
        }
    };
    say(&text);
    Ok(())
}

fn of_recording(arguments: &ReplayArguments, outcomes: &Path) -> Result<String, Failure> {
    let target =
        RiskTarget::new(arguments.max_regret, arguments.assurance).map_err(Failure::input)?;
    let bytes = std::fs::metadata(outcomes).map_or(0, |file| file.len());
    let bar = byte_bar(bytes, "reading");
    let replay = Replay::of_recording(outcomes, target, |read| bar.set_position(read));
    bar.finish_and_clear();
    let replay = replay.map_err(Failure::input)?;
    if let Some(folder) = &arguments.svg {
        save_all(folder, &replay)?;
    }
    if arguments.json {
        replay.to_json().map_err(Failure::environment)
    } else {
        Ok(replay.to_text(terminal_width()))
    }
}

fn of_ledger(
    arguments: &ReplayArguments,
    ledger: &LedgerUrl,
    config: &Path,
) -> Result<String, Failure> {
    let moment = |text: &Option<String>| {
        let moment = text.as_deref().map(parse_moment).transpose();
        moment.map_err(Failure::input)
    };
    let period = (moment(&arguments.from)?, moment(&arguments.to)?);
    let config = Config::load(config).map_err(Failure::input)?;
    let certificates = load_certificates(&config.certificates).map_err(Failure::input)?;
    let connection = read_only(ledger).map_err(Failure::input)?;
    if !keeps_evidence(&connection).map_err(Failure::input)? {
        return Err(Failure::input(
            "the ledger was written by a build that kept no evidence, so its decisions cannot be made again",
        ));
    }
    let seen =
        hindsight(&connection, period, &config.policy, &certificates).map_err(Failure::input)?;
    if arguments.json {
        seen.to_json().map_err(Failure::environment)
    } else {
        Ok(seen.to_text(terminal_width()))
    }
}

/// The charts of all routes together, and of several routes each in a folder of its own.
fn save_all(folder: &Path, replay: &Replay) -> Result<(), Failure> {
    save(folder, &replay.pooled.pictures)?;
    if replay.routes.len() > 1 {
        for part in &replay.routes {
            save(&folder.join(file_name(&part.name)), &part.pictures)?;
        }
    }
    Ok(())
}

/// Writes `calibration.svg`, `risk-coverage.svg` and `cost-quality.svg`, as far as there is something to draw.
pub(super) fn save(folder: &Path, pictures: &Pictures) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::environment(format!("{}: cannot be written: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, chart) in pictures.iter() {
        let path = folder.join(format!("{name}.svg"));
        std::fs::write(&path, Chart::to_svg(chart)).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// A route's name as the name of a folder: nothing that leads elsewhere.
fn file_name(route: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    route
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}
