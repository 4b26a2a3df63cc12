//! What not every model can.

use local_engine::{EngineError, Job};

use super::{job, unsupported};
use crate::suite::{Capability, Model, Subject, Verdict, ensure};

pub(crate) async fn an_unknown_lora_is_refused(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let adapted = Job {
        lora: Some("nobody".into()),
        ..job("?")
    };
    unsupported(&made, adapted).await
}

pub(crate) async fn embeddings_are_unit_vectors(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Paris).await;
    let texts = ["one", "another", "one"].map(str::to_owned).to_vec();
    let embedded = made.engine.embed(texts).await;
    if subject.lacks(Capability::Embeddings).is_some() {
        ensure!(
            matches!(embedded, Err(EngineError::Unsupported(_))),
            "neither vectors nor a refusal: {embedded:?}"
        );
        return subject.claims(Capability::Embeddings);
    }
    let vectors = embedded.map_err(|error| error.to_string())?;
    ensure!(vectors.len() == 3, "{} vectors of 3 texts", vectors.len());
    for vector in &vectors {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        ensure!((length - 1.0).abs() < 1e-3, "a vector of length {length}");
    }
    ensure!(
        vectors[0] == vectors[2] && vectors[0] != vectors[1],
        "not in the order of the texts"
    );
    Ok(())
}
