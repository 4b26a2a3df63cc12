//! A file of cases for `smallfirst test`, mirrored and then checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use router_policies::{
    ActionDocument, OneOrMany, Probability, RiskDocument, UpstreamDocument, nearest,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::because::because;
use super::verify::{Difference, differences};
use super::{Call, Written, course};
use crate::config::tree::Tree;
use crate::config::{ConfigError, Declared, Problem, Source, bytes_of, read_form};

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CasesDocument {
    /// The cases, in the order they are told.
    cases: Vec<CaseDocument>,
}

/// A request and what must become of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CaseDocument {
    /// What is tested, in words.
    #[schemars(extend("examples" = ["tickets go to the small model"]))]
    name: String,
    /// The body of a chat request, or `{ file: PATH }` with a path from the folder of this file on.
    #[schemars(with = "BTreeMap<String, Value>", extend("examples" = ["{ file: requests/ticket.json }"]))]
    request: Value,
    /// Name of the client key it is sent with. Default: without one, as somebody who belongs to no team.
    key: Option<String>,
    /// Headers of the request. Default: none.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What must become of it.
    expect: ExpectDocument,
}

/// What must become of a request; what is not written is not looked at.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectDocument {
    /// The route that takes it: its name, or a name with a variant such as `triage@team=support`.
    pub(super) route: Option<String>,
    /// Who may answer.
    pub(super) action: Option<ActionDocument>,
    /// How the local model drafts; `{}` for any way.
    pub(super) local: Option<LocalExpected>,
    /// The upstreams that may be asked, first to last; `[]` for none.
    pub(super) upstream: Option<OneOrMany<UpstreamDocument>>,
    /// Whether the request may leave the gateway.
    pub(super) leaves: Option<bool>,
    /// What keeps the request from leaving: `nothing`, `route`, `unreadable`, or `detector:` and its name.
    #[schemars(extend("examples" = ["detector:email"]))]
    pub(super) pinned: Option<String>,
    /// Whether answers may be repeated from memory.
    pub(super) cache: Option<bool>,
    /// The risk that the route declares.
    pub(super) risk: Option<RiskDocument>,
    /// The threshold that the route fixes by hand.
    pub(super) threshold: Option<Probability>,
    /// What the client is told instead of an answer: `model_not_found`, `invalid_request`.
    pub(super) error: Option<String>,
}

/// How the local model must draft.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LocalExpected {
    /// The local model.
    pub(super) model: Option<String>,
    /// Most tokens of a draft.
    pub(super) max_tokens: Option<u32>,
}

/// A case that was run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// As the file calls the case.
    pub(crate) name: String,
    /// Where the case stands: line and column, from 1.
    pub(crate) place: (usize, usize),
    /// The route or variant that takes the request, several where chance decides; the code of the error where none does.
    pub(crate) became: Vec<String>,
    /// What is different from what was expected; empty where the case passes.
    pub(crate) differences: Vec<Difference>,
}

/// Runs the cases of a file.
///
/// # Errors
/// Everything that is wrong with the file, each with its place.
pub(crate) fn run_cases(declared: &Declared, path: &Path) -> Result<Vec<Outcome>, ConfigError> {
    let name = path.display().to_string();
    let bytes = bytes_of(path)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ConfigError::not_text(&bytes, error.valid_up_to(), &name))?;
    let source = Source { name: &name, text };
    let (document, tree) = read_form::<CasesDocument>(source)?;
    let runner = Runner {
        declared,
        tree: &tree,
        folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
    };
    let mut problems = Vec::new();
    let mut outcomes = Vec::new();
    if document.cases.is_empty() {
        problems.push(Problem::with_key(
            "cases",
            "there are no cases; write at least one",
        ));
    }
    for (index, case) in document.cases.iter().enumerate() {
        match runner.run(&format!("cases[{index}]"), case) {
            Ok(outcome) => outcomes.push(outcome),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(outcomes)
    } else {
        Err(ConfigError::new(source, Some(&tree), problems))
    }
}

struct Runner<'r> {
    declared: &'r Declared,
    tree: &'r Tree,
    folder: PathBuf,
}

