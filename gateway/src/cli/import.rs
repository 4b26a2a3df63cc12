//! `smallfirst import`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::terminal::complain;
use super::{Failure, say};
use crate::config::{ConfigError, Source, bytes_of};
use crate::import::{FindingKind, Imported, from_litellm};

/// Where a configuration comes from.
#[derive(Debug, Subcommand)]
pub(super) enum ImportFrom {
    /// The configuration of a LiteLLM proxy.
    Litellm(ImportArguments),
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The file to read.
    config: PathBuf,
    /// Writes the new configuration into this file, which must not exist, instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object instead: the findings, and the configuration unless --out takes it.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(from: &ImportFrom) -> Result<(), Failure> {
    let ImportFrom::Litellm(arguments) = from;
    let path = &arguments.config;
    let name = path.display().to_string();
    let bytes = bytes_of(path).map_err(|e| Failure::config(&e))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ConfigError::not_text(&bytes, error.valid_up_to(), &name))
        .map_err(|e| Failure::config(&e))?;
    let source = Source { name: &name, text };
    let imported = from_litellm(source).map_err(|e| Failure::config(&e))?;
    if let Some(out) = &arguments.out {
        write_new(out, &imported.text)?;
    }
    let shown = arguments.out.is_none();
    if arguments.json {
        say(&as_json(&imported, &name, shown).map_err(Failure::environment)?);
    } else {
        if shown {
            say(&imported.text);
        }
        complain(&as_text(&imported, &name));
    }
    Ok(())
}

/// Writes a file that does not exist yet: a configuration that somebody has gone on with is not overwritten.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let path = path.display();
        if error.kind() == ErrorKind::AlreadyExists {
            Failure::input(format!(
                "{path}: exists already; remove it or name another file"
            ))
        } else {
            Failure::environment(format!("{path}: cannot be written: {error}"))
        }
    })
}

fn as_text(imported: &Imported, file: &str) -> String {
    let mut lines: Vec<String> = imported
        .findings
        .iter()
        .map(|finding| finding.in_line(file))
        .collect();
    let count = |kind: FindingKind| {
        let of_kind = imported.findings.iter().filter(|found| found.kind == kind);
        of_kind.count()
    };
    lines.push(format!(
        "{file}: {} upstreams and {} routes written; without a counterpart: {}, different here: {}, to do: {}",
        imported.upstreams,
        imported.routes,
        count(FindingKind::NoCounterpart),
        count(FindingKind::Different),
        count(FindingKind::ToDo),
    ));
    lines.join("\n")
}

#[derive(Serialize)]
struct Json<'a> {
    file: &'a str,
    upstreams: usize,
    routes: usize,
    findings: Vec<JsonFinding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    kind: &'a str,
    line: usize,
    column: usize,
    key: &'a str,
    text: &'a str,
}

fn as_json(imported: &Imported, file: &str, shown: bool) -> serde_json::Result<String> {
    let findings = imported.findings.iter().map(|finding| JsonFinding {
        kind: finding.kind.word(),
        line: finding.line,
        column: finding.column,
        key: &finding.key,
        text: &finding.text,
    });
    serde_json::to_string_pretty(&Json {
        file,
        upstreams: imported.upstreams,
        routes: imported.routes,
        findings: findings.collect(),
        config: shown.then_some(imported.text.as_str()),
    })
}
