//! The YAML file, mirrored. Field docs are the reference; `configs/gateway.yaml` shows every key.

use std::collections::BTreeMap;

use local_engine::Adapter;
use local_engine::served::Dialect;
use router_policies::{
    DetectorDocument, FieldsDocument, PresetDocument, RouteDocument, Span, UnmatchedDocument,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::memory::{Load, WhenFull};
use super::problem::Problem;
use super::tree::{MAX_ALIASED, MAX_DEPTH, MAX_FILE, MAX_VALUES, Place};
use super::units::{ByteSize, Cpus};

/// An amount in USD that is not negative.
const AMOUNT: &str = r"^\s*\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$";

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Address and port to listen on. Default `127.0.0.1:8080`.
    #[schemars(extend("examples" = ["127.0.0.1:8080", "0.0.0.0:8080"]))]
    pub listen: Option<String>,
    /// Where the ledger lies: `sqlite:PATH`. Default `sqlite:smallfirst.db`.
    #[schemars(extend("examples" = ["sqlite:smallfirst.db"]))]
    pub ledger: Option<String>,
    /// Folder of the certificates that `smallfirst calibrate` writes. Default `certificates`.
    pub certificates: Option<String>,
    /// Client keys. Without any, everybody on the loopback address is let in, and other addresses are refused.
    #[serde(default)]
    pub keys: Vec<KeyDocument>,
    /// Local models by name.
    #[serde(default)]
    pub models: BTreeMap<String, ModelDocument>,
    /// Memory for the local models.
    #[serde(default)]
    pub memory: MemoryDocument,
    /// External APIs by name.
    #[serde(default)]
    pub upstreams: BTreeMap<String, UpstreamDocument>,
    /// Detectors of private data beside the built-in ones, by name; routes name them under `private`.
    #[serde(default)]
    pub detectors: BTreeMap<String, DetectorDocument>,
    /// What holds for every route that does not say otherwise.
    #[serde(default)]
    pub defaults: FieldsDocument,
    /// Named sets of keys that routes extend.
    #[serde(default)]
    pub presets: BTreeMap<String, PresetDocument>,
    /// Other names that clients may use for a model: the name they write, and the one that routes match instead.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Routes; the first that matches answers.
    pub routes: Vec<RouteDocument>,
    /// What happens to requests that match no route. Needed where no route takes every request.
    pub unmatched: Option<UnmatchedDocument>,
    /// Bounds on requests.
    #[serde(default)]
    pub limits: LimitsDocument,
}

/// One client key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyDocument {
    /// Name in the ledger and the report.
    pub name: String,
    /// `env:NAME`, `file:PATH` or `sha256:HEX` (the hash of the key).
    #[schemars(extend("pattern" = "^(env:.+|file:.+|sha256:[0-9a-fA-F]{64})$"))]
    #[schemars(extend("examples" = ["env:AGENTS_KEY", "file:secrets/agents.key"]))]
    pub key: String,
    /// The team that the key belongs to; routes can match it and mean something else for it. Default: none.
    pub team: Option<String>,
    /// Further words for routes to match. A tag name that any key has cannot be set by requests. Default: none.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// One local model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelDocument {
    /// GGUF file, or folder with a GGUF or safetensors and `tokenizer.json`; or `hf:org/name`, `hf:org/name:Q8_0`,
    /// `hf:org/name:file.gguf` from the Hugging Face hub, which is fetched while requests escalate. Either this or
    /// `served`.
    #[schemars(extend("examples" = ["models/Qwen3-0.6B-Q8_0", "hf:Qwen/Qwen3-0.6B-GGUF:Q8_0"]))]
    pub path: Option<String>,
    /// Branch, tag or commit on the hub. Default: main.
    #[schemars(extend("examples" = ["main"]))]
    pub revision: Option<String>,
    /// The model computes in servers of its own instead of beside the gateway.
    pub served: Option<ServedDocument>,
    /// Quantize while loading (safetensors only): `q8_0`, `q4_k`, ...
    #[schemars(extend("examples" = ["q8_0", "q4_k"]))]
    pub quantization: Option<String>,
    /// What computes it. Default: the one of this build that can; `mistralrs` where both can.
    pub adapter: Option<AdapterDocument>,
    /// Low-rank adapters by name, each a GGUF file that fits the model; routes choose one as `local.lora`. For models in
    /// llama.cpp.
    #[serde(default)]
    #[schemars(extend("examples" = [{"billing": "models/billing-lora.gguf"}]))]
    pub loras: BTreeMap<String, String>,
    /// Most memory for what was computed of the beginnings of prompts, so that the same beginning is read once for each
    /// client key. For models in llama.cpp. Default 256MiB.
    pub prefix_cache: Option<ByteSize>,
    /// Threads that compute. Default: all cores.
    #[schemars(range(min = 1))]
    pub threads: Option<u32>,
    /// Processors that its process computes on, by the numbers of the system. Default: all.
    #[serde(default)]
    #[schemars(extend("examples" = [["0-3"], [0, 2]]))]
    pub cpus: Vec<Cpus>,
    /// Most memory that its process may take beyond the files that it maps; it is ended and replaced when it wants more.
    /// Default: none.
    pub memory_limit: Option<ByteSize>,
    /// Silence after which its process is killed and replaced; also how long one step may take. Default 60s.
    pub stall_after: Option<Span>,
    /// When it is loaded: with the gateway, as far as the memory budget has room, or when a request asks for it. Default:
    /// `start`.
    pub load: Option<Load>,
    /// Time without a request after which it is unloaded; the next request has it loaded again. Default: never.
    #[schemars(extend("examples" = ["15m"]))]
    pub unload_after: Option<Span>,
    /// It is loaded with the gateway, has its room in the memory budget for itself and is never unloaded. Default: false.
    #[serde(default)]
    pub keep: bool,
    /// Most requests that wait for it; further ones escalate at once. Default 32.
    pub queue: Option<u32>,
    /// What an hour of computing costs, in USD, as text: `"0.05"`.
    #[schemars(extend("pattern" = AMOUNT, "examples" = ["0.05"]))]
    pub cost_per_hour: String,
}

