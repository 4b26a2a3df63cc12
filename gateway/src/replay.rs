//! What a policy would have saved, and risked, on recorded traffic; and what a confidence is worth.
//!
//! A recording is JSON Lines, one request each: how confident the local model was, how good both answers were, what both
//! cost. Rows of the split `calibration` prove a threshold as `smallfirst calibrate` does; rows of the split `test`,
//! which the proof has not seen, tell what it would have done. Where no row says which split it is of, half of them are
//! taken for each, by a hash of the id.
//!
//! The figures are those of [`router_policies::Ranking`]; [`Figures`] says what each means.

mod calibration;
mod error;
mod evaluate;
mod figures;
mod hindsight;
mod json;
mod picture;
mod recording;
mod row;
mod score;
mod table;

use std::path::Path;

use router_policies::RiskTarget;

pub use error::ReplayError;
pub use figures::Figures;
pub use hindsight::{Estimate, Hindsight, Retried, hindsight};

pub(crate) use picture::Pictures;

use self::recording::Recording;

/// A replay: figures by route and over all routes.
#[derive(Debug)]
pub struct Replay {
    /// What was to be proven.
    pub target: RiskTarget,
    /// One part per route, by name.
    pub routes: Vec<Part>,
    /// All routes together, each under its own threshold.
    pub pooled: Part,
    /// What the figures leave out and assume.
    pub notes: Vec<String>,
}

/// One route, or all of them.
#[derive(Debug)]
pub struct Part {
    /// The route; `pooled` for all of them.
    pub name: String,
    /// The figures.
    pub figures: Figures,
    pub(crate) pictures: Pictures,
}

impl Replay {
    /// Replays a recording, standard input for `-`. `progress` is told how many bytes were read.
    ///
    /// # Errors
    /// [`ReplayError`] with the place and the mend.
    pub fn of_recording(
        path: &Path,
        target: RiskTarget,
        progress: impl FnMut(u64),
    ) -> Result<Self, ReplayError> {
        Recording::read(path, progress).map(|recording| evaluate::evaluate(&recording, target))
    }

    /// For people, in `width` columns: two tables, charts, notes.
    #[must_use]
    pub fn to_text(&self, width: Option<u16>) -> String {
        table::render(self, width)
    }

    /// For programs: one object.
    ///
    /// # Errors
    /// When the text cannot be put together.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        json::render(self)
    }
}
