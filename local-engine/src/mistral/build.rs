//! Loading: on a thread of its own, because the loaders block, panic, and leave settings behind on theirs.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use candle_core::Tensor;
use mistralrs::{
    CustomLogitsProcessor, GgufModelBuilder, IsqType, Model, ModelDType, NormalRequest, Request,
    RequestMessage, Response, SamplingParams, TextModelBuilder, TokenSource,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::config::Checkpoint;
use super::probe::only;
use super::text::Text;
use crate::architectures::{Format, Support, computed_by, support};
use crate::engine::ModelInfo;
use crate::error::EngineError;
use crate::inspect::beyond_mistralrs;
use crate::inspect::gguf::Header;
use crate::source::{Source, Weights, hash_files, hash_text};
use crate::spec::{Adapter, EngineSpec, Quantization};

/// Context to assume where the model declares none.
const USUAL_CONTEXT: u32 = 2048;

/// The engine grows a job's memory in blocks of this many tokens and fails when a block passes the context.
const BLOCK: u32 = 512;

/// Steps that a trial may take. After an end at the first one, the step of the prompt, the engine takes a second
/// one all the same.
const TRIAL_STEPS: u32 = 6;

/// Longest wait for one step of the trial run. A step of a large model on a slow machine takes seconds.
const TRIAL: Duration = Duration::from_secs(120);

/// A loaded model with everything that belongs to it.
pub(super) struct Loaded {
    pub(super) model: Model,
    pub(super) text: Text,
    pub(super) info: ModelInfo,
    /// A token that the engine itself takes for an end.
    pub(super) stop_token: u32,
}

/// Loads what `spec` names.
pub(super) async fn load(spec: EngineSpec) -> Result<Loaded, EngineError> {
    let (sender, loaded) = oneshot::channel();
    let thread = std::thread::Builder::new().name("model loader".to_owned());
    let spawned = thread.spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| load_here(&spec)));
        // Whoever asked may have given up.
        let _ = sender.send(result.unwrap_or_else(|panic| Err(panicked(&*panic))));
    });
    spawned.map_err(|error| EngineError::Load(format!("no thread to load on: {error}")))?;
    loaded
        .await
        .map_err(|_| EngineError::Load("the loader broke off".to_owned()))?
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> EngineError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    EngineError::Load(format!(
        "the engine cannot handle these files and broke off: {text}"
    ))
}

fn load_here(spec: &EngineSpec) -> Result<Loaded, EngineError> {
    let began = Instant::now();
    warn_of_slow_build();
    refuse_loras(spec)?;
    let source = Source::locate(spec)?.with_tokenizer()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| EngineError::Load(format!("no runtime to load with: {error}")))?;
    runtime.block_on(async {
        let form = Form::read(&source, spec)?;
        let text = Text::read(&source.side, form.end, form.template.clone())?;
        let model = form.build(&source).await?;
        let stop_token = try_out(&model, &text).await?;
        let info = describe(&source, spec, &form, &text, &model)?;
        let info = ModelInfo {
            load_time: began.elapsed(),
            ..info
        };
        Ok(Loaded {
            model,
            text,
            info,
            stop_token,
        })
    })
}

fn refuse_loras(spec: &EngineSpec) -> Result<(), EngineError> {
    let Some(name) = spec.loras.keys().next() else {
        return Ok(());
    };
    let mend = format!(
        "mistralrs cannot switch low-rank adapters between jobs, and `{name}` is one; use the adapter llama.cpp and a GGUF file"
    );
    Err(EngineError::Load(mend))
}

/// The engine picks its kernels when it is compiled.
fn warn_of_slow_build() {
    if cfg!(target_arch = "x86_64") && !candle_core::utils::with_avx() {
        tracing::warn!(
            "this binary was built without AVX2, and the local model runs many times slower; build with target-cpu=x86-64-v3"
        );
    }
}

/// What the weights say about themselves, and how to load them.
struct Form {
    architecture: String,
    quantization: String,
    end: Option<u32>,
    template: Option<String>,
    /// Sliding window of a GGUF that is shorter than its context: the engine ignores it.
    window: Option<u32>,
    checkpoint: Option<(Checkpoint, Option<Quantization>)>,
}

