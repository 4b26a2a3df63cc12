//! Every family of models, on a tiny checkpoint of its true architecture: the same tokens and probabilities as
//! transformers computes, or a refusal that says what to use instead.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]
#![expect(
    dead_code,
    reason = "shared with other tests, and adapters load what is written here"
)]

#[path = "gguf/chain.rs"]
mod chain;
#[path = "tiny/column.rs"]
mod column;
#[path = "tiny/convert.rs"]
mod convert;
#[path = "tiny/describe.rs"]
mod describe;
#[path = "tiny/family.rs"]
mod family;
#[path = "gguf/file.rs"]
mod gguf;
#[cfg(any(feature = "mistral", feature = "llama-cpp"))]
#[path = "tiny/golden.rs"]
mod golden;
#[path = "tiny/side.rs"]
mod side;

use std::path::Path;

use family::Family;
use gguf::Format;
use local_engine::Adapter;
use local_engine::inspect::{Wanted, inspect};

#[test]
fn the_weights_are_those_that_transformers_computed_with() {
    let families = Family::all();
    assert!(families.len() >= 13, "{}", families.len());
    for family in families {
        family.assert_same_weights();
    }
}

#[test]
fn the_answers_can_tell_models_apart() {
    for family in Family::all() {
        for answer in &family.answers {
            assert_eq!(answer.tokens.len(), answer.logprobs.len());
            assert!(answer.margins.iter().all(|margin| *margin >= 0.02));
        }
        let longest = family.answers.iter().map(|answer| answer.prompt.len());
        // Longer than every sliding window and every length that rotary embeddings were trained on.
        assert!(longest.max() >= Some(180), "{}", family.name);
    }
}

/// Without any engine: what headers tell is what loading found.
#[test]
fn looking_at_a_model_tells_what_loading_it_found() {
    for family in Family::all() {
        for (form, format) in [("GGUF F32", Format::F32), ("GGUF Q8_0", Format::Q8_0)] {
            let folder = tempfile::tempdir().unwrap();
            side::write_side(folder.path());
            let file = convert::gguf(&family, &family.tensors(), format);
            file.write(&folder.path().join("model.gguf")).unwrap();
            assert_told(&family, form, folder.path());
        }
        let folder = tempfile::tempdir().unwrap();
        family.write(folder.path(), family.tensors());
        assert_told(&family, "safetensors F32", folder.path());
    }
}

fn assert_told(family: &Family, form: &str, folder: &Path) {
    let found = inspect(&Wanted {
        built: Adapter::ALL.to_vec(),
        ..Wanted::new(folder)
    });
    let found = found.unwrap();
    let computes = |adapter: Adapter| {
        let cell = column::found(adapter.as_str(), &family.name, form);
        matches!(cell, Some(column::Cell::Golden { .. }))
    };
    for offer in &found.offers {
        let told = offer.refusals.is_empty();
        assert_eq!(
            told,
            computes(offer.adapter),
            "{} {form}: {offer:?}",
            family.name
        );
    }
    let best = Adapter::ALL.into_iter().find(|one| computes(*one));
    assert_eq!(found.adapter, best, "{} {form}", family.name);
}

#[test]
fn the_table_of_families_is_up_to_date() {
    column::assert_table();
}
