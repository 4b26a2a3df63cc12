//! Where values fall on an axis, and which of them are written beside it.

use super::Axis;

impl Axis {
    /// An axis that shows `from` to `to` and ends on round values.
    pub(crate) fn around(label: &'static str, from: f64, to: f64) -> Self {
        let step = step(to - from);
        Self {
            label,
            from: (from / step + 1e-9).floor() * step,
            to: (to / step - 1e-9).ceil().max((from / step).floor() + 1.0) * step,
        }
    }

    /// Where a value falls, 0 at the start and 1 at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// Round values on the axis with their texts.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let step = step(self.to - self.from);
        let decimals = if step < 0.000_999 {
            2
        } else {
            usize::from(step < 0.009_99)
        };
        let mut ticks = Vec::new();
        let mut value = (self.from / step - 1e-9).ceil() * step;
        while value <= self.to + step * 1e-6 && ticks.len() < 20 {
            ticks.push((value, format!("{:.decimals$}%", (value * 100.0).abs())));
            value += step;
        }
        ticks
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that divides a length into at most six.
fn step(length: f64) -> f64 {
    let least = (length / 6.0).max(1e-4);
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}
