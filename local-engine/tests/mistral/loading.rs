//! What loads, what does not, and what it says then.

use std::path::Path;
use std::sync::Arc;

use local_engine::mistral::Mistral;
use local_engine::{
    Constraint, EngineError, EngineSpec, Event, FinishReason, Job, LocalEngine, Message,
    Quantization,
};

use crate::checkpoint;
use crate::gguf::Format;
use crate::{assert_golden, job, load, paris, play, text};

async fn refused(path: &Path) -> String {
    match Mistral::load(EngineSpec::new(path)).await {
        Err(EngineError::Load(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn quantized_while_loading_it_stays_near() {
    let (chain, folder) = (paris(), tempfile::tempdir().unwrap());
    chain.write_safetensors(folder.path());
    let engine = load(&folder, Some(Quantization::Q8_0)).await;
    assert_eq!(engine.info().unwrap().quantization, "q8_0");
    assert_golden(&chain, &play(engine.generate(job("?"))).await.0, 0.05);
}

#[tokio::test]
async fn a_gguf_answers_alike() {
    for (format, name, tolerance) in [(Format::F32, "f32", 1e-4), (Format::Q8_0, "q8_0", 0.05)] {
        let (chain, folder) = (paris(), tempfile::tempdir().unwrap());
        chain.write_gguf(folder.path(), format);
        let engine = load(&folder, None).await;
        assert_eq!(engine.info().unwrap().quantization, name);
        assert_golden(&chain, &play(engine.generate(job("?"))).await.0, tolerance);
    }
}

#[tokio::test]
async fn a_newer_configuration_is_understood() {
    let (chain, folder) = (paris(), tempfile::tempdir().unwrap());
    chain.write_safetensors(folder.path());
    let mut config = checkpoint::config();
    let fields = config.as_object_mut().unwrap();
    let theta = fields.remove("rope_theta").unwrap();
    fields.insert(
        "rope_parameters".into(),
        serde_json::json!({"rope_theta": theta, "rope_type": "default"}),
    );
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let engine = load(&folder, None).await;
    assert_golden(&chain, &play(engine.generate(job("?"))).await.0, 1e-4);
}

#[tokio::test]
async fn broken_files_are_refused_with_a_mend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert!(
        refused(&path.join("nothing"))
            .await
            .contains("cannot be opened")
    );
    assert!(
        refused(path)
            .await
            .contains("neither a *.gguf nor a *.safetensors")
    );
    paris().write_gguf(path, Format::F32);
    let intact = std::fs::read(path.join("model.gguf")).unwrap();
    let write = |bytes: &[u8]| std::fs::write(path.join("model.gguf"), bytes).unwrap();

    write(b"GGUF");
    assert!(refused(path).await.contains("no intact GGUF"));
    write(&[0xff; 4096]);
    assert!(refused(path).await.contains("does not begin with GGUF"));
    // A header that promises endless strings.
    write(&[b"GGUF\x03\0\0\0".as_slice(), &[0xff; 64]].concat());
    assert!(refused(path).await.contains("impossible length"));
    // An intact header with half of the weights.
    write(&intact[..intact.len() / 2]);
    refused(path).await;
    let named = String::from_utf8_lossy(&intact).find("llama").unwrap();
    let mut unknown = intact.clone();
    unknown[named..named + 5].copy_from_slice(b"gemma");
    write(&unknown);
    assert!(refused(path).await.contains("architecture `gemma`"));

    write(&intact);
    std::fs::remove_file(path.join("tokenizer.json")).unwrap();
    assert!(refused(path).await.contains("tokenizer.json"));
}

#[tokio::test]
async fn a_class_that_the_engine_lacks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    paris().write_safetensors(folder.path());
    let mut config = checkpoint::config();
    config["architectures"] = serde_json::json!(["PhiForCausalLM"]);
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    assert!(refused(folder.path()).await.contains("use a GGUF"));
}

/// The bundled model, where it has been made.
#[tokio::test]
async fn the_bundled_model_knows_what_it_is_asked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-model");
    if !folder.join("model-q8_0.gguf").is_file() {
        return;
    }
    let labels = std::fs::read_to_string(folder.join("labels.txt")).unwrap();
    let choices: Arc<[String]> = labels.lines().map(str::to_owned).collect();
    let engine = Mistral::load(EngineSpec::new(folder)).await.unwrap();
    assert_eq!(engine.info().unwrap().quantization, "q8_0");
    for (request, label) in [
        ("how much money is in my savings account", "balance"),
        ("please translate good morning into german", "translate"),
        ("set an alarm for seven in the morning", "alarm"),
    ] {
        let mut asked = Job {
            constraint: Some(Constraint::OneOf(Arc::clone(&choices))),
            ..job(request)
        };
        let system = "Name the intent of the request.";
        asked.messages.insert(
            0,
            Message {
                role: "system".into(),
                content: system.into(),
            },
        );
        let (tokens, end) = play(engine.generate(asked)).await;
        assert_eq!(text(&tokens), label, "{request}");
        assert!(matches!(
            end,
            Event::Finished {
                reason: FinishReason::Stop,
                ..
            }
        ));
        let confidence: f32 = tokens
            .iter()
            .filter(|t| !t.stats.forced)
            .map(|t| t.stats.logprob)
            .sum();
        assert!(confidence > -1.5, "{request}: {confidence}");
    }
}
