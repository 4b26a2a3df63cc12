//! Marks every labelled request three times: as the gateway answered, as the large model alone would have, and as the
//! small model alone would have.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use local_engine::LocalEngine;
use router_policies::{Commit, Route};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::clients::Outcome;
use super::gateway::Large;
use super::traffic::{DemoRequest, Step};
use crate::cli::{Failure, progress_bar};
use crate::config::Config;
use crate::exchange::{Task, draft, job_of};
use crate::learning::agrees;

/// An outcome with its marks.
#[derive(Debug)]
pub(super) struct Graded {
    pub(super) outcome: Outcome,
    /// `None` for open questions.
    pub(super) marks: Option<Marks>,
}

/// Whether each of the three ways agrees with the gold answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) gateway: bool,
    pub(super) upstream_only: bool,
    pub(super) local_only: bool,
}

/// Requests to the large model at a time.
const AT_A_TIME: usize = 8;

/// Marks all outcomes. The questions to the large model go around the gateway and are not in its ledger.
pub(super) async fn grade(
    outcomes: Vec<Outcome>,
    large: &Large,
    engine: &Arc<dyn LocalEngine>,
    config: &Config,
) -> Result<Vec<Graded>, Failure> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(120))
        .build()
        .map_err(Failure::environment)?;
    let bar = progress_bar(outcomes.len(), "grading against gold");
    let graded = stream::iter(outcomes)
        .map(|outcome| {
            let (client, bar) = (client.clone(), bar.clone());
            async move {
                let marks = marks(&outcome, large, engine, config, &client).await;
                bar.inc(1);
                Graded { outcome, marks }
            }
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    bar.finish_and_clear();
    Ok(graded)
}

async fn marks(
    outcome: &Outcome,
    large: &Large,
    engine: &Arc<dyn LocalEngine>,
    config: &Config,
    client: &reqwest::Client,
) -> Option<Marks> {
    let request = &outcome.request;
    let gold = request.gold.as_ref()?;
    let route = config.policy.route(request.step.route())?;
    let shape = &route.local.as_ref()?.answer;
    let right = |text: Option<&str>| text.is_some_and(|text| agrees(shape, text, gold));
    let upstream = ask_large(client, large, request).await;
    let local = ask_small(engine, route, request).await;
    Some(Marks {
        gateway: right(outcome.answer.as_deref().ok()),
        upstream_only: right(upstream.as_deref()),
        local_only: right(local.as_deref()),
    })
}

async fn ask_large(
    client: &reqwest::Client,
    large: &Large,
    request: &DemoRequest,
) -> Option<String> {
    let body = json!({ "model": large.model, "messages": request.messages() });
    let mut call = client
        .post(format!(
            "{}/chat/completions",
            large.url.trim_end_matches('/')
        ))
        .json(&body);
    if large.keyed {
        call = call.bearer_auth(std::env::var("OPENAI_API_KEY").ok()?);
    }
    let answer: Value = call.send().await.ok()?.json().await.ok()?;
    answer
        .pointer("/choices/0/message/content")?
        .as_str()
        .map(str::to_owned)
}

async fn ask_small(
    engine: &Arc<dyn LocalEngine>,
    route: &Route,
    request: &DemoRequest,
) -> Option<String> {
    debug_assert_ne!(
        request.step,
        Step::Open,
        "open questions have no local plan"
    );
    let plan = route.local.as_ref()?;
    let job = job_of(plan, request.messages());
    draft(Task {
        engine,
        shape: &plan.answer,
        job,
        deadline: None,
        traced: false,
        commit: Commit::Complete,
        overtaken: CancellationToken::new(),
    })
    .await
    .ok()
    .map(|drafted| drafted.text())
}
