//! A score from whatever numbers a recording has, where it has no confidence.

use super::Doubt;
use crate::number::{count, real};
use crate::scorer::ScorerError;
use crate::scorer::logistic::{self, Prior};

/// Ridge logistic regression on standardised numbers: the log-odds that the upstream would have served a request better.
///
/// Unlike [`Scorer`](crate::Scorer), which knows the gateway's own features, it takes any numbers, of which it knows
/// nothing but their order in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedScorer {
    intercept: f64,
    /// Mean, spread and weight of each number.
    terms: Vec<(f64, f64, f64)>,
}

/// One row to fit: the numbers, and whether the draft was bad.
pub type NamedFit<'a> = (&'a [f64], bool);

/// Inputs of the regression, the constant included. Rows with fewer numbers are filled up with zeros, whose weights the
/// ridge keeps at zero.
const INPUTS: usize = NamedScorer::MOST + 1;
/// Fewest rows of each kind to learn from.
const LEAST_OF_EACH: u64 = 5;
/// Standardised numbers are cut off here.
const CUT: f64 = 10.0;

impl NamedScorer {
    /// Most numbers a row may have.
    pub const MOST: usize = 32;

    /// Fits the rows, all with the same numbers in the same order. Numbers beyond [`Self::MOST`] are not looked at.
    ///
    /// # Errors
    /// [`ScorerError::TooFewLabels`] below 5 rows of either kind; [`ScorerError::NoOptimum`] on absurd numbers.
    pub fn fit(rows: &[NamedFit<'_>]) -> Result<Self, ScorerError> {
        let bad = count(rows.iter().filter(|(_, bad)| *bad).count());
        let good = count(rows.len()) - bad;
        if bad.min(good) < LEAST_OF_EACH {
            let least = LEAST_OF_EACH;
            return Err(ScorerError::TooFewLabels { bad, good, least });
        }
        let width = rows.first().map_or(0, |(numbers, _)| numbers.len());
        let spread = (0..width.min(Self::MOST)).map(|column| {
            let (centre, scale) = spread(rows, column);
            (centre, scale, 0.0)
        });
        let mut scorer = Self {
            intercept: 0.0,
            terms: spread.collect(),
        };
        let inputs: Vec<([f64; INPUTS], f64)> = rows
            .iter()
            .map(|(numbers, bad)| (scorer.inputs(numbers), if *bad { 1.0 } else { 0.0 }))
            .collect();
        let penalty = std::array::from_fn(|i| if i == 0 { 0.0 } else { 1.0 });
        let [intercept, weights @ ..] =
            logistic::minimise(&inputs, &Prior::ridge(penalty)).ok_or(ScorerError::NoOptimum)?;
        scorer.intercept = intercept;
        for (term, weight) in scorer.terms.iter_mut().zip(weights) {
            term.2 = weight;
        }
        Ok(scorer)
    }

    /// Doubt in a draft with these numbers.
    pub fn doubt(&self, numbers: &[f64]) -> Doubt {
        let terms = self.terms.iter().zip(numbers);
        let log_odds = terms.fold(self.intercept, |sum, ((centre, scale, weight), number)| {
            sum + weight * standard(*number, *centre, *scale)
        });
        Doubt::from_log_odds(log_odds)
    }

    /// A constant 1, the standardised numbers, zeros.
    fn inputs(&self, numbers: &[f64]) -> [f64; INPUTS] {
        let mut inputs = [0.0; INPUTS];
        let [constant, rest @ ..] = &mut inputs;
        *constant = 1.0;
        for (slot, ((centre, scale, _), number)) in
            rest.iter_mut().zip(self.terms.iter().zip(numbers))
        {
            *slot = standard(*number, *centre, *scale);
        }
        inputs
    }
}

fn standard(number: f64, centre: f64, scale: f64) -> f64 {
    ((number - centre) / scale).clamp(-CUT, CUT)
}

/// Mean and standard deviation of a column; 1 in place of a deviation that is nothing but rounding.
fn spread(rows: &[NamedFit<'_>], column: usize) -> (f64, f64) {
    let size = real(count(rows.len()));
    let values = || {
        rows.iter()
            .filter_map(move |(numbers, _)| numbers.get(column).copied())
    };
    let centre = values().sum::<f64>() / size;
    let variance = values().map(|v| (v - centre).powi(2)).sum::<f64>() / size;
    let scale = variance.sqrt();
    let varies = scale > 1e-9 * (1.0 + centre.abs());
    (centre, if varies { scale } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_which_way_a_number_points() {
        let rows: Vec<([f64; 2], bool)> = (0..100_u32)
            .map(|i| ([f64::from(i), 7.0], i % 10 < i / 10))
            .collect();
        let fits: Vec<NamedFit<'_>> = rows.iter().map(|(x, bad)| (x.as_slice(), *bad)).collect();
        let scorer = NamedScorer::fit(&fits).unwrap();
        assert!(scorer.doubt(&[10.0, 7.0]) < scorer.doubt(&[90.0, 7.0]));
        let share = scorer.doubt(&[50.0, 7.0]).p_bad().get();
        assert!((0.35..0.6).contains(&share), "{share}");
    }

    #[test]
    fn one_kind_of_rows_teaches_nothing() {
        let error = NamedScorer::fit(&[(&[1.0], true), (&[2.0], false)]).unwrap_err();
        assert!(matches!(error, ScorerError::TooFewLabels { bad: 1, .. }));
    }
}
