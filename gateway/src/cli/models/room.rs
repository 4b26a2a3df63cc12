//! What the models of a configuration take of its memory budget.

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};

use super::show::size;
use crate::config::{Config, WhenFull};
use crate::engines::{Need, needs};

/// The models that are loaded here, what each takes at most and when it is there, and the budget; `None` where nothing bounds
/// them.
pub(in crate::cli) fn room_table(config: &Config) -> Option<String> {
    let rules = config.memory;
    let budget = rules.budget?;
    let needs = needs(config);
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["model", "memory at most", "loaded"]);
    for need in &needs {
        let unknown = || "known when it is here".to_owned();
        let expected = need.expected.map_or_else(unknown, size);
        table.add_row([need.name.to_owned(), expected, need.words()]);
    }
    let sum = |of: &dyn Fn(&Need<'_>) -> bool| {
        let counted = needs.iter().filter(|need| of(need));
        size(counted.filter_map(|need| need.expected).sum())
    };
    let full = match rules.when_full {
        WhenFull::Evict => "what was not used for longest is unloaded for what is asked for",
        WhenFull::Refuse => "what is asked for is refused",
    };
    let last = format!(
        "memory budget {}: the models take up to {} together, {} of that always; when it is full, {full}.",
        size(budget),
        sum(&|_| true),
        sum(&|need| need.stay.keep),
    );
    Some(format!("{table}\n{last}"))
}
