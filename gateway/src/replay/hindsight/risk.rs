//! Regret from the labelled drafts among those that a policy accepts.

use std::collections::BTreeMap;

use router_policies::upper_bound;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::books::Drafted;

/// A regret, as a share of all completed requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The most likely value.
    pub regret: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Chance that a value lies beyond either end of the interval.
const BEYOND: f64 = 0.05;

/// Accepted drafts by how likely they were to be labelled.
///
/// Within a stratum labels fall at random, so its share of bad drafts is estimated by that among its labels and bounded
/// by the exact binomial bound. Weighting labels by one over their chance would need far more of them.
#[derive(Debug, Default)]
pub(super) struct Strata {
    strata: BTreeMap<Option<u64>, Stratum>,
    /// Accepted without any evidence.
    unknown: u64,
}

#[derive(Debug, Default)]
struct Stratum {
    drafts: u64,
    labelled: u64,
    bad: u64,
}

impl Strata {
    pub(super) fn add(&mut self, drafted: &Drafted) {
        let stratum = self.strata.entry(drafted.stratum()).or_default();
        stratum.drafts += 1;
        if let Some(bad) = drafted.label {
            stratum.labelled += 1;
            stratum.bad += u64::from(bad);
        }
    }

    pub(super) const fn add_unknown(&mut self) {
        self.unknown += 1;
    }

    pub(super) fn labelled(&self) -> u64 {
        self.strata.values().map(|stratum| stratum.labelled).sum()
    }

    /// The regret over `requests`; `None` where some accepted drafts have no labelled ones like them. The ends of the
    /// strata hold together: each gets its part of the chance to be wrong.
    pub(super) fn estimate(&self, requests: u64) -> Option<Estimate> {
        if requests == 0 || self.unknown > 0 || self.strata.values().any(|s| s.labelled == 0) {
            return None;
        }
        let parts = u64::try_from(self.strata.len()).ok()?.max(1);
        let delta = BEYOND / real(parts);
        let mut estimate = Estimate {
            regret: 0.0,
            low: 0.0,
            high: 0.0,
        };
        for stratum in self.strata.values() {
            let Stratum {
                drafts,
                labelled,
                bad,
            } = *stratum;
            let weight = real(drafts) / real(requests);
            let least = upper_bound(labelled - bad, labelled, delta).complement();
            estimate.regret += weight * real(bad) / real(labelled);
            estimate.low += weight * least.get();
            estimate.high += weight * upper_bound(bad, labelled, delta).get();
        }
        Some(estimate)
    }
}

/// A count as a real number.
pub(super) fn real(count: u64) -> f64 {
    Decimal::from(count).to_f64().unwrap_or(f64::INFINITY)
}
