//! A replay for people.

use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};

use super::{Figures, Part, Replay};

/// Columns of a terminal that we do not know.
const USUAL_WIDTH: u16 = 100;
/// From here on there is room for all columns.
const ROOMY: u16 = 118;

/// Two tables, the charts of all routes together, and what the figures leave out.
pub(super) fn render(replay: &Replay, width: Option<u16>) -> String {
    let width = width.unwrap_or(USUAL_WIDTH);
    let target = &replay.target;
    let mut parts: Vec<&Part> = replay.routes.iter().collect();
    if parts.len() > 1 {
        parts.push(&replay.pooled);
    }
    let mut lines = vec!["What the confidence is worth, on the test rows".to_owned()];
    lines.extend(table(&WORTH, &parts, width));
    lines.push(String::new());
    lines.push(format!(
        "What the policy would have done: at most {} of all traffic regretted, with {} assurance",
        target.max_regret(),
        target.assurance()
    ));
    lines.extend(table(&DONE, &parts, width));
    lines.push(String::new());
    for (_, chart) in replay.pooled.pictures.iter() {
        lines.push(chart.to_text(width));
    }
    let notes = replay.notes.iter();
    lines.extend(notes.flat_map(|note| wrapped(note, width.into())));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// A column: its name, how its figure is written, and whether narrow terminals go without it.
struct Column {
    name: &'static str,
    text: fn(&Figures) -> String,
    rare: bool,
}

const fn column(name: &'static str, text: fn(&Figures) -> String) -> Column {
    Column {
        name,
        text,
        rare: false,
    }
}

const fn rare(name: &'static str, text: fn(&Figures) -> String) -> Column {
    Column {
        name,
        text,
        rare: true,
    }
}

const WORTH: [Column; 13] = [
    column("rows", |f| f.n.to_string()),
    column("local", |f| percent(f.local_accuracy)),
    column("upstream", |f| percent(f.upstream_accuracy)),
    column("AUROC", |f| number(f.auroc)),
    rare("AURC", |f| number(f.aurc)),
    column("APGR", |f| number(f.apgr)),
    column("CPT50", |f| percent(f.cpt50)),
    rare("CPT80", |f| percent(f.cpt80)),
    rare("95%", |f| percent(f.calls_for_95_percent_quality)),
    column("98%", |f| percent(f.calls_for_98_percent_quality)),
    rare("100%", |f| percent(f.calls_for_100_percent_quality)),
    column("ECE", |f| number(f.ece_raw)),
    column("calib.", |f| number(f.ece_calibrated)),
];

const DONE: [Column; 7] = [
    column("proven on", |f| f.n_calibration.to_string()),
    column("p_bad up to", |f| {
        f.threshold
            .map_or_else(dash, |threshold| format!("{threshold:.4}"))
    }),
    column("local", |f| percent(Some(f.coverage))),
    column("regret", |f| fine(Some(f.regret_realised))),
    column("bound", |f| fine(f.regret_bound)),
    column("quality", |f| percent(f.quality_kept)),
    column("cost", |f| percent(f.cost_ratio)),
];

fn table(columns: &[Column], parts: &[&Part], width: u16) -> Vec<String> {
    let shown: Vec<&Column> = columns
        .iter()
        .filter(|column| width >= ROOMY || !column.rare)
        .collect();
    let names = shown.iter().map(|column| column.name);
    let header: Vec<&str> = std::iter::once("route").chain(names).collect();
    let rows = parts.iter().map(|part| {
        let figures = shown.iter().map(|column| (column.text)(&part.figures));
        std::iter::once(part.name.clone()).chain(figures).collect()
    });
    plain_table(&header, rows)
}

/// Lines of a table: names to the left, figures to the right.
pub(super) fn plain_table(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Vec<String> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_header(cells(header.iter().map(|name| (*name).to_owned())));
    for row in rows {
        table.add_row(cells(row));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn cells(texts: impl IntoIterator<Item = String>) -> Vec<Cell> {
    let aligned = |(index, text): (usize, String)| {
        let side = if index == 0 {
            CellAlignment::Left
        } else {
            CellAlignment::Right
        };
        Cell::new(printable(&text)).set_alignment(side)
    };
    texts.into_iter().enumerate().map(aligned).collect()
}

/// Names come from files: no control characters on the terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// The words of a note in lines of at most `width` columns, the first after a dash.
pub(super) fn wrapped(note: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = "-".to_owned();
    for word in printable(note).split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn dash() -> String {
    "–".to_owned()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| format!("{value:.3}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(dash, |share| format!("{:.1}%", share * 100.0))
}

fn fine(share: Option<f64>) -> String {
    share.map_or_else(dash, |share| format!("{:.2}%", share * 100.0))
}
