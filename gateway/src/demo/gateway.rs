//! The demo's configuration: an ordinary one, written out and read back like a user's.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use local_engine::LocalEngine;
use router_policies::Certificate;

use super::DemoArguments;
use super::bundle::LABELS;
use super::stand_in::StandIn;
use super::traffic::{INTENT_PROMPT, SLOT_PROMPT, Step, calibration};
use crate::cli::{Failure, progress_bar};
use crate::config::Config;
use crate::learning::{Calibration, calibrate};

/// Name of the bundled model in the demo's configuration.
pub(super) const MODEL: &str = "bundled";
/// Model name that the demo's clients ask for.
pub(super) const CLIENT_MODEL: &str = "smallfirst-demo";
/// The one client key.
pub(super) const KEY: &str = "demo";
const KEY_HASH: &str = "2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea";

/// The large model of the demo.
#[derive(Debug)]
pub(super) struct Large {
    /// Base URL.
    pub(super) url: String,
    /// Model name to ask for.
    pub(super) model: String,
    /// `stand-in`, or the URL of a real one.
    pub(super) name: String,
    /// Whether it wants the key from the environment.
    pub(super) keyed: bool,
    _stand_in: Option<StandIn>,
}

impl Large {
    /// The real upstream that the arguments or the environment name, else a stand-in on loopback.
    pub(super) async fn choose(arguments: &DemoArguments) -> Result<Self, Failure> {
        let keyed = std::env::var("OPENAI_API_KEY").is_ok_and(|key| !key.trim().is_empty());
        let url = match &arguments.upstream {
            Some(url) => url.clone(),
            None if keyed => "https://api.openai.com/v1".to_owned(),
            None => {
                let stand_in = StandIn::start().await.map_err(Failure::environment)?;
                return Ok(Self {
                    url: stand_in.base_url(),
                    model: super::stand_in::MODEL.to_owned(),
                    name: "stand-in".to_owned(),
                    keyed: false,
                    _stand_in: Some(stand_in),
                });
            }
        };
        let model = arguments.upstream_model.clone();
        Ok(Self {
            name: url.clone(),
            url,
            model,
            keyed,
            _stand_in: None,
        })
    }
}

/// The demo's configuration.
pub(super) fn config(model: &Path, large: &Large, listen: SocketAddr) -> Result<Config, Failure> {
    let text = document(model, large, listen).map_err(Failure::environment)?;
    Config::parse(&text, Path::new("."), "demo").map_err(Failure::environment)
}

/// Prices are examples, in the range of today's large models; the hourly cost is that of two cores of a cloud machine.
fn document(model: &Path, large: &Large, listen: SocketAddr) -> Result<String, std::fmt::Error> {
    let mut yaml = format!(
        "listen: \"{listen}\"\nkeys:\n  - {{ name: demo, key: \"sha256:{KEY_HASH}\" }}\n\
         models:\n  {MODEL}: {{ path: {:?}, threads: 1, queue: 64, cost_per_hour: \"0.08\" }}\n\
         upstreams:\n  large:\n    base_url: {:?}\n    prices: {{ {:?}: {{ input: \"2.00\", output: \"8.00\" }} }}\n",
        model.display().to_string(),
        large.url,
        large.model,
    );
    if large.keyed {
        yaml.push_str("    key: env:OPENAI_API_KEY\n");
    }
    let upstream = format!("{{ name: large, model: {:?} }}", large.model);
    writeln!(yaml, "unmatched: reject\nroutes:")?;
    let labels: Vec<&str> = LABELS.lines().collect();
    for (step, prompt, answer, tokens, risk) in [
        (
            Step::Intents,
            INTENT_PROMPT,
            format!("{{ one_of: {labels:?} }}"),
            24,
            "2%",
        ),
        (Step::Slots, SLOT_PROMPT, "json".to_owned(), 160, "5%"),
    ] {
        let name = step.route();
        writeln!(
            yaml,
            "  - name: {name}\n    match: {{ model: {CLIENT_MODEL}, system: {{ equals: {prompt:?} }} }}\n    \
             local: {{ model: {MODEL}, max_tokens: {tokens}, deadline: 5s, answer: {answer} }}\n    \
             upstream: {upstream}\n    risk: {{ max_regret: {risk}, assurance: 90% }}"
        )?;
    }
    let open = Step::Open.route();
    writeln!(
        yaml,
        "  - {{ name: {open}, match: {{ model: {CLIENT_MODEL} }}, action: upstream-only, upstream: {upstream} }}"
    )?;
    Ok(yaml)
}

/// Calibrations of the two local-first routes, by route name.
pub(super) type Calibrations = BTreeMap<&'static str, Calibration>;

/// Runs the bundled model over the labelled requests of both steps.
pub(super) async fn calibrate_routes(
    config: &Config,
    engine: &Arc<dyn LocalEngine>,
) -> Result<Calibrations, Failure> {
    let mut calibrations = BTreeMap::new();
    for step in [Step::Intents, Step::Slots] {
        let name = step.route();
        let rows = calibration(step);
        let route = config
            .policy
            .route(name)
            .ok_or_else(|| Failure::environment("no demo route"))?;
        let bar = progress_bar(rows.len(), &format!("calibrating {name}"));
        let made = calibrate(engine, route, &rows, || bar.inc(1))
            .await
            .map_err(Failure::environment)?;
        bar.finish_and_clear();
        calibrations.insert(name, made);
    }
    Ok(calibrations)
}

/// The certificates that were earned.
pub(super) fn certificates(calibrations: &Calibrations) -> BTreeMap<String, Certificate> {
    let earned = calibrations.values().filter_map(|c| c.certificate.clone());
    earned
        .map(|certificate| (certificate.route.clone(), certificate))
        .collect()
}
