//! Random ledgers, added up in two ways.

use proptest::prelude::*;

use super::*;

/// One exchange of a random ledger.
#[derive(Clone, Debug)]
struct Case {
    route: u8,
    day: u8,
    end: u8,
    declared: bool,
    attempts: Vec<(u8, u8, u32, u32, bool, bool)>,
}

fn case() -> impl Strategy<Value = Case> {
    let attempt = (
        0_u8..3,
        0_u8..5,
        0_u32..2_000_000,
        0_u32..50_000,
        any::<bool>(),
        any::<bool>(),
    );
    let attempts = prop::collection::vec(attempt, 0..4);
    (0_u8..3, 0_u8..3, 0_u8..6, any::<bool>(), attempts).prop_map(
        |(route, day, end, declared, attempts)| Case {
            route,
            day,
            end,
            declared,
            attempts,
        },
    )
}

impl Case {
    fn opening(&self) -> Opening {
        let mut opening = opening(&format!("route-{}", self.route));
        opening.started_at = format!("2026-03-0{}T23:59:59.9Z", self.day + 1)
            .parse()
            .unwrap();
        opening.baseline = opening.baseline.filter(|_| self.declared);
        opening
    }

    fn attempts(&self) -> impl Iterator<Item = Attempt> {
        self.attempts
            .iter()
            .map(|&(engine, outcome, input, output, priced, complete)| {
                let outcome = [
                    AttemptOutcome::Accepted,
                    AttemptOutcome::Discarded,
                    AttemptOutcome::Failed,
                    AttemptOutcome::Answered,
                    AttemptOutcome::Cancelled,
                ][usize::from(outcome)];
                let mut attempt = match engine {
                    0 => local(outcome),
                    1 => upstream(Engine::Upstream, outcome),
                    _ => upstream(Engine::Audit, outcome),
                };
                attempt.usage.input = input.into();
                attempt.usage.output = output.into();
                attempt.usage_complete = complete;
                attempt.busy = Duration::from_micros((input + output).into());
                attempt.cost = attempt.pricing.cost(&attempt.usage, attempt.busy);
                if !priced {
                    attempt.cost = Price::Unpriced;
                }
                attempt
            })
    }

    fn settlement(&self) -> Option<Settlement> {
        match self.end {
            0 => Some(Settlement::completed(Source::Local, 200)),
            1 => Some(Settlement::completed(Source::Upstream, 200)),
            2 => Some(Settlement::completed(Source::Cache, 200)),
            3 => Some(Settlement::failed(502, "upstream_error")),
            4 => Some(Settlement::hung_up(Source::Upstream)),
            _ => None,
        }
    }
}

/// Writes the ledger: all open first, then each ends in the given order.
async fn write(ledger: &Ledger, cases: &[Case], order: &[usize]) {
    let mut accounts: Vec<Option<_>> = Vec::new();
    for case in cases {
        accounts.push(Some(ledger.open_exchange(case.opening()).await));
    }
    for &index in order {
        let Some(account) = accounts[index].take() else {
            continue;
        };
        let case = &cases[index];
        for attempt in case.attempts() {
            account.attempt(attempt).await;
        }
        match case.settlement() {
            Some(settlement) => drop(account.settle(settlement).await),
            // Kept open until the report is read.
            None => std::mem::forget(account),
        }
    }
}

fn check(report: &Report, expected: Usd) {
    let all = std::iter::once(&report.totals).chain(&report.rows);
    for row in all {
        let ends = [
            row.local,
            row.escalated,
            row.cache,
            row.failed,
            row.hung_up,
            row.lost,
            row.in_flight,
        ];
        assert_eq!(ends.iter().sum::<u64>(), row.requests);
        let parts: Usd = [
            row.cost_local,
            row.cost_upstream,
            row.cost_audit,
            row.cost_learning,
        ]
        .iter()
        .sum();
        assert_eq!(parts, row.cost_actual);
        let compared = row.cost_actual.checked_sub(row.cost_uncompared).unwrap();
        assert_eq!(
            row.cost_baseline.checked_sub(compared).unwrap(),
            row.net_saving
        );
        assert!(row.unpriced <= row.uncompared && row.cost_discarded <= row.cost_actual);
    }
    assert_eq!(report.totals.cost_actual, expected);
    let sum = |part: fn(&Row) -> Usd| report.rows.iter().map(part).sum::<Usd>();
    assert_eq!(sum(|row| row.cost_actual), expected);
    assert_eq!(sum(|row| row.cost_baseline), report.totals.cost_baseline);
    assert_eq!(sum(|row| row.net_saving), report.totals.net_saving);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_report_is_the_sum_of_the_attempts_in_any_order(
        cases in prop::collection::vec(case(), 0..25),
        seed in any::<prop::sample::Index>(),
    ) {
        let expected: Usd =
            cases.iter().flat_map(Case::attempts).filter_map(|attempt| attempt.cost.exact()).sum();
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if !order.is_empty() {
            order.rotate_left(seed.index(cases.len()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reports = runtime.block_on(async {
            let mut reports = Vec::new();
            for order in [order.clone(), order.into_iter().rev().collect()] {
                let ledger = Ledger::in_memory().unwrap();
                write(&ledger, &cases, &order).await;
                for by in [GroupBy::Route, GroupBy::Day, GroupBy::Model, GroupBy::Key] {
                    let query = Query { by, ..Query::default() };
                    reports.push(Report::from_ledger(&ledger, query).await.unwrap());
                }
                ledger.close().await.unwrap();
            }
            reports
        });
        for report in &reports {
            check(report, expected);
            prop_assert_eq!(money(&report.totals), money(&reports[0].totals));
        }
    }
}

fn money(row: &Row) -> [Usd; 5] {
    [
        row.cost_actual,
        row.cost_baseline,
        row.net_saving,
        row.cost_uncompared,
        row.cost_discarded,
    ]
}
