//! What a certificate was proven for, taken from a loaded model and a request.

use local_engine::ModelInfo;
use router_policies::{Answer, Commit, Fingerprint, LocalPlan, PromptAdditions, Route};
use sha2::{Digest, Sha256};

use crate::learning::prompt_family;

/// Everything whose change voids a certificate. `shape` is what an answer must be: the plan's word, or what the client asks for.
pub(crate) fn fingerprint(
    info: &ModelInfo,
    (route, plan, shape): (&Route, &LocalPlan, &Answer),
    system: &str,
) -> Fingerprint {
    Fingerprint {
        weights: weights(info, plan.lora.as_deref()),
        quantization: info.quantization.clone(),
        template: info.template_hash.clone(),
        tokenizer: info.tokenizer_hash.clone(),
        answer: format!("{}{}", answer_hash(shape), commit_mark(shape, route.commit)),
        prompt_family: format!("{}{}", prompt_family(system), additions_mark(&plan.prompt)),
    }
}

/// The weights, what computes them and what changes them: two adapters round differently. The name of the first adapter
/// is left out, so that certificates from before there was a second one stay as they are.
fn weights(info: &ModelInfo, lora: Option<&str>) -> String {
    let mut weights = info.weights_hash.clone();
    if info.adapter == "llama.cpp" {
        weights = format!("{}:{weights}", info.adapter);
    }
    let Some(name) = lora else {
        return weights;
    };
    // An engine without it answers nothing, and nothing is proven of it.
    let hash = info.loras.get(name).map_or("none", String::as_str);
    format!("{weights}+lora:{hash}")
}

/// Nothing without additions, so that certificates of routes without any stay as they are.
fn additions_mark(additions: &PromptAdditions) -> String {
    if additions.is_empty() {
        return String::new();
    }
    let mut hash = Sha256::new();
    let examples = additions.examples.iter();
    let texts = examples.flat_map(|example| [example.user.as_str(), &example.assistant]);
    for text in additions.system_prefix.as_deref().into_iter().chain(texts) {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    }
    format!("+{}", hex(&hash.finalize()))
}

/// What is decided after so many tokens is another decision. Nothing where it is decided at the end, as all but texts are.
fn commit_mark(shape: &Answer, commit: Commit) -> String {
    let decisions = commit.decisions().filter(|_| *shape == Answer::Text);
    decisions.map_or_else(String::new, |decisions| format!("@{decisions}"))
}

/// Drafts are held to the answer's form while they are written. Certificates of times when they were only checked
/// afterwards do not count: such drafts were others.
const HELD: &str = "held";

fn answer_hash(answer: &Answer) -> String {
    match answer {
        Answer::Text => "text".to_owned(),
        Answer::Json => format!("json:{HELD}"),
        Answer::OneOf(labels) => {
            let mut hash = Sha256::new();
            for label in labels.iter() {
                hash.update(label.len().to_le_bytes());
                hash.update(label.as_bytes());
            }
            format!("one_of:{}", hex(&hash.finalize()))
        }
        Answer::Regex(pattern) => {
            format!("regex:{HELD}:{}", hex(&Sha256::digest(pattern.as_str())))
        }
        Answer::JsonSchema(schema) => {
            let hash = Sha256::digest(schema.text().as_bytes());
            format!("json_schema:{HELD}:{}", hex(&hash))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
