//! Charts as SVG: one file without fonts, scripts or links, with its own colours for light and dark pages.

use std::fmt::{self, Write};

use super::{Axis, Chart, Look, Series};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 736.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 372.0;
/// First line of the legend.
const LEGEND: f64 = 438.0;
const LINE: f64 = 22.0;
/// Tallest bar, as a share of the plotting area.
const BAR: f64 = 0.18;
/// About the width of a letter of the legend.
const LETTER: f64 = 7.2;

/// Blue, orange and green of Okabe and Ito's palette, which colour-blind people can tell apart, darkened or lightened
/// to stand out from the page.
const STYLE: &str = "\
.paper{fill:#fff}text{font:13px system-ui,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}\
.grid{stroke:#e3e3e3}.axis{stroke:#888}.bar{fill:#d5dde3}\
.a{stroke:#0072b2;fill:none;stroke-width:2.5}.b{stroke:#b85000;fill:none;stroke-width:2;stroke-dasharray:9 5}\
.c{stroke:#777;fill:none;stroke-width:1.5;stroke-dasharray:2 5;stroke-linecap:round}\
.p{fill:#0072b2}.h{fill:#fff;stroke:#b85000;stroke-width:2}.s{fill:#007a5a}.t{fill:#666}\
@media(prefers-color-scheme:dark){.paper{fill:#16191d}text{fill:#ddd}.grid{stroke:#2d3238}.axis{stroke:#888}\
.bar{fill:#323c45}.a{stroke:#56b4e9}.b{stroke:#e69f00}.c{stroke:#999}.p{fill:#56b4e9}.h{fill:#16191d;stroke:#e69f00}\
.s{fill:#2fc99a}.t{fill:#aaa}}";

pub(super) fn draw(chart: &Chart) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = document(&mut text, chart);
    text
}

fn document(out: &mut String, chart: &Chart) -> fmt::Result {
    let legend = Legend::of(chart);
    let height = LEGEND + LINE * legend.lines;
    let (title, description) = (escaped(&chart.title), escaped(&chart.description));
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{title}</title>
<desc id="desc">{description}</desc>
<style>{STYLE}</style>
<rect class="paper" width="100%" height="100%" rx="6"/>
<text class="title" x="{LEFT}" y="30">{title}</text>"#
    )?;
    bars(out, chart)?;
    axes(out, chart)?;
    for series in &chart.series {
        draw_series(out, chart, series)?;
    }
    legend.draw(out)?;
    out.write_str("</svg>\n")
}

fn across(axis: &Axis, value: f64) -> f64 {
    LEFT + axis.place(value).clamp(0.0, 1.0) * (RIGHT - LEFT)
}

fn up(axis: &Axis, value: f64) -> f64 {
    BOTTOM - axis.place(value).clamp(0.0, 1.0) * (BOTTOM - TOP)
}

fn axes(out: &mut String, chart: &Chart) -> fmt::Result {
    for (value, text) in chart.y.ticks() {
        let y = up(&chart.y, value);
        writeln!(
            out,
            r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{text}</text>"#,
            LEFT - 8.0,
            y + 4.5
        )?;
    }
    for (value, text) in chart.x.ticks() {
        let x = across(&chart.x, value);
        writeln!(
            out,
            r#"<path class="axis" d="M{x:.1} {BOTTOM}v5"/><text x="{x:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
            BOTTOM + 20.0
        )?;
    }
    writeln!(
        out,
        r#"<path class="axis" fill="none" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>
<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>
<text transform="translate(16 {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 42.0,
        escaped(chart.x.label),
        f64::midpoint(TOP, BOTTOM),
        escaped(chart.y.label)
    )
}

fn bars(out: &mut String, chart: &Chart) -> fmt::Result {
    let Some(bars) = &chart.bars else {
        return Ok(());
    };
    let most = bars.counts.iter().copied().max().unwrap_or(0).max(1);
    let width = (RIGHT - LEFT) / real(u64::try_from(bars.counts.len()).unwrap_or(1).max(1));
    let mut x = LEFT;
    for count in &bars.counts {
        let height = real(*count) / real(most) * BAR * (BOTTOM - TOP);
        writeln!(
            out,
            r#"<rect class="bar" x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}"><title>{count} {}</title></rect>"#,
            x + 1.0,
            BOTTOM - height,
            width - 2.0,
            escaped(bars.name)
        )?;
        x += width;
    }
    Ok(())
}

