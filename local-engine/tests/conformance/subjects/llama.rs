use std::sync::Arc;

use local_engine::EngineSpec;
use local_engine::llama::LlamaCpp;

use crate::gguf::Format;
use crate::suite::{Capability, Made, Subject};

const LACKS: &[(Capability, &str)] = &[
    (
        Capability::Embeddings,
        "the chain's file declares no pooling",
    ),
    (Capability::Death, "it lives in the process of the test"),
];

pub(crate) fn llama() -> Subject {
    Subject::new("llama", LACKS, |setup| async move {
        let folder = tempfile::tempdir().unwrap();
        let file = setup.model.chain().gguf(Format::F32);
        file.write(&folder.path().join("model.gguf")).unwrap();
        let engine = LlamaCpp::load(EngineSpec {
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
