//! Loads tiny checkpoints with the adapters of this build and holds what they compute against the golden answers.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
#[cfg(feature = "llama-cpp")]
use local_engine::llama::LlamaCpp;
#[cfg(feature = "mistral")]
use local_engine::mistral::Mistral;
use local_engine::{
    Adapter, EngineError, EngineSpec, Event, Job, LocalEngine, Message, Quantization, Token,
};
use serde_json::{Value as Json, json};

use crate::column::{Cell, Column};
use crate::convert::gguf;
use crate::family::{Answer, Family, Tensor};
use crate::gguf::Format;
use crate::side::write_side;

const DEADLINE: Duration = Duration::from_secs(120);

/// Steps that have to be compared at least.
const FEWEST: usize = 9;

/// Weights in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Safetensors,
    /// Quantized while loading.
    SafetensorsQ8,
    Gguf(Format),
}

impl Form {
    const ALL: [Self; 4] = [
        Self::Safetensors,
        Self::SafetensorsQ8,
        Self::Gguf(Format::F32),
        Self::Gguf(Format::Q8_0),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors F32",
            Self::SafetensorsQ8 => "safetensors to Q8_0",
            Self::Gguf(Format::F32) => "GGUF F32",
            Self::Gguf(_) => "GGUF Q8_0",
        }
    }

    /// How far a probability may be off, in nats. Both compute a GGUF partly in 16 bits.
    const fn within(self, adapter: Adapter) -> f32 {
        match (self, adapter) {
            (Self::Gguf(Format::F32), Adapter::Mistralrs) => 5e-2,
            (Self::Gguf(Format::F32), Adapter::LlamaCpp) => 3e-2,
            (Self::Safetensors | Self::Gguf(Format::F32), _) => 1e-3,
            (Self::SafetensorsQ8 | Self::Gguf(_), _) => 0.75,
        }
    }

    fn write(self, family: &Family, tensors: Vec<Tensor>, folder: &Path) -> EngineSpec {
        if let Self::Gguf(format) = self {
            write_side(folder);
            let file = gguf(family, &tensors, format);
            file.write(&folder.join("model.gguf")).unwrap();
        } else {
            family.write(folder, tensors);
        }
        let quantization = (self == Self::SafetensorsQ8).then_some(Quantization::Q8_0);
        EngineSpec {
            quantization,
            ..EngineSpec::new(folder)
        }
    }
}

async fn load(adapter: Adapter, spec: EngineSpec) -> Result<Box<dyn LocalEngine>, EngineError> {
    match adapter {
        #[cfg(feature = "mistral")]
        Adapter::Mistralrs => Ok(Box::new(Mistral::load(spec).await?)),
        #[cfg(feature = "llama-cpp")]
        Adapter::LlamaCpp => Ok(Box::new(LlamaCpp::load(spec).await?)),
        #[cfg(not(all(feature = "mistral", feature = "llama-cpp")))]
        other => panic!("no {other:?} in this build"),
    }
}

/// Nothing where the prompt is too long for what the engine promises.
async fn say(engine: &dyn LocalEngine, answer: &Answer) -> Result<Vec<Token>, EngineError> {
    let job = Job::greedy(
        vec![Message::user(answer.prompt.clone())],
        u32::try_from(answer.tokens.len()).unwrap(),
    );
    let events: Vec<_> = tokio::time::timeout(DEADLINE, engine.generate(job).collect())
        .await
        .unwrap();
    let mut tokens = Vec::new();
    for event in events {
        match event {
            Event::Token(token) => tokens.push(token),
            Event::Failed(EngineError::PromptTooLong { .. }) => return Ok(Vec::new()),
            Event::Failed(error) => return Err(error),
            Event::Prefilled { .. } | Event::Finished { .. } => {}
        }
    }
    Ok(tokens)
}

/// What became of comparing one answer.
#[derive(Debug, Default, Clone, Copy)]
struct Compared {
    /// Farthest that a probability was off, in nats.
    off: f32,
    steps: usize,
}

/// Compares token by token, as long as rounding cannot have changed the choice.
fn compare(answer: &Answer, tokens: &[Token], within: f32) -> Result<Compared, String> {
    let mut compared = Compared::default();
    let golden = answer.tokens.iter().zip(&answer.logprobs);
    for (((id, logprob), margin), token) in golden.zip(&answer.margins).zip(tokens) {
        if token.id != *id && *margin < within {
            return Ok(compared);
        }
        if token.id != *id {
            return Err(format!("token {} for {id} at {}", token.id, compared.steps));
        }
        let off = (token.stats.logprob - logprob)
            .abs()
            .max((token.stats.margin - margin).abs() / 2.0);
        compared.off = compared.off.max(off);
        compared.steps += 1;
        if off.is_nan() || off > within {
            return Err(format!("{off} nats off at {}", compared.steps));
        }
    }
    Ok(compared)
}

/// Without the list of everything that could be computed instead.
fn essence(refusal: &str) -> String {
    let sentences = refusal.split(". ");
    let kept: Vec<_> = sentences
        .filter(|each| !each.contains("the engine computes"))
        .collect();
    kept.join(". ")
}

