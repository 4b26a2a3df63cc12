//! `smallfirst check --diff`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::{Failure, byte_bar, say};
use crate::config::Declared;
use crate::ledger::{LedgerUrl, read_only};
use crate::rehearsal::{Change, Comparison, Group, changes, each_recorded};

/// What is compared, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Diff<'a> {
    pub(super) old: &'a Path,
    pub(super) new: &'a Path,
    /// Recorded requests, one JSON object a line.
    pub(super) requests: Option<&'a Path>,
    /// Or a ledger, which knows less of each.
    pub(super) ledger: Option<&'a LedgerUrl>,
    pub(super) json: bool,
}

pub(super) fn run(diff: Diff<'_>) -> Result<(), Failure> {
    let load = |path| Declared::load(path).map_err(|e| Failure::config(&e));
    let (old, new) = (load(diff.old)?, load(diff.new)?);
    let mut comparison = Comparison::new(&old, &new);
    if let Some(path) = diff.requests {
        let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
        let bar = byte_bar(bytes, "reading");
        let read = each_recorded(
            path,
            |read| bar.set_position(read),
            |id, call| comparison.add(id, call),
        );
        bar.finish_and_clear();
        read.map_err(Failure::input)?;
    }
    if let Some(ledger) = diff.ledger {
        let connection = read_only(ledger).map_err(Failure::input)?;
        comparison.add_ledger(&connection).map_err(Failure::input)?;
    }
    let result = Compared {
        changes: changes(&old, &new),
        comparison,
        asked: diff.requests.is_some() || diff.ledger.is_some(),
    };
    if diff.json {
        say(&result.as_json().map_err(Failure::environment)?);
    } else {
        say(&result.as_text());
    }
    if result.is_same() {
        Ok(())
    } else {
        Err(Failure::environment(result.summary()))
    }
}

/// What was found.
struct Compared<'c> {
    changes: Vec<Change>,
    comparison: Comparison<'c>,
    /// Whether requests were looked at.
    asked: bool,
}

impl Compared<'_> {
    fn is_same(&self) -> bool {
        let Comparison {
            moved, undecided, ..
        } = &self.comparison;
        self.changes.is_empty() && moved.is_empty() && undecided.is_empty()
    }

    fn summary(&self) -> String {
        let count = |groups: &Groups| groups.values().map(|group| group.count).sum::<u64>();
        let mut parts = Vec::new();
        if self.asked {
            let Comparison {
                read,
                moved,
                undecided,
                ..
            } = &self.comparison;
            parts.push(format!(
                "{} of {read} requests are routed differently",
                count(moved)
            ));
            if !undecided.is_empty() {
                parts.push(format!("{} cannot be decided", count(undecided)));
            }
        }
        parts.push(format!(
            "{} differences between the routes themselves",
            self.changes.len()
        ));
        parts.join(", ")
    }

    fn as_text(&self) -> String {
        let mut parts = Vec::new();
        let Comparison {
            moved, undecided, ..
        } = &self.comparison;
        if !moved.is_empty() {
            parts.push(format!(
                "Requests that take another route:\n{}",
                groups(moved)
            ));
        }
        if !undecided.is_empty() {
            parts.push(format!(
                "Requests of which it cannot be said, since it depends on prompts or headers that the ledger does not keep:\n{}",
                groups(undecided)
            ));
        }
        if !self.changes.is_empty() {
            parts.push(format!("What routes mean:\n{}", self.meanings()));
        }
        if parts.is_empty() {
            parts.push(format!("nothing differs: {}", self.summary()));
        }
        parts.join("\n\n")
    }

    fn meanings(&self) -> Table {
        let mut table = table();
        let mut header = vec!["route", "what", "old", "new"];
        if self.asked {
            header.push("requests that stay");
        }
        table.set_header(header);
        for change in &self.changes {
            let mut cells = vec![
                change.route.clone(),
                change.what.to_owned(),
                change.old.clone(),
                change.new.clone(),
            ];
            if self.asked {
                let kept = self.comparison.kept.get(&change.route);
                cells.push(kept.copied().unwrap_or_default().to_string());
            }
            table.add_row(cells);
        }
        table
    }

    fn as_json(&self) -> serde_json::Result<String> {
        let Comparison {
            read,
            moved,
            kept,
            undecided,
            ..
        } = &self.comparison;
        serde_json::to_string_pretty(&Json {
            same: self.is_same(),
            requests: *read,
            moved: json_groups(moved),
            undecided: json_groups(undecided),
            kept,
            changes: self.changes.iter().map(JsonChange::of).collect(),
        })
    }
}

type Groups = BTreeMap<(String, String), Group>;

fn table() -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn groups(groups: &Groups) -> Table {
    let mut table = table();
    table.set_header(["from", "to", "requests", "for example"]);
    for ((from, to), group) in by_count(groups) {
        let count = group.count.to_string();
        table.add_row([from, to, &count, &group.examples.join(", ")]);
    }
    table
}

/// The largest first.
fn by_count(groups: &Groups) -> Vec<(&(String, String), &Group)> {
    let mut sorted: Vec<_> = groups.iter().collect();
    sorted.sort_by_key(|(_, group)| Reverse(group.count));
    sorted
}

#[derive(Serialize)]
struct Json<'a> {
    same: bool,
    requests: u64,
    moved: Vec<JsonGroup<'a>>,
    undecided: Vec<JsonGroup<'a>>,
    kept: &'a BTreeMap<String, u64>,
    changes: Vec<JsonChange<'a>>,
}

#[derive(Serialize)]
struct JsonGroup<'a> {
    from: &'a str,
    to: &'a str,
    requests: u64,
    examples: &'a [String],
}

#[derive(Serialize)]
struct JsonChange<'a> {
    route: &'a str,
    what: &'a str,
    old: &'a str,
    new: &'a str,
}

fn json_groups(groups: &Groups) -> Vec<JsonGroup<'_>> {
    by_count(groups)
        .into_iter()
        .map(|((from, to), group)| JsonGroup {
            from,
            to,
            requests: group.count,
            examples: &group.examples,
        })
        .collect()
}

impl<'a> JsonChange<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            route: &change.route,
            what: change.what,
            old: &change.old,
            new: &change.new,
        }
    }
}
