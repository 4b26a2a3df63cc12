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
        let loading = [
            ("quantization", document.quantization.is_some()),
            ("threads", document.threads.is_some()),
        ];
        for (name, _) in loading.iter().filter(|(_, given)| *given) {
            let text = "belongs to a model that is loaded here; a served one has it in its server";
            self.problem(format!("{key}.{name}"), text);
        }
        let key = format!("{key}.served");
        let bases = served.endpoints.iter().enumerate();
        let endpoints: Vec<_> = bases
            .filter_map(|(index, text)| {
                self.noted(format!("{key}.endpoints[{index}]"), base_url(text))
            })
            .collect();
        if served.endpoints.is_empty() {
            self.problem(
                format!("{key}.endpoints"),
                "is empty; name at least one server",
            );
        }
        let secret = served.key.as_ref().and_then(|text| {
            let found = match self.outside {
                Outside::Required => secret::secret(text, self.folder),
                Outside::Assumed => secret::assumed(text),
            };
            self.noted(format!("{key}.key"), found)
        });
        let positive = |name: &str, value: Option<u32>| match value {
            Some(0) => Err(format!("{key}.{name}")),
            value => Ok(value.and_then(NonZeroU32::new)),
        };
        let (context, parallel) = (
            positive("context", served.context),
            positive("parallel", served.parallel),
        );
        for place in [&context, &parallel]
            .into_iter()
            .filter_map(|value| value.as_ref().err())
        {
            self.problem(place.as_str(), "must be at least 1");
        }
        let usual = NonZeroU32::new(PARALLEL).unwrap_or(NonZeroU32::MIN);
        Some(ServedModel {
            settings: settings(served, endpoints, secret, context.ok().flatten()),
            parallel: parallel.ok().flatten().unwrap_or(usual),
        })
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
