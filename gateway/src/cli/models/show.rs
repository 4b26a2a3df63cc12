//! What was found about a model, for people.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use local_engine::inspect::{Inspection, Offer};
use local_engine::machine::Memory;

pub(super) fn as_text(
    found: &Inspection,
    machine: Option<Memory>,
    quantization: Option<&str>,
) -> String {
    let mut parts = vec![table(found, machine).to_string()];
    parts.extend(found.obstacles.iter().map(|text| format!("error: {text}")));
    parts.extend(found.warnings.iter().map(|text| format!("warning: {text}")));
    if found.is_usable() {
        parts.push(format!(
            "\nmodels:\n  {}",
            snippet(found, quantization)
                .trim_end()
                .replace('\n', "\n  ")
        ));
    }
    parts.join("\n")
}

/// An entry of `models:`, to paste.
pub(super) fn snippet(found: &Inspection, quantization: Option<&str>) -> String {
    let stem = found.path.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.split(':').next().unwrap_or(&stem);
    let name: String = stem
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "small" } else { name };
    // Quoted as JSON, which is YAML: a path may hold anything.
    let path = serde_json::Value::from(found.path.display().to_string());
    let quantized = quantization.map_or_else(String::new, |one| format!("\n  quantization: {one}"));
    format!("{name}:\n  path: {path}{quantized}\n  cost_per_hour: \"0.10\"\n")
}

fn table(found: &Inspection, machine: Option<Memory>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row("model", found.path.display().to_string());
    row(
        "architecture",
        format!(
            "{} ({})",
            found.architecture,
            found.family.unwrap_or("not known to any adapter")
        ),
    );
    row("class", found.class.unwrap_or("-").to_owned());
    row("format", format!("{}, {}", found.format, mixture(found)));
    row("computes in", found.quantization.clone());
    row(
        "parameters",
        format!("{} ({})", count(found.parameters), size(found.stored)),
    );
    row("context", tokens(found.context));
    row("vocabulary", tokens(found.vocabulary));
    let adapter = found.adapter.map_or("none", |adapter| adapter.as_str());
    row("computed by", adapter.to_owned());
    for offer in &found.offers {
        row(offer.adapter.as_str(), said(offer));
    }
    row("memory", memory(found));
    if let Some(machine) = machine {
        let free = size(machine.available);
        row(
            "this machine",
            format!("{free} free of {}", size(machine.total)),
        );
    }
    row("tokenizer", there(found.side.tokenizer).to_owned());
    row("chat template", template(found));
    row("end tokens", found.side.ends.join(" "));
    table
}

fn mixture(found: &Inspection) -> String {
    let shares = found.mixture.iter();
    let shares: Vec<_> = shares
        .map(|(name, share)| format!("{share} % {name}"))
        .collect();
    shares.join(", ")
}

fn said(offer: &Offer) -> String {
    match (offer.refusals.as_slice(), offer.is_built) {
        ([], true) => "computes it".to_owned(),
        ([], false) => "would compute it; this build does not have it".to_owned(),
        (refusals, _) => format!("does not: {}", refusals.join("; ")),
    }
}

fn memory(found: &Inspection) -> String {
    let needed = found.memory;
    format!(
        "about {} at rest (weights {}, embeddings unpacked {}, process {}), {} with a full context of {} tokens",
        size(needed.at_rest),
        size(needed.weights),
        size(needed.embeddings),
        size(needed.process),
        size(needed.total),
        needed.context_tokens
    )
}

fn template(found: &Inspection) -> String {
    match (&found.side.template_problem, found.side.template) {
        (None, _) if found.side.without_system => "renders, without a system prompt".to_owned(),
        (None, _) => "renders".to_owned(),
        (Some(_), true) => "there, and does not render".to_owned(),
        (Some(_), false) => "missing".to_owned(),
    }
}

const fn there(is_there: bool) -> &'static str {
    if is_there { "there" } else { "missing" }
}

fn tokens(number: Option<u64>) -> String {
    number.map_or_else(|| "not declared".to_owned(), |number| number.to_string())
}

/// A number of weights, to three digits or so.
fn count(number: u64) -> String {
    match number {
        0..1_000_000 => format!("{} k", number / 1000),
        1_000_000..1_000_000_000 => tenths(number, 1_000_000, "M"),
        _ => tenths(number, 1_000_000_000, "B"),
    }
}

/// A number of bytes, to three digits or so.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1 << 30 {
        tenths(bytes, 1 << 20, "MiB")
    } else {
        tenths(bytes, 1 << 30, "GiB")
    }
}

fn tenths(number: u64, unit: u64, name: &str) -> String {
    let tenths = u128::from(number) * 10 / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_short() {
        assert_eq!(size(0), "0.0 MiB");
        assert_eq!(size(1536 << 20), "1.5 GiB");
        assert_eq!(count(596_049_920), "596.0 M");
        assert_eq!(size(u64::MAX), "17179869183.9 GiB");
    }
}
