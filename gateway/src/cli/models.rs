//! `smallfirst models`: what a model is and would take, and fetching one.

mod check;
mod configured;
mod pull;
mod room;
mod show;

use clap::Subcommand;

use super::Failure;
pub(super) use configured::look;
pub(super) use room::room_table;

/// What to do with models.
#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// Tells what a model is, what would compute it and what that takes. Nothing is loaded.
    Check(check::CheckArguments),
    /// Brings a model from the Hugging Face hub into its cache, and goes on where an earlier try was cut.
    Pull(pull::PullArguments),
}

pub(super) async fn run(command: ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::Check(arguments) => check::run(&arguments).await,
        ModelsCommand::Pull(arguments) => pull::run(arguments).await,
    }
}
