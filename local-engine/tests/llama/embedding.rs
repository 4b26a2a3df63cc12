//! Vectors of texts.

use std::sync::Arc;

use local_engine::queued::{QueueSettings, Queued};
use local_engine::{EngineError, EngineSpec, Health, LocalEngine};

use crate::gguf::Value;
use crate::{failure, folder, job, load, play, random, start, until};

/// A Llama that declares how its vectors become one: 1 the mean, 2 the first, 3 the last.
fn embedding(pooling: u32) -> tempfile::TempDir {
    let mut file = random::llama(5);
    file.set("llama.pooling_type", Value::U32(pooling));
    folder(&file)
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(x, y)| x * y).sum()
}

#[tokio::test]
async fn vectors_have_unit_length_and_tell_texts_apart() {
    for pooling in [1, 2, 3] {
        let engine = load(&embedding(pooling)).await;
        let texts = ["a letter", "a letter", "something else"].map(str::to_owned);
        let vectors = engine.embed(texts.to_vec()).await.unwrap();
        assert_eq!(vectors.len(), 3);
        for vector in &vectors {
            assert_eq!(vector.len(), 64);
            assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
        }
        assert!((dot(&vectors[0], &vectors[1]) - 1.0).abs() < 1e-5);
        let long = engine.embed(vec!["x".repeat(1500)]).await.unwrap();
        assert_eq!(long[0].len(), 64);
        assert_eq!(engine.embed(texts.to_vec()).await.unwrap(), vectors);
        if pooling != 2 {
            assert!(dot(&vectors[0], &vectors[2]) < 0.999);
        }
        let end = play(engine.generate(job("?"))).await.end;
        assert!(matches!(failure(end), EngineError::Unsupported(_)));
    }
}

#[tokio::test]
async fn what_cannot_be_embedded_says_so() {
    let engine = load(&embedding(1)).await;
    let beyond = engine.embed(vec!["x".repeat(5000)]).await;
    assert!(matches!(beyond, Err(EngineError::PromptTooLong { .. })));
    let empty = engine.embed(vec![String::new()]).await;
    assert!(matches!(empty, Err(EngineError::Unsupported(_))));
    let answering = load(&folder(&random::llama(5))).await;
    let none = answering.embed(vec!["a".into()]).await;
    assert!(matches!(none, Err(EngineError::Unsupported(_))));
}

#[tokio::test]
async fn vectors_pass_through_worker_and_queue() {
    let folder = embedding(3);
    let worker = start(EngineSpec::new(folder.path()));
    until("ready", || worker.health() == Health::Ready).await;
    let texts = vec!["one".to_owned(), "two".to_owned()];
    let own = load(&folder).await.embed(texts.clone()).await.unwrap();
    let worker: Arc<dyn LocalEngine> = Arc::new(worker);
    let queued = Queued::new(worker, &QueueSettings::default());
    assert_eq!(queued.embed(texts).await.unwrap(), own);
    assert_eq!(queued.present(), 0);
    let many = queued.embed(vec!["x".to_owned(); 2000]).await;
    assert!(matches!(many, Err(EngineError::Unsupported(_))));
}
