//! Charts of braille dots. Lines differ by their pattern, places by their sign: no colour is needed.

use super::{Axis, Chart, Look, Series};

/// Fewest columns that show anything.
const NARROW: usize = 44;
/// Wider terminals get no wider charts.
const WIDE: usize = 90;
/// Lines of the plotting area.
const HEIGHT: usize = 14;
/// Columns left of the plotting area: the texts of the y axis and its line.
const MARGIN: usize = 7;

pub(super) fn draw(chart: &Chart, width: u16) -> String {
    let width = usize::from(width).min(WIDE);
    if width < NARROW {
        return String::new();
    }
    let columns = width - MARGIN - 1;
    let mut canvas = Canvas::new(columns, HEIGHT);
    for series in &chart.series {
        canvas.plot(chart, series);
    }
    let mut lines = vec![chart.title.clone(), format!("{} ↑", chart.y.label)];
    lines.extend(body(&canvas, &chart.y));
    lines.extend(feet(chart, columns));
    lines.extend(legend(chart, width));
    lines.push(String::new());
    let trimmed = lines.iter().map(|line| line.trim_end());
    trimmed.collect::<Vec<_>>().join("\n")
}

/// The plotting area with the texts of the y axis.
fn body(canvas: &Canvas, y: &Axis) -> Vec<String> {
    let mut margins = vec![format!("{:MARGIN$}", "│"); HEIGHT];
    margins.fill(format!("{:>w$}│", "", w = MARGIN - 1));
    for (value, text) in y.ticks() {
        let line = nearest((1.0 - y.place(value)) * real(HEIGHT - 1));
        if let Some(margin) = margins.get_mut(line) {
            *margin = format!("{text:>w$}┤", w = MARGIN - 1);
        }
    }
    let rows = canvas.lines();
    margins
        .iter()
        .zip(rows)
        .map(|(m, row)| m.clone() + &row)
        .collect()
}

/// Counts, the x axis and its texts.
fn feet(chart: &Chart, columns: usize) -> Vec<String> {
    let mut rule: Vec<char> = vec!['─'; columns];
    let mut texts: Vec<char> = vec![' '; columns + 4];
    let mut free = 0;
    for (value, text) in chart.x.ticks() {
        let at = nearest(chart.x.place(value) * real(columns - 1));
        let start = at
            .saturating_sub(text.len() / 2)
            .min(columns.saturating_sub(text.len()));
        if start < free {
            continue;
        }
        free = start + text.len() + 1;
        if let Some(cell) = rule.get_mut(at) {
            *cell = '┬';
        }
        for (cell, letter) in texts.iter_mut().skip(start).zip(text.chars()) {
            *cell = letter;
        }
    }
    let margin = " ".repeat(MARGIN);
    let rule: String = rule.into_iter().collect();
    let texts: String = texts.into_iter().collect();
    let mut lines = vec![
        format!("{:>w$}└{rule}", "", w = MARGIN - 1),
        format!("{margin}{}", texts.trim_end()),
        format!("{margin}{} →", chart.x.label),
    ];
    if let Some(bars) = &chart.bars {
        lines.insert(1, margin + &sparks(&bars.counts, columns));
    }
    lines
}

/// Counts as blocks of up to eight eighths; some is never shown as none.
fn sparks(counts: &[u64], columns: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let block = |column: usize| {
        let count = counts
            .get(column * counts.len() / columns)
            .copied()
            .unwrap_or(0);
        let eighths = (count * 8).div_ceil(most);
        let index = usize::try_from(eighths).unwrap_or(0).checked_sub(1);
        index
            .and_then(|index| BLOCKS.get(index))
            .copied()
            .unwrap_or(' ')
    };
    (0..columns).map(block).collect()
}

fn legend(chart: &Chart, width: usize) -> Vec<String> {
    let entries = chart
        .series
        .iter()
        .filter(|series| !series.points.is_empty())
        .map(|series| format!("{} {}", sample(series.look), series.name));
    let bars = chart.bars.as_ref().map(|bars| format!("▃█▅ {}", bars.name));
    let mut lines: Vec<String> = Vec::new();
    for entry in entries.chain(bars) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + entry.chars().count() + 3 <= width => {
                line.push_str("   ");
                line.push_str(&entry);
            }
            _ => lines.push(entry),
        }
    }
    lines
}

