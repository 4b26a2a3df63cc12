//! `smallfirst models check`.

use std::path::Path;

use clap::Args;
use local_engine::inspect::{Inspection, Wanted, inspect};
use local_engine::machine::{self, Memory};
use serde::Serialize;

use super::super::{Failure, say};
use super::pull::failure;
use super::show::{as_text, snippet};
use crate::engines::quantization;
use crate::hub::{Hub, HubModel, HubSettings};

/// Arguments of `models check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArguments {
    /// A GGUF file, a folder with a GGUF or safetensors, or a model of the Hugging Face hub such as `org/name:Q8_0`, of
    /// which the headers and the small files are fetched.
    model: String,
    /// For models of the hub: branch, tag or commit. Default: main.
    #[arg(long)]
    revision: Option<String>,
    /// As if it were quantized while loading (safetensors only): `q8_0`, `q6_k`, `q5_k`, `q4_k` or `q4_0`.
    #[arg(long)]
    quantization: Option<String>,
    /// Longest prompt plus answer to reckon memory with, in tokens. Default: the model's own.
    #[arg(long, value_name = "TOKENS")]
    context: Option<u64>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    /// Exit with 1 where there are warnings.
    #[arg(long)]
    strict: bool,
}

/// What is told of a model.
#[derive(Debug, Serialize)]
struct Told<'a> {
    usable: bool,
    #[serde(flatten)]
    inspection: &'a Inspection,
    machine: Option<Memory>,
    snippet: String,
}

pub(super) async fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut inspection = look(arguments).await?;
    let machine = machine::memory();
    fit(&mut inspection, machine);
    if arguments.json {
        let told = Told {
            usable: inspection.is_usable(),
            inspection: &inspection,
            machine,
            snippet: snippet(&inspection, arguments.quantization.as_deref()),
        };
        say(&serde_json::to_string_pretty(&told).map_err(Failure::environment)?);
    } else {
        say(&as_text(
            &inspection,
            machine,
            arguments.quantization.as_deref(),
        ));
    }
    if !inspection.is_usable() {
        return Err(Failure::input(format!(
            "{}: cannot be used",
            arguments.model
        )));
    }
    if arguments.strict && !inspection.warnings.is_empty() {
        return Err(Failure::environment(format!(
            "{}: {} warnings",
            arguments.model,
            inspection.warnings.len()
        )));
    }
    Ok(())
}

/// Looks at files here, or at what the hub has.
async fn look(arguments: &CheckArguments) -> Result<Inspection, Failure> {
    let quantization = arguments.quantization.as_deref().map(quantization);
    let quantization = quantization.transpose().map_err(Failure::input)?;
    let look_at = |path: &Path| {
        let mut wanted = Wanted::new(path);
        wanted.context = arguments.context;
        wanted.quantization = quantization;
        inspect(&wanted)
    };
    let path = Path::new(&arguments.model);
    let named: Option<HubModel> = arguments.model.parse().ok().filter(|_| !path.exists());
    let Some(model) = named else {
        return look_at(path).map_err(Failure::input);
    };
    let model = match &arguments.revision {
        Some(revision) => model.at(revision),
        None => model,
    };
    let hub = Hub::new(HubSettings::from_environment()).map_err(failure)?;
    let peeked = hub.peek(&model).await.map_err(failure)?;
    let mut found = look_at(&peeked.path).map_err(Failure::input)?;
    let folder = peeked.folder().display().to_string();
    let texts = found.obstacles.iter_mut().chain(&mut found.warnings);
    texts.for_each(|text| *text = text.replace(&folder, &model.repository));
    found.path = format!("hf:{}", arguments.model.trim_start_matches("hf:")).into();
    Ok(found)
}

/// Compares what it takes with what there is.
pub(in crate::cli) fn fit(inspection: &mut Inspection, machine: Option<Memory>) {
    let Some(machine) = machine else { return };
    let needed = inspection.memory;
    let size = super::show::size;
    if needed.at_rest > machine.total {
        inspection.obstacles.push(format!(
            "it needs {}, and this machine has {}; take a smaller model or a smaller quantization",
            size(needed.at_rest),
            size(machine.total)
        ));
    } else if needed.at_rest > machine.available {
        inspection.warnings.push(format!(
            "it needs {}, and {} are free now",
            size(needed.at_rest),
            size(machine.available)
        ));
    } else if needed.total > machine.available {
        inspection.warnings.push(format!(
            "with a full context of {} tokens it needs {}, and {} are free now",
            needed.context_tokens,
            size(needed.total),
            size(machine.available)
        ));
    }
}
