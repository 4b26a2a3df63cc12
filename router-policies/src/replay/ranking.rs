//! Recorded outcomes in the order of doubt, and everything that follows from the order.

use super::Doubt;
use crate::number::real;
use crate::units::Probability;

/// How one recorded request went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Doubt in the draft.
    pub doubt: Doubt,
    /// Grade of the draft: 1 right, 0 wrong, or between.
    pub local: Probability,
    /// Grade of the upstream's answer.
    pub upstream: Probability,
}

impl Outcome {
    /// Whether the upstream served the request better; accepting the draft is then a loss.
    pub fn is_bad(&self) -> bool {
        self.upstream > self.local
    }
}

/// Outcomes ranked by doubt. Ties are kept together.
///
/// Two walks go through it. *Coverage* starts with the surest draft and accepts more and more; *calls* start with the
/// most doubtful and escalate more and more. A policy of coverage `c` makes `1 - c` of the calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// From the surest to the most doubtful.
    ties: Vec<Tie>,
    total: Sums,
}

/// All outcomes of one doubt.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tie {
    doubt: Doubt,
    sums: Sums,
}

/// Totals over some outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    rows: u64,
    local: f64,
    upstream: f64,
    bad: u64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.local += other.local;
        self.upstream += other.upstream;
        self.bad += other.bad;
    }
}

/// A place on the walk by coverage.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// Share of all rows whose draft is accepted.
    pub coverage: f64,
    /// Share of all rows that are accepted and bad.
    pub regret: f64,
    /// Mean error among the accepted; 0 where there are none.
    pub risk: f64,
    /// Mean grade over all rows, where the rest is answered by the upstream.
    pub accuracy: f64,
}

/// What a threshold does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// Rows whose draft it accepts.
    pub accepted: u64,
    /// Of those, how many the upstream would have served better.
    pub losses: u64,
    /// The shares.
    pub point: Point,
}

impl Ranking {
    /// Ranks outcomes; `None` if there are none.
    pub fn new(outcomes: &[Outcome]) -> Option<Self> {
        let mut sorted = outcomes.to_vec();
        sorted.sort_unstable_by_key(|outcome| outcome.doubt);
        let mut ranking = Self {
            ties: Vec::new(),
            total: Sums::default(),
        };
        for outcome in &sorted {
            let sums = Sums {
                rows: 1,
                local: outcome.local.get(),
                upstream: outcome.upstream.get(),
                bad: u64::from(outcome.is_bad()),
            };
            ranking.total.add(&sums);
            match ranking.ties.last_mut() {
                Some(tie) if tie.doubt == outcome.doubt => tie.sums.add(&sums),
                _ => ranking.ties.push(Tie {
                    doubt: outcome.doubt,
                    sums,
                }),
            }
        }
        (ranking.total.rows > 0).then_some(ranking)
    }

    /// Rows, at least 1.
    pub const fn n(&self) -> u64 {
        self.total.rows
    }

    /// Mean grade of the drafts.
    pub fn local_accuracy(&self) -> f64 {
        self.total.local / real(self.n())
    }

    /// Mean grade of the upstream's answers.
    pub fn upstream_accuracy(&self) -> f64 {
        self.total.upstream / real(self.n())
    }

    /// The probability that a right draft is doubted less than a wrong one, ties counting half (Mann and Whitney).
    /// A draft graded between is partly right and partly wrong. `None` if all are right or all are wrong.
    pub fn auroc(&self) -> Option<f64> {
        let right = self.total.local;
        let wrong = real(self.n()) - right;
        if right <= 0.0 || wrong <= 0.0 {
            return None;
        }
        let (mut before, mut pairs) = (0.0, 0.0);
        for Tie { sums, .. } in &self.ties {
            let misses = real(sums.rows) - sums.local;
            pairs += misses * (before + sums.local / 2.0);
            before += sums.local;
        }
        Some(pairs / (right * wrong))
    }