const fn sample(look: Look) -> &'static str {
    match look {
        Look::Line => "⠤⠤⠤",
        Look::Dashed => "⠤ ⠤",
        Look::Dotted => "⠄⠄⠄",
        other => sign(other),
    }
}

const fn sign(look: Look) -> &'static str {
    match look {
        Look::Dots => "●",
        Look::Rings => "○",
        Look::Triangle => "▲",
        Look::Square => "■",
        Look::Star | Look::Line | Look::Dashed | Look::Dotted => "★",
    }
}

/// Cells of two by four dots, with signs over them.
struct Canvas {
    columns: usize,
    rows: usize,
    dots: Vec<u8>,
    signs: Vec<Option<&'static str>>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            dots: vec![0; columns * rows],
            signs: vec![None; columns * rows],
        }
    }

    fn plot(&mut self, chart: &Chart, series: &Series) {
        let places = series
            .points
            .iter()
            .map(|(x, y)| (chart.x.place(*x), 1.0 - chart.y.place(*y)));
        if !series.look.is_line() {
            let (across, down) = (real(self.columns - 1), real(self.rows - 1));
            for (x, y) in places.filter(|(x, y)| inside(*x) && inside(*y)) {
                let cell = nearest(y * down) * self.columns + nearest(x * across);
                if let Some(slot) = self.signs.get_mut(cell) {
                    *slot = Some(sign(series.look));
                }
            }
            return;
        }
        let places: Vec<_> = places.collect();
        let mut travelled = 0;
        for pair in places.windows(2) {
            if let [from, to] = pair {
                self.stroke(*from, *to, series.look, &mut travelled);
            }
        }
    }

    /// A straight line of dots; `travelled` carries the pattern on from one line to the next.
    fn stroke(&mut self, from: (f64, f64), to: (f64, f64), look: Look, travelled: &mut usize) {
        let (across, down) = (real(self.columns * 2 - 1), real(self.rows * 4 - 1));
        let (run, rise) = ((to.0 - from.0) * across, (to.1 - from.1) * down);
        let steps = nearest(run.abs().max(rise.abs())).max(1);
        for step in 0..=steps {
            let share = real(step) / real(steps);
            let x = from.0 + share * (to.0 - from.0);
            let y = from.1 + share * (to.1 - from.1);
            let shown = match look {
                Look::Dashed => (*travelled + step) % 8 < 4,
                Look::Dotted => (*travelled + step).is_multiple_of(4),
                _ => true,
            };
            if shown && inside(x) && inside(y) {
                self.dot(nearest(x * across), nearest(y * down));
            }
        }
        *travelled += steps;
    }

    fn dot(&mut self, x: usize, y: usize) {
        // The bits of a braille cell, column by column.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let bit = BITS.get(x % 2).and_then(|column| column.get(y % 4));
        let cell = self.dots.get_mut(y / 4 * self.columns + x / 2);
        if let (Some(bit), Some(cell)) = (bit, cell) {
            *cell |= bit;
        }
    }

    fn lines(&self) -> Vec<String> {
        let cell = |(dots, sign): (&u8, &Option<&'static str>)| match (sign, dots) {
            (Some(sign), _) => (*sign).to_owned(),
            (None, 0) => " ".to_owned(),
            (None, dots) => char::from_u32(0x2800 + u32::from(*dots))
                .unwrap_or(' ')
                .to_string(),
        };
        let rows = self
            .dots
            .chunks(self.columns)
            .zip(self.signs.chunks(self.columns));
        rows.map(|(dots, signs)| dots.iter().zip(signs).map(cell).collect())
            .collect()
    }
}

fn inside(place: f64) -> bool {
    (-1e-9..=1.0 + 1e-9).contains(&place)
}

/// The nearest whole number; 0 below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and what falls outside the canvas is not drawn"
)]
fn nearest(value: f64) -> usize {
    value.round().max(0.0) as usize
}

#[expect(
    clippy::cast_precision_loss,
    reason = "columns and lines of a terminal"
)]
const fn real(count: usize) -> f64 {
    count as f64
}
