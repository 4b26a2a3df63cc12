//! What the weights say, whatever their form.

use std::fs;
use std::path::Path;

use super::Wanted;
use super::gguf::{Header, candle_reads, format_name, is_wide};
use super::horizon::in_llama_cpp;
use crate::architectures::Format;
use crate::error::EngineError;
use crate::spec::{Adapter, Quantization};

/// Above this many tokens a full context takes minutes to read on a CPU.
const LONG_CONTEXT: u64 = 32_768;

/// Tensor formats for which mistralrs has no fast kernel, and the share of the weights from which on it is felt.
const SLOW: [&str; 3] = ["q4_1", "q5_0", "q5_1"];
const FELT: u64 = 10;

/// What is known about the weights.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) format: Format,
    pub(super) architecture: String,
    pub(super) quantization: String,
    /// Weights by format, the most frequent first.
    pub(super) mixture: Vec<(String, u64)>,
    pub(super) parameters: u64,
    pub(super) stored: u64,
    pub(super) context: Option<u64>,
    pub(super) vocabulary: Option<u64>,
    /// Numbers that are kept for each token of the context, over all layers.
    pub(super) kept: Option<u64>,
    /// Numbers of the token embeddings, and their bytes in the file.
    pub(super) embeddings: u64,
    pub(super) embeddings_stored: u64,
    /// The embeddings are the output's weights as well.
    pub(super) is_tied: bool,
    /// Length of the rows that are quantized.
    pub(super) width: Option<u64>,
    /// Built into the weights' file.
    pub(super) template: Option<String>,
    pub(super) end: Option<u32>,
    /// Why nothing can read it.
    pub(super) damage: Vec<String>,
    /// Why mistralrs cannot compute these files, although it knows the architecture.
    pub(super) beyond_mistralrs: Vec<String>,
    /// Where the context ends in llama.cpp, and why.
    pub(super) ends_in_llama_cpp: Option<(u32, &'static str)>,
    /// What mistralrs does worse than others with these files.
    pub(super) worse_in_mistralrs: Vec<String>,
}

impl Facts {
    /// Shares in percent, those that round to nothing left out.
    pub(super) fn shares(&self) -> Vec<(String, u64)> {
        let total = u128::from(self.parameters.max(1));
        let share = |part: u64| u64::try_from(u128::from(part) * 100 / total).unwrap_or(100);
        let shares = self.mixture.iter();
        shares
            .map(|(name, part)| (name.clone(), share(*part)))
            .filter(|(_, share)| *share > 0)
            .collect()
    }

    /// The format of most weights once they are loaded.
    pub(super) fn computed_as(&self, quantization: Option<Quantization>) -> String {
        match (self.format, quantization) {
            (Format::Gguf, _) => self.quantization.clone(),
            (Format::Safetensors, Some(quantization)) => quantization.as_str().to_owned(),
            (Format::Safetensors, None) => "f32".to_owned(),
        }
    }

    pub(super) fn warnings(&self, wanted: &Wanted, adapter: Option<Adapter>) -> Vec<String> {
        let mut warnings = Vec::new();
        if adapter == Some(Adapter::Mistralrs) {
            warnings.extend(self.worse_in_mistralrs.iter().cloned());
            warnings.extend(self.slow_formats());
        }
        if let (Some(Adapter::LlamaCpp), Some((tokens, why))) = (adapter, self.ends_in_llama_cpp) {
            warnings.push(format!(
                "its context ends at {tokens} tokens in llama.cpp: {why}"
            ));
        }
        if self.format == Format::Gguf && wanted.quantization.is_some() {
            warnings.push(
                "`quantization` has no effect on a GGUF, which is quantized already".to_owned(),
            );
        }
        warnings.extend(self.narrow_rows(wanted.quantization));
        if self.context.is_some_and(|context| context > LONG_CONTEXT) && wanted.context.is_none() {
            let context = self.context.unwrap_or_default();
            warnings.push(format!(
                "its context of {context} tokens takes long to fill on a CPU and much memory; give its routes a `first_token_within`"
            ));
        }
        if self.context.is_none() {
            warnings.push("it declares no context; 2048 tokens are assumed".to_owned());
        }
        warnings
    }

    fn slow_formats(&self) -> Option<String> {
        let shares = self.shares().into_iter();
        let slow: Vec<_> = shares
            .filter(|(name, share)| SLOW.contains(&name.as_str()) && *share >= FELT)
            .map(|(name, share)| format!("{share} % of its weights are {name}"))
            .collect();
        (!slow.is_empty()).then(|| {
            format!(
                "{}, for which mistralrs has no fast kernel (K quantizations fall back to it where 256 does not divide the rows); Q8_0 or Q4_0 run faster",
                slow.join(", ")
            )
        })
    }

