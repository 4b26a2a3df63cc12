//! `smallfirst evidence`: what the decisions about one request rested on, made again.

use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, say};
use crate::ledger::{Evidence, LedgerUrl, keeps_evidence, read_only};

/// Arguments of `evidence`.
#[derive(Debug, Args)]
pub(super) struct EvidenceArguments {
    /// The ledger: `sqlite:PATH`, or just a path.
    #[arg(long)]
    ledger: LedgerUrl,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// The request: the `x-request-id` of its answer.
    id: String,
}

pub(super) fn run(arguments: &EvidenceArguments) -> Result<(), Failure> {
    let connection = read_only(&arguments.ledger).map_err(Failure::input)?;
    if !keeps_evidence(&connection).map_err(Failure::input)? {
        return Err(Failure::input(
            "the ledger was written by a build that kept no evidence",
        ));
    }
    let found = Evidence::read(&connection, &arguments.id).map_err(Failure::input)?;
    if found.is_empty() {
        return Err(Failure::input(format!(
            "no draft was judged for the request {}; it is unknown, or was answered without one",
            arguments.id
        )));
    }
    if arguments.json {
        let decisions: Vec<_> = found.iter().map(as_json).collect();
        say(&json!({ "id": arguments.id, "decisions": decisions }).to_string());
    } else {
        for evidence in &found {
            say(as_text(evidence).map_err(Failure::environment)?.trim_end());
        }
    }
    let disputed = found.iter().any(|evidence| evidence.recompute().is_err());
    if disputed {
        return Err(Failure::input(
            "the books do not follow from the evidence stored with them",
        ));
    }
    Ok(())
}

fn as_json(evidence: &Evidence) -> Value {
    let features = evidence.features().ok();
    let outcome = evidence.recompute();
    json!({
        "purpose": evidence.purpose.as_str(),
        "route": evidence.route,
        "mode": evidence.mode.as_str(),
        "verdict": evidence.verdict,
        "p_bad": evidence.p_bad,
        "threshold": evidence.threshold,
        "failed_check": evidence.failed_check,
        "certificate": evidence.certificate.as_ref().map(|(id, _)| id),
        "fingerprint": evidence.fingerprint.0,
        "stopped": evidence.stopped.map(|(decisions, p, limit)| json!({
            "decisions": decisions, "p_rejected": p, "limit": limit,
        })),
        "propensity": evidence.audit.map(|(chance, _)| chance),
        "audit": evidence.audit.map(|(_, draw)| draw.as_str()),
        "features": features,
        "labels": evidence.labels.iter().map(|label| json!({
            "origin": label.origin.as_str(), "bad": label.bad, "comparator": label.comparator,
        })).collect::<Vec<_>>(),
        "recomputed": outcome.is_ok(),
        "disagreement": outcome.err().map(|error| error.to_string()),
    })
}

fn as_text(evidence: &Evidence) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let (purpose, route, mode) = (evidence.purpose, &evidence.route, evidence.mode);
    writeln!(text, "draft to {purpose} on {route}: {}", evidence.verdict)?;
    writeln!(text, "  mode         {mode}")?;
    let scorer = evidence.certificate.as_ref().map_or("plain", |(id, _)| id);
    writeln!(text, "  scorer       {scorer}")?;
    writeln!(text, "  fingerprint  {}", evidence.fingerprint.0)?;
    writeln!(text, "  p_bad        {}", evidence.p_bad)?;
    if let Some(threshold) = evidence.threshold {
        writeln!(text, "  threshold    {threshold}")?;
    }
    if let Some(check) = &evidence.failed_check {
        writeln!(text, "  failed       {check}")?;
    }
    if let Some((decisions, p, limit)) = evidence.stopped {
        writeln!(
            text,
            "  stopped      at decision {decisions}: {p} reaches {limit}"
        )?;
    }
    if let Some((propensity, draw)) = evidence.audit {
        writeln!(text, "  audit        {draw}, with a chance of {propensity}")?;
    }
    for label in &evidence.labels {
        let word = if label.bad { "bad" } else { "good" };
        writeln!(
            text,
            "  label        {word} ({}, by {})",
            label.origin, label.comparator
        )?;
    }
    if let Ok(features) = evidence.features() {
        for (name, value) in features.iter() {
            writeln!(text, "    {name:<20} {value}")?;
        }
    }
    match evidence.recompute() {
        Ok(_) => writeln!(text, "  made again: agrees to the last bit")?,
        Err(why) => writeln!(text, "  made again: DISAGREES: {why}")?,
    }
    Ok(text)
}
