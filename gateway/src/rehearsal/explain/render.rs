//! An explanation for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Condition, Explained, Outcome};

impl Explained {
    /// The explanation as lines of text.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        let team = self.team.as_deref();
        let team = team.map_or_else(String::new, |team| format!(", team `{team}`"));
        let alias = self.alias_for.as_deref();
        let alias = alias.map_or_else(String::new, |model| format!(", an alias for `{model}`"));
        line(
            &mut out,
            0,
            &format!("model `{}`{alias}; key `{}`{team}", self.model, self.key),
        );
        for route in &self.routes {
            let verb = if route.takes { "takes it" } else { "passes" };
            line(&mut out, 0, &format!("\n{verb}: {}", route.name));
            if route.conditions.is_empty() {
                line(&mut out, 1, "no conditions: takes every request");
            }
            conditions(&mut out, 1, &route.conditions);
        }
        if let Some(refused) = &self.refused {
            line(&mut out, 0, &format!("\nrefused: {refused}"));
        }
        if self.outcomes.len() > 1 {
            line(&mut out, 0, "\nchance decides which of these is done:");
        }
        for outcome in &self.outcomes {
            self::outcome(&mut out, outcome);
        }
        out
    }
}

fn conditions(out: &mut String, depth: usize, all: &[Condition]) {
    for condition in all {
        let Condition {
            place,
            wanted,
            had,
            holds,
            within,
        } = condition;
        let sign = if *holds { "yes" } else { "no " };
        let had = if had.is_empty() {
            String::new()
        } else {
            format!("; has {had}")
        };
        line(out, depth, &format!("{sign} {place}: wants {wanted}{had}"));
        conditions(out, depth + 1, within);
    }
}

fn outcome(out: &mut String, outcome: &Outcome) {
    line(
        out,
        0,
        &format!("\nwould be done: {} as {}", outcome.action, outcome.route),
    );
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let upstreams = if outcome.upstreams.is_empty() {
        "none".to_owned()
    } else {
        outcome.upstreams.join(", then ")
    };
    let most = outcome.most_usd.as_ref().map_or_else(
        || "unknown: a model that may be asked has no price".to_owned(),
        |amount| format!("{amount} USD"),
    );
    for (name, text) in [
        ("kept here by", outcome.pinned.clone()),
        (
            "local model",
            outcome
                .local
                .as_ref()
                .map_or_else(|| "none".to_owned(), fields),
        ),
        ("accepts drafts", outcome.accepts.clone()),
        ("certificate", certificate(outcome.certificate.as_ref())),
        ("upstreams", upstreams),
        ("judge", or_none(&outcome.judge)),
        ("cache", or_none(&outcome.cache)),
        ("budget", or_none(&outcome.budget)),
        ("costs at most", most),
    ] {
        line(out, 1, &format!("{name:<15} {text}"));
    }
}

/// `name value` of what is there.
fn fields(map: &Value) -> String {
    let fields = map.as_object().into_iter().flatten();
    let told = fields
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name} {value}")
        });
    told.collect::<Vec<_>>().join(", ")
}

fn certificate(facts: Option<&Value>) -> String {
    let Some(facts) = facts else {
        return "none".to_owned();
    };
    let scorer = &facts["scorer"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told = format!(
        "at most {} with {}, proven {} on {} requests; scorer {}, version {}",
        text(&facts["max_regret"]),
        text(&facts["assurance"]),
        text(&facts["proven"]),
        facts["n"],
        text(&scorer["kind"]),
        scorer["version"],
    );
    for (name, weight) in scorer["weights"].as_object().into_iter().flatten() {
        let weight = weight.as_f64().unwrap_or_default();
        let _ = write!(told, "\n{:18}{name:<24} {weight:+.4}", "");
    }
    told
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "{}{}", "  ".repeat(depth), text);
}
