//! The providers that a model name such as `groq/llama-3.3-70b` begins with, and how each is reached in the OpenAI chat
//! format.

/// How a provider is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provider {
    /// As LiteLLM calls it.
    pub(super) name: &'static str,
    pub(super) base: Base,
    /// The variable that LiteLLM reads the key from where none is written; empty for none.
    pub(super) key: &'static str,
    /// What is different on this way to it; empty for nothing.
    pub(super) remark: &'static str,
}

/// Where a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// At this URL, unless another is written.
    At(&'static str),
    /// Wherever `api_base` says.
    Written,
    /// At a resource of Azure; the model is the name of a deployment.
    Azure,
    /// At this URL or another, to which `/v1` is added.
    Versioned(&'static str),
    /// Not in the OpenAI chat format with a plain key.
    Nowhere(&'static str),
}

const COMPATIBLE: &str = "asked through the OpenAI-compatible endpoint of the provider, which does not have every feature \
                          of its own API; compare a few answers";
const SIGNED: &str = "the provider wants signed requests or tokens that expire, and an upstream here sends a plain key; put \
                      an OpenAI-compatible endpoint before it and add that under `upstreams`";
const OWN_FORMAT: &str = "the provider has no endpoint in the OpenAI chat format that is known here; add one under `upstreams` \
                          if you have it";

const fn at(name: &'static str, url: &'static str, key: &'static str) -> Provider {
    Provider {
        name,
        base: Base::At(url),
        key,
        remark: "",
    }
}

const fn compatible(name: &'static str, url: &'static str, key: &'static str) -> Provider {
    Provider {
        name,
        base: Base::At(url),
        key,
        remark: COMPATIBLE,
    }
}

const fn written(name: &'static str, key: &'static str) -> Provider {
    Provider {
        name,
        base: Base::Written,
        key,
        remark: "",
    }
}

const fn ollama(name: &'static str) -> Provider {
    Provider {
        name,
        base: Base::Versioned("http://localhost:11434"),
        key: "",
        remark: COMPATIBLE,
    }
}

const fn nowhere(name: &'static str, why: &'static str) -> Provider {
    Provider {
        name,
        base: Base::Nowhere(why),
        key: "",
        remark: "",
    }
}

const PROVIDERS: &[Provider] = &[
    at("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    Provider {
        name: "azure",
        base: Base::Azure,
        key: "AZURE_API_KEY",
        remark: "",
    },
    Provider {
        name: "anthropic",
        base: Base::Versioned("https://api.anthropic.com"),
        key: "ANTHROPIC_API_KEY",
        remark: COMPATIBLE,
    },
    compatible(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
    ),
    compatible(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY",
    ),
    at(
        "openrouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
    ),
    at("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    at("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    at(
        "deepseek",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
    ),
    at(
        "together_ai",
        "https://api.together.xyz/v1",
        "TOGETHERAI_API_KEY",
    ),
    at(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    at("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    at(
        "perplexity",
        "https://api.perplexity.ai",
        "PERPLEXITYAI_API_KEY",
    ),
    at("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    at(
        "sambanova",
        "https://api.sambanova.ai/v1",
        "SAMBANOVA_API_KEY",
    ),
    at(
        "nvidia_nim",
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_NIM_API_KEY",
    ),
    at(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
    ),
    ollama("ollama"),
    ollama("ollama_chat"),
    written("hosted_vllm", ""),
    written("lm_studio", ""),
    written("llamafile", ""),
    written("xinference", ""),
    written("openai_like", ""),
    written("custom_openai", ""),
    written("litellm_proxy", "LITELLM_PROXY_API_KEY"),
    nowhere("bedrock", SIGNED),
    nowhere("sagemaker", SIGNED),
    nowhere("sagemaker_chat", SIGNED),
    nowhere("vertex_ai", SIGNED),
    nowhere("vertex_ai_beta", SIGNED),
    nowhere("watsonx", SIGNED),
    nowhere("azure_ai", OWN_FORMAT),
    nowhere("databricks", OWN_FORMAT),
    nowhere("huggingface", OWN_FORMAT),
    nowhere("replicate", OWN_FORMAT),
    nowhere("predibase", OWN_FORMAT),
    nowhere(
        "text-completion-openai",
        "it is the old completions API, and routes here answer chat requests",
    ),
];

/// The provider of that name.
pub(super) fn named(name: &str) -> Option<Provider> {
    PROVIDERS.iter().find(|known| known.name == name).copied()
}

/// The provider that a model's name says, and the name without it.
pub(super) fn of_model(model: &str) -> Option<(Provider, &str)> {
    if let Some((prefix, rest)) = model.split_once('/')
        && let Some(provider) = named(prefix)
    {
        return Some((provider, rest));
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    let family = if starts(&["gpt-", "chatgpt-", "o1", "o3", "o4", "ft:gpt-"]) {
        "openai"
    } else if starts(&["claude-"]) {
        "anthropic"
    } else if starts(&["gemini-"]) {
        "vertex_ai"
    } else if starts(&["command-"]) {
        "cohere"
    } else {
        return None;
    };
    named(family).map(|provider| (provider, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_names_its_provider_or_belongs_to_a_known_family() {
        let found = |model| of_model(model).map(|(provider, name)| (provider.name, name));
        assert_eq!(found("openai/gpt-4o"), Some(("openai", "gpt-4o")));
        assert_eq!(
            found("openrouter/anthropic/claude-3.5"),
            Some(("openrouter", "anthropic/claude-3.5"))
        );
        assert_eq!(found("claude-3-opus"), Some(("anthropic", "claude-3-opus")));
        assert_eq!(found("o3-mini"), Some(("openai", "o3-mini")));
        assert_eq!(found("my-model"), None);
        assert_eq!(found("unheard/of"), None);
    }

    #[test]
    fn every_url_is_one() {
        for provider in PROVIDERS {
            if let Base::At(url) | Base::Versioned(url) = provider.base {
                assert!(url.parse::<reqwest::Url>().is_ok(), "{provider:?}");
                assert!(!url.ends_with('/'), "{provider:?}");
            }
        }
    }
}
