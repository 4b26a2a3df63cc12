//! From the tree of a LiteLLM file to what of it has a meaning here. Every key is either understood or a finding.

use rust_decimal::Decimal;

use super::super::finding::{Finding, FindingKind};
use super::super::node::Node;
use super::deployment::Deployment;
use super::remark;
use crate::auth::KeyHash;
use crate::config::Problem;
use crate::config::tree::Tree;

/// What a LiteLLM proxy is told to do.
#[derive(Debug, Default)]
pub(super) struct Proxy<'t> {
    pub(super) deployments: Vec<Deployment<'t>>,
    pub(super) fallbacks: Vec<Fallback<'t>>,
    pub(super) aliases: Vec<Alias<'t>>,
    pub(super) retries: Option<u32>,
    /// In seconds.
    pub(super) timeout: Option<Decimal>,
    /// In seconds.
    pub(super) stream_timeout: Option<Decimal>,
    /// In seconds.
    pub(super) cache: Option<Decimal>,
    pub(super) budget: Option<Limit<'t>>,
    pub(super) master_key: Option<(Secret, Node<'t>)>,
}

/// Who is asked when a model fails.
#[derive(Debug)]
pub(super) struct Fallback<'t> {
    /// The model that fails; `*` for every one without a fallback of its own.
    pub(super) model: String,
    /// Who is asked then, in this order.
    pub(super) instead: Vec<(String, Node<'t>)>,
    pub(super) node: Node<'t>,
}

/// Another name for a model.
#[derive(Debug)]
pub(super) struct Alias<'t> {
    pub(super) name: String,
    pub(super) model: String,
    pub(super) node: Node<'t>,
}

/// Most that may be spent.
#[derive(Debug, Clone)]
pub(super) struct Limit<'t> {
    /// USD.
    pub(super) max: Decimal,
    /// As written, such as `30d`.
    pub(super) duration: Option<String>,
    pub(super) node: Node<'t>,
}

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// In this environment variable.
    Env(String),
    /// In the file itself: not carried on, and known by its hash alone.
    Written(KeyHash),
}

/// Reads the file.
///
/// # Errors
/// What keeps its models from being understood.
pub(super) fn read(tree: &Tree) -> Result<(Proxy<'_>, Vec<Finding>), Vec<Problem>> {
    let root = Node::root(tree);
    let mut reader = Reader {
        proxy: Proxy::default(),
        findings: Vec::new(),
        problems: Vec::new(),
    };
    reader.root(&root);
    if reader.problems.is_empty() {
        Ok((reader.proxy, reader.findings))
    } else {
        Err(reader.problems)
    }
}

