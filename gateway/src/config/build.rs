//! From the mirrored file to values that cannot be wrong. Every problem is collected, none stops the pass.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use router_policies::{Api, Names, Policy, PolicyDocument, PolicyError, PolicyProblem, Span};

use super::document::{
    Document, KeyDocument, LimitsDocument, ModelDocument, PriceDocument, UpstreamDocument,
};
use super::held::Held;
use super::problem::Problem;
use super::{Config, Limits, MemoryRules, Outside, Site, secret};
use crate::auth::{ANONYMOUS, KeyHash, KeyRing, Principal};
use crate::ledger::{Catalog, LedgerUrl, Rates, Usd};
use crate::upstream::{Patience, UpstreamSettings};

const LISTEN: &str = "127.0.0.1:8080";
const LEDGER: &str = "sqlite:smallfirst.db";
const CERTIFICATES: &str = "certificates";
/// The APIs that clients can ask.
const SERVED: [Api; 1] = [Api::ChatCompletions];

/// Checks `document` and resolves what it names.
pub(super) fn build(
    document: Document,
    site: Site<'_>,
    version: String,
) -> Result<Config, Vec<Problem>> {
    let folder = site.folder;
    let mut builder = Builder {
        folder,
        outside: site.outside,
        problems: Vec::new(),
    };
    let listen = builder.listen(
        document.listen.as_deref().unwrap_or(LISTEN),
        document.keys.is_empty(),
    );
    let ledger = builder.ledger(document.ledger.as_deref().unwrap_or(LEDGER));
    let keys = builder.keys(&document.keys);
    // Names as written: a model whose path is wrong is one problem, not also an unknown name in every route.
    let policy = PolicyDocument {
        detectors: document.detectors,
        defaults: document.defaults,
        presets: document.presets,
        aliases: document.aliases,
        routes: document.routes,
        unmatched: document.unmatched,
    };
    let held = Held::new(&policy);
    builder.problems.extend(held.problems);
    let policy = builder.policy(
        &policy,
        &Names {
            local_models: &document
                .models
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            upstreams: &document
                .upstreams
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            loras: &loras(&document.models),
            teams: Some(&teams(&document.keys)),
            keys: Some(&key_names(&document.keys)),
            apis: Some(&SERVED),
        },
    );
    let models = builder.models(document.models);
    let memory = MemoryRules::from(document.memory);
    let (upstreams, catalog) = builder.upstreams(document.upstreams);
    let limits = builder.limits(&document.limits);
    if let Some(policy) = &policy {
        builder.budgets(policy, &catalog);
    }
    let certificates = folder.join(document.certificates.as_deref().unwrap_or(CERTIFICATES));
    match (listen, ledger, policy, builder.problems) {
        (Some(listen), Some(ledger), Some(policy), problems) if problems.is_empty() => Ok(Config {
            listen,
            ledger,
            certificates,
            keys,
            models,
            memory,
            upstreams,
            catalog,
            policy,
            limits,
            warnings: held.warnings,
            version,
        }),
        (_, _, _, problems) => Err(problems),
    }
}

