//! `smallfirst calibrate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use local_engine::{Health, LocalEngine};
use router_policies::Proof;

use super::replay::save;
use super::report::terminal_width;
use super::stops::describe_stops;
use super::{Failure, progress_bar, say};
use crate::config::Config;
use crate::engines::StartEngine;
use crate::learning::{Calibration, calibrate, read_labelled, save_certificate};
use crate::replay::Pictures;

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub(super) struct CalibrateArguments {
    /// Configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Name of the route.
    #[arg(long)]
    route: String,
    /// Labelled requests, one JSON object a line: `{"messages": [...], "gold": ...}`.
    labelled: PathBuf,
    /// Also writes the charts as SVG files into this folder.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
}

pub(super) async fn run(arguments: CalibrateArguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config).map_err(|e| Failure::config(&e))?;
    let route = config
        .policy
        .variant(&arguments.route)
        .cloned()
        .ok_or_else(|| {
            let known: Vec<String> = config
                .policy
                .egress()
                .iter()
                .map(|egress| egress.route.id().into_owned())
                .collect();
            Failure::input(format!(
                "no route `{}`; there are: {}",
                arguments.route,
                known.join(", ")
            ))
        })?;
    let rows = read_labelled(&arguments.labelled).map_err(Failure::input)?;
    let program = std::env::current_exe().map_err(Failure::environment)?;
    let engines = StartEngine::workers(program)
        .start_all(&config)
        .map_err(Failure::input)?;
    let model = route
        .local
        .as_ref()
        .map(|plan| plan.model.as_str())
        .unwrap_or_default();
    let engine = engines
        .get(model)
        .ok_or_else(|| Failure::input(format!("route `{}` has no `local` part", route.name)))?;
    until_ready(engine).await?;
    let bar = progress_bar(rows.len(), "drafting");
    let calibration = calibrate(engine, &route, &rows, || bar.inc(1))
        .await
        .map_err(Failure::input)?;
    bar.finish_and_clear();
    say(&describe(&calibration));
    if let Some(stops) = &calibration.stops {
        say(&describe_stops(stops));
    }
    show(&calibration, &route.name, arguments.svg.as_deref())?;
    let Some(certificate) = &calibration.certificate else {
        return Err(Failure::environment(
            "no certificate was written; the route keeps escalating everything",
        ));
    };
    let path = save_certificate(&config.certificates, certificate).map_err(Failure::environment)?;
    say(&format!(
        "wrote {}; reload the gateway to use it",
        path.display()
    ));
    Ok(())
}

/// The charts of a calibration, on the terminal and as files.
fn show(calibration: &Calibration, route: &str, svg: Option<&Path>) -> Result<(), Failure> {
    let pictures = Pictures::of_calibration(calibration, route);
    let width = terminal_width().unwrap_or(USUAL_WIDTH);
    for (_, chart) in pictures.iter() {
        say(&format!("\n{}", chart.to_text(width)));
    }
    svg.map_or(Ok(()), |folder| save(folder, &pictures))
}

/// Columns of a terminal that we do not know.
const USUAL_WIDTH: u16 = 100;

/// Waits until a model has loaded.
pub(crate) async fn until_ready(engine: &Arc<dyn LocalEngine>) -> Result<(), Failure> {
    engine.at_hand().await.map_err(Failure::environment)?;
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    loop {
        ticks.tick().await;
        match engine.health() {
            Health::Ready => return Ok(()),
            Health::Loading | Health::Unloaded => {}
            Health::Down(why) => {
                return Err(Failure::environment(format!(
                    "the local model is down: {why}"
                )));
            }
        }
    }
}

/// What a calibration found, in words.
pub(crate) fn describe(calibration: &Calibration) -> String {
    let Calibration {
        rows,
        right,
        undrafted,
        proof,
        ..
    } = calibration;
    let head =
        format!("{rows} labelled requests, {right} drafts right, {undrafted} without a draft");
    let tail = match proof {
        Proof::Certified(c) => format!(
            "certified: accepting up to p_bad {:.2} answers {} of {} locally with {} wrong; at most {:.1} of all traffic \
             would have been better served by the upstream",
            c.threshold, c.accepted, c.n, c.losses, c.bound
        ),
        Proof::NotEnough { needed, have } => {
            format!(
                "nothing proven: {have} rows are too few, the target needs at least {needed} without a loss"
            )
        }
        Proof::NoThreshold {
            n,
            accepted,
            losses,
            bound,
        } => format!(
            "nothing proven: on {n} rows even the {accepted} surest drafts ({losses} wrong) allow no bound below \
             {bound:.1}; label more, loosen the target or take a better model"
        ),
    };
    format!("{head}\n{tail}")
}
