//! The command line. Names of commands and flags are part of the contract with users.

pub(crate) mod calibrate;
mod check;
mod diff;
mod engine_worker;
mod evidence;
mod explain;
mod failure;
mod import;
mod models;
mod replay;
pub(crate) mod report;
mod schema;
mod serve;
mod stops;
mod terminal;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::DemoArguments;
use crate::engines::WORKER_COMMAND;
use crate::telemetry::{self, LogFormat};

pub use failure::Failure;
pub(crate) use serve::until_told_to_stop;
use terminal::byte_bar;
pub(crate) use terminal::{progress_bar, say};

/// Answers with a small local model first, escalates the hard cases, books what it saved.
#[derive(Debug, Parser)]
#[command(name = "smallfirst", version)]
struct Arguments {
    /// Form of the log on standard error.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the whole thing on the bundled model: no key, no network.
    Demo(DemoArguments),
    /// Runs the gateway.
    Serve {
        /// Configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Checks a configuration and prints which route may reach which host, or compares two.
    Check(check::CheckArguments),
    /// Tells which route a request takes, why, what would be done and what it would cost at most.
    Explain(explain::ExplainArguments),
    /// Runs policy tests: requests, and what must become of them.
    Test(test::TestArguments),
    /// Looks at model files, and fetches them.
    Models {
        #[command(subcommand)]
        command: models::ModelsCommand,
    },
    /// Prints the JSON Schema of configuration files, for editors.
    Schema,
    /// Rewrites the configuration of another gateway, and tells what has no counterpart.
    Import {
        #[command(subcommand)]
        from: import::ImportFrom,
    },
    /// Runs the local model over labelled requests and writes the route's certificate.
    Calibrate(calibrate::CalibrateArguments),
    /// Tells what a policy would have saved, and risked, on recorded traffic.
    Replay(replay::ReplayArguments),
    /// Reports what the requests of a ledger cost and saved.
    Report(report::ReportArguments),
    /// Shows what the decisions about one request rested on, and makes them again.
    Evidence(evidence::EvidenceArguments),
    /// Hosts one local model for a gateway that started this process.
    #[command(name = WORKER_COMMAND, hide = true)]
    EngineWorker,
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::start(arguments.log_format, log_level(&arguments.command));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::environment(format!("no runtime: {error}")).exit_code(),
    };
    match runtime.block_on(dispatch(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit_code(),
    }
}

/// The demo and the small tools talk on standard output; their log would only disturb.
const fn log_level(command: &Command) -> &'static str {
    match command {
        Command::Serve { .. } => "info",
        Command::EngineWorker => "warn",
        _ => "error",
    }
}

async fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(arguments) => Box::pin(crate::demo::run(arguments)).await,
        Command::Serve { config } => serve::run(&config).await,
        Command::Check(arguments) => check::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Models { command } => models::run(command).await,
        Command::Schema => schema::run(),
        Command::Import { from } => import::run(&from),
        Command::Calibrate(arguments) => calibrate::run(arguments).await,
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Evidence(arguments) => evidence::run(&arguments),
        Command::EngineWorker => engine_worker::run().await,
    }
}
