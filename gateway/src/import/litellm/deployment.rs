//! One entry of `model_list`.

use rust_decimal::Decimal;

use super::super::finding::FindingKind;
use super::super::node::Node;
use super::super::plan::PricePlan;
use super::read::{Limit, Reader, Secret};

/// One model at one provider.
#[derive(Debug)]
pub(super) struct Deployment<'t> {
    /// Name that clients ask for; deployments of one name are one group.
    pub(super) group: String,
    /// As LiteLLM calls it, with its provider: `azure/gpt-4o`.
    pub(super) model: String,
    pub(super) provider: Option<String>,
    pub(super) api_base: Option<(String, Node<'t>)>,
    pub(super) key: Option<(Secret, Node<'t>)>,
    pub(super) retries: Option<u32>,
    /// In seconds.
    pub(super) timeout: Option<Decimal>,
    /// In seconds.
    pub(super) stream_timeout: Option<Decimal>,
    /// Lower ones are asked first.
    pub(super) order: Option<i64>,
    pub(super) price: Option<PricePlan>,
    pub(super) budget: Option<Limit<'t>>,
    /// What it is for, where that is written: `chat`, `embedding` …
    pub(super) mode: Option<String>,
    pub(super) node: Node<'t>,
}

/// USD per token, as written.
#[derive(Default)]
struct Costs {
    input: Option<Decimal>,
    output: Option<Decimal>,
    cache_read: Option<Decimal>,
    cache_write: Option<Decimal>,
}

impl<'t> Deployment<'t> {
    /// Reads an entry; nothing, and a problem, without a name or a model.
    pub(super) fn read(
        node: &Node<'t>,
        credentials: Option<&Node<'t>>,
        reader: &mut Reader<'t>,
    ) -> Option<Self> {
        let params = node.child("litellm_params");
        let (group, model) = match (
            node.child("model_name").and_then(|name| name.text()),
            params
                .as_ref()
                .and_then(|params| params.child("model")?.text()),
        ) {
            (Some(group), Some(model)) => (group.to_owned(), model.to_owned()),
            (group, _) => {
                let missing = if group.is_none() {
                    "`model_name`"
                } else {
                    "`litellm_params.model`"
                };
                reader.problem(
                    node,
                    &format!("{missing} is missing; a model has a name for clients and one for its provider"),
                );
                return None;
            }
        };
        let mut deployment = Self {
            group,
            model,
            provider: None,
            api_base: None,
            key: None,
            retries: None,
            timeout: None,
            stream_timeout: None,
            order: None,
            price: None,
            budget: None,
            mode: None,
            node: node.clone(),
        };
        let mut costs = Costs::default();
        for entry in node.entries() {
            match entry.name() {
                "model_name" => {}
                "litellm_params" => deployment.params(&entry, credentials, &mut costs, reader),
                "model_info" => deployment.info(&entry, &mut costs, reader),
                _ => reader.lost(&entry),
            }
        }
        deployment.price = costs.per_million(node, reader);
        Some(deployment)
    }

    fn params(
        &mut self,
        params: &Node<'t>,
        credentials: Option<&Node<'t>>,
        costs: &mut Costs,
        reader: &mut Reader<'t>,
    ) {
        for node in params.entries() {
            match node.name() {
                "model" | "budget_duration" => {}
                "custom_llm_provider" => self.provider = node.text().map(str::to_owned),
                "api_base" | "base_url" => self.base(&node),
                "api_key" => self.key = reader.secret(&node).map(|secret| (secret, node)),
                "litellm_credential_name" => self.credential(&node, credentials, reader),
                "num_retries" | "max_retries" => self.retries = reader.whole(&node),
                "timeout" | "request_timeout" => self.timeout = reader.number(&node),
                "stream_timeout" => self.stream_timeout = reader.number(&node),
                "order" => self.order = node.whole(),
                "max_budget" => self.budget = reader.limit(&node, params),
                _ if costs.take(&node, reader) => {}
                _ => reader.lost(&node),
            }
        }
    }

    fn info(&mut self, info: &Node<'t>, costs: &mut Costs, reader: &mut Reader<'t>) {
        for node in info.entries() {
            match node.name() {
                "mode" => self.mode = node.text().map(str::to_owned),
                _ if costs.take(&node, reader) => {}
                _ => reader.lost(&node),
            }
        }
    }

    fn base(&mut self, node: &Node<'t>) {
        self.api_base = node
            .text()
            .map(|text| (text.trim().to_owned(), node.clone()));
    }

    /// Key and base of an entry under `credential_list`.
    fn credential(
        &mut self,
        name: &Node<'t>,
        credentials: Option<&Node<'t>>,
        reader: &mut Reader<'t>,
    ) {
        let named = |entry: &Node<'t>| {
            let known = entry
                .child("credential_name")
                .and_then(|known| known.text());
            known.is_some() && known == name.text()
        };
        let entries = credentials.map(Node::items).unwrap_or_default();
        let Some(values) = entries
            .iter()
            .find(|entry| named(entry))
            .and_then(|entry| entry.child("credential_values"))
        else {
            let why = "there is no such entry under `credential_list`; it may lie in the database, which is not read";
            return reader.note(FindingKind::NoCounterpart, name, why);
        };
        for node in values.entries() {
            match node.name() {
                "api_key" => self.key = reader.secret(&node).map(|secret| (secret, node)),
                "api_base" | "base_url" => self.base(&node),
                _ => reader.lost(&node),
            }
        }
    }
}

impl Costs {
    /// Whether the key is a price that is known here.
    fn take<'t>(&mut self, node: &Node<'t>, reader: &mut Reader<'t>) -> bool {
        let slot = match node.name() {
            "input_cost_per_token" => &mut self.input,
            "output_cost_per_token" => &mut self.output,
            "cache_read_input_token_cost" => &mut self.cache_read,
            "cache_creation_input_token_cost" => &mut self.cache_write,
            _ => return false,
        };
        *slot = reader.number(node);
        true
    }

    fn per_million<'t>(self, node: &Node<'t>, reader: &mut Reader<'t>) -> Option<PricePlan> {
        let per_million = |cost: Decimal| cost.checked_mul(Decimal::from(1_000_000));
        let (input, output) = match (self.input, self.output) {
            (Some(input), Some(output)) => (input, output),
            (None, None) => return None,
            _ => {
                let why = "only one of `input_cost_per_token` and `output_cost_per_token` could be read; write both \
                           prices under `upstreams`";
                reader.note(FindingKind::ToDo, node, why);
                return None;
            }
        };
        Some(PricePlan {
            input: per_million(input)?,
            output: per_million(output)?,
            cache_read: self.cache_read.and_then(per_million),
            cache_write: self.cache_write.and_then(per_million),
        })
    }
}