/// Reading a value, and what was found on the way.
pub(super) struct Reader<'t> {
    proxy: Proxy<'t>,
    findings: Vec<Finding>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn root(&mut self, root: &Node<'t>) {
        match root.child("model_list") {
            None => self.problem(
                root,
                "there is no `model_list`; this does not look like the configuration of a LiteLLM proxy",
            ),
            Some(list) if !list.is_list() => {
                self.problem(&list, "a list should stand here; write `- model_name: ...`");
            }
            Some(_) => {}
        }
        let credentials = root.child("credential_list");
        for section in root.entries() {
            match section.name() {
                "model_list" => self.models(&section, credentials.as_ref()),
                "router_settings" => self.behaviour(&section),
                "litellm_settings" => self.behaviour(&section),
                "general_settings" => self.server(&section),
                "credential_list" => {}
                _ => self.lost(&section),
            }
        }
    }

    fn models(&mut self, list: &Node<'t>, credentials: Option<&Node<'t>>) {
        for node in list.items() {
            if let Some(deployment) = Deployment::read(&node, credentials, self) {
                self.proxy.deployments.push(deployment);
            }
        }
    }

    /// `router_settings` and `litellm_settings`. What stands in both counts as the former says.
    fn behaviour(&mut self, section: &Node<'t>) {
        let leads = section.name() == "router_settings";
        let mut caches = None;
        for node in section.entries() {
            match node.name() {
                "fallbacks" => self.fallbacks(&node),
                "default_fallbacks" => self.fallback("*", &node),
                "model_group_alias" | "model_alias_map" => self.aliases(&node),
                "num_retries" => {
                    let retries = self.whole(&node);
                    prefer(&mut self.proxy.retries, retries, leads);
                }
                "timeout" | "request_timeout" => {
                    let timeout = self.number(&node);
                    prefer(&mut self.proxy.timeout, timeout, leads);
                }
                "stream_timeout" => {
                    let timeout = self.number(&node);
                    prefer(&mut self.proxy.stream_timeout, timeout, leads);
                }
                "cache" if node.is_true() => caches = Some(node),
                // Not caching is what a route does that says nothing.
                "cache" => {}
                "cache_params" | "budget_duration" => {}
                "max_budget" => self.proxy.budget = self.limit(&node, section),
                _ => self.lost(&node),
            }
        }
        self.cache(caches, section.child("cache_params"));
    }

    fn cache(&mut self, caches: Option<Node<'t>>, params: Option<Node<'t>>) {
        let Some(caches) = caches else {
            if let Some(params) = params {
                let why = "nothing is repeated from memory where `cache` is not true";
                self.note(FindingKind::NoCounterpart, &params, why);
            }
            return;
        };
        let mut ttl = None;
        for node in params.map(|params| params.entries()).unwrap_or_default() {
            match node.name() {
                "ttl" => ttl = self.number(&node),
                "type" if node.text() == Some("local") => {}
                "mode" if node.text() == Some("default_off") => {
                    let why = "clients cannot ask for stored answers; write `cache: { ttl: 10m }` on the routes that \
                               may repeat theirs";
                    return self.note(FindingKind::NoCounterpart, &node, why);
                }
                "type" => {
                    let why = "answers are kept in the process, by client key and route, and only whole requests that \
                               are the same are answered from it";
                    self.note(FindingKind::Different, &node, why);
                }
                _ => self.lost(&node),
            }
        }
        if ttl.is_none() {
            let why = "how long an answer may be repeated is not written; add for example `cache: { ttl: 10m }` to \
                       `defaults` or to a route";
            self.note(FindingKind::ToDo, &caches, why);
        }
        self.proxy.cache = ttl;
    }

    fn server(&mut self, section: &Node<'t>) {
        for node in section.entries() {
            match node.name() {
                "master_key" => {
                    self.proxy.master_key = self.secret(&node).map(|secret| (secret, node));
                }
                _ => self.lost(&node),
            }
        }
    }

    /// A list of maps of one entry each, or what a hurried hand makes of it: one map.
    fn fallbacks(&mut self, list: &Node<'t>) {
        let maps = if list.is_map() {
            vec![list.clone()]
        } else {
            list.items()
        };
        for entry in maps.iter().flat_map(Node::entries) {
            self.fallback(entry.name(), &entry);
        }
    }

    fn fallback(&mut self, model: &str, list: &Node<'t>) {
        let mut instead = Vec::new();
        let items = if list.is_list() {
            list.items()
        } else {
            vec![list.clone()]
        };
        for item in items {
            match item.text() {
                Some(name) => instead.push((name.to_owned(), item)),
                None => self.note(
                    FindingKind::NoCounterpart,
                    &item,
                    "a fallback is the name of a model; the request is not changed for it",
                ),
            }
        }
        self.proxy.fallbacks.push(Fallback {
            model: model.to_owned(),
            instead,
            node: list.clone(),
        });
    }

    fn aliases(&mut self, map: &Node<'t>) {
        for node in map.entries() {
            let target = node.child("model");
            let model = node.text().or_else(|| target.as_ref()?.text());
            let Some(model) = model else {
                let why = "an alias is another name of one model; for several write a route with them under `upstream`";
                self.note(FindingKind::NoCounterpart, &node, why);
                continue;
            };
            if let Some(hidden) = node.child("hidden").filter(Node::is_true) {
                let why = "GET /v1/models lists every name that a route has without `*`";
                self.note(FindingKind::NoCounterpart, &hidden, why);
            }
            self.proxy.aliases.push(Alias {
                name: node.name().to_owned(),
                model: model.to_owned(),
                node,
            });
        }
    }

    /// The limit under `max`, with the duration beside it.
    pub(super) fn limit(&mut self, max: &Node<'t>, section: &Node<'t>) -> Option<Limit<'t>> {
        let duration = section.child("budget_duration");
        self.number(max).map(|amount| Limit {
            max: amount,
            duration: duration.and_then(|node| node.text()).map(str::to_owned),
            node: max.clone(),
        })
    }

    /// A number, not negative.
    pub(super) fn number(&mut self, node: &Node<'t>) -> Option<Decimal> {
        let number = node.number().filter(|number| !number.is_sign_negative());
        if number.is_none() {
            self.note(FindingKind::NoCounterpart, node, not_a_number(node));
        }
        number
    }

    /// A whole number, not negative.
    pub(super) fn whole(&mut self, node: &Node<'t>) -> Option<u32> {
        let number = node.whole();
        if number.is_none() {
            self.note(FindingKind::NoCounterpart, node, not_a_number(node));
        }
        number
    }

    /// Where a secret lies; nothing for the words that stand in for a key where none is needed.
    pub(super) fn secret(&self, node: &Node<'t>) -> Option<Secret> {
        const NONE: [&str; 9] = [
            "none",
            "null",
            "empty",
            "dummy",
            "fake",
            "fake-key",
            "not-needed",
            "anything",
            "sk-no-key-required",
        ];
        let text = node.text()?.trim();
        if let Some(variable) = text.strip_prefix("os.environ/") {
            return Some(Secret::Env(variable.to_owned()));
        }
        let stands_in = text.is_empty() || NONE.iter().any(|word| word.eq_ignore_ascii_case(text));
        (!stands_in).then(|| Secret::Written(KeyHash::of(text)))
    }

    /// Notes that a key has no counterpart.
    pub(super) fn lost(&mut self, node: &Node<'t>) {
        let section = node.path().strip_suffix(node.name()).unwrap_or_default();
        let why = remark::of_key(section.trim_end_matches('.'), node.name());
        self.note(FindingKind::NoCounterpart, node, why);
    }

    pub(super) fn note(&mut self, kind: FindingKind, node: &Node<'t>, text: impl Into<String>) {
        self.findings.push(Finding::new(kind, node, text));
    }

    pub(super) fn problem(&mut self, node: &Node<'t>, text: &str) {
        let problem = Problem::new(text).at(node.place());
        self.problems.push(problem.of_key(node.path()));
    }
}

/// Takes the new value if there was none, or if it has the last word.
fn prefer<T>(known: &mut Option<T>, new: Option<T>, leads: bool) {
    if known.is_none() || (leads && new.is_some()) {
        *known = new;
    }
}

fn not_a_number(node: &Node<'_>) -> &'static str {
    if node
        .text()
        .is_some_and(|text| text.starts_with("os.environ/"))
    {
        "numbers are written into the file and not read from the environment; write it here"
    } else {
        "this is not a number that could be carried over"
    }
}
