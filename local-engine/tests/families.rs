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

use family::Family;

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

#[test]
fn the_table_of_families_is_up_to_date() {
    column::assert_table();
}