pub(super) struct Builder<'a> {
    pub(super) folder: &'a Path,
    pub(super) outside: Outside,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    pub(super) fn problem(&mut self, key: impl Into<String>, text: impl AsRef<str>) {
        self.problems.push(Problem::with_key(key, text));
    }

    /// The value, or a noted problem.
    pub(super) fn noted<T>(
        &mut self,
        key: impl Into<String>,
        value: Result<T, String>,
    ) -> Option<T> {
        value.map_err(|text| self.problem(key, text)).ok()
    }

    fn listen(&mut self, text: &str, open: bool) -> Option<SocketAddr> {
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.problem(
                "listen",
                format!("`{text}` is not an address; write for example `127.0.0.1:8080`"),
            );
            return None;
        };
        if open && !address.ip().is_loopback() {
            self.problem(
                "keys",
                format!("without keys only loopback addresses are allowed, and `listen` is `{text}`; add a key"),
            );
        }
        Some(address)
    }

    fn ledger(&mut self, text: &str) -> Option<LedgerUrl> {
        let url = LedgerUrl::from_str(text).map_err(|e| e.to_string());
        self.noted("ledger", url).map(|url| {
            let LedgerUrl::Sqlite(path) = url;
            LedgerUrl::Sqlite(self.folder.join(path))
        })
    }

    fn keys(&mut self, documents: &[KeyDocument]) -> KeyRing {
        let mut keys: Vec<(Principal, KeyHash)> = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            if keys.iter().any(|(known, _)| known.name == document.name) {
                self.problem(
                    format!("keys[{index}].name"),
                    format!("`{}` is used twice", document.name),
                );
            }
            let hash = match self.outside {
                Outside::Required => secret::key_hash(&document.key, self.folder),
                Outside::Assumed => secret::assumed_hash(&document.key),
            };
            if let Some(hash) = self.noted(format!("keys[{index}].key"), hash) {
                let principal = Principal {
                    name: document.name.clone(),
                    team: document.team.clone(),
                    tags: document.tags.clone(),
                };
                keys.push((principal, hash));
            }
        }
        KeyRing::new(keys)
    }

    /// An amount, or zero with a noted problem (the problem keeps the configuration from being used).
    pub(super) fn usd(&mut self, key: impl Into<String>, text: &str) -> Usd {
        let amount = Usd::from_str(text).ok().filter(|amount| *amount >= Usd::ZERO).ok_or_else(|| {
            format!("`{text}` is not an amount in USD; write a plain decimal number in quotes, like \"0.05\"")
        });
        self.noted(key, amount).unwrap_or_default()
    }

    fn upstreams(
        &mut self,
        documents: BTreeMap<String, UpstreamDocument>,
    ) -> (BTreeMap<String, UpstreamSettings>, Catalog) {
        let mut upstreams = BTreeMap::new();
        let mut catalog = Catalog::default();
        for (name, document) in documents {
            for (model, price) in &document.prices {
                let rates = self.rates(&format!("upstreams.{name}.prices.{model}"), price);
                catalog.insert(name.as_str(), model.as_str(), rates);
            }
            if let Some(settings) = self.upstream(&name, &document) {
                upstreams.insert(name, settings);
            }
        }
        (upstreams, catalog)
    }

    fn rates(&mut self, key: &str, price: &PriceDocument) -> Rates {
        let mut optional = |part: &str, text: &Option<String>| {
            text.as_ref()
                .map(|text| self.usd(format!("{key}.{part}"), text))
        };
        let cache_read = optional("cache_read", &price.cache_read);
        let cache_write = optional("cache_write", &price.cache_write);
        Rates {
            input: self.usd(format!("{key}.input"), &price.input),
            cache_read,
            cache_write,
            output: self.usd(format!("{key}.output"), &price.output),
        }
    }

    fn upstream(&mut self, name: &str, document: &UpstreamDocument) -> Option<UpstreamSettings> {
        let key = format!("upstreams.{name}");
        let base_url = self.noted(format!("{key}.base_url"), base_url(&document.base_url));
        let secret = match &document.key {
            None => Some(None),
            Some(text) => {
                let found = match self.outside {
                    Outside::Required => secret::secret(text, self.folder),
                    Outside::Assumed => secret::assumed(text),
                };
                self.noted(format!("{key}.key"), found).map(Some)
            }
        };
        let patience = Patience {
            connect: span(document.connect_timeout, 5),
            headers: span(document.headers_timeout, 60),
            idle: span(document.idle_timeout, 30),
            total: span(document.timeout, 600),
            retries: document.retries.unwrap_or(1),
        };
        Some(UpstreamSettings {
            base_url: base_url?,
            key: secret?,
            patience,
        })
    }

    fn policy(&mut self, document: &PolicyDocument, names: &Names<'_>) -> Option<Policy> {
        match Policy::compile(document, names) {
            Ok(policy) => Some(policy),
            Err(errors) => {
                self.problems.extend(errors.into_iter().map(policy_problem));
                None
            }
        }
    }

    /// A budget can only be kept where the worst case of a request is known; so can the cap on audits.
    fn budgets(&mut self, policy: &Policy, catalog: &Catalog) {
        let routes = policy.routes().iter().flat_map(|route| route.variants());
        let bounded = routes.filter_map(|route| {
            let capped = route.audit.and_then(|audit| audit.max_cost_per_day);
            match (route.budget, capped) {
                (Some(_), _) => Some((route, "a budget")),
                (None, Some(_)) => Some((route, "a cap on audits")),
                (None, None) => None,
            }
        });
        for (route, bound) in bounded {
            let judge = route.text_judge.as_ref().map(|judge| &judge.model);
            for model in route.chain().chain(judge) {
                if catalog.rates(&model.upstream, &model.model).is_none() {
                    self.problem(
                        format!("upstreams.{}.prices", model.upstream),
                        format!(
                            "the route `{}` has {bound}, and `{}` has no price; add it",
                            route.id(),
                            model.model
                        ),
                    );
                }
            }
        }
    }

    fn limits(&mut self, document: &LimitsDocument) -> Limits {
        let default = Limits::default();
        if document.connections == Some(0) {
            self.problem("limits.connections", "must be at least 1");
        }
        let or = |span: Option<Span>, default: Duration| span.map_or(default, Duration::from);
        Limits {
            body: document.body.map_or(default.body, |size| size.0),
            header_timeout: or(document.header_timeout, default.header_timeout),
            body_timeout: or(document.body_timeout, default.body_timeout),
            connections: document.connections.unwrap_or(default.connections),
            keep_alive: or(document.keep_alive, default.keep_alive),
            drain: or(document.drain, default.drain),
        }
    }
}

