//! `smallfirst check`: every problem of a configuration, or what it will do.

use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use router_policies::{
    Action, Certificate, Egress, LocalPlan, ModelRef, Pin, RiskTarget, Route, Trust,
};

use super::diff::{self, Diff};
use super::{Failure, models, say};
use crate::config::{Config, ModelSource, ServedModel};
use crate::learning::load_certificates;
use crate::ledger::LedgerUrl;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Configuration file.
    #[arg(long, required_unless_present = "diff", conflicts_with = "diff")]
    config: Option<PathBuf>,
    /// Instead: two configurations. Tells what differs, and exits with 1 if anything does. Neither models nor secrets
    /// need to be there.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    diff: Option<Vec<PathBuf>>,
    /// Recorded requests, one JSON object a line: `{"request": {...}, "key", "headers", "id"}`; `-` is standard input.
    /// Tells which of them take another route.
    #[arg(long, requires = "diff", value_name = "FILE")]
    requests: Option<PathBuf>,
    /// Or a ledger, `sqlite:PATH` or just a path. It keeps no prompts and no headers, so of some requests it cannot be
    /// said.
    #[arg(long, requires = "diff", conflicts_with = "requests")]
    ledger: Option<LedgerUrl>,
    /// One JSON object instead of tables.
    #[arg(long, requires = "diff")]
    json: bool,
}

pub(super) fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    match (&arguments.config, arguments.diff.as_deref()) {
        (Some(config), _) => check(config),
        (None, Some([old, new])) => diff::run(Diff {
            old,
            new,
            requests: arguments.requests.as_deref(),
            ledger: arguments.ledger.as_ref(),
            json: arguments.json,
        }),
        // The parser has asked for one or the other already.
        _ => Err(Failure::input("give --config FILE, or --diff OLD NEW")),
    }
}

fn check(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path).map_err(|e| Failure::config(&e))?;
    let about_models = models::look(&config, path).map_err(|e| Failure::config(&e))?;
    let certificates = load_certificates(&config.certificates).map_err(Failure::input)?;
    say(&format!("{}: no problems\n", path.display()));
    say(&egress_table(&config).to_string());
    for warning in about_models {
        say(&warning);
    }
    if let Some(table) = models::room_table(&config) {
        say(&table);
    }
    for (name, served) in served(&config) {
        let hosts = served.hosts().collect::<Vec<_>>().join(", ");
        let text =
            "requests of its routes go there, and so do those that must not leave the house.";
        say(&format!("{name} is served at {hosts}: {text}"));
    }
    for warning in config.policy.warnings() {
        say(&format!("warning: {warning}"));
    }
    for warning in &config.warnings {
        say(&format!("warning: {warning}"));
    }
    for egress in config.policy.egress() {
        let id = egress.route.id();
        let certificate = certificates.get(id.as_ref());
        let notes = [
            trust_note(egress.route, certificate),
            pin_note(egress.route, certificate),
        ];
        for note in notes.into_iter().flatten() {
            say(&format!("{id}: {note}"));
        }
    }
    Ok(())
}

/// Small models that compute elsewhere.
fn served(config: &Config) -> impl Iterator<Item = (&str, &ServedModel)> {
    let models = config.models.iter();
    models.filter_map(|(name, model)| match &model.source {
        ModelSource::Served(served) => Some((name.as_str(), served)),
        ModelSource::Files(_) | ModelSource::Hub(_) => None,
    })
}

