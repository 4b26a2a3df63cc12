//! What the tests found: `support/*.json`, a file for each adapter, and the table of them in `FAMILIES.md`.
//!
//! Each adapter's test holds its own file against what it sees; a quick one holds the table against the files.
//! With `UPDATE_FAMILIES=1` they are written instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::family::{Family, here};

/// What became of a family in one form of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cell {
    /// The same tokens; probabilities off by at most so many nats.
    Golden {
        /// What the test allows.
        within: f32,
        /// What it saw when the file was written; rounding differs from machine to machine.
        reached: f32,
        /// Tokens of context, where that is less than the model's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<u32>,
    },
    /// Loading said this.
    Refused(String),
}

/// By family, then by form of weights.
type Cells = BTreeMap<String, BTreeMap<String, Cell>>;

/// What one adapter makes of everything.
#[derive(Debug)]
pub(crate) struct Column {
    adapter: String,
    cells: Cells,
}

fn updating() -> bool {
    std::env::var_os("UPDATE_FAMILIES").is_some()
}

fn file(adapter: &str) -> PathBuf {
    here().join("support").join(format!("{adapter}.json"))
}

impl Column {
    pub(crate) fn new(adapter: &str) -> Self {
        Self {
            adapter: adapter.to_owned(),
            cells: Cells::new(),
        }
    }

    pub(crate) fn set(&mut self, family: &str, form: &str, cell: Cell) {
        let row = self.cells.entry(family.to_owned()).or_default();
        row.insert(form.to_owned(), cell);
    }

    /// Panics where the committed file says anything else.
    pub(crate) fn assert_committed(&self) {
        let path = file(&self.adapter);
        if updating() {
            let text = serde_json::to_string_pretty(&self.cells).unwrap();
            fs::write(&path, text + "\n").unwrap();
        }
        let committed = read(&path);
        assert_eq!(essence(&committed), essence(&self.cells), "{path:?}");
    }
}

fn read(path: &Path) -> Cells {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// Everything that is the same on every machine.
fn essence(cells: &Cells) -> Cells {
    let mut cells = cells.clone();
    for cell in cells.values_mut().flat_map(BTreeMap::values_mut) {
        if let Cell::Golden { reached, .. } = cell {
            *reached = 0.0;
        }
    }
    cells
}

/// What the tests found of an adapter; `None` where they did not look.
pub(crate) fn found(adapter: &str, family: &str, form: &str) -> Option<Cell> {
    read(&file(adapter)).get(family)?.get(form).cloned()
}

/// Panics where `FAMILIES.md` does not follow from the columns.
pub(crate) fn assert_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("FAMILIES.md");
    let text = table();
    if updating() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, text, "run this test with UPDATE_FAMILIES=1");
}

const INTRODUCTION: &str = "# Families of models

Written by tests; do not edit. Each cell is a test that loaded a tiny model of the true architecture, with the
configuration as transformers writes it, through the same code as a real one. A number says that three greedy answers
had the tokens that transformers computes in F32, and how far a probability (ln p of a token, in nats) was off at most,
of how much the test allows. The longest prompt is longer than the sliding windows and than the length that scaled
rotary embeddings begin at; where a cell says \"to N tokens\", longer ones are refused. Quantized answers are compared as
far as rounding cannot have changed the choice.
Large models have not been run for this table.

";

fn table() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut notes = Vec::new();
    for (adapter, cells) in columns() {
        let forms: BTreeSet<_> = cells.values().flat_map(BTreeMap::keys).collect();
        writeln!(text, "## {adapter}\n").unwrap();
        let names: Vec<_> = forms.iter().map(|form| form.as_str()).collect();
        writeln!(text, "| family | class | {} |", names.join(" | ")).unwrap();
        writeln!(text, "|---|---|{}", "---|".repeat(forms.len())).unwrap();
        for family in Family::all() {
            let row = cells.get(&family.name);
            let said: Vec<_> = forms
                .iter()
                .map(|form| say(row.and_then(|row| row.get(*form)), &mut notes))
                .collect();
            let (name, class) = (&family.name, family.class());
            writeln!(text, "| {name} | {class} | {} |", said.join(" | ")).unwrap();
        }
        text.push('\n');
    }
    if !notes.is_empty() {
        text.push_str("## Refusals\n\n");
    }
    for (number, note) in (1..).zip(&notes) {
        writeln!(text, "{number}. {note}").unwrap();
    }
    text
}

fn columns() -> Vec<(String, Cells)> {
    let files = fs::read_dir(here().join("support")).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let named = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, read(path))
    };
    paths.iter().map(named).collect()
}

fn say(cell: Option<&Cell>, notes: &mut Vec<String>) -> String {
    match cell {
        None => "not tested".to_owned(),
        Some(Cell::Golden {
            within,
            reached,
            only,
        }) => {
            let limit = only.map(|tokens| format!(", to {tokens} tokens"));
            format!("{reached:.0e} of {within}{}", limit.unwrap_or_default())
        }
        Some(Cell::Refused(text)) => {
            let known = notes.iter().position(|note| note == text);
            let place = known.unwrap_or_else(|| {
                notes.push(text.clone());
                notes.len() - 1
            });
            format!("refused ({})", place + 1)
        }
    }
}
