//! Where llama.cpp stops computing what a model was made for, so that its context has to end there.

use super::gguf::Header;

/// Longest prompt plus answer that llama.cpp computes rightly, and why no longer one; `None` where nothing but the
/// model's own context bounds it.
pub(crate) fn in_llama_cpp(header: &Header) -> Option<(u32, &'static str)> {
    let (tokens, why) = if has_long_factors(header) {
        // It takes the factors by the size of the context, not by the length of the text, and so for short ones too.
        let why = "it takes the rotary embedding's factors for long texts for short ones, too";
        (header.number("rope.scaling.original_context_length")?, why)
    } else if header.architecture == "phi3" {
        let why = "it ignores the sliding window of Phi-3";
        (header.number("attention.sliding_window")?, why)
    } else {
        return None;
    };
    let context = header.number("context_length").unwrap_or(u64::MAX);
    let counts = (1..context).contains(&tokens);
    let tokens = u32::try_from(tokens).ok().filter(|_| counts)?;
    Some((tokens, why))
}

/// Whether it has factors of the rotary embedding for long texts.
pub(crate) fn has_long_factors(header: &Header) -> bool {
    header.tensor("rope_factors_long.weight").is_some()
}
