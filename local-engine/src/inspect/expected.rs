//! How much memory is kept free for a worker process.

use std::fs;
use std::path::{Path, PathBuf};

use super::memory::BESIDE;
use super::{Wanted, inspect};
use crate::source::Weights;
use crate::spec::{Adapter, EngineSpec};

/// Bytes that a worker process with `spec` takes at most, pages of mapped files included: where the spec sets a
/// `memory_limit`, that and the files; else the estimate of [`inspect`] with a full context, the prompts that may be kept, and
/// the low-rank adapters. Of weights that cannot be read only their size is known.
#[must_use]
pub fn expected(spec: &EngineSpec) -> u64 {
    let loras = spec.loras.values().map(|file| size(file)).sum::<u64>();
    let model = match spec.memory_limit {
        Some(limit) => limit.saturating_add(stored(&spec.path)),
        None => estimated(spec),
    };
    model.saturating_add(loras)
}

fn estimated(spec: &EngineSpec) -> u64 {
    let wanted = Wanted {
        tokenizer: spec.tokenizer.clone(),
        quantization: spec.quantization,
        adapter: spec.adapter,
        with_loras: !spec.loras.is_empty(),
        context: spec.context_limit.map(|tokens| tokens.get().into()),
        ..Wanted::new(&spec.path)
    };
    let Ok(found) = inspect(&wanted) else {
        return stored(&spec.path).saturating_add(BESIDE);
    };
    let keeps = found.adapter == Some(Adapter::LlamaCpp);
    let kept = if keeps { spec.prefix_cache } else { 0 };
    found.memory.total.saturating_add(kept)
}

/// Bytes of the weights' files.
fn stored(path: &Path) -> u64 {
    let files = match Weights::find(path) {
        Ok(Weights::Gguf(file)) => vec![file],
        Ok(Weights::Safetensors(_, files)) => files,
        Err(_) => vec![PathBuf::from(path)],
    };
    files.iter().map(|file| size(file)).sum()
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-model/model-q8_0.gguf");

    #[test]
    fn a_limit_counts_with_the_files_and_the_adapters_with_both() {
        let folder = tempfile::tempdir().unwrap();
        let lora = folder.path().join("a.gguf");
        fs::write(&lora, [0; 1000]).unwrap();
        let weights = fs::metadata(BUNDLED).unwrap().len();
        let mut spec = EngineSpec::new(BUNDLED);
        let free = expected(&spec);
        assert!(free > BESIDE + weights, "{free}");
        spec.memory_limit = Some(1 << 20);
        assert_eq!(expected(&spec), (1 << 20) + weights);
        spec.loras.insert("a".to_owned(), lora);
        assert_eq!(expected(&spec), (1 << 20) + weights + 1000);
        spec.memory_limit = None;
        assert_eq!(expected(&spec), free + 1000);
    }

    #[test]
    fn what_cannot_be_read_counts_by_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, [0; 1000]).unwrap();
        assert_eq!(expected(&EngineSpec::new(&file)), BESIDE + 1000);
        assert_eq!(
            expected(&EngineSpec::new(folder.path().join("none"))),
            BESIDE
        );
    }
}
