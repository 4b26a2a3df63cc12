//! The figures of a replay. Their names are part of the contract with users.

use serde::Serialize;

/// What a confidence is worth on some recorded requests, and what a policy would have done with them. Shares and
/// accuracies are from 0 to 1. A figure that cannot be computed is absent: null in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Rows measured on: those of the test split.
    pub n: u64,
    /// Rows that the threshold was proven on.
    pub n_calibration: u64,
    /// Mean grade of the drafts.
    pub local_accuracy: Option<f64>,
    /// Mean grade of the upstream's answers.
    pub upstream_accuracy: Option<f64>,
    /// Probability that a right draft is trusted more than a wrong one, ties counting half.
    pub auroc: Option<f64>,
    /// Area under the risk-coverage curve; lower is better.
    pub aurc: Option<f64>,
    /// Average performance gap recovered: 0.5 is a coin.
    pub apgr: Option<f64>,
    /// Least share of upstream calls that recovers half of the gap between the two accuracies.
    pub cpt50: Option<f64>,
    /// The same for 80 % of the gap.
    pub cpt80: Option<f64>,
    /// Least share of upstream calls that keeps 95 % of the upstream's accuracy.
    pub calls_for_95_percent_quality: Option<f64>,
    /// The same for 98 %.
    pub calls_for_98_percent_quality: Option<f64>,
    /// The same for all of it.
    pub calls_for_100_percent_quality: Option<f64>,
    /// Expected calibration error of the confidence as recorded, in 15 bins of equal width: against the grade of the
    /// draft; for a score fitted to features, against whether the upstream was not better.
    pub ece_raw: Option<f64>,
    /// The same after calibration on the calibration rows.
    pub ece_calibrated: Option<f64>,
    /// Largest `p_bad`, that is 1 less the confidence, to accept; absent if nothing was proven, and for several routes,
    /// which have a threshold each.
    pub threshold: Option<f64>,
    /// Share of requests answered locally.
    pub coverage: f64,
    /// Proven upper bound on the regret, at the assurance asked for.
    pub regret_bound: Option<f64>,
    /// Share of all requests that were answered locally and that the upstream had served better.
    pub regret_realised: f64,
    /// Accuracy under the policy as a share of the upstream's.
    pub quality_kept: Option<f64>,
    /// All drafts and the escalated calls, as a share of what sending everything upstream costs.
    pub cost_ratio: Option<f64>,
}
