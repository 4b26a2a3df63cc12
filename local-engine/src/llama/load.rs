//! Loading: on the thread that will compute, which owns everything that is not shared.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::model::params::kv_overrides::ParamOverrideValue;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};
use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::compute::{Ask, Computer, Frame, Shared};
use super::embed::makes_embeddings;
use super::prefix::Prefixes;
use super::text::Text;
use crate::engine::ModelInfo;
use crate::error::EngineError;
use crate::inspect::gguf::Header;
use crate::inspect::{check_lora, has_long_factors, in_llama_cpp};
use crate::source::{Source, Weights, hash_files, hash_text, load as refused};
use crate::spec::EngineSpec;

/// Mended in the same words wherever llama.cpp does not say why it refuses a file.
const REFUSED: &str = "is refused by llama.cpp, whose reason is in the log; convert it again with a recent llama.cpp, or choose another file";

/// A loaded model with everything that belongs to it.
pub(super) struct Loaded {
    pub(super) text: Arc<Text>,
    pub(super) info: ModelInfo,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) shared: Shared,
    pub(super) embeddings: bool,
}

/// Loads what `spec` names, and leaves a thread behind that computes until `asks` is dropped.
pub(super) async fn load(spec: EngineSpec) -> Result<Loaded, EngineError> {
    let (sender, loaded) = oneshot::channel();
    let thread = thread::Builder::new().name("llama.cpp".to_owned());
    let spawned = thread.spawn(move || live(&spec, sender));
    spawned.map_err(|error| EngineError::Load(format!("no thread to load on: {error}")))?;
    loaded
        .await
        .map_err(|_| EngineError::Load("the loader broke off".to_owned()))?
}

/// The thread's whole life.
fn live(spec: &EngineSpec, answer: oneshot::Sender<Result<Loaded, EngineError>>) {
    let began = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| Files::read(spec)));
    let broke = |_| {
        let what = "llama.cpp cannot handle these files and broke off".to_owned();
        Err(EngineError::Load(what))
    };
    let files = match read.unwrap_or_else(broke) {
        Ok(files) => files,
        Err(error) => {
            // Whoever asked may have given up.
            let _ = answer.send(Err(error));
            return;
        }
    };
    files.serve(spec, began, answer);
}

/// Everything that was read from files.
struct Files {
    backend: &'static LlamaBackend,
    model: Arc<LlamaModel>,
    text: Arc<Text>,
    loras: BTreeMap<Arc<str>, LlamaLoraAdapter>,
    info: ModelInfo,
    embeddings: bool,
}

impl Files {
    fn read(spec: &EngineSpec) -> Result<Self, EngineError> {
        let source = Source::locate(spec)?;
        let Weights::Gguf(file) = &source.weights else {
            let mend = "holds no GGUF file, and llama.cpp computes nothing else; convert the model, or use the adapter mistralrs";
            return Err(refused(source.weights.path(), mend));
        };
        let header = Header::read(file)?;
        header.check_length(file)?;
        if header.purpose.as_deref() == Some("adapter") {
            let mend = "is a low-rank adapter; name it under `loras`, and its model here";
            return Err(refused(file, mend));
        }
        let backend = backend()?;
        let model = LlamaModel::load_from_file(backend, file, &params(&header));
        let mut model = model.map_err(|_| refused(file, REFUSED))?;
        let loras = loras(spec, &header, &mut model)?;
        let model = Arc::new(model);
        let text = Text::read(&model, &source, &header)?;
        let info = describe(spec, &source, &header, &text, &model)?;
        Ok(Self {
            backend,
            model,
            text: Arc::new(text),
            loras,
            info,
            embeddings: makes_embeddings(&header),
        })
    }

