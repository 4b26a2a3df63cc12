//! `smallfirst models pull`.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use parking_lot::Mutex;

use super::super::terminal::{byte_bar, complain};
use super::super::{Failure, say};
use crate::hub::{Hub, HubError, HubModel, HubSettings, Progress, Pulled};

/// Arguments of `models pull`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PullArguments {
    /// `org/name`, `org/name:Q8_0` or `org/name:file.gguf`.
    model: HubModel,
    /// Branch, tag or commit. Default: main.
    #[arg(long)]
    revision: Option<String>,
    /// Puts the files into this folder, too, tokenizer and template beside the weights.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Downloads nothing: tells whether the model is there. `HF_HUB_OFFLINE=1` does the same.
    #[arg(long)]
    offline: bool,
}

pub(super) async fn run(arguments: PullArguments) -> Result<(), Failure> {
    let mut settings = HubSettings::from_environment();
    settings.offline |= arguments.offline;
    let model = match &arguments.revision {
        Some(revision) => arguments.model.clone().at(revision),
        None => arguments.model.clone(),
    };
    let hub = Hub::new(settings).map_err(failure)?;
    let shown = Shown::default();
    let pulled = hub.pull(&model, &|progress| shown.show(progress)).await;
    shown.end();
    let pulled = pulled.map_err(failure)?;
    let place = match &arguments.to {
        Some(folder) => place(&pulled, folder).map_err(Failure::environment)?,
        None => pulled.weights.clone(),
    };
    say(&place.display().to_string());
    if let (None, Some(side)) = (&arguments.to, &pulled.tokenizer) {
        complain(&format!(
            "its tokenizer lies in {}; with `path: hf:...` the gateway finds it, and `--to DIR` puts everything together",
            side.display()
        ));
    }
    Ok(())
}

/// What the user wrote is wrong, or something outside.
pub(super) fn failure(error: HubError) -> Failure {
    match error {
        HubError::Choice(_) | HubError::NotFound(_) => Failure::input(error),
        _ => Failure::environment(error),
    }
}

/// Puts all files into `folder`, flat, and tells where the weights are.
fn place(pulled: &Pulled, folder: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
    for file in &pulled.files {
        let target = folder.join(file.file_name().unwrap_or_default());
        let content = fs::canonicalize(file).map_err(|error| told(file, &error))?;
        let new = target.with_extension("new");
        // A second name costs nothing; another disk wants a copy.
        let linked = fs::remove_file(&new)
            .or(Ok(()))
            .and_then(|()| fs::hard_link(&content, &new))
            .or_else(|_: std::io::Error| fs::copy(&content, &new).map(|_| ()));
        linked
            .and_then(|()| fs::rename(&new, &target))
            .map_err(|error| told(&target, &error))?;
    }
    let is_file = pulled.weights.is_file();
    let name = pulled.weights.file_name().filter(|_| is_file);
    Ok(name.map_or_else(|| folder.to_owned(), |name| folder.join(name)))
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// A bar on a terminal, lines elsewhere; both on standard error.
#[derive(Default)]
struct Shown {
    bar: Mutex<Option<ProgressBar>>,
}

impl Shown {
    fn show(&self, progress: Progress<'_>) {
        let mut bar = self.bar.lock();
        match progress {
            Progress::Note(text) => match &*bar {
                Some(bar) => bar.println(text),
                None => complain(text),
            },
            Progress::File { name, done, total } => {
                if let Some(bar) = bar.take() {
                    bar.finish();
                }
                if std::io::stderr().is_terminal() {
                    let new = byte_bar(total, name);
                    new.set_position(done);
                    *bar = Some(new);
                } else {
                    complain(&format!("{name}: {total} bytes, {done} of them are there"));
                }
            }
            Progress::Bytes(bytes) => {
                if let Some(bar) = &*bar {
                    bar.inc(bytes);
                }
            }
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar.lock().take() {
            bar.finish();
        }
    }
}
