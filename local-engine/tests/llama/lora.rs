//! Low-rank adapters, switched from job to job.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use local_engine::llama::LlamaCpp;
use local_engine::{EngineError, EngineSpec, Job, LocalEngine};

use crate::gguf::{Format, Gguf, Value};
use crate::random::{self, Draws};
use crate::{Played, folder, job, play};

/// An adapter of rank 4 on the first layer's output projection.
fn adapter(architecture: &str, seed: u64) -> Gguf {
    let mut file = Gguf::new(architecture);
    file.set("general.type", "adapter")
        .set("adapter.type", "lora")
        .set("adapter.lora.alpha", Value::F32(16.0));
    let mut draws = Draws(seed);
    for (name, rows, columns) in [("lora_a", 4, 64), ("lora_b", 64, 4)] {
        let values = draws.weights(rows * columns, columns);
        let name = format!("blk.0.attn_output.weight.{name}");
        file.tensor(&name, &[rows, columns], &values, Format::F32);
    }
    file
}

async fn load(model: &Path, loras: &[(&str, PathBuf)]) -> Result<LlamaCpp, EngineError> {
    let loras = loras
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.clone()));
    let loras: BTreeMap<_, _> = loras.collect();
    LlamaCpp::load(EngineSpec {
        loras,
        prefix_cache: 1 << 20,
        ..EngineSpec::new(model)
    })
    .await
}

async fn answer(engine: &LlamaCpp, lora: Option<&str>) -> Played {
    let job = Job {
        lora: lora.map(Into::into),
        tenant: Some("t".into()),
        ..job(
            "a question that is long enough to be kept, and it is the same one every time it is asked",
        )
    };
    play(engine.generate(job)).await
}

fn logprobs(played: &Played) -> Vec<f32> {
    played
        .tokens
        .iter()
        .map(|token| token.stats.logprob)
        .collect()
}

#[tokio::test]
async fn every_job_has_its_own_adapter() {
    let model = folder(&random::llama(9));
    let beside = tempfile::tempdir().unwrap();
    let files = ["one", "two"].map(|name| beside.path().join(name));
    adapter("llama", 1).write(&files[0]).unwrap();
    adapter("llama", 2).write(&files[1]).unwrap();
    let [one, two] = files;
    let engine = load(model.path(), &[("one", one), ("two", two)])
        .await
        .unwrap();
    let info = engine.info().unwrap();
    assert_eq!(info.loras.keys().collect::<Vec<_>>(), ["one", "two"]);
    assert_ne!(info.loras["one"], info.loras["two"]);
    let order = [
        None,
        Some("one"),
        Some("two"),
        Some("one"),
        None,
        Some("two"),
    ];
    let mut answers: Vec<(Option<&str>, Vec<f32>)> = Vec::new();
    for lora in order {
        let played = answer(&engine, lora).await;
        let seen = answers.iter().find(|(known, _)| *known == lora);
        assert_eq!(
            played.reused > 0,
            seen.is_some(),
            "kept by adapter: {lora:?}"
        );
        let ours = logprobs(&played);
        if let Some((_, before)) = seen {
            assert!(ours.iter().zip(before).all(|(x, y)| (x - y).abs() < 1e-4));
        } else {
            assert!(answers.iter().all(|(_, other)| *other != ours), "{lora:?}");
            answers.push((lora, ours));
        }
    }
}

#[tokio::test]
async fn adapters_that_do_not_fit_are_refused() {
    let model = folder(&random::llama(9));
    let path = model.path().join("adapter");
    let refused = async |name: &str| {
        let loaded = load(model.path(), &[(name, path.clone())]).await;
        loaded.unwrap_err().to_string()
    };
    assert!(refused("missing").await.contains("adapter"));
    random::llama(1).write(&path).unwrap();
    assert!(refused("model").await.contains("no low-rank adapter"));
    adapter("qwen3", 1).write(&path).unwrap();
    assert!(refused("foreign").await.contains("`qwen3`"));
    let error = LlamaCpp::load(EngineSpec::new(&path)).await.unwrap_err();
    assert!(error.to_string().contains("is no GGUF file"), "{error}");
}