impl Runner<'_> {
    fn run(&self, at: &str, case: &CaseDocument) -> Result<Outcome, Problem> {
        self.check(at, case)?;
        let body = self.body(at, &case.request)?;
        let written = Written {
            body: &body,
            key: case.key.as_deref(),
            headers: &case.headers,
        };
        let call = Call::read(written).map_err(|name| {
            let key = format!("{at}.headers.{name}");
            Problem::with_key(
                key,
                "this is not a header with a value that can be sent; use letters, digits and `-`",
            )
        })?;
        let course = course(self.declared, &call);
        let mut differences = differences(&case.expect, &course);
        for difference in &mut differences {
            if let Some(route) = case
                .expect
                .route
                .as_deref()
                .filter(|_| difference.is_of_route())
            {
                difference.because = because(self.declared, &call, route);
            }
            let key = format!("{at}.expect.{}", difference.key);
            let place = self.tree.locate(&key);
            difference.place = (place.line, place.column);
        }
        let place = self.tree.locate(&format!("{at}.name"));
        Ok(Outcome {
            name: case.name.clone(),
            place: (place.line, place.column),
            became: match &course {
                Ok(course) => course.ids(),
                Err(fault) => vec![fault.kind().code().to_owned()],
            },
            differences,
        })
    }

    /// What would make a case pass or fail for another reason than it seems.
    fn check(&self, at: &str, case: &CaseDocument) -> Result<(), Problem> {
        if case.expect.is_empty() {
            let what =
                "nothing is expected, so the case cannot fail; write for example `route: NAME`";
            return Err(Problem::with_key(format!("{at}.expect"), what));
        }
        if case.expect.error.is_some() && case.expect.names_a_course() {
            let what = "a request that gets an error takes no route; expect one or the other";
            return Err(Problem::with_key(format!("{at}.expect.error"), what));
        }
        if let Some(key) = &case.key {
            self.check_key(&format!("{at}.key"), key)?;
        }
        if let Some(route) = &case.expect.route {
            self.check_route(&format!("{at}.expect.route"), route)?;
        }
        Ok(())
    }

    fn check_key(&self, at: &str, key: &str) -> Result<(), Problem> {
        if self.declared.principal(key).is_some() {
            return Ok(());
        }
        let known: Vec<&str> = self.declared.key_names().collect();
        Err(unknown(at, "key", key, &known))
    }

    /// A route that does not exist is a slip of the pen, not a failure of the policy.
    fn check_route(&self, at: &str, route: &str) -> Result<(), Problem> {
        let policy = &self.declared.config().policy;
        if policy.route(route).is_some() || policy.variant(route).is_some() {
            return Ok(());
        }
        let ids: Vec<String> = policy
            .egress()
            .iter()
            .map(|egress| egress.route.id().into_owned())
            .collect();
        let names = policy.routes().iter().map(|route| route.name.as_str());
        let mut known: Vec<&str> = names.chain(ids.iter().map(String::as_str)).collect();
        known.dedup();
        Err(unknown(at, "route", route, &known))
    }

    fn body(&self, at: &str, request: &Value) -> Result<Value, Problem> {
        let file = match request.as_object() {
            Some(fields) if fields.len() == 1 => fields.get("file").and_then(Value::as_str),
            _ => None,
        };
        let Some(file) = file else {
            return Ok(request.clone());
        };
        let key = format!("{at}.request.file");
        let path = self.folder.join(file);
        let bytes = std::fs::read(&path).map_err(|error| {
            Problem::with_key(&key, format!("`{file}` cannot be read: {error}"))
        })?;
        // The parser's own text may quote the file; the position is enough to find the place.
        serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Problem::with_key(
                &key,
                format!("`{file}` is not JSON: error at line {line}, column {column}"),
            )
        })
    }
}

fn unknown(at: &str, kind: &str, name: &str, known: &[&str]) -> Problem {
    let help = match nearest(name, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => format!("the configuration has no {kind}s"),
        None => format!("there are: {}", known.join(", ")),
    };
    Problem::with_key(at, format!("there is no {kind} `{name}`")).with_help(help)
}

impl ExpectDocument {
    fn names_a_course(&self) -> bool {
        self.route.is_some()
            || self.action.is_some()
            || self.local.is_some()
            || self.upstream.is_some()
            || self.leaves.is_some()
            || self.pinned.is_some()
            || self.cache.is_some()
            || self.risk.is_some()
            || self.threshold.is_some()
    }

    fn is_empty(&self) -> bool {
        self.error.is_none() && !self.names_a_course()
    }
}
