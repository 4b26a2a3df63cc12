//! A replay for programs.

use serde::Serialize;

use super::{Figures, Part, Replay};

#[derive(Serialize)]
struct Whole<'a> {
    max_regret: f64,
    assurance: f64,
    routes: Vec<Named<'a>>,
    pooled: &'a Figures,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Named<'a> {
    route: &'a str,
    #[serde(flatten)]
    figures: &'a Figures,
}

impl<'a> Named<'a> {
    fn of(part: &'a Part) -> Self {
        Self {
            route: &part.name,
            figures: &part.figures,
        }
    }
}

/// Pretty-printed, with a newline at the end.
pub(super) fn render(replay: &Replay) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Whole {
        max_regret: replay.target.max_regret().get(),
        assurance: replay.target.assurance().get(),
        routes: replay.routes.iter().map(Named::of).collect(),
        pooled: &replay.pooled.figures,
        notes: &replay.notes,
    })?;
    text.push('\n');
    Ok(text)
}
