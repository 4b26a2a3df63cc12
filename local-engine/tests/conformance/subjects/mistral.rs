use std::sync::Arc;

use local_engine::EngineSpec;
use local_engine::mistral::Mistral;

use crate::suite::{Capability, Made, Subject};

const LACKS: &[(Capability, &str)] = &[
    (
        Capability::Embeddings,
        "mistralrs makes them with other models",
    ),
    (Capability::Death, "it lives in the process of the test"),
];

pub(crate) fn mistral() -> Subject {
    Subject::new("mistral", LACKS, |setup| async move {
        let folder = tempfile::tempdir().unwrap();
        setup.model.chain().write_safetensors(folder.path());
        let engine = Mistral::load(EngineSpec {
            context_limit: setup.context,
            ..EngineSpec::new(folder.path())
        });
        let engine = Arc::new(engine.await.unwrap());
        let counted = Arc::clone(&engine);
        let mut made = Made::new(engine).counting(move || counted.steps());
        made._keep = Box::new(folder);
        made
    })
}
