//! What every engine owes, one suite for all of them: a rule is a function in `conformance/rules`, an engine
//! is a `Subject` in `conformance/subjects`, and each pair is a test. What an engine does not claim to do is
//! said aloud where it is not put to the test: `cargo test --test conformance 2>&1 | grep -o 'conformance: .*'`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../gguf/chain.rs"]
#[cfg_attr(
    not(any(feature = "llama-cpp", feature = "mistral")),
    expect(dead_code, reason = "only its probabilities are used")
)]
mod chain;
#[cfg(feature = "mistral")]
#[path = "../mistral/checkpoint.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod checkpoint;
#[cfg(feature = "stopped-clock")]
mod faults;
#[path = "../gguf/file.rs"]
#[expect(dead_code, reason = "only its probabilities are used here")]
mod gguf;
mod rules;
#[cfg(feature = "mistral")]
#[path = "../tiny/side.rs"]
mod side;
mod subjects;
mod suite;
mod table;

/// Not a test of its own: the main function of the worker's child.
#[test]
fn child_main() {
    subjects::run_child();
}

#[cfg(feature = "llama-cpp")]
suite::conformance!(llama, crate::subjects::llama());
suite::conformance!(scripted, crate::subjects::scripted());
suite::conformance!(queued, crate::subjects::queued());
suite::conformance!(worker, crate::subjects::worker());
#[cfg(feature = "mistral")]
suite::conformance!(mistral, crate::subjects::mistral());
