//! Names that keys had in earlier versions, and names that people bring from other gateways. Both get told what the
//! thing is called here.

/// A key that does not exist here, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Former {
    /// Path of the map it stands in; `*` is any name, `[]` any entry.
    within: &'static str,
    name: &'static str,
    /// Path of the key that does the same, from the same map.
    successor: &'static str,
    /// Version that renamed it; none for names that were never ours.
    since: Option<&'static str>,
    /// What else is different.
    remark: &'static str,
}

/// Foreign names for keys of one map.
macro_rules! foreign {
    ($($within:literal: { $($name:literal => $successor:literal $(, $remark:literal)?;)+ })+) => {
        &[$($(Former {
            within: $within,
            name: $name,
            successor: $successor,
            since: None,
            remark: concat!($($remark)?),
        },)+)+]
    };
}

/// From the gateways and engines that people come from, and from what one would guess.
const FOREIGN: &[Former] = foreign! {
    "": {
        "model_list" => "upstreams", "APIs go under `upstreams`, local models under `models`, who is answered how under `routes`";
        "providers" => "upstreams";
        "backends" => "upstreams";
        "router_settings" => "routes", "each route says for itself how it is answered";
        "policies" => "routes";
        "virtual_keys" => "keys";
        "api_keys" => "keys";
        "general_settings" => "limits", "client keys go under `keys`, the ledger under `ledger`";
        "host" => "listen", "address and port in one: `127.0.0.1:8080`";
        "port" => "listen", "address and port in one: `127.0.0.1:8080`";
        "bind" => "listen";
        "address" => "listen";
        "database_url" => "ledger";
        "database" => "ledger";
    }
    "keys[]": {
        "api_key" => "key", "name it, as in `env:AGENTS_KEY`; do not write it here";
        "token" => "key", "name it, as in `env:AGENTS_KEY`; do not write it here";
        "value" => "key", "name it, as in `env:AGENTS_KEY`; do not write it here";
        "hash" => "key", "written `sha256:` and the digits";
        "key_alias" => "name";
        "id" => "name";
        "user" => "name";
    }
    "models.*": {
        "model" => "path";
        "file" => "path";
        "model_path" => "path";
        "weights" => "path";
        "n_threads" => "threads";
        "quant" => "quantization";
        "engine" => "adapter";
        "backend" => "adapter";
        "lora" => "loras", "by name, as in `loras: { billing: billing-lora.gguf }`; each route chooses one";
        "lora_modules" => "loras", "by name, as in `loras: { billing: billing-lora.gguf }`; each route chooses one";
        "dtype" => "quantization";
        "max_queue" => "queue";
        "price_per_hour" => "cost_per_hour";
    }
    "upstreams.*": {
        "api_base" => "base_url";
        "url" => "base_url";
        "endpoint" => "base_url";
        "api_key" => "key", "name it, as in `env:OPENAI_API_KEY`; do not write it here";
        "api_key_location" => "key", "written `env:NAME` or `file:PATH`";
        "token" => "key", "name it, as in `env:OPENAI_API_KEY`; do not write it here";
        "max_retries" => "retries";
        "num_retries" => "retries";
        "request_timeout" => "timeout", "with its unit, as in `10m`";
        "stream_timeout" => "idle_timeout", "with its unit, as in `30s`";
        "pricing" => "prices";
        "cost" => "prices";
    }
    "upstreams.*.prices.*": {
        "input_cost_per_token" => "input", "per million tokens here";
        "output_cost_per_token" => "output", "per million tokens here";
        "cache_read_input_token_cost" => "cache_read", "per million tokens here";
        "cache_creation_input_token_cost" => "cache_write", "per million tokens here";
        "cached_input" => "cache_read";
        "prompt" => "input";
        "completion" => "output";
    }
    "routes[]": {
        "model" => "match.model";
        "models" => "match.model";
        "model_name" => "match.model";
        "headers" => "match.headers";
        "fallback" => "upstream";
        "fallbacks" => "upstream";
        "provider" => "upstream.name";
        "mode" => "action";
        "confidence" => "threshold";
        "min_confidence" => "threshold";
        "confidence_threshold" => "threshold";
        "max_regret" => "risk.max_regret";
        "assurance" => "risk.assurance";
        "ttl" => "cache.ttl";
        "labels" => "local.answer", "as in `answer: { one_of: [billing, other] }`";
    }
    "routes[].match": {
        "models" => "model";
        "model_name" => "model";
        "system_prompt" => "system";
        "header" => "headers";
    }
    "routes[].local": {
        "name" => "model";
        "max_new_tokens" => "max_tokens";
        "num_predict" => "max_tokens";
        "n_predict" => "max_tokens";
        "max_completion_tokens" => "max_tokens";
        "timeout" => "deadline";
        "response_format" => "answer";
        "adapter" => "lora";
        "lora_name" => "lora";
        "labels" => "answer", "as in `answer: { one_of: [billing, other] }`";
    }
    "routes[].risk": {
        "epsilon" => "max_regret";
        "max_loss" => "max_regret";
        "confidence" => "assurance";
        "delta" => "assurance", "the other way round: `assurance` is 1 - delta";
    }
    "routes[].cache": {
        "max_age" => "ttl";
        "expiry" => "ttl";
        "expires" => "ttl";
    }
    "limits": {
        "max_body" => "body";
        "max_request_size" => "body", "with its unit, as in `10MiB`";
        "max_connections" => "connections";
        "shutdown_timeout" => "drain";
    }
};