/// What computes a model beside the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdapterDocument {
    /// mistralrs.
    Mistralrs,
    /// llama.cpp, for GGUF files; in builds with `--features llama-cpp`.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
}

impl From<AdapterDocument> for Adapter {
    fn from(document: AdapterDocument) -> Self {
        match document {
            AdapterDocument::Mistralrs => Self::Mistralrs,
            AdapterDocument::LlamaCpp => Self::LlamaCpp,
        }
    }
}

/// Memory for the local models that are loaded here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryDocument {
    /// Most memory of all models that are loaded here together, files that they map included. A model counts with what it
    /// is expected to take at most, or with what it takes where that is more. Default: no bound.
    #[schemars(extend("examples" = ["6GiB"]))]
    pub budget: Option<ByteSize>,
    /// What becomes of a request whose model finds no room: `evict` unloads what was not used for longest, once it has
    /// nothing to do; `refuse` keeps what is there. Default: `evict`.
    pub when_full: Option<WhenFull>,
    /// Least time that a model stays before another may take its room. Default 30s.
    pub least_stay: Option<Span>,
}

/// A local model behind one or several servers that speak the `OpenAI` chat API. They are part of the house: requests
/// that must not leave may go there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServedDocument {
    /// Which kind of server.
    pub dialect: DialectDocument,
    /// Bases of the API, up to and including `/v1`, one for each server; all serve the same model.
    #[schemars(length(min = 1), extend("examples" = [["http://gpu-1:8000/v1", "http://gpu-2:8000/v1"]]))]
    pub endpoints: Vec<String>,
    /// The model's name in the API.
    #[schemars(extend("examples" = ["Qwen/Qwen3-1.7B"]))]
    pub model: String,
    /// `env:NAME` or `file:PATH`; leave out for servers without a key.
    #[schemars(extend("pattern" = "^(env|file):.+", "examples" = ["env:SERVER_KEY"]))]
    pub key: Option<String>,
    /// Longest prompt plus answer in tokens. Default: as the server tells; Ollama and plain servers do not tell.
    #[schemars(range(min = 1))]
    pub context: Option<u32>,
    /// Requests at one server at the same time. Default 8.
    #[schemars(range(min = 1))]
    pub parallel: Option<u32>,
    /// Longest wait for a connection. Default 2s.
    pub connect_timeout: Option<Span>,
    /// Longest wait for the first token. Default 60s.
    pub first_token_timeout: Option<Span>,
    /// Longest silence within an answer. Default 30s.
    pub idle_timeout: Option<Span>,
}

/// Kinds of servers.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DialectDocument {
    /// vLLM 0.12 or newer.
    Vllm,
    /// The server of llama.cpp.
    LlamaServer,
    /// Ollama 0.12.11 or newer.
    Ollama,
    /// `SGLang`.
    Sglang,
    /// The server of mistral.rs.
    MistralRs,
    /// Any other that lists log-probabilities as the `OpenAI` API does.
    Openai,
}

