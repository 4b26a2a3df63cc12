//! From exchanges to rows.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;

use super::facts::{Facts, Loaded};
use super::{Query, Report, Row};
use crate::ledger::{Outcome, Source};

/// Adds the exchanges up, by group and in total.
pub(super) fn report(query: &Query, loaded: Loaded) -> Report {
    let mut groups = BTreeMap::<String, Tally>::new();
    let mut total = Tally::default();
    let mut methods = BTreeMap::new();
    for mut exchange in loaded.exchanges {
        if let Some(method) = exchange.method.take().filter(|_| exchange.is_compared()) {
            *methods.entry(method).or_insert(0) += 1;
        }
        total.add(&exchange);
        let group = std::mem::take(&mut exchange.group);
        groups.entry(group).or_default().add(&exchange);
    }
    Report {
        by: query.by,
        from: query.from,
        to: query.to,
        rows: groups
            .into_iter()
            .map(|(group, tally)| tally.finish(group))
            .collect(),
        totals: total.finish("total".to_owned()),
        methods,
        turns: loaded.turns,
    }
}

impl Facts {
    /// It has ended, and some part of it has no known price.
    fn is_unpriced(&self) -> bool {
        match self.outcome {
            Outcome::InFlight => false,
            Outcome::Completed => self.spend.unknown || (self.declared && self.baseline.is_none()),
            Outcome::Failed | Outcome::HungUp => self.spend.unknown,
            // Without a known bound nobody can say how much spend is missing.
            Outcome::Lost => self.spend.unknown || self.reserved.is_none(),
        }
    }

    /// It counts in baseline and saving; see the module [`super`] for the rule.
    fn is_compared(&self) -> bool {
        self.declared && self.outcome != Outcome::InFlight && !self.is_unpriced()
    }
}

/// A row under construction.
#[derive(Default)]
struct Tally {
    row: Row,
    latencies: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, exchange: &Facts) {
        self.count(exchange);
        self.spend(exchange);
        self.row.lessons.add(&exchange.lessons);
        if let Some(reason) = &exchange.reason {
            *self.row.reasons.entry(reason.clone()).or_insert(0) += 1;
        }
        if exchange.outcome == Outcome::Completed {
            self.latencies.extend(exchange.latency);
        }
    }

    fn count(&mut self, exchange: &Facts) {
        let row = &mut self.row;
        row.requests += 1;
        let counter = match (exchange.outcome, exchange.source) {
            (Outcome::Completed, Source::Local) => &mut row.local,
            (Outcome::Completed, Source::Upstream) => &mut row.escalated,
            (Outcome::Completed, Source::Cache) => &mut row.cache,
            (Outcome::Completed, Source::None) | (Outcome::Failed, _) => &mut row.failed,
            (Outcome::HungUp, _) => &mut row.hung_up,
            (Outcome::InFlight, _) => &mut row.in_flight,
            (Outcome::Lost, _) => &mut row.lost,
        };
        *counter += 1;
        row.unpriced += u64::from(exchange.is_unpriced());
        row.uncompared += u64::from(!exchange.is_compared());
    }

    fn spend(&mut self, exchange: &Facts) {
        let row = &mut self.row;
        let spend = &exchange.spend;
        row.cost_local = row.cost_local.saturating_add(spend.local);
        row.cost_upstream = row.cost_upstream.saturating_add(spend.upstream);
        row.cost_audit = row.cost_audit.saturating_add(spend.audit);
        row.cost_learning = row.cost_learning.saturating_add(spend.learning);
        row.cost_discarded = row.cost_discarded.saturating_add(spend.discarded);
        if exchange.is_compared() {
            let baseline = exchange.baseline.unwrap_or_default();
            row.cost_baseline = row.cost_baseline.saturating_add(baseline);
        } else {
            row.cost_uncompared = row.cost_uncompared.saturating_add(spend.total());
        }
        if exchange.outcome == Outcome::Lost {
            let reserved = exchange.reserved.unwrap_or_default();
            row.reserved_lost = row.reserved_lost.saturating_add(reserved);
        }
    }

    fn finish(mut self, group: String) -> Row {
        self.latencies.sort_unstable();
        let mut row = self.row;
        row.group = group;
        let costs = [
            row.cost_local,
            row.cost_upstream,
            row.cost_audit,
            row.cost_learning,
        ];
        row.cost_actual = costs.iter().sum();
        let compared = row.cost_actual.saturating_sub(row.cost_uncompared);
        row.net_saving = row.cost_baseline.saturating_sub(compared);
        row.net_saving_ratio = row.net_saving.share_of(row.cost_baseline);
        row.share_local = Decimal::from(row.local).checked_div(Decimal::from(row.requests));
        row.latency_p50 = nearest_rank(&self.latencies, 50);
        row.latency_p95 = nearest_rank(&self.latencies, 95);
        row
    }
}

/// The smallest value with at least `percent` of all values at or below it.
fn nearest_rank(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let one_to = |last: u64| (1..=last).map(Duration::from_millis).collect::<Vec<_>>();
        for (last, percent, expected) in [
            (1, 50, 1),
            (2, 50, 1),
            (3, 50, 2),
            (20, 95, 19),
            (21, 95, 20),
            (100, 95, 95),
        ] {
            let found = nearest_rank(&one_to(last), percent);
            assert_eq!(
                found,
                Some(Duration::from_millis(expected)),
                "{last} at {percent}"
            );
        }
        assert_eq!(nearest_rank(&[], 50), None);
    }
}