/// Which route may send requests to which host.
fn egress_table(config: &Config) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "route",
        "action",
        "local model",
        "may reach",
        "as model",
        "priced",
    ]);
    for Egress {
        route,
        reaches,
        judge,
    } in config.policy.egress()
    {
        let id = route.id();
        let local = route.local.as_ref();
        let local = local.map_or_else(|| "-".to_owned(), LocalPlan::described);
        let first = [id.as_ref(), route.action.as_str(), &local];
        if reaches.is_empty() {
            table.add_row(first.into_iter().chain(["nothing outside", "-", "-"]));
        }
        for (place, target) in reaches.into_iter().enumerate() {
            // What is below the first is asked only when those above fail.
            let first = if place == 0 { first } else { [""; 3] };
            let (host, priced) = target_cells(config, target);
            let host = host + &unless_found(&route.pin);
            let cells = first
                .into_iter()
                .chain([host.as_str(), &target.model, priced]);
            table.add_row(cells);
        }
        if let Some(judge) = judge {
            let (host, priced) = target_cells(config, judge);
            let host = host + ", to compare answers" + &unless_found(&route.pin);
            table.add_row(["", "", "", host.as_str(), &judge.model, priced]);
        }
    }
    table
}

/// What keeps single requests of a route from leaving.
fn unless_found(pin: &Pin) -> String {
    match pin {
        Pin::OnDetect { names, .. } => format!(", unless found: {}", names.join(", ")),
        Pin::Never | Pin::Always => String::new(),
    }
}

/// What becomes of requests in which a detector finds something.
fn pin_note(route: &Route, certificate: Option<&Certificate>) -> Option<String> {
    let (Pin::OnDetect { names, .. }, Some(plan)) = (&route.pin, &route.local) else {
        return None;
    };
    let proven = |target: &RiskTarget| certificate.is_some_and(|c| c.holds_for(target));
    let until = match &route.trust {
        Trust::Risk(target) if !proven(target) => "; without a certificate all of them are refused",
        Trust::Risk(_) | Trust::Threshold(_) | Trust::Everything => "",
    };
    Some(format!(
        "a request in which {} finds something, or that detectors cannot read (images, sound, files, encoded data), \
         stays here: `{}` answers it or it is refused{until}.",
        names.join(" or "),
        plan.model
    ))
}

/// The host of a target, and whether its prices are known.
fn target_cells(config: &Config, target: &ModelRef) -> (String, &'static str) {
    let settings = config.upstreams.get(&target.upstream);
    let host = settings
        .and_then(|s| s.base_url.host_str())
        .unwrap_or_default();
    let rates = config.catalog.rates(&target.upstream, &target.model);
    let priced = if rates.is_some() {
        "yes"
    } else {
        "NO: costs will be unknown"
    };
    (format!("{} ({host})", target.upstream), priced)
}

/// What a route's trust rests on, where that is worth a word.
fn trust_note(route: &Route, certificate: Option<&Certificate>) -> Option<String> {
    // A shadow accepts nothing, whatever its drafts are worth.
    route
        .local
        .as_ref()
        .filter(|_| route.action != Action::Shadow)?;
    match (route.trust, certificate) {
        (Trust::Threshold(at_least), _) => Some(format!(
            "accepts drafts from a confidence of {at_least} on. A fixed threshold proves nothing: no bound on the \
             answers that the upstream would have given better, no notice when model or traffic change. Declare \
             `risk` and run `smallfirst calibrate` for that."
        )),
        (Trust::Everything, _) => {
            Some("accepts every draft of the right form; nothing is proven.".to_owned())
        }
        (Trust::Risk(_), None) => Some(format!(
            "has no certificate, so everything escalates until its own traffic proves one. To have one at once: \
             `smallfirst calibrate --config FILE --route {} LABELLED.jsonl`",
            route.id()
        )),
        (Trust::Risk(target), Some(certificate)) if !certificate.holds_for(&target) => Some(
            "its certificate proves less than its `risk` asks for, so everything escalates."
                .to_owned(),
        ),
        (Trust::Risk(_), Some(certificate)) => Some(format!(
            "certified on {} labelled requests: at most {:.1} of all traffic better served by the upstream, with {} \
             assurance.{}",
            certificate.n,
            certificate.bound,
            certificate.target.assurance(),
            if route.audit.is_some() {
                ""
            } else {
                " Nothing is audited, so nothing tells when accepted answers get worse; add `audit: { rate: 2% }`."
            }
        )),
    }
}
