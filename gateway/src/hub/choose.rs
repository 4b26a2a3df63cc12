//! Which files of a repository make a model.

use std::collections::BTreeSet;

use super::{HubError, HubModel};

/// What a model needs beside its weights.
pub(super) const SIDE_FILES: [&str; 7] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "special_tokens_map.json",
    "generation_config.json",
    "config.json",
];

/// Files of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The one with the weights, of a GGUF.
    pub(super) gguf: Option<String>,
    /// All of them.
    pub(super) files: Vec<String>,
}

/// Chooses among the files of a repository.
pub(super) fn choose<'a>(
    model: &HubModel,
    names: impl Iterator<Item = &'a str>,
) -> Result<Choice, HubError> {
    let names: Vec<&str> = names.collect();
    let ggufs: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| is_model(name))
        .collect();
    let weights: Vec<&str> = match (model.selection.as_deref(), ggufs.as_slice()) {
        (Some(wanted), _) if names.contains(&wanted) => vec![wanted],
        (Some(wanted), _) => vec![of_quantization(model, wanted, &ggufs)?],
        (None, []) => safetensors(model, &names)?,
        (None, [only]) => vec![only],
        (None, _) => {
            return Err(HubError::Choice(format!(
                "`{}` has several quantizations; name one after a colon: {}",
                model.repository,
                listed(&ggufs)
            )));
        }
    };
    if let Some(part) = weights.iter().find(|name| is_part(name)) {
        return Err(HubError::Choice(format!(
            "{part} is one of several parts, which cannot be loaded; take another quantization"
        )));
    }
    let gguf = weights.iter().find(|name| name.ends_with(".gguf"));
    let side = names
        .iter()
        .copied()
        .filter(|name| SIDE_FILES.contains(name));
    Ok(Choice {
        gguf: gguf.map(|name| (*name).to_owned()),
        files: weights
            .iter()
            .copied()
            .chain(side)
            .map(str::to_owned)
            .collect(),
    })
}

/// Whether the tokenizer has to come from elsewhere.
pub(super) fn lacks_tokenizer(files: &[String]) -> bool {
    !files.iter().any(|name| name == "tokenizer.json")
}

/// A GGUF with weights to generate with; not the eyes of one, nor what a quantization was made by.
fn is_model(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".gguf") && !lower.contains("mmproj") && !lower.contains("imatrix")
}

/// `-00001-of-00003.gguf`.
fn is_part(name: &str) -> bool {
    let stem = name.strip_suffix(".gguf").unwrap_or_default();
    stem.rsplit_once("-of-")
        .is_some_and(|(_, count)| !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()))
}

fn of_quantization<'a>(
    model: &HubModel,
    wanted: &str,
    ggufs: &[&'a str],
) -> Result<&'a str, HubError> {
    let mut fitting = ggufs
        .iter()
        .filter(|name| quantization(name).eq_ignore_ascii_case(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => Err(HubError::Choice(format!(
            "`{wanted}` is both {first} and {second} of `{}`; name the file",
            model.repository
        ))),
        (None, _) if ggufs.is_empty() => Err(HubError::Choice(format!(
            "`{}` has no file `{wanted}` and no GGUF; leave `:{wanted}` out for its safetensors",
            model.repository
        ))),
        (None, _) => Err(HubError::Choice(format!(
            "`{}` has no `{wanted}`; there are {}",
            model.repository,
            listed(ggufs)
        ))),
    }
}

/// `Q4_K_M` of `folder/Qwen3-0.6B-Q4_K_M.gguf` or `model.q4_k_m.gguf`: what follows the last `-` or `.`; of parts, the
/// number is left out.
fn quantization(name: &str) -> &str {
    let stem = name.strip_suffix(".gguf").unwrap_or(name);
    let stem = if is_part(name) {
        let cut = stem.rsplit_once("-of-").map_or(stem, |(head, _)| head);
        cut.rsplit_once('-').map_or(cut, |(head, _)| head)
    } else {
        stem
    };
    stem.rsplit(['-', '.', '/']).next().unwrap_or(stem)
}

fn listed(ggufs: &[&str]) -> String {
    let names: BTreeSet<_> = ggufs.iter().map(|name| quantization(name)).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn safetensors<'a>(model: &HubModel, names: &[&'a str]) -> Result<Vec<&'a str>, HubError> {
    // Not those in folders, and not the same weights once more in the form of their makers.
    let top = |name: &&&str| {
        !name.contains('/') && !name.starts_with("consolidated") && !name.contains("adapter")
    };
    let weights = names.iter().filter(|name| name.ends_with(".safetensors"));
    let mut files: Vec<&str> = weights.filter(top).copied().collect();
    if files.is_empty() {
        return Err(HubError::Choice(format!(
            "`{}` has neither a GGUF nor safetensors; another repository of the model may",
            model.repository
        )));
    }
    let index = names
        .iter()
        .filter(|name| **name == "model.safetensors.index.json");
    files.extend(index);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QWEN: [&str; 5] = [
        "README.md",
        "Qwen3-0.6B-Q4_K_M.gguf",
        "Qwen3-0.6B-Q8_0.gguf",
        "mmproj-F16.gguf",
        "tokenizer.json",
    ];

    fn chosen(model: &str, names: &[&str]) -> Result<Vec<String>, String> {
        let model: HubModel = model.parse().unwrap();
        let choice = choose(&model, names.iter().copied()).map_err(|error| error.to_string())?;
        Ok(choice.files)
    }

    #[test]
    fn a_quantization_or_a_file_is_named() {
        let files = ["Qwen3-0.6B-Q8_0.gguf", "tokenizer.json"];
        assert_eq!(chosen("o/m:q8_0", &QWEN).unwrap(), files);
        assert_eq!(chosen("hf:o/m:Qwen3-0.6B-Q8_0.gguf", &QWEN).unwrap(), files);
    }

    #[test]
    fn an_error_lists_what_there_is() {
        for model in ["o/m", "o/m:Q5_K_M"] {
            let said = chosen(model, &QWEN).unwrap_err();
            assert!(said.contains("Q4_K_M, Q8_0"), "{said}");
            assert!(!said.contains("F16"), "{said}");
        }
    }

    #[test]
    fn the_only_gguf_needs_no_name() {
        assert_eq!(chosen("o/m", &["m.gguf", "x.md"]).unwrap(), ["m.gguf"]);
    }

    #[test]
    fn parts_are_refused() {
        let said = chosen("o/m:Q8_0", &["m-Q8_0-00001-of-00002.gguf"]).unwrap_err();
        assert!(said.contains("one of several parts"), "{said}");
    }

    #[test]
    fn safetensors_come_whole_and_once() {
        let names = [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "consolidated.safetensors",
            "onnx/model.safetensors",
            "config.json",
        ];
        let files = [names[0], names[1], names[2], names[5]];
        assert_eq!(chosen("o/m", &names).unwrap(), files);
        assert!(chosen("o/m:Q8_0", &names).unwrap_err().contains("no GGUF"));
        assert!(chosen("o/m", &["a.bin"]).unwrap_err().contains("neither"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "m", "../m", "o/../m", "o/m:../x", "o/m/x", "o/m:", "o/ m", "/m",
        ] {
            assert!(name.parse::<HubModel>().is_err(), "{name}");
        }
    }
}
