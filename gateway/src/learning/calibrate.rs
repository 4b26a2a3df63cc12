//! From labelled requests to a certificate: the local model answers each, the answers are compared, the rest is
//! statistics of [`router_policies::learn`].

use std::sync::Arc;

use local_engine::LocalEngine;
use router_policies::{
    Certificate, Course, Fingerprint, Judge, Labelled, LocalPlan, Proof, RiskTarget, Route, Scorer,
    StopPromise, StopProof, StopTally, Stopping, Traced, Trust, learn, learn_to_stop,
};
use tokio_util::sync::CancellationToken;

use super::compare::agrees;
use super::family::prompt_family;
use super::labelled::LabelledRequest;
use crate::exchange::{Examined, Task, draft, examine, fingerprint, job_of};

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
    /// What stopping drafts early would do; `None` where the route does not ask for it or nothing was proven.
    pub stops: Option<Stops>,
    /// What was proven.
    pub proof: Proof,
    /// The certificate, if something was.
    pub certificate: Option<Certificate>,
}

/// What is known about stopping drafts early.
#[derive(Debug)]
pub struct Stops {
    /// What was proven of the heads; `None` where the labelled requests were too few for any, so that only drafts that have certainly lost are
    /// stopped.
    pub proof: Option<StopProof>,
    /// What becomes of the drafts that the proof looked at, none of which the heads have seen.
    pub tally: StopTally,
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
    let (mut traced, mut right, mut undrafted) = (Vec::with_capacity(rows.len()), 0, 0);
    for row in rows {
        let outcome = trace(engine, (route, plan), row).await;
        right += usize::from(outcome.as_ref().is_some_and(|row| !row.labelled.bad));
        undrafted += usize::from(outcome.is_none());
        traced.push(outcome.unwrap_or_else(never_accepted));
        progress();
    }
    let taught = teach(route, &traced, &target);
    let family = fingerprint(&info, (route, plan, &plan.answer), &system);
    let proving = taught.lesson.proving(&taught.labelled);
    let proving = proving.into_iter().copied().collect();
    let certificate = certificate(&taught, route, target, family.clone());
    let stops = certificate
        .as_ref()
        .filter(|_| route.early_abort)
        .map(|certificate| {
            let judge = Judge::for_route(route.trust, Some(certificate), &family);
            Stops {
                tally: StopTally::of(&judge, &taught.proving),
                proof: taught.stops.clone(),
            }
        });
    Ok(Calibration {
        rows: rows.len(),
        right,
        undrafted,
        target,
        scorer: taught.lesson.scorer,
        proving,
        proof: taught.lesson.proof,
        certificate,
        stops,
    })
}

/// Learns to score, and to stop where the route asks for it.
fn teach(route: &Route, traced: &[Traced], target: &RiskTarget) -> Stopping {
    if route.early_abort {
        return learn_to_stop(traced, target, &StopPromise::usual(target));
    }
    let labelled: Vec<Labelled> = traced.iter().map(|row| row.labelled).collect();
    Stopping {
        lesson: learn(&labelled, target),
        labelled,
        stops: None,
        proving: Vec::new(),
    }
}

fn certificate(
    taught: &Stopping,
    route: &Route,
    target: RiskTarget,
    family: Fingerprint,
) -> Option<Certificate> {
    let Proof::Certified(certified) = taught.lesson.proof else {
        return None;
    };
    let scorer = taught.lesson.scorer.clone();
    let certificate = Certificate::new(route.id(), target, certified, scorer, family);
    Some(certificate.with_heads(match &taught.stops {
        Some(StopProof::Proven(heads)) => Some(heads.clone()),
        _ => None,
    }))
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

/// The draft of one row with its label; `None` if there is none.
async fn trace(
    engine: &Arc<dyn LocalEngine>,
    (route, plan): (&Route, &LocalPlan),
    row: &LabelledRequest,
) -> Option<Traced> {
    let task = Task {
        engine,
        shape: &plan.answer,
        job: job_of(plan, row.messages.clone()),
        deadline: plan.deadline,
        commit: route.commit,
        traced: true,
        overtaken: CancellationToken::new(),
    };
    let mut drafted = draft(task).await.ok()?;
    let Course { prefixes, busy } = drafted.course.take().unwrap_or_default();
    let Examined { text, failed } = examine(&plan.answer, &mut drafted, || row.messages.clone());
    // What is committed before its end is sent, whatever fails later.
    let committed = drafted.at_commit.and_then(|_| route.commit.decisions());
    let labelled = Labelled {
        features: drafted.features,
        valid: failed.is_none() || committed.is_some(),
        // Without the upstream's own answer, a wrong draft counts as one that the upstream would have got right:
        // the certificate errs on the safe side.
        bad: failed.is_some() || !agrees(&plan.answer, &text, &row.gold),
    };
    Some(Traced {
        labelled,
        prefixes,
        busy,
    })
}

fn never_accepted() -> Traced {
    let features = router_policies::Signals::new().features(router_policies::Finish::Length);
    let labelled = Labelled {
        features,
        valid: false,
        bad: true,
    };
    Traced {
        labelled,
        prefixes: Vec::new(),
        busy: 0.0,
    }
}
