//! Making recorded confidences honest.

use super::Doubt;
use crate::scorer::calibration::Calibration;

/// Rows from which on isotonic regression has enough to go by.
const ISOTONIC_FROM: usize = 200;
/// Fewest rows of each kind that a calibration can be fitted to.
const LEAST_OF_EACH: usize = 5;
/// Platt's sigmoid is a straight line in log-odds; doubts beyond this would bend it to themselves.
const CUT: f64 = 40.0;

/// A strictly increasing map from recorded to calibrated doubt, so that it changes no order: isotonic regression from
/// 200 rows on, Platt's sigmoid below.
#[derive(Debug, Clone)]
pub struct Calibrator {
    calibration: Calibration,
    cut: f64,
}

impl Calibrator {
    /// Fits rows of doubt and whether the draft was bad. `None` with fewer than 5 rows of either kind.
    pub fn fit(rows: &[(Doubt, bool)]) -> Option<Self> {
        let bad = rows.iter().filter(|(_, bad)| *bad).count();
        if bad.min(rows.len() - bad) < LEAST_OF_EACH {
            return None;
        }
        let scored = |cut: f64| -> Vec<(f64, bool)> {
            let cut = |doubt: Doubt| doubt.log_odds().clamp(-cut, cut);
            rows.iter()
                .map(|(doubt, bad)| (cut(*doubt), *bad))
                .collect()
        };
        if rows.len() >= ISOTONIC_FROM {
            let calibration = Calibration::isotonic(scored(f64::MAX));
            let cut = f64::MAX;
            return Some(Self { calibration, cut });
        }
        let calibration = Calibration::platt(&scored(CUT)).ok()?;
        Some(Self {
            calibration,
            cut: CUT,
        })
    }

    /// The calibrated doubt.
    #[must_use]
    pub fn apply(&self, doubt: Doubt) -> Doubt {
        let score = doubt.log_odds().clamp(-self.cut, self.cut);
        Doubt::from_log_odds(self.calibration.log_odds(score))
    }
}
