//! Recorded outcomes as an endless stream.

use std::error::Error;

use router_policies::{Calibrator, Doubt, Probability};
use serde::Deserialize;

/// One line of a file.
#[derive(Deserialize)]
pub(crate) struct Recorded {
    pub(crate) confidence: Probability,
    local_correct: bool,
    upstream_correct: bool,
    split: Option<String>,
}

impl Recorded {
    pub(crate) fn bad(&self) -> bool {
        self.upstream_correct && !self.local_correct
    }

    pub(crate) fn is_calibration(&self) -> bool {
        self.split.as_deref() == Some("calibration")
    }
}

/// All lines of a file.
pub(crate) fn recorded(file: &str) -> Result<Vec<Recorded>, Box<dyn Error>> {
    let text = std::fs::read_to_string(file)?;
    let rows: Result<_, _> = text.lines().map(serde_json::from_str).collect();
    Ok(rows?)
}

/// `p_bad` and whether the upstream would have done better, row by row.
pub(crate) struct Traffic {
    pub(crate) rows: Vec<(Probability, bool)>,
}

/// Reads a file. Without a calibrator, fits one to the rows marked `calibration` and leaves these out.
pub(crate) fn read(
    file: &str,
    calibrator: Option<&Calibrator>,
) -> Result<(Traffic, Option<Calibrator>), Box<dyn Error>> {
    let mut rows = recorded(file)?;
    let doubt = |row: &Recorded| Doubt::from_confidence(row.confidence);
    let bad = Recorded::bad;
    let own = if calibrator.is_none() {
        let fitting = rows.iter().filter(|row| row.is_calibration());
        let fitting: Vec<_> = fitting.map(|row| (doubt(row), bad(row))).collect();
        rows.retain(|row| !row.is_calibration());
        Calibrator::fit(&fitting)
    } else {
        None
    };
    let map = calibrator
        .or(own.as_ref())
        .ok_or("no rows to fit the calibration on")?;
    let rows = rows
        .iter()
        .map(|row| (map.apply(doubt(row)).p_bad(), bad(row)))
        .collect();
    Ok((Traffic { rows }, own))
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`, with 32 bits.
    pub(crate) fn uniform(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }

    /// A whole number below `count`; 0 if there is none.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let index = self.next().checked_rem(count).unwrap_or(0);
        usize::try_from(index).unwrap_or(0)
    }

    /// One row of the recorded traffic.
    pub(crate) fn row(&mut self, traffic: &Traffic) -> (Probability, bool) {
        let row = traffic.rows.get(self.below(traffic.rows.len()));
        row.copied().unwrap_or((Probability::ONE, true))
    }
}