    /// Area under the risk-coverage curve: the mean error among the `k` surest drafts, over all `k` (Geifman, Uziel and
    /// El-Yaniv 2019, *Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers*, §3). Lower is better.
    pub fn aurc(&self) -> f64 {
        let (mut accepted, mut errors, mut area) = (0_u64, 0.0, 0.0);
        for Tie { sums, .. } in &self.ties {
            let misses = real(sums.rows) - sums.local;
            for taken in 1..=sums.rows {
                let share = real(taken) / real(sums.rows);
                area += (errors + misses * share) / real(accepted + taken);
            }
            accepted += sums.rows;
            errors += misses;
        }
        area / real(self.n())
    }

    /// Average performance gap recovered: the mean, over all shares of calls, of how much of the way from the local
    /// model's accuracy to the upstream's is made (Ong et al. 2024, *RouteLLM*, arXiv:2406.18665, §3.2; the exact area,
    /// not ten points of it). 0.5 is a coin. `None` unless the upstream is the better one.
    pub fn apgr(&self) -> Option<f64> {
        let gap = self.gap()?;
        let mut area = 0.0;
        let mut last = self.calls_start();
        for next in self.calls() {
            area += (next.0 - last.0) * (last.1 + next.1) / 2.0;
            last = next;
        }
        Some((area - self.local_accuracy()) / gap)
    }

    /// Call-performance threshold: the least share of calls that recovers `share` of the gap in accuracy (RouteLLM,
    /// §3.2). `None` unless the upstream is the better one.
    pub fn cpt(&self, share: f64) -> Option<f64> {
        let gap = self.gap()?;
        self.calls_until(self.local_accuracy() + share * gap)
    }

    /// The least share of calls that gives `share` of the upstream's accuracy.
    pub fn calls_for(&self, share: f64) -> Option<f64> {
        self.calls_until(share * self.upstream_accuracy())
    }

    /// What accepting drafts up to `threshold` does.
    pub fn at(&self, threshold: Probability) -> Operation {
        let mut sums = Sums::default();
        for tie in &self.ties {
            if tie.doubt.p_bad() > threshold {
                break;
            }
            sums.add(&tie.sums);
        }
        Operation {
            accepted: sums.rows,
            losses: sums.bad,
            point: self.point(&sums),
        }
    }

    /// The walk by coverage, from nothing accepted to everything, one point per distinct doubt.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        let steps = self.ties.iter().scan(Sums::default(), |sums, tie| {
            sums.add(&tie.sums);
            Some(*sums)
        });
        std::iter::once(Sums::default())
            .chain(steps)
            .map(|sums| self.point(&sums))
    }

    fn point(&self, accepted: &Sums) -> Point {
        let all = real(self.n());
        let rows = real(accepted.rows);
        let errors = rows - accepted.local;
        Point {
            coverage: rows / all,
            regret: real(accepted.bad) / all,
            risk: if accepted.rows > 0 {
                errors / rows
            } else {
                0.0
            },
            accuracy: (accepted.local + self.total.upstream - accepted.upstream) / all,
        }
    }

    /// How much better the upstream is, if it is.
    fn gap(&self) -> Option<f64> {
        let gap = self.upstream_accuracy() - self.local_accuracy();
        (gap > 0.0).then_some(gap)
    }

    fn calls_start(&self) -> (f64, f64) {
        (0.0, self.local_accuracy())
    }

    /// Shares of calls and the accuracy they give, after each tie from the most doubtful on.
    fn calls(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let all = real(self.n());
        let start = (0, self.total.local);
        self.ties
            .iter()
            .rev()
            .scan(start, move |(rows, grade), Tie { sums, .. }| {
                *rows += sums.rows;
                *grade += sums.upstream - sums.local;
                Some((real(*rows) / all, *grade / all))
            })
    }

    /// The least share of calls that gives this accuracy, between two points by a straight line.
    fn calls_until(&self, accuracy: f64) -> Option<f64> {
        // Sums that are equal on paper may differ by rounding.
        let target = accuracy - 1e-12;
        let mut last = self.calls_start();
        if last.1 >= target {
            return Some(0.0);
        }
        for next in self.calls() {
            if next.1 >= target {
                let share = ((accuracy - last.1) / (next.1 - last.1)).min(1.0);
                return Some(last.0 + share * (next.0 - last.0));
            }
            last = next;
        }
        None
    }
}