impl Form {
    fn read(source: &Source, spec: &EngineSpec) -> Result<Self, EngineError> {
        match &source.weights {
            Weights::Gguf(file) => {
                let header = Header::read(file)?;
                check(file, &header)?;
                Ok(Self {
                    window: window(&header),
                    architecture: header.architecture,
                    quantization: header.quantization,
                    end: header.end,
                    template: header.template,
                    checkpoint: None,
                })
            }
            Weights::Safetensors(folder, _) => {
                let checkpoint = Checkpoint::read(folder, spec.quantization)?;
                Ok(Self {
                    architecture: checkpoint.architecture.clone(),
                    quantization: spec
                        .quantization
                        .map_or("f32", Quantization::as_str)
                        .to_owned(),
                    end: None,
                    template: None,
                    window: None,
                    checkpoint: Some((checkpoint, spec.quantization)),
                })
            }
        }
    }

    /// Tokens beyond which nothing is to be computed.
    fn horizon(&self) -> Option<u32> {
        self.checkpoint
            .as_ref()
            .map_or(self.window, |(checkpoint, _)| checkpoint.horizon)
    }

    async fn build(&self, source: &Source) -> Result<Model, EngineError> {
        let built = match (&self.checkpoint, &source.weights) {
            (Some((checkpoint, quantization)), _) => {
                let mut builder = TextModelBuilder::new(checkpoint.folder().display())
                    .with_force_cpu()
                    .with_dtype(ModelDType::F32)
                    .with_token_source(TokenSource::None)
                    .with_prefix_cache_n(None)
                    .with_max_num_seqs(1);
                if let Some(quantization) = quantization {
                    builder = builder.with_isq(isq(*quantization));
                }
                builder.build().await
            }
            (None, Weights::Gguf(file)) => gguf(file, &source.side).build().await,
            (None, Weights::Safetensors(folder, _)) => {
                return Err(crate::source::load(folder, "was not checked"));
            }
        };
        built.map_err(|error| {
            EngineError::Load(format!("the engine refuses these files: {error:#}"))
        })
    }
}

/// Refuses what the engine would panic on or compute wrongly.
fn check(file: &Path, header: &Header) -> Result<(), EngineError> {
    let architecture = &header.architecture;
    if let Support::Refuses(why) = support(Adapter::Mistralrs, Format::Gguf, architecture) {
        let known: Vec<_> = computed_by(Adapter::Mistralrs, Format::Gguf).collect();
        let what = format!(
            "has the architecture `{architecture}`: {why}. As GGUF the engine computes {}. Use the adapter llama.cpp, the model's safetensors folder, or another model",
            known.join(", ")
        );
        return Err(crate::source::load(file, &what));
    }
    let reasons = beyond_mistralrs(header);
    if reasons.is_empty() {
        return Ok(());
    }
    let what = format!(
        "is not for mistralrs: {}; use the adapter llama.cpp, or the model's safetensors folder",
        reasons.join("; ")
    );
    Err(crate::source::load(file, &what))
}

fn window(header: &Header) -> Option<u32> {
    let window = header.number("attention.sliding_window")?;
    let context = header.number("context_length").unwrap_or(u64::MAX);
    let counts = (1..context).contains(&window);
    counts.then(|| u32::try_from(window).ok()).flatten()
}

fn gguf(file: &Path, side: &Path) -> GgufModelBuilder {
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // The prefix cache never shrinks on a CPU.
    GgufModelBuilder::new(folder.display(), vec![name])
        .with_tok_model_id(side.display())
        .with_force_cpu()
        .with_token_source(TokenSource::None)
        .with_prefix_cache_n(None)
        .with_max_num_seqs(1)
}

fn isq(quantization: Quantization) -> IsqType {
    match quantization {
        Quantization::Q8_0 => IsqType::Q8_0,
        Quantization::Q6K => IsqType::Q6K,
        Quantization::Q5K => IsqType::Q5K,
        Quantization::Q4K => IsqType::Q4K,
        Quantization::Q4_0 => IsqType::Q4_0,
    }
}

fn describe(
    source: &Source,
    spec: &EngineSpec,
    form: &Form,
    text: &Text,
    model: &Model,
) -> Result<ModelInfo, EngineError> {
    let context = context(model, spec);
    Ok(ModelInfo {
        adapter: "mistralrs".to_owned(),
        architecture: form.architecture.clone(),
        quantization: form.quantization.clone(),
        context_tokens: form
            .horizon()
            .map_or(context, |horizon| context.min(horizon)),
        vocabulary: text.vocabulary(),
        weights_hash: hash_files(source.files())?,
        tokenizer_hash: hash_files(&[source.side.join("tokenizer.json")])?,
        template_hash: hash_text(text.template()),
        loras: BTreeMap::new(),
        load_time: Duration::ZERO,
    })
}