    fn narrow_rows(&self, quantization: Option<Quantization>) -> Option<String> {
        use Quantization::{Q4K, Q5K, Q6K};
        let width = self.width.filter(|width| !width.is_multiple_of(256))?;
        let wide = matches!(quantization, Some(Q4K | Q5K | Q6K));
        (wide && self.format == Format::Safetensors).then(|| {
            format!(
                "256 does not divide its rows of {width}, so the K formats do not fit, and what is taken instead has no fast kernel; write q8_0 or q4_0"
            )
        })
    }
}

/// Reads the header of a GGUF.
pub(super) fn of_gguf(file: &Path) -> Result<Facts, EngineError> {
    let header = Header::read(file)?;
    let embeddings = header.tensor("token_embd.weight");
    let length = fs::metadata(file).map_or(u64::MAX, |data| data.len());
    Ok(Facts {
        format: Format::Gguf,
        quantization: header.quantization.clone(),
        mixture: header.mixture(),
        parameters: header.parameters(),
        stored: header.weights(),
        context: header.number("context_length").filter(|n| *n > 0),
        vocabulary: header.vocabulary().or_else(|| header.number("vocab_size")),
        kept: kept(&header),
        embeddings: embeddings.map_or(0, |tensor| tensor.elements),
        embeddings_stored: embeddings.and_then(|one| one.bytes()).unwrap_or(0),
        is_tied: header.tensor("output.weight").is_none(),
        width: header.number("embedding_length"),
        damage: damage(&header, length),
        beyond_mistralrs: beyond_mistralrs(&header),
        ends_in_llama_cpp: in_llama_cpp(&header),
        worse_in_mistralrs: Vec::new(),
        architecture: header.architecture,
        template: header.template,
        end: header.end,
    })
}

/// Numbers kept for each token: a key and a value for each head that has its own, in each layer.
fn kept(header: &Header) -> Option<u64> {
    let layers = header.number("block_count")?;
    let heads = header.number("attention.head_count");
    let key = header
        .number("attention.key_length")
        .or_else(|| header.number("embedding_length")?.checked_div(heads?))?;
    let value = header.number("attention.value_length").unwrap_or(key);
    // A list where layers differ; layers without attention have 0 there.
    let all_heads = match header.list("attention.head_count_kv") {
        Some(list) => list.sum,
        None => header
            .number("attention.head_count_kv")
            .or(heads)?
            .saturating_mul(layers),
    };
    Some(all_heads.saturating_mul(key.saturating_add(value)))
}

fn damage(header: &Header, length: u64) -> Vec<String> {
    let mut damage = Vec::new();
    if header.tensors.is_empty() {
        damage.push("it holds no weights; this may be the vocabulary alone".to_owned());
    }
    if header.parts() > 1 {
        damage.push(format!(
            "it is one of {} parts; join them with `llama-gguf-split --merge`",
            header.parts()
        ));
    }
    let missing = header.file_length().saturating_sub(length);
    if missing > 0 {
        damage.push(format!(
            "it is cut off: {missing} bytes are missing; download it again"
        ));
    }
    damage
}

/// What a file asks for that mistralrs panics on, or computes wrongly without a word.
pub(crate) fn beyond_mistralrs(header: &Header) -> Vec<String> {
    let mut reasons = Vec::new();
    let unread = header.tensors.iter().find(|one| !candle_reads(one.format));
    if let Some(tensor) = unread {
        reasons.push(format!(
            "it does not read the tensor format {}",
            format_name(tensor.format)
        ));
    }
    let broken = |one: &&super::gguf::Tensor| is_wide(one.format) && !one.row.is_multiple_of(256);
    if header.tensors.iter().any(|one| broken(&one)) {
        reasons.push("256 does not divide the rows of some K-quantized tensors".to_owned());
    }
    if header.architecture == "phi3" {
        if header.tensor("output.weight").is_none() {
            reasons.push(
                "it wants an output of its own, and this model (Phi-4-mini) shares its embeddings"
                    .to_owned(),
            );
        }
        if ["f32", "f16", "bf16"].contains(&header.quantization.as_str()) {
            reasons.push("it wants the weights of a `phi3` quantized".to_owned());
        }
    }
    if header.pooling().is_some_and(|pooling| pooling > 0) {
        reasons.push("it makes no embeddings".to_owned());
    }
    let scaled = ["rope_freqs.weight", "rope_factors_long.weight"];
    let stretched = header.number("rope.scaling.original_context_length");
    if scaled.iter().any(|name| header.tensor(name).is_some()) {
        reasons.push(
            "it leaves out the factors of the rotary embedding (Llama 3.1 and later, longrope)"
                .to_owned(),
        );
    } else if stretched.is_some() {
        reasons.push("it leaves out the scaling of the rotary embedding (YaRN)".to_owned());
    }
    reasons
}
