//! Where the hub is, who asks, and where files go: the variables that the hub's own tools read.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::HubModel;

/// Settings of the hub.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Address; `HF_ENDPOINT`.
    pub endpoint: String,
    /// Who asks; `HF_TOKEN`, or the file that `hf auth login` writes.
    pub token: Option<SecretString>,
    /// The cache; `HF_HUB_CACHE`, or `hub` in `HF_HOME`.
    pub cache: PathBuf,
    /// Nothing is downloaded; `HF_HUB_OFFLINE`.
    pub offline: bool,
    /// Pause before the first new try; each further one doubles it.
    pub pause: Duration,
    /// Tries in a row without a further byte, after which it is given up.
    pub tries: u32,
}

impl HubSettings {
    /// As the environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        let home = home();
        let token = variable("HF_TOKEN").or_else(|| {
            let text = std::fs::read_to_string(home.join("token")).ok()?;
            Some(text.trim().to_owned()).filter(|token| !token.is_empty())
        });
        let endpoint = variable("HF_ENDPOINT");
        Self {
            endpoint: endpoint.map_or_else(
                || "https://huggingface.co".to_owned(),
                |url| url.trim_end_matches('/').to_owned(),
            ),
            token: token.map(SecretString::from),
            cache: variable("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from),
            offline: variable("HF_HUB_OFFLINE").is_some_and(|value| is_yes(&value)),
            pause: Duration::from_secs(1),
            tries: 6,
        }
    }

    /// Address of a file.
    pub(super) fn file_url(&self, model: &HubModel, commit: &str, name: &str) -> String {
        format!(
            "{}/{}/resolve/{commit}/{name}",
            self.endpoint, model.repository
        )
    }

    /// Address of what there is in a repository.
    pub(super) fn listing_url(&self, model: &HubModel) -> String {
        let revision = model.revision.replace('/', "%2F");
        format!(
            "{}/api/models/{}/revision/{revision}?blobs=true",
            self.endpoint, model.repository
        )
    }
}

fn home() -> PathBuf {
    let in_home = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
    variable("HF_HOME").map_or_else(
        || {
            let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
            cache
                .or_else(in_home)
                .unwrap_or_else(env::temp_dir)
                .join("huggingface")
        },
        PathBuf::from,
    )
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_yes(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on"
    )
}