fn context(model: &Model, spec: &EngineSpec) -> u32 {
    let declared = model.inner().max_sequence_length(None).ok().flatten();
    let declared = declared
        .and_then(|tokens| u32::try_from(tokens).ok())
        .unwrap_or(USUAL_CONTEXT);
    // The first block is granted whatever the context.
    let usable = if declared < BLOCK {
        declared
    } else {
        declared / BLOCK * BLOCK
    };
    spec.context_limit
        .map_or(usable, |limit| usable.min(limit.get()))
}

/// Computes one step for each end token until the engine takes one for an end. Warms the model up, too.
async fn try_out(model: &Model, text: &Text) -> Result<u32, EngineError> {
    for end in text.ends().iter() {
        if stops_at(model, *end).await? {
            return Ok(*end);
        }
    }
    let mend = "the engine takes none of the declared end tokens for one; set eos_token in tokenizer_config.json";
    Err(EngineError::Load(mend.to_owned()))
}

async fn stops_at(model: &Model, end: u32) -> Result<bool, EngineError> {
    let force = Arc::new(Force {
        token: end,
        steps: AtomicU32::new(0),
    });
    let processor: Arc<dyn CustomLogitsProcessor> = Arc::<Force>::clone(&force);
    let mut answers = request(model, vec![end], TRIAL_STEPS, processor).await?;
    loop {
        match timeout(TRIAL, answers.recv()).await {
            Ok(None) => break,
            Ok(Some(answer)) => {
                if let Some(error) = complaint(answer) {
                    return Err(EngineError::Load(format!("its first step failed: {error}")));
                }
            }
            Err(_) => return Err(EngineError::Load("its first step never ended".to_owned())),
        }
    }
    match force.steps.load(Ordering::Acquire) {
        0 => Err(EngineError::Load(
            "the engine broke off at its first step".to_owned(),
        )),
        steps => Ok(steps <= 2),
    }
}

struct Force {
    token: u32,
    steps: AtomicU32,
}

impl CustomLogitsProcessor for Force {
    fn apply(&self, logits: &Tensor, _context: &[u32]) -> candle_core::Result<Tensor> {
        self.steps.fetch_add(1, Ordering::AcqRel);
        only(self.token, logits)
    }
}

/// Hands a prompt to the engine. The channel closes when the engine is through with it.
pub(super) async fn request(
    model: &Model,
    prompt: Vec<u32>,
    max_tokens: u32,
    processor: Arc<dyn CustomLogitsProcessor>,
) -> Result<mpsc::Receiver<Response>, EngineError> {
    let length = usize::try_from(max_tokens).unwrap_or(usize::MAX);
    // The engine waits for room in this channel, and everybody with it, so there is room for all.
    let (sender, answers) = mpsc::channel(length.min(1 << 20) + 8);
    // Temperature 0 would make the engine take logits for probabilities.
    let sampling = SamplingParams {
        temperature: Some(1.0),
        top_k: Some(1),
        max_len: Some(length),
        ..SamplingParams::deterministic()
    };
    let message = RequestMessage::CompletionTokens(prompt);
    let id = model.inner().next_request_id();
    let mut request = NormalRequest::new_simple(message, sampling, sender, id, None, None);
    // Without streaming a reader that goes away takes the engine down.
    request.is_streaming = true;
    request.logits_processors = Some(vec![processor]);
    let died = |_| EngineError::Died("it takes no more jobs".to_owned());
    let link = model
        .inner()
        .get_sender(None)
        .map_err(|_| EngineError::Died("it is gone".to_owned()))?;
    link.send(Request::Normal(Box::new(request)))
        .await
        .map_err(died)?;
    Ok(answers)
}

/// What the engine complains about, if `answer` is a complaint. Cut short: it could go on at length.
pub(super) fn complaint(answer: Response) -> Option<String> {
    let text = match answer {
        Response::InternalError(error) | Response::ValidationError(error) => error.to_string(),
        Response::ModelError(text, _) | Response::CompletionModelError(text, _) => text,
        _ => return None,
    };
    Some(
        text.lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect(),
    )
}
