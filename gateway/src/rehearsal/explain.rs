//! What would become of a request and why, for `smallfirst explain`.

mod render;

use std::time::Duration;

use router_policies::{
    Action, Answer, BudgetAction, BudgetPeriod, Certificate, Checked, Route, TextJudge, Trust,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::Call;
use super::course::{Way, asked, course, model_text, principal};
use crate::config::{Config, Declared};
use crate::exchange::worst_case;
use crate::fault::Fault;
use crate::ledger::Price;
use crate::openai::ChatRequest;
use crate::snapshot::Certificates;

/// What would become of a request and why.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    /// The model that the client asks for.
    model: String,
    /// The model that routes match, where that is another one.
    alias_for: Option<String>,
    key: String,
    team: Option<String>,
    /// The routes that were asked in turn; the last one takes the request, if one does.
    routes: Vec<RouteExplained>,
    /// What the client is told where no route takes the request.
    refused: Option<String>,
    /// What would be done: one of these, of which chance decides where there are several.
    outcomes: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct RouteExplained {
    name: String,
    takes: bool,
    conditions: Vec<Condition>,
}

#[derive(Debug, Serialize)]
struct Condition {
    place: String,
    wanted: String,
    had: String,
    holds: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    within: Vec<Self>,
}

#[derive(Debug, Serialize)]
struct Outcome {
    route: String,
    action: &'static str,
    /// What keeps the request here: `nothing`, `route` or `detector:NAME`.
    pinned: String,
    local: Option<Value>,
    accepts: String,
    certificate: Option<Value>,
    upstreams: Vec<String>,
    /// Who compares free texts that differ, what share of the drafts that are compared it sees, and of those how many twice.
    judge: Option<String>,
    cache: Option<String>,
    budget: Option<String>,
    /// The worst case that is reserved before anything is sent; none where a price is unknown.
    most_usd: Option<String>,
}

/// What would become of a request and why.
///
/// # Errors
/// What the client would be told of a request that cannot be read, or of a key that is not known.
pub(crate) fn explain(
    declared: &Declared,
    certificates: &Certificates,
    call: &Call,
) -> Result<Explained, Fault> {
    let request = call.request.as_ref().map_err(Clone::clone)?;
    let principal = principal(declared, call.key.as_deref())?;
    let explanation = declared
        .config()
        .policy
        .explain(&asked(declared, &principal, call, request));
    let course = course(declared, call);
    let routes = explanation
        .considered
        .iter()
        .map(|considered| RouteExplained {
            name: considered.route.name.clone(),
            takes: considered.takes,
            conditions: considered.findings.iter().map(Condition::of).collect(),
        });
    Ok(Explained {
        alias_for: (explanation.model != request.model).then(|| explanation.model.clone()),
        routes: routes.collect(),
        refused: course.as_ref().err().map(|fault| fault.public().to_owned()),
        outcomes: course.map_or_else(
            |_| Vec::new(),
            |course| {
                let outcome = |way| Outcome::of(declared.config(), certificates, request, way);
                course.ways().iter().map(outcome).collect()
            },
        ),
        model: request.model.clone(),
        team: principal.team,
        key: principal.name,
    })
}

impl Condition {
    fn of(checked: &Checked) -> Self {
        Self {
            place: checked.place.clone(),
            wanted: checked.wanted.clone(),
            had: checked.had.clone(),
            holds: checked.holds,
            within: checked.within.iter().map(Self::of).collect(),
        }
    }
}

impl Outcome {
    fn of(
        config: &Config,
        certificates: &Certificates,
        request: &ChatRequest,
        way: &Way<'_>,
    ) -> Self {
        let route = way.route.as_ref();
        let leaves = way.pinned.is_none();
        let certificate = certificates.get(route.id().as_ref());
        let most = match worst_case(config, route, request) {
            _ if !leaves => Price::FREE,
            most => most,
        };
        let chain = route.chain().filter(|_| leaves).map(model_text);
        Self {
            route: route.id().into_owned(),
            action: route.action.as_str(),
            pinned: way.pinned_word().into_owned(),
            local: local(route),
            accepts: accepts(route, certificate),
            certificate: certificate.map(certificate_facts),
            upstreams: chain.collect(),
            judge: route.text_judge.as_ref().filter(|_| leaves).map(judge),
            cache: route.cache.map(seconds),
            budget: route.budget.map(|budget| {
                let per = match budget.per {
                    BudgetPeriod::Day => "day",
                    BudgetPeriod::Month => "month",
                };
                let then = match budget.then {
                    BudgetAction::Refuse => "then requests are refused",
                    BudgetAction::LocalOnly => "then the local model goes on alone",
                };
                format!("{} USD a {per}, {then}", budget.max)
            }),
            most_usd: most.exact().map(|amount| amount.to_string()),
        }
    }
}

fn local(route: &Route) -> Option<Value> {
    let plan = route.local.as_ref()?;
    let answer = match &plan.answer {
        Answer::Text => "text".to_owned(),
        Answer::Json => "json".to_owned(),
        Answer::OneOf(labels) => format!("one of {} answers", labels.len()),
        Answer::Regex(_) => "a text that fits a regular expression".to_owned(),
        Answer::JsonSchema(_) => "json of a schema".to_owned(),
    };
    Some(json!({
        "model": plan.model,
        "lora": plan.lora.as_deref(),
        "max_tokens": plan.max_tokens,
        "deadline": plan.deadline.map(seconds),
        "first_token_within": plan.first_token_within.map(seconds),
        "answer": answer,
    }))
}

fn judge(judge: &TextJudge) -> String {
    format!(
        "{}, for {} of the labels, {} of the pairs in both orders",
        model_text(&judge.model),
        judge.share,
        judge.swap
    )
}

/// When a draft becomes the answer.
fn accepts(route: &Route, certificate: Option<&Certificate>) -> String {
    if !route.action.answers_locally() {
        return match route.action {
            Action::Shadow => "never; drafts are only made to learn".to_owned(),
            _ => "never; no draft is made".to_owned(),
        };
    }
    match (route.trust, certificate) {
        (Trust::Everything, _) => "every draft of the right form".to_owned(),
        (Trust::Threshold(least), _) => {
            format!("from a confidence of {least} on, which nothing proves")
        }
        (Trust::Risk(_), None) => "never: there is no certificate yet".to_owned(),
        (Trust::Risk(target), Some(certificate)) if !certificate.holds_for(&target) => {
            "never: the certificate proves less than the risk that is declared".to_owned()
        }
        (Trust::Risk(_), Some(certificate)) => format!(
            "up to a probability of {} of being worse, while model, template, answers and prompt stay those of the \
             certificate",
            certificate.threshold
        ),
    }
}

fn certificate_facts(certificate: &Certificate) -> Value {
    let scorer = &certificate.scorer;
    let weights = scorer.weights();
    json!({
        "max_regret": certificate.target.max_regret().to_string(),
        "assurance": certificate.target.assurance().to_string(),
        "proven": certificate.bound.to_string(),
        "threshold": certificate.threshold.to_string(),
        "n": certificate.n,
        "accepted": certificate.accepted,
        "losses": certificate.losses,
        "scorer": {
            "kind": if scorer.is_learnt() { "learnt" } else { "probability" },
            "version": scorer.version(),
            "weights": weights.into_iter().map(|(name, weight)| (name.to_owned(), json!(weight)))
                .collect::<serde_json::Map<_, _>>(),
        },
        "fingerprint": certificate.fingerprint,
    })
}

fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs_f64())
}
