//! How a deployment is reached.

use std::collections::BTreeSet;

use reqwest::Url;

use super::super::super::finding::FindingKind;
use super::super::super::plan::Reach;
use super::super::deployment::Deployment;
use super::super::provider::{self, Base, Provider};
use super::super::read::{Proxy, Secret};
use super::{Converter, span};

/// A deployment that can be asked.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) provider: &'static str,
    pub(super) reach: Reach,
    /// As the upstream calls it.
    pub(super) model: String,
}

/// Stands where a URL was in the environment; nothing can be reached under it (RFC 2606).
const UNKNOWN_BASE: &str = "https://base-url-to-fill-in.invalid/v1";

impl<'t> Converter<'_, 't> {
    /// # Errors
    /// Why the deployment cannot be asked.
    pub(super) fn reached(&mut self, deployment: &Deployment<'t>) -> Result<Reached, String> {
        let (provider, model) = provider_of(deployment)?;
        chats(deployment, model)?;
        if model.contains('*') {
            return Err("a route asks for one model by its name, and `*` passes on whatever the client asks for; write a \
                        route for each model"
                .to_owned());
        }
        let base_url = self.base_url(deployment, provider)?;
        if !provider.remark.is_empty() {
            self.note(FindingKind::Different, &deployment.node, provider.remark);
        }
        let timeout = deployment.timeout.or(self.proxy.timeout);
        let idle = deployment.stream_timeout.or(self.proxy.stream_timeout);
        Ok(Reached {
            provider: provider.name,
            reach: Reach {
                base_url,
                key: self.key(deployment, provider),
                timeout: timeout.and_then(span),
                idle_timeout: idle.and_then(span),
                retries: deployment.retries.or(self.proxy.retries),
            },
            model: model.to_owned(),
        })
    }

    fn base_url(
        &mut self,
        deployment: &Deployment<'t>,
        provider: Provider,
    ) -> Result<String, String> {
        if let Base::Nowhere(why) = provider.base {
            return Err(format!("`{}`: {why}", provider.name));
        }
        let Some((written, node)) = &deployment.api_base else {
            return match provider.base {
                Base::At(url) => Ok(url.to_owned()),
                Base::Versioned(url) => Ok(format!("{url}/v1")),
                _ => {
                    let what = format!(
                        "`api_base` of `{}` is not written; put the URL in place of `{UNKNOWN_BASE}`",
                        provider.name
                    );
                    self.note(FindingKind::ToDo, &deployment.node, what);
                    Ok(UNKNOWN_BASE.to_owned())
                }
            };
        };
        if let Some(variable) = written.strip_prefix("os.environ/") {
            let what = format!(
                "a URL is not read from the environment; put the value of `{variable}` in place of `{UNKNOWN_BASE}`"
            );
            self.note(FindingKind::ToDo, node, what);
            return Ok(UNKNOWN_BASE.to_owned());
        }
        let url = checked(written)?;
        Ok(match provider.base {
            Base::Azure => azure(&url),
            Base::Versioned(_) if !url.path().trim_end_matches('/').ends_with("/v1") => {
                format!("{}/v1", url.as_str().trim_end_matches('/'))
            }
            _ => written.trim_end_matches('/').to_owned(),
        })
    }

    /// The variable that holds the key.
    fn key(&mut self, deployment: &Deployment<'t>, provider: Provider) -> Option<String> {
        if let Some((Secret::Written(key), node)) = &deployment.key {
            let usual = match provider.key {
                "" => format!("{}_API_KEY", provider.name.to_ascii_uppercase()),
                known => known.to_owned(),
            };
            return Some(self.export_of(*key, node, &usual));
        }
        variable(deployment, provider).map(str::to_owned)
    }
}

/// The variables that hold keys, as far as the file names them or relies on them.
pub(super) fn variables(proxy: &Proxy<'_>) -> BTreeSet<String> {
    let of = |deployment: &Deployment<'_>| {
        let (provider, _) = provider_of(deployment).ok()?;
        variable(deployment, provider).map(str::to_owned)
    };
    let of_master = match &proxy.master_key {
        Some((Secret::Env(variable), _)) => Some(variable.clone()),
        _ => None,
    };
    proxy
        .deployments
        .iter()
        .filter_map(of)
        .chain(of_master)
        .collect()
}

/// The variable that the key of a deployment lies in, unless it is written into the file.
fn variable<'d>(deployment: &'d Deployment<'_>, provider: Provider) -> Option<&'d str> {
    match &deployment.key {
        Some((Secret::Env(variable), _)) => Some(variable),
        Some((Secret::Written(_), _)) => None,
        // Where a server of one's own is meant, the provider's usual key is none of its business.
        None if deployment.api_base.is_some() && provider.base != Base::Azure => None,
        None => Some(provider.key).filter(|key| !key.is_empty()),
    }
}

fn provider_of<'d>(deployment: &'d Deployment<'_>) -> Result<(Provider, &'d str), String> {
    let model = deployment.model.as_str();
    let found = match deployment.provider.as_deref() {
        Some(name) => provider::named(name).map(|provider| {
            let prefix = format!("{name}/");
            (provider, model.strip_prefix(&prefix).unwrap_or(model))
        }),
        None => provider::of_model(model),
    };
    // With a URL at hand, whoever it is speaks the OpenAI format as LiteLLM would have it.
    let unnamed = || {
        deployment.api_base.as_ref()?;
        provider::named("custom_openai").map(|provider| (provider, model))
    };
    found.or_else(unnamed).ok_or_else(|| {
        format!("the provider of `{model}` is not known here; if it speaks the OpenAI chat format, add it under `upstreams`")
    })
}

/// Whether a deployment answers chat requests.
fn chats(deployment: &Deployment<'_>, model: &str) -> Result<(), String> {
    const OTHERS: [&str; 8] = [
        "embed",
        "whisper",
        "dall-e",
        "tts-",
        "rerank",
        "moderation",
        "transcribe",
        "image",
    ];
    let other = |name: &str| format!("routes here answer chat requests, and this is for {name}");
    match deployment.mode.as_deref() {
        Some("chat" | "responses") => Ok(()),
        Some(mode) => Err(other(&format!("`{mode}`"))),
        None => match OTHERS.iter().find(|word| model.contains(*word)) {
            Some(_) => Err(other("something else, by its name")),
            None => Ok(()),
        },
    }
}

fn checked(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        let bare = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && bare
    });
    // Not repeated: it may hold a password.
    url.ok_or_else(|| "`api_base` is not an http or https URL without credentials".to_owned())
}

/// The v1 API of an Azure resource, which takes plain keys and the name of a deployment as model.
fn azure(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!("{origin}/openai/v1")
}
