//! What a model's files say about it, before anything is loaded.

pub(crate) mod gguf;
