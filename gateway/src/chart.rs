//! Charts of shares: drawn once, shown on a terminal and as SVG.
//!
//! A [`Chart`] says what is to be seen; [`terminal`] and [`svg`] say how. Neither needs colour to tell lines apart.

mod scale;
mod svg;
mod terminal;

/// A chart. Both axes show shares, in percent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    /// What it is about.
    pub(crate) title: String,
    /// What is to be seen, in a sentence, for those who do not see it.
    pub(crate) description: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    /// Counts along the bottom.
    pub(crate) bars: Option<Bars>,
}

/// An axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// Some points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) look: Look,
    pub(crate) points: Vec<(f64, f64)>,
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// What the chart is about.
    Line,
    /// What it is compared with.
    Dashed,
    /// A limit or a rule.
    Dotted,
    /// Filled dots.
    Dots,
    /// Hollow dots.
    Rings,
    /// One place to look at.
    Star,
    /// One place at the cheap end.
    Triangle,
    /// One place at the dear end.
    Square,
}

/// Counts of adjacent intervals of equal width that fill the x axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bars {
    pub(crate) name: &'static str,
    pub(crate) counts: Vec<u64>,
}

impl Series {
    pub(crate) fn new(
        name: impl Into<String>,
        look: Look,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        Self {
            name: name.into(),
            look,
            points: points.into_iter().collect(),
        }
    }
}

impl Look {
    /// Whether the points are joined.
    const fn is_line(self) -> bool {
        matches!(self, Self::Line | Self::Dashed | Self::Dotted)
    }
}

impl Chart {
    /// For a terminal of `width` columns; empty where that is too narrow to show anything.
    pub(crate) fn to_text(&self, width: u16) -> String {
        terminal::draw(self, width)
    }

    /// A file of its own, fit for light and dark pages.
    pub(crate) fn to_svg(&self) -> String {
        svg::draw(self)
    }
}

/// At most about 300 of many points, the first and the last among them.
pub(crate) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const MOST: usize = 300;
    let step = points.len().div_ceil(MOST).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points
        .iter()
        .enumerate()
        .filter(|(index, _)| index.is_multiple_of(step) || *index == last);
    kept.map(|(_, point)| *point).collect()
}

#[cfg(test)]
mod tests;