fn draw_series(out: &mut String, chart: &Chart, series: &Series) -> fmt::Result {
    let places = series
        .points
        .iter()
        .map(|(x, y)| (across(&chart.x, *x), up(&chart.y, *y)));
    if series.look.is_line() {
        let mut path = String::new();
        for (index, (x, y)) in places.enumerate() {
            let pen = if index == 0 { 'M' } else { 'L' };
            write!(path, "{pen}{x:.1} {y:.1}")?;
        }
        return writeln!(out, r#"<path class="{}" d="{path}"/>"#, class(series.look));
    }
    for (x, y) in places {
        sign(out, series.look, x, y)?;
    }
    Ok(())
}

const fn class(look: Look) -> &'static str {
    match look {
        Look::Line => "a",
        Look::Dashed => "b",
        Look::Dotted => "c",
        Look::Dots => "p",
        Look::Rings => "h",
        Look::Star => "s",
        Look::Triangle | Look::Square => "t",
    }
}

fn sign(out: &mut String, look: Look, x: f64, y: f64) -> fmt::Result {
    let class = class(look);
    match look {
        Look::Triangle => {
            let (top, left, foot) = (y - 7.0, x - 7.0, y + 6.0);
            writeln!(
                out,
                r#"<path class="{class}" d="M{x:.1} {top:.1}L{left:.1} {foot:.1}h14z"/>"#
            )
        }
        Look::Square => {
            let (left, top) = (x - 6.0, y - 6.0);
            writeln!(
                out,
                r#"<path class="{class}" d="M{left:.1} {top:.1}h12v12h-12z"/>"#
            )
        }
        Look::Star => {
            // Five rays from the top: outer radius 9, inner 4.
            let rays = "l2.4 5.7 6.2.5-4.7 4 1.5 6-5.4-3.2-5.4 3.2 1.5-6-4.7-4 6.2-.5z";
            writeln!(
                out,
                r#"<path class="{class}" d="M{x:.1} {:.1}{rays}"/>"#,
                y - 9.0
            )
        }
        _ => writeln!(
            out,
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="5"/>"#
        ),
    }
}

/// Names of the series with a sample of each, in as many lines as it takes.
struct Legend<'a> {
    entries: Vec<(&'a str, Option<Look>, f64, f64)>,
    lines: f64,
}

impl<'a> Legend<'a> {
    fn of(chart: &'a Chart) -> Self {
        let series = chart
            .series
            .iter()
            .filter(|series| !series.points.is_empty())
            .map(|series| (series.name.as_str(), Some(series.look)));
        let bars = chart.bars.iter().map(|bars| (bars.name, None));
        let (mut entries, mut x, mut line) = (Vec::new(), LEFT, 0.0);
        for (name, look) in series.chain(bars) {
            let letters = u64::try_from(name.chars().count()).unwrap_or(0);
            let width = 56.0 + LETTER * real(letters);
            if x > LEFT && x + width > RIGHT {
                x = LEFT;
                line += 1.0;
            }
            entries.push((name, look, x, LEGEND + LINE * line));
            x += width;
        }
        let lines = line + 1.0;
        Self { entries, lines }
    }

    fn draw(&self, out: &mut String) -> fmt::Result {
        for (name, look, x, y) in &self.entries {
            match look {
                Some(look) if look.is_line() => {
                    writeln!(
                        out,
                        r#"<path class="{}" d="M{x:.1} {y:.1}h26"/>"#,
                        class(*look)
                    )?;
                }
                Some(look) => sign(out, *look, x + 13.0, *y)?,
                None => writeln!(
                    out,
                    r#"<rect class="bar" x="{x:.1}" y="{:.1}" width="26" height="12"/>"#,
                    y - 6.0
                )?,
            }
            writeln!(
                out,
                r#"<text x="{:.1}" y="{:.1}">{}</text>"#,
                x + 34.0,
                y + 4.5,
                escaped(name)
            )?;
        }
        Ok(())
    }
}

/// Text that cannot end or begin a tag.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // XML knows no other control characters.
            letter if letter.is_control() => safe.push('?'),
            letter => safe.push(letter),
        }
    }
    safe
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of rows and letters stay far below 2^53"
)]
const fn real(count: u64) -> f64 {
    count as f64
}
