//! From labelled requests to a certificate: the local model answers each, the answers are compared, the rest is
//! statistics of [`router_policies::learn`].

use std::sync::Arc;

use local_engine::LocalEngine;
use router_policies::{
    Certificate, Labelled, Lesson, LocalPlan, Proof, RiskTarget, Route, Scorer, Trust, learn,
    proving,
};

use super::compare::agrees;
use super::family::prompt_family;
use super::labelled::LabelledRequest;
use crate::exchange::{Examined, draft, examine, fingerprint, job_of};

/// What a calibration found.
#[derive(Debug)]
pub struct Calibration {
    /// Labelled requests.
    pub rows: usize,
    /// Drafts that agree with the gold answer.
    pub right: usize,
    /// Requests without a draft, because the engine failed or the deadline passed; they count as bad.
    pub undrafted: usize,
    /// The target that was to be proven.
    pub target: RiskTarget,
    /// The scorer that it was to be proven with.
    pub scorer: Scorer,
    /// The drafts that the proof looked at, none of which the scorer has seen.
    pub proving: Vec<Labelled>,
    /// What was proven.
    pub proof: Proof,
    /// The certificate, if something was.
    pub certificate: Option<Certificate>,
}

/// Why a calibration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The route never drafts.
    #[error("route `{0}` has no `local` part, so there is nothing to calibrate")]
    NotLocal(String),
    /// The route does not declare a risk.
    #[error(
        "route `{0}` declares no `risk`, so there is nothing to prove; write for example \
         `risk: {{ max_regret: 2%, assurance: 90% }}` in place of `threshold`"
    )]
    NoRisk(String),
    /// There are no rows.
    #[error("there are no labelled requests")]
    Empty,
    /// The rows do not share one family of system prompts.
    #[error(
        "labelled request {row} has a system prompt of another family than the first; a certificate holds for one family of \
         prompts, calibrate each on its own route"
    )]
    MixedPrompts {
        /// Number of the row, from 1.
        row: usize,
    },
    /// The model is not there.
    #[error("the local model is not ready: {0}")]
    Engine(String),
}

/// Drafts every row with `engine` and proves what can be proven. `progress` is told after each row.
///
/// # Errors
/// [`CalibrationError`]; a target that cannot be proven is not an error, [`Calibration::proof`] says so.
pub async fn calibrate(
    engine: &Arc<dyn LocalEngine>,
    route: &Route,
    rows: &[LabelledRequest],
    progress: impl Fn(),
) -> Result<Calibration, CalibrationError> {
    let (plan, target) = what_to_prove(route)?;
    let system = one_system_prompt(rows)?;
    let info = engine
        .info()
        .ok_or_else(|| CalibrationError::Engine("it has not loaded".into()))?;
    let (mut labelled, mut right, mut undrafted) = (Vec::with_capacity(rows.len()), 0, 0);
    for row in rows {
        let outcome = label(engine, plan, row).await;
        right += usize::from(outcome.is_some_and(|row| !row.bad));
        undrafted += usize::from(outcome.is_none());
        labelled.push(outcome.unwrap_or_else(never_accepted));
        progress();
    }
    let Lesson { scorer, proof } = learn(&labelled, &target);
    let certificate = match proof {
        Proof::Certified(certified) => {
            let family = fingerprint(&info, plan, &system);
            Some(Certificate::new(
                route.id(),
                target,
                certified,
                scorer.clone(),
                family,
            ))
        }
        Proof::NotEnough { .. } | Proof::NoThreshold { .. } => None,
    };
    Ok(Calibration {
        rows: rows.len(),
        right,
        undrafted,
        target,
        scorer,
        proving: proving(&labelled).copied().collect(),
        proof,
        certificate,
    })
}

fn what_to_prove(route: &Route) -> Result<(&LocalPlan, RiskTarget), CalibrationError> {
    let plan = route
        .local
        .as_ref()
        .ok_or_else(|| CalibrationError::NotLocal(route.name.clone()))?;
    match route.trust {
        Trust::Risk(target) => Ok((plan, target)),
        Trust::Threshold(_) | Trust::Everything => {
            Err(CalibrationError::NoRisk(route.name.clone()))
        }
    }
}

fn one_system_prompt(rows: &[LabelledRequest]) -> Result<String, CalibrationError> {
    let first = rows.first().ok_or(CalibrationError::Empty)?.system();
    let family = prompt_family(&first);
    let another = |row: &LabelledRequest| {
        let system = row.system();
        system != first && prompt_family(&system) != family
    };
    match rows.iter().position(another) {
        Some(index) => Err(CalibrationError::MixedPrompts { row: index + 1 }),
        None => Ok(first),
    }
}

/// The draft of one row, judged; `None` if there is none.
async fn label(
    engine: &Arc<dyn LocalEngine>,
    plan: &LocalPlan,
    row: &LabelledRequest,
) -> Option<Labelled> {
    let job = job_of(plan, row.messages.clone());
    let mut drafted = draft(engine, &plan.answer, job, plan.deadline).await.ok()?;
    let Examined { text, failed } = examine(&plan.answer, &mut drafted, || row.messages.clone());
    Some(Labelled {
        features: drafted.features,
        valid: failed.is_none(),
        // Without the upstream's own answer, a wrong draft counts as one that the upstream would have got right:
        // the certificate errs on the safe side.
        bad: !agrees(&plan.answer, &text, &row.gold),
    })
}

fn never_accepted() -> Labelled {
    let features = router_policies::Signals::new().features(router_policies::Finish::Length);
    Labelled {
        features,
        valid: false,
        bad: true,
    }
}
