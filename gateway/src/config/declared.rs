//! What a configuration says by itself.

use std::path::Path;

use router_policies::ModelRef;

use super::problem::{ConfigError, Source};
use super::{Config, Outside, Site, bytes_of, read};
use crate::auth::Principal;

/// A checked configuration, without what it names outside itself: the files of models and the secrets need not be
/// there. For looking at a policy where it is not run, such as in a CI job. It is only lent out, so it is never served.
#[derive(Debug)]
pub struct Declared(Config);

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
        read::read(Source { name, text }, site).map(Self)
    }

    /// The configuration. Secrets in it are empty, and nobody's key is known.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.0
    }

    /// The host that a model is asked at; empty for an upstream that is not configured.
    #[must_use]
    pub fn host(&self, model: &ModelRef) -> &str {
        let settings = self.0.upstreams.get(&model.upstream);
        settings
            .and_then(|settings| settings.base_url.host_str())
            .unwrap_or_default()
    }

    /// Names of the client keys, in file order.
    pub fn key_names(&self) -> impl Iterator<Item = &str> {
        let principals = self.0.keys.principals();
        principals.map(|principal| principal.name.as_str())
    }

    /// Who sends a request with the key of this name.
    #[must_use]
    pub fn principal(&self, key: &str) -> Option<&Principal> {
        let mut principals = self.0.keys.principals();
        principals.find(|known| known.name == key)
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
        let route = declared.config().policy.route("all").unwrap();
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
