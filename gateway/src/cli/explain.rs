//! `smallfirst explain`: which route a request takes, why, and what would be done.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::{Failure, say};
use crate::config::Declared;
use crate::learning::load_certificates;
use crate::rehearsal::{Call, Written, explain};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// Configuration file. Its models and secrets need not be there.
    #[arg(long)]
    config: PathBuf,
    /// The body of a chat request, as a client sends it; `-` is standard input.
    #[arg(long)]
    request: PathBuf,
    /// Name of the client key it is sent with.
    #[arg(long)]
    key: Option<String>,
    /// A header of the request, `NAME:VALUE`; may be given several times.
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ExplainArguments) -> Result<(), Failure> {
    let declared = Declared::load(&arguments.config).map_err(|e| Failure::config(&e))?;
    let folder = arguments.config.parent().unwrap_or_else(|| Path::new(""));
    let folder = folder.join(&declared.config().certificates);
    let certificates = load_certificates(&folder).map_err(Failure::input)?;
    let body = body(&arguments.request)?;
    let headers = headers(&arguments.headers)?;
    let written = Written {
        body: &body,
        key: arguments.key.as_deref(),
        headers: &headers,
    };
    let call = Call::read(written).map_err(|name| {
        Failure::input(format!(
            "`{name}` is not a header with a value that can be sent"
        ))
    })?;
    let explained =
        explain(&declared, &certificates, &call).map_err(|f| Failure::input(f.public()))?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&explained).map_err(Failure::environment)?);
    } else {
        say(&explained.to_text());
    }
    Ok(())
}

fn body(path: &Path) -> Result<Value, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let name = path.display();
    let text = text.map_err(|error| Failure::input(format!("{name}: cannot be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::input(format!(
            "{name}:{line}:{column}: this is not JSON; write the body as a client sends it"
        ))
    })
}

fn headers(pairs: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |text: &String| {
        let (name, value) = text.split_once([':', '=']).ok_or_else(|| {
            Failure::input(format!(
                "`{text}` is not a header; write it as `NAME:VALUE`"
            ))
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    pairs.iter().map(pair).collect()
}