/// A problem of the policy, with the other place that it names.
fn policy_problem(error: PolicyError) -> Problem {
    let problem = Problem::with_key(error.path, error.problem.to_string());
    match error.problem {
        PolicyProblem::DuplicateName { first, .. } => {
            problem.with_note_at_key("it is first used here", format!("routes[{first}].name"))
        }
        PolicyProblem::Unreachable { first, .. } => {
            problem.with_note_at_key("the earlier route is here", format!("routes[{first}]"))
        }
        _ => problem,
    }
}

/// The low-rank adapters of all models, each with its model's name before it.
fn loras(models: &BTreeMap<String, ModelDocument>) -> Vec<(&str, &str)> {
    let models = models.iter();
    let names = models.flat_map(|(model, document)| {
        let loras = document.loras.keys();
        loras.map(move |lora| (model.as_str(), lora.as_str()))
    });
    names.collect()
}

/// The teams that keys belong to, each once.
fn teams(keys: &[KeyDocument]) -> Vec<&str> {
    let teams = keys.iter().filter_map(|key| key.team.as_deref());
    teams.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The names that clients can go by.
fn key_names(keys: &[KeyDocument]) -> Vec<&str> {
    if keys.is_empty() {
        return vec![ANONYMOUS];
    }
    keys.iter().map(|key| key.name.as_str()).collect()
}

pub(super) fn span(given: Option<Span>, default_seconds: u64) -> Duration {
    given.map_or_else(|| Duration::from_secs(default_seconds), Duration::from)
}

pub(super) fn base_url(text: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(text).map_err(|e| format!("`{text}` is not a URL: {e}"))?;
    let fits = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    // Credentials in a URL would end up in error texts and logs.
    if !fits || !url.username().is_empty() || url.password().is_some() {
        return Err(
            "must be an http or https URL without credentials, like `https://api.openai.com/v1`"
                .to_owned(),
        );
    }
    Ok(url)
}