    fn serve(
        self,
        spec: &EngineSpec,
        began: Instant,
        answer: oneshot::Sender<Result<Loaded, EngineError>>,
    ) {
        let frame = Frame {
            backend: self.backend,
            model: &self.model,
            threads: threads(spec),
            context_tokens: self.info.context_tokens,
        };
        let cuttable = !self.model.is_recurrent() && !self.model.is_hybrid();
        let kept = Arc::new(Mutex::new(Prefixes::new(spec.prefix_cache, cuttable)));
        let shared = Shared {
            kept,
            rates: Arc::default(),
            steps: Arc::default(),
        };
        let made = Computer::new(&frame, self.loras, shared.clone());
        let ready = made.and_then(|mut computer| {
            if !self.embeddings {
                computer.warm_up()?;
            }
            Ok(computer)
        });
        match ready {
            Err(error) => {
                let _ = answer.send(Err(error));
            }
            Ok(computer) => {
                let (asks, asked) = mpsc::channel();
                let load_time = began.elapsed();
                let loaded = Loaded {
                    text: self.text,
                    info: ModelInfo {
                        load_time,
                        ..self.info
                    },
                    asks,
                    shared,
                    embeddings: self.embeddings,
                };
                if answer.send(Ok(loaded)).is_ok() {
                    computer.run(&asked);
                }
            }
        }
    }
}

/// llama.cpp's own state, made once for the process.
fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    let made = BACKEND.get_or_init(|| {
        send_logs_to_tracing(LogOptions::default());
        LlamaBackend::init().ok()
    });
    let taken = || EngineError::Load("llama.cpp was started elsewhere in this process".to_owned());
    made.as_ref().ok_or_else(taken)
}

/// Of factors for short and for long texts it takes those for short ones, however large its context is: the context
/// that is offered ends where the others would begin.
fn params(header: &Header) -> Pin<Box<LlamaModelParams>> {
    let mut params = Box::pin(LlamaModelParams::default());
    let key = format!(
        "{}.rope.scaling.original_context_length",
        header.architecture
    );
    // A name that came through the header's checks holds no zero.
    if let Some(key) = CString::new(key).ok().filter(|_| has_long_factors(header)) {
        let never = ParamOverrideValue::Int(i32::MAX.into());
        params.as_mut().append_kv_override(&key, never);
    }
    params
}

fn loras(
    spec: &EngineSpec,
    model_header: &Header,
    model: &mut LlamaModel,
) -> Result<BTreeMap<Arc<str>, LlamaLoraAdapter>, EngineError> {
    let mut loras = BTreeMap::new();
    for (name, path) in &spec.loras {
        check_lora(path, model_header)?;
        let adapter = model.lora_adapter_init(path);
        let adapter = adapter.map_err(|_| refused(path, REFUSED))?;
        loras.insert(name.as_str().into(), adapter);
    }
    Ok(loras)
}

fn describe(
    spec: &EngineSpec,
    source: &Source,
    header: &Header,
    text: &Text,
    model: &LlamaModel,
) -> Result<ModelInfo, EngineError> {
    let context = model.n_ctx_train().max(1);
    let limit = spec.context_limit.map_or(context, |limit| limit.get());
    let horizon = in_llama_cpp(header).map_or(u32::MAX, |(tokens, _)| tokens);
    let loras = spec.loras.iter();
    let loras: Result<_, EngineError> = loras
        .map(|(name, path)| Ok((name.clone(), hash_files(std::slice::from_ref(path))?)))
        .collect();
    Ok(ModelInfo {
        adapter: "llama.cpp".to_owned(),
        architecture: header.architecture.clone(),
        quantization: header.quantization.clone(),
        context_tokens: context.min(limit).min(horizon),
        vocabulary: text.vocabulary(),
        weights_hash: hash_files(source.files())?,
        tokenizer_hash: text.hash(),
        template_hash: hash_text(text.template()),
        loras: loras?,
        load_time: Duration::ZERO,
    })
}

fn threads(spec: &EngineSpec) -> i32 {
    let all = || thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = spec.threads.map_or_else(all, |threads| {
        usize::try_from(threads.get()).unwrap_or(usize::MAX)
    });
    i32::try_from(threads).unwrap_or(i32::MAX)
}
