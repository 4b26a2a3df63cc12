//! `smallfirst replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use router_policies::{Probability, RiskTarget};

use super::report::terminal_width;
use super::{Failure, byte_bar, say};
use crate::chart::Chart;
use crate::replay::{Pictures, Replay};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// Recorded outcomes, one JSON object a line: `{"id", "route", "confidence", "local_correct", "upstream_correct",
    /// ...}`; `-` is standard input.
    outcomes: PathBuf,
    /// Largest share of all traffic that may be answered locally where the upstream would have done better.
    #[arg(long, default_value = "2%")]
    max_regret: Probability,
    /// How sure that must be.
    #[arg(long, default_value = "90%")]
    assurance: Probability,
    /// One JSON object instead of tables and charts.
    #[arg(long)]
    json: bool,
    /// Also writes the charts as SVG files into this folder.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
}

pub(super) fn run(arguments: &ReplayArguments) -> Result<(), Failure> {
    let target =
        RiskTarget::new(arguments.max_regret, arguments.assurance).map_err(Failure::input)?;
    let bytes = std::fs::metadata(&arguments.outcomes).map_or(0, |file| file.len());
    let bar = byte_bar(bytes, "reading");
    let replay = Replay::of_recording(&arguments.outcomes, target, |read| bar.set_position(read));
    bar.finish_and_clear();
    let replay = replay.map_err(Failure::input)?;
    if let Some(folder) = &arguments.svg {
        save_all(folder, &replay)?;
    }
    let text = if arguments.json {
        replay.to_json().map_err(Failure::environment)?
    } else {
        replay.to_text(terminal_width())
    };
    say(&text);
    Ok(())
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
