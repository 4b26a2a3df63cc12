//! The grid of thresholds of live statistics, and the cells between them.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::thresholds;
use crate::units::Probability;

/// Every other threshold of [`thresholds`]: steps of 0.12 in log-odds. Live statistics keep a few numbers per cell, so
/// half as many cells are half the state.
static EDGES: LazyLock<Vec<Probability>> = LazyLock::new(|| thresholds().step_by(2).collect());

/// Number of thresholds. There is one cell more: what is above all of them is never accepted.
pub(crate) const CELLS: usize = 201;

/// Where a `p_bad` lies between the thresholds. The threshold of cell `j` accepts the cells up to and including `j`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cell(usize);

impl Cell {
    /// The cell of a draft's `p_bad`.
    pub(crate) fn of(p_bad: Probability) -> Self {
        Self(EDGES.partition_point(|edge| *edge < p_bad))
    }

    /// The largest threshold that is not above `threshold`; `None` if all are.
    pub(crate) fn at_most(threshold: Probability) -> Option<Self> {
        let above = EDGES.partition_point(|edge| *edge <= threshold);
        above.checked_sub(1).map(Self)
    }

    /// Its upper edge; 1 for what is above all thresholds.
    pub(crate) fn threshold(self) -> Probability {
        EDGES.get(self.0).copied().unwrap_or(Probability::ONE)
    }

    /// Its place in a list of all cells, `0..=CELLS`.
    pub(crate) const fn index(self) -> usize {
        self.0
    }

    /// The cell at a place in such a list.
    pub(crate) const fn at(index: usize) -> Self {
        Self(if index < CELLS { index } else { CELLS })
    }
}