/// What `name`, which does not exist in the map at `path`, is called now.
pub(super) fn find(path: &str, name: &str) -> Option<&'static Former> {
    let lower = name.to_ascii_lowercase();
    FOREIGN
        .iter()
        .find(|former| former.name == lower && is_at(path, former.within))
}

impl Former {
    /// Path of the key that does the same, from the same map.
    pub(super) const fn successor(&self) -> &'static str {
        self.successor
    }

    /// What to write instead.
    pub(super) fn help(&self) -> String {
        let successor = self.successor;
        let renamed = match self.since {
            Some(version) => format!("renamed to `{successor}` in {version}"),
            None => format!("it is called `{successor}` here"),
        };
        match self.remark {
            "" => format!("{renamed}."),
            remark => format!("{renamed}: {remark}."),
        }
    }
}

/// Whether a path is of a pattern. A name with a dot counts as two; nothing in the table suffers from that.
fn is_at(path: &str, pattern: &str) -> bool {
    let depth = |text: &str| text.split('.').count();
    if depth(path) < depth(pattern) {
        return false;
    }
    let mut steps = path.split('.');
    pattern
        .split('.')
        .all(|expected| match (expected, steps.next()) {
            ("*", Some(_)) => true,
            (expected, Some(step)) => match expected.strip_suffix("[]") {
                Some(name) => step.split_once('[').is_some_and(|(start, _)| start == name),
                None => step == expected,
            },
            (_, None) => false,
        })
        && (steps.next().is_none() || pattern.ends_with('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;
    use crate::config::shape::Shape;

    /// What stands at a path pattern in the schema.
    fn shape<'s>(root: &'s serde_json::Value, path: &str) -> Option<Shape<'s>> {
        let mut shape = Shape::new(root);
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |n| (n, true));
            shape = shape.forms().iter().find_map(|form| form.property(name))?;
            if is_list {
                shape = shape
                    .forms()
                    .iter()
                    .find_map(super::super::shape::Form::items)?;
            }
        }
        Some(shape)
    }

    #[test]
    fn every_successor_exists_and_no_former_name_does() {
        let root = schema();
        for former in FOREIGN {
            let path = |name: &str| [former.within, name].join(".");
            assert!(
                shape(&root, &path(former.successor)).is_some(),
                "{former:?}"
            );
            let there = shape(&root, former.within).unwrap();
            let mut forms = there.forms().into_iter();
            assert!(
                forms.all(|form| form.property(former.name).is_none()),
                "{former:?}"
            );
        }
    }

    #[test]
    fn names_are_looked_up_where_they_stand() {
        let help = |path, name| find(path, name).map(Former::help);
        assert_eq!(
            help("upstreams.openai", "API_BASE").unwrap(),
            "it is called `base_url` here."
        );
        assert!(help("routes[12].local", "num_predict").is_some());
        assert!(help("upstreams.a.prices.gpt-4.1", "prompt").is_some());
        assert_eq!(help("upstreams", "api_base"), None);
        assert_eq!(help("routes[0].local.answer", "num_predict"), None);
        let renamed = Former {
            since: Some("0.2"),
            ..FOREIGN[0]
        };
        assert!(
            renamed
                .help()
                .starts_with("renamed to `upstreams` in 0.2: APIs")
        );
    }
}
