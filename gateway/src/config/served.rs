//! A small model that is served: from the mirrored file to the engine's settings.

use std::num::NonZeroU32;

use local_engine::served::ServedSettings;

use super::Outside;
use super::build::{Builder, base_url, span};
use super::document::{ModelDocument, ServedDocument};
use super::secret;

/// Jobs at one server at the same time, where the file does not say.
const PARALLEL: u32 = 8;

/// A served model and how much its servers take on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedModel {
    /// Where it is.
    pub settings: ServedSettings,
    /// Jobs at one server at the same time.
    pub parallel: NonZeroU32,
}

impl ServedModel {
    /// Jobs at all servers at the same time.
    #[must_use]
    pub fn slots(&self) -> NonZeroU32 {
        let servers = u32::try_from(self.settings.endpoints.len()).unwrap_or(u32::MAX);
        self.parallel
            .saturating_mul(NonZeroU32::new(servers).unwrap_or(NonZeroU32::MIN))
    }

    /// Hosts that its prompts go to, with their ports.
    pub fn hosts(&self) -> impl Iterator<Item = String> {
        self.settings.endpoints.iter().map(|base| {
            let port = base.port_or_known_default().unwrap_or_default();
            format!("{}:{port}", base.host_str().unwrap_or_default())
        })
    }
}

impl Builder<'_> {
    /// The served model of `models.NAME`, if it is one; keys that only a loaded model has are noted as problems.
    pub(super) fn served(&mut self, key: &str, document: &ModelDocument) -> Option<ServedModel> {
        let served = document.served.as_ref()?;
        self.nothing_of_loading(key, document);
        let key = format!("{key}.served");
        let endpoints = self.endpoints(&key, served);
        let secret = served.key.as_ref().and_then(|text| {
            let found = match self.outside {
                Outside::Required => secret::secret(text, self.folder),
                Outside::Assumed => secret::assumed(text),
            };
            self.noted(format!("{key}.key"), found)
        });
        let context = self.positive(format!("{key}.context"), served.context);
        let parallel = self.positive(format!("{key}.parallel"), served.parallel);
        Some(ServedModel {
            settings: settings(served, endpoints, secret, context),
            parallel: parallel
                .or(NonZeroU32::new(PARALLEL))
                .unwrap_or(NonZeroU32::MIN),
        })
    }

    fn nothing_of_loading(&mut self, key: &str, document: &ModelDocument) {
        let loading = [
            ("quantization", document.quantization.is_some()),
            ("adapter", document.adapter.is_some()),
            ("loras", !document.loras.is_empty()),
            ("prefix_cache", document.prefix_cache.is_some()),
            ("threads", document.threads.is_some()),
            ("cpus", !document.cpus.is_empty()),
            ("memory_limit", document.memory_limit.is_some()),
            ("stall_after", document.stall_after.is_some()),
            ("load", document.load.is_some()),
            ("unload_after", document.unload_after.is_some()),
            ("keep", document.keep),
        ];
        for (name, _) in loading.into_iter().filter(|(_, given)| *given) {
            let text = "belongs to a model that is loaded here; a served one has it in its server";
            self.problem(format!("{key}.{name}"), text);
        }
    }

    fn endpoints(&mut self, key: &str, served: &ServedDocument) -> Vec<reqwest::Url> {
        if served.endpoints.is_empty() {
            let text = "is empty; name at least one server";
            self.problem(format!("{key}.endpoints"), text);
        }
        let bases = served.endpoints.iter().enumerate();
        bases
            .filter_map(|(index, text)| {
                self.noted(format!("{key}.endpoints[{index}]"), base_url(text))
            })
            .collect()
    }

    fn positive(&mut self, key: String, value: Option<u32>) -> Option<NonZeroU32> {
        if value == Some(0) {
            self.problem(key, "must be at least 1");
        }
        value.and_then(NonZeroU32::new)
    }
}

fn settings(
    served: &ServedDocument,
    endpoints: Vec<reqwest::Url>,
    key: Option<secrecy::SecretString>,
    context: Option<NonZeroU32>,
) -> ServedSettings {
    ServedSettings {
        key,
        context,
        connect_timeout: span(served.connect_timeout, 2),
        first_token_timeout: span(served.first_token_timeout, 60),
        idle_timeout: span(served.idle_timeout, 30),
        ..ServedSettings::new(served.dialect.into(), endpoints, served.model.as_str())
    }
}
