//! `smallfirst test`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Failure, say};
use crate::config::Declared;
use crate::rehearsal::cases::{Outcome, run_cases};

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// Configuration file. Neither its models nor its secrets need to be there.
    #[arg(long)]
    config: PathBuf,
    /// Files of cases: requests, and what must become of them.
    #[arg(required = true, value_name = "CASES.yaml")]
    cases: Vec<PathBuf>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &TestArguments) -> Result<(), Failure> {
    let declared = Declared::load(&arguments.config).map_err(|e| Failure::config(&e))?;
    let mut files = Vec::new();
    for path in &arguments.cases {
        let outcomes = run_cases(&declared, path).map_err(|e| Failure::config(&e))?;
        files.push((path.display().to_string(), outcomes));
    }
    let all = files.iter().flat_map(|(_, outcomes)| outcomes);
    let failed = all
        .filter(|outcome| !outcome.differences.is_empty())
        .count();
    if arguments.json {
        say(&as_json(&files, failed).map_err(Failure::environment)?);
    } else {
        say(&as_text(&files));
    }
    let ran: usize = files.iter().map(|(_, outcomes)| outcomes.len()).sum();
    let summary = format!("{} passed, {failed} failed", ran - failed);
    match failed {
        0 if arguments.json => Ok(()),
        0 => {
            say(&summary);
            Ok(())
        }
        _ => Err(Failure::environment(summary)),
    }
}

fn as_text(files: &[(String, Vec<Outcome>)]) -> String {
    let mut lines = Vec::new();
    for (file, outcomes) in files {
        for outcome in outcomes {
            let verdict = if outcome.differences.is_empty() {
                "ok    "
            } else {
                "FAILED"
            };
            let (line, column) = outcome.place;
            lines.push(format!(
                "{verdict} {file}:{line}:{column}: {}",
                outcome.name
            ));
            for difference in &outcome.differences {
                let (line, column) = difference.place;
                let at = ["expect", difference.key].join(".");
                let at = at.trim_end_matches('.');
                lines.push(format!("       {file}:{line}:{column}: {at}"));
                lines.push(format!("       - {}", difference.expected));
                lines.push(format!("       + {}", difference.actual));
                let because = difference.because.iter();
                lines.extend(because.map(|reason| format!("         because {reason}")));
            }
        }
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct Json<'a> {
    passed: usize,
    failed: usize,
    cases: Vec<JsonCase<'a>>,
}

#[derive(Serialize)]
struct JsonCase<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    name: &'a str,
    passed: bool,
    became: &'a [String],
    differences: Vec<JsonDifference<'a>>,
}

#[derive(Serialize)]
struct JsonDifference<'a> {
    key: &'a str,
    line: usize,
    column: usize,
    expected: &'a str,
    actual: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    because: &'a [String],
}

fn as_json(files: &[(String, Vec<Outcome>)], failed: usize) -> serde_json::Result<String> {
    let cases: Vec<JsonCase<'_>> = files
        .iter()
        .flat_map(|(file, outcomes)| outcomes.iter().map(move |outcome| json_case(file, outcome)))
        .collect();
    serde_json::to_string_pretty(&Json {
        passed: cases.len() - failed,
        failed,
        cases,
    })
}

fn json_case<'a>(file: &'a str, outcome: &'a Outcome) -> JsonCase<'a> {
    let differences = outcome.differences.iter().map(|difference| JsonDifference {
        key: difference.key,
        line: difference.place.0,
        column: difference.place.1,
        expected: &difference.expected,
        actual: &difference.actual,
        because: &difference.because,
    });
    JsonCase {
        file,
        line: outcome.place.0,
        column: outcome.place.1,
        name: &outcome.name,
        passed: outcome.differences.is_empty(),
        became: &outcome.became,
        differences: differences.collect(),
    }
}