impl From<DialectDocument> for Dialect {
    fn from(document: DialectDocument) -> Self {
        match document {
            DialectDocument::Vllm => Self::Vllm,
            DialectDocument::LlamaServer => Self::LlamaServer,
            DialectDocument::Ollama => Self::Ollama,
            DialectDocument::Sglang => Self::Sglang,
            DialectDocument::MistralRs => Self::MistralRs,
            DialectDocument::Openai => Self::Openai,
        }
    }
}

/// One external API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExternalApiDocument")]
pub struct UpstreamDocument {
    /// Base of the API, up to and including `/v1`.
    #[schemars(extend("pattern" = "^https?://[^/]", "examples" = ["https://api.openai.com/v1"]))]
    pub base_url: String,
    /// `env:NAME` or `file:PATH`; leave out for an API without a key.
    #[schemars(extend("pattern" = "^(env|file):.+", "examples" = ["env:OPENAI_API_KEY"]))]
    pub key: Option<String>,
    /// Longest wait for a connection. Default 5s.
    pub connect_timeout: Option<Span>,
    /// Longest wait for response headers. Default 60s.
    pub headers_timeout: Option<Span>,
    /// Longest silence within an answer. Default 30s.
    pub idle_timeout: Option<Span>,
    /// Longest whole answer. Default 10m.
    pub timeout: Option<Span>,
    /// Further tries after a failed one, each booked. Default 1.
    pub retries: Option<u32>,
    /// Prices by model name, USD per million tokens, as text.
    #[serde(default)]
    pub prices: BTreeMap<String, PriceDocument>,
}

/// Prices of one model, USD per million tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceDocument {
    /// Prompt tokens that were not cached.
    #[schemars(extend("pattern" = AMOUNT, "examples" = ["2.50"]))]
    pub input: String,
    /// Prompt tokens read from the provider's cache. Default: as `input`.
    #[schemars(extend("pattern" = AMOUNT, "examples" = ["0.25"]))]
    pub cache_read: Option<String>,
    /// Prompt tokens written to the provider's cache. Default: as `input`.
    #[schemars(extend("pattern" = AMOUNT, "examples" = ["0.25"]))]
    pub cache_write: Option<String>,
    /// Answer tokens, reasoning included.
    #[schemars(extend("pattern" = AMOUNT, "examples" = ["2.50"]))]
    pub output: String,
}

/// Bounds on requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsDocument {
    /// Largest request body. Default 10MiB.
    pub body: Option<ByteSize>,
    /// Longest wait for request headers. Default 10s.
    pub header_timeout: Option<Span>,
    /// Longest wait for the request body. Default 30s.
    pub body_timeout: Option<Span>,
    /// Most connections at a time. Default 1024.
    #[schemars(range(min = 1))]
    pub connections: Option<usize>,
    /// Silence after which a held stream gets a comment. Default 5s.
    pub keep_alive: Option<Span>,
    /// Time for running requests at shutdown. Default 30s.
    pub drain: Option<Span>,
}

/// Reads the text by serde: the whole file, or a single value.
///
/// # Errors
/// The first problem, with line and column.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    strict(text).map_err(|error| {
        let place = error.location().map(|l| (l.line(), l.column()));
        let said = error.without_snippet().to_string();
        // The place is told in front; the parser tells it at the end, too.
        let end = place.map(|(line, column)| format!(" at line {line}, column {column}"));
        let what = end.and_then(|end| said.strip_suffix(&end)).unwrap_or(&said);
        let count = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
        let place = place.map_or(Place::START, |(line, column)| {
            Place::point(count(line), count(column))
        });
        Problem::new(what).at(place)
    })
}

/// YAML 1.2 with our limits. The only place that names the YAML crate.
pub(super) fn strict<T: DeserializeOwned>(text: &str) -> Result<T, serde_yaml::Error> {
    serde_yaml::from_str_with_options(text, options())
}

/// The limits of [`Tree`](super::tree::Tree), with some room: it has looked at the text before and says it better.
fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH + 8,
            max_nodes: 2 * MAX_VALUES,
            max_events: 4 * MAX_VALUES,
            max_documents: 1,
            max_anchors: MAX_ALIASED,
            max_aliases: MAX_ALIASED,
            max_merge_keys: MAX_ALIASED,
            max_total_scalar_bytes: 2 * MAX_FILE,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 4 * MAX_ALIASED,
            max_replay_stack_depth: MAX_DEPTH + 8,
        },
        strict_booleans: true,
        with_snippet: false,
    }
}
