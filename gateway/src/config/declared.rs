//! What a configuration says by itself.

use std::collections::BTreeMap;
use std::path::Path;

use router_policies::{ModelRef, Policy};

use super::problem::{ConfigError, Source};
use super::{Config, Outside, Site, bytes_of, read};
use crate::auth::Principal;
use crate::ledger::Catalog;

/// A checked configuration, without what it names outside itself: the files of models and the secrets need not be
/// there. For looking at a policy where it is not run, such as in a CI job. It cannot be served.
#[derive(Debug)]
pub struct Declared {
    /// Routes.
    pub policy: Policy,
    /// Who the client keys belong to, in file order.
    pub principals: Vec<Principal>,
    /// Prices of the upstreams' models.
    pub catalog: Catalog,
    /// Hosts of the upstreams, by name.
    hosts: BTreeMap<String, String>,
}

impl Declared {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Every problem found, each with its place and what to write instead.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes = bytes_of(path)?;
        let name = path.display().to_string();
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, &name),
            Err(error) => Err(ConfigError::not_text(&bytes, error.valid_up_to(), &name)),
        }
    }

    /// Reads a configuration from text; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let site = Site {
            folder: Path::new(""),
            outside: Outside::Assumed,
        };
        read::read(Source { name, text }, site).map(Self::of)
    }

    fn of(config: Config) -> Self {
        let host = |url: &reqwest::Url| url.host_str().unwrap_or_default().to_owned();
        Self {
            hosts: config
                .upstreams
                .iter()
                .map(|(name, settings)| (name.clone(), host(&settings.base_url)))
                .collect(),
            principals: config.keys.principals().cloned().collect(),
            policy: config.policy,
            catalog: config.catalog,
        }
    }

    /// The host that a model is asked at; empty for an upstream that is not configured.
    #[must_use]
    pub fn host(&self, model: &ModelRef) -> &str {
        self.hosts.get(&model.upstream).map_or("", String::as_str)
    }

    /// Who sends a request with the key of this name.
    #[must_use]
    pub fn principal(&self, key: &str) -> Option<&Principal> {
        self.principals.iter().find(|known| known.name == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
keys:
  - { name: desk, key: env:SURELY_NOT_SET_ANYWHERE, team: support }
  - { name: old, key: file:no/such/file }
models:
  small: { path: no/such/model, cost_per_hour: \"0.10\" }
upstreams:
  large: { base_url: http://large.example:8000/v1, key: env:SURELY_NOT_SET_ANYWHERE }
routes:
  - name: all
    local: { model: small }
    upstream: { name: large, model: big }
    threshold: 95%
";

    #[test]
    fn neither_models_nor_secrets_need_to_be_there() {
        let declared = Declared::parse(CONFIG, "test").unwrap();
        let desk = declared.principal("desk").unwrap();
        assert_eq!(desk.team.as_deref(), Some("support"));
        assert_eq!(declared.principal("nobody"), None);
        let route = declared.policy.route("all").unwrap();
        assert_eq!(
            declared.host(route.upstream.as_ref().unwrap()),
            "large.example"
        );
    }

    #[test]
    fn a_secret_itself_is_still_refused() {
        for (from, to) in [
            ("key: file:no/such/file", "key: sk-written"),
            (
                "v1, key: env:SURELY_NOT_SET_ANYWHERE",
                "v1, key: sk-written",
            ),
        ] {
            let error = Declared::parse(&CONFIG.replace(from, to), "test").unwrap_err();
            let said = error.to_string();
            assert!(said.contains("write where the key lies"), "{said}");
            assert!(!said.contains("sk-written"), "{said}");
        }
    }
}
