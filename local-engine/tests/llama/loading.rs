//! What loads, what does not, and what it says then.

use std::path::Path;

use local_engine::llama::LlamaCpp;
use local_engine::{Adapter, EngineError, EngineSpec, LocalEngine};

use crate::gguf::{Format, Gguf, Value};
use crate::{REPLY, folder, job, paris, play, random, text};

async fn refused(path: &Path) -> String {
    match LlamaCpp::load(EngineSpec::new(path)).await {
        Err(EngineError::Load(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn broken_files_are_refused_with_a_mend() {
    let folder = folder(&paris().gguf(Format::F32));
    let (path, file) = (folder.path(), folder.path().join("model.gguf"));
    assert!(refused(&path.join("no")).await.contains("cannot be opened"));
    let intact = std::fs::read(&file).unwrap();
    let write = |bytes: &[u8]| std::fs::write(&file, bytes).unwrap();
    write(b"GGUF");
    assert!(refused(path).await.contains("no intact GGUF"));
    write(&[0xff; 4096]);
    assert!(refused(path).await.contains("does not begin with GGUF"));
    // An intact header with half of the weights.
    write(&intact[..intact.len() / 2]);
    let error = refused(path).await;
    assert!(error.contains("download it again"), "{error}");
    assert!(error.contains("model.gguf"), "{error}");
}

#[tokio::test]
async fn files_that_llama_cpp_refuses_are_named() {
    // An architecture that nobody knows, and a tensor that is not there.
    let unknown = Gguf::new("unheard-of");
    let mut lacking = Gguf::new("llama");
    lacking.set("llama.context_length", Value::U32(64));
    for file in [unknown, lacking] {
        let folder = folder(&file);
        let error = refused(folder.path()).await;
        assert!(
            error.contains("model.gguf is refused by llama.cpp"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_model_without_end_or_template_is_refused() {
    let mut silent = random::llama(1);
    silent.remove("tokenizer.chat_template");
    let silent = folder(&silent);
    assert!(refused(silent.path()).await.contains("no chat template"));
    std::fs::write(silent.path().join("chat_template.jinja"), "{{ 'x' }}").unwrap();
    let engine = LlamaCpp::load(EngineSpec::new(silent.path())).await;
    let counted = engine.unwrap().count_tokens(job("?").messages).await;
    assert_eq!(counted, Ok(1), "the template beside the file counts");
}

#[tokio::test]
async fn safetensors_are_left_to_the_other_adapter() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::write(folder.path().join(name), "{}").unwrap();
    }
    assert!(refused(folder.path()).await.contains("mistralrs"));
}

#[tokio::test]
async fn the_adapter_is_chosen_by_what_is_built() {
    let folder = folder(&paris().gguf(Format::F32));
    for adapter in [Adapter::Auto, Adapter::LlamaCpp] {
        let spec = EngineSpec {
            adapter,
            ..EngineSpec::new(folder.path())
        };
        let engine = local_engine::load(spec).await.unwrap();
        // No tokenizer.json lies beside the file, so the other adapter would not do.
        assert_eq!(engine.info().unwrap().adapter, "llama.cpp");
        assert_eq!(text(&play(engine.generate(job("?"))).await.tokens), REPLY);
    }
    if !Adapter::Mistralrs.is_built() {
        let spec = EngineSpec {
            adapter: Adapter::Mistralrs,
            ..EngineSpec::new(folder.path())
        };
        let error = local_engine::load(spec).await.unwrap_err().to_string();
        assert!(error.contains("--features mistral"), "{error}");
    }
}