/// What the adapter makes of a family, and what is wrong with it if something is.
async fn try_out(
    adapter: Adapter,
    form: Form,
    family: &Family,
    tensors: Vec<Tensor>,
) -> Result<Cell, String> {
    let folder = tempfile::tempdir().unwrap();
    let spec = form.write(family, tensors, folder.path());
    let engine = match load(adapter, spec).await {
        Ok(engine) => engine,
        Err(EngineError::Load(text)) => {
            let path = folder.path().canonicalize().unwrap();
            let place = format!("{}/", path.display());
            return Ok(Cell::Refused(essence(&text.replace(&place, ""))));
        }
        Err(other) => return Err(other.to_string()),
    };
    let mut all = Compared::default();
    for (place, answer) in family.answers.iter().enumerate() {
        let tokens = say(&*engine, answer)
            .await
            .map_err(|error| error.to_string())?;
        let compared = compare(answer, &tokens, form.within(adapter))
            .map_err(|error| format!("answer {place}: {error}"))?;
        all.off = all.off.max(compared.off);
        all.steps += compared.steps;
    }
    if all.steps < FEWEST {
        return Err(format!("only {} steps could be compared", all.steps));
    }
    let context = engine.info().unwrap().context_tokens;
    Ok(Cell::Golden {
        within: form.within(adapter),
        reached: all.off,
        only: (u64::from(context) < family.context()).then_some(context),
    })
}

async fn fill(adapter: Adapter, forms: &[Form]) {
    let mut column = Column::new(adapter.as_str());
    let mut wrong = Vec::new();
    for family in Family::all() {
        for form in forms.iter().copied() {
            match try_out(adapter, form, &family, family.tensors()).await {
                Ok(cell) => column.set(&family.name, form.name(), cell),
                Err(error) => wrong.push(format!("{} {}: {error}", family.name, form.name())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    column.assert_committed();
}

#[cfg(feature = "mistral")]
#[tokio::test]
async fn mistralrs_computes_what_transformers_does() {
    fill(Adapter::Mistralrs, &Form::ALL).await;
}

#[cfg(feature = "llama-cpp")]
#[tokio::test]
async fn llama_cpp_computes_what_transformers_does() {
    let forms = [Form::Gguf(Format::F32), Form::Gguf(Format::Q8_0)];
    fill(Adapter::LlamaCpp, &forms).await;
}

/// What is done to a model.
enum Change {
    /// Another value at a place of the configuration.
    Says(&'static str, Json),
    /// All tensors whose name ends so are this number throughout.
    Even(&'static str, f32),
}

/// Each of these must show, or the answers would prove nothing.
async fn changes_show(adapter: Adapter, form: Form, changes: Vec<(&str, Change)>) {
    let families = Family::all();
    for (name, change) in changes {
        let mut family = families
            .iter()
            .find(|each| each.name == name)
            .unwrap()
            .clone();
        let mut tensors = family.tensors();
        let what = match change {
            Change::Says(place, value) => {
                *family.config.pointer_mut(place).unwrap() = value;
                place
            }
            Change::Even(end, value) => {
                let touched = tensors.iter_mut().filter(|each| each.name.ends_with(end));
                touched.for_each(|each| each.values.fill(value));
                end
            }
        };
        let outcome = try_out(adapter, form, &family, tensors).await;
        assert!(
            outcome.is_err(),
            "{name}: {what} does not show: {outcome:?}"
        );
    }
}

#[cfg(feature = "mistral")]
#[tokio::test]
async fn what_is_changed_shows() {
    use Change::{Even, Says};
    let changes = vec![
        (
            "smollm2",
            Says("/rope_parameters/rope_theta", json!(90000.0)),
        ),
        ("smollm2", Says("/rms_norm_eps", json!(1e-2))),
        ("smollm2", Even("layers.1.input_layernorm.weight", 1.0)),
        ("smollm2", Even("layers.1.self_attn.v_proj.weight", 0.0)),
        (
            "monad",
            Even("layers.9.post_attention_layernorm.weight", 1.0),
        ),
        ("baguettotron", Even("layers.19.mlp.down_proj.weight", 0.0)),
        ("llama-3.2", Says("/rope_parameters/factor", json!(16.0))),
        (
            "llama-3.2",
            Says(
                "/rope_parameters/original_max_position_embeddings",
                json!(128),
            ),
        ),
        ("qwen3", Even("layers.0.self_attn.q_norm.weight", 1.0)),
        ("qwen3", Even("layers.1.self_attn.k_norm.weight", 1.0)),
        ("smollm3", Says("/no_rope_layers", json!([1, 1, 1, 1]))),
        (
            "phi-3-mini",
            Says("/rope_parameters/rope_theta", json!(9000.0)),
        ),
        (
            "phi-4-mini",
            Says("/rope_parameters/short_factor/3", json!(1.3)),
        ),
        (
            "phi-4-mini",
            Says("/rope_parameters/long_factor/3", json!(3.6)),
        ),
        (
            "phi-4-mini",
            Says("/original_max_position_embeddings", json!(200)),
        ),
    ];
    changes_show(Adapter::Mistralrs, Form::Safetensors, changes).await;
}

#[cfg(feature = "llama-cpp")]
#[tokio::test]
async fn what_is_changed_shows_in_a_gguf() {
    use Change::{Even, Says};
    let changes = vec![
        ("phi-2", Even("layers.1.input_layernorm.weight", 1.0)),
        (
            "ministral-3",
            Says("/text_config/rope_parameters/factor", json!(2.0)),
        ),
        (
            "phi-4-mini",
            Says("/rope_parameters/short_factor/3", json!(1.3)),
        ),
        ("qwen3", Even("layers.1.self_attn.k_norm.weight", 1.0)),
    ];
    changes_show(Adapter::LlamaCpp, Form::Gguf(Format::F32), changes).await;
}
