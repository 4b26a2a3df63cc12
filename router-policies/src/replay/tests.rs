//! Every figure against its definition, computed the slow way.

use proptest::prelude::*;

use super::*;
use crate::number::{count, real};
use crate::units::Probability;

fn outcome((log_odds, local, upstream): (f64, f64, f64)) -> Outcome {
    Outcome {
        doubt: Doubt::from_log_odds(log_odds),
        local: Probability::new(local).unwrap(),
        upstream: Probability::new(upstream).unwrap(),
    }
}

fn ranking(rows: &[(f64, f64, f64)]) -> Ranking {
    let outcomes: Vec<_> = rows.iter().copied().map(outcome).collect();
    Ranking::new(&outcomes).unwrap()
}

fn size(n: usize) -> f64 {
    real(count(n))
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-9
}

/// Four drafts, the surest first; the third is wrong where the upstream is right, the fourth is wrong like it.
const TABLE: [(f64, f64, f64); 4] = [
    (-3.0, 1.0, 1.0),
    (-1.0, 1.0, 0.0),
    (0.0, 0.0, 1.0),
    (2.0, 0.0, 1.0),
];

#[test]
fn a_table_by_hand() {
    let ranking = ranking(&TABLE);
    assert_eq!(ranking.n(), 4);
    assert!(close(ranking.local_accuracy(), 0.5) && close(ranking.upstream_accuracy(), 0.75));
    assert!(close(ranking.auroc().unwrap(), 1.0));
    // Errors among the k surest: 0/1, 0/2, 1/3, 2/4.
    assert!(close(ranking.aurc(), (1.0 / 3.0 + 0.5) / 4.0));
    // Accuracy after 0 to 4 calls: .5 .75 1 .75 .75, so the gap recovered: 0 1 2 1 1.
    assert!(close(
        ranking.apgr().unwrap(),
        (0.5 + 1.5 + 1.5 + 1.0) / 4.0
    ));
    assert!(close(ranking.cpt(0.5).unwrap(), 0.125) && close(ranking.cpt(0.8).unwrap(), 0.2));
    assert!(close(ranking.calls_for(1.0).unwrap(), 0.25));
    assert!(close(ranking.calls_for(0.5).unwrap(), 0.0));
    let operation = ranking.at(Probability::new(0.5).unwrap());
    assert_eq!((operation.accepted, operation.losses), (3, 1));
    assert!(close(operation.point.coverage, 0.75) && close(operation.point.regret, 0.25));
    assert!(close(operation.point.risk, 1.0 / 3.0) && close(operation.point.accuracy, 0.75));
}

#[test]
fn without_order_everything_is_a_coin() {
    let rows: Vec<_> = TABLE.iter().map(|(_, l, u)| (0.0, *l, *u)).collect();
    let ranking = ranking(&rows);
    assert!(close(ranking.auroc().unwrap(), 0.5) && close(ranking.apgr().unwrap(), 0.5));
    assert!(close(ranking.aurc(), 0.5) && close(ranking.cpt(0.8).unwrap(), 0.8));
}

#[test]
fn what_has_no_meaning_has_no_figure() {
    assert_eq!(Ranking::new(&[]), None);
    let all_right = ranking(&[(0.0, 1.0, 1.0), (1.0, 1.0, 0.0)]);
    assert_eq!(all_right.auroc(), None);
    assert_eq!((all_right.apgr(), all_right.cpt(0.5)), (None, None));
    assert!(close(all_right.calls_for(1.0).unwrap(), 0.0));
}

/// Mean grade after the `calls` most doubtful rows went to the upstream, over all orders of ties.
fn accuracy_after(rows: &[(f64, f64, f64)], calls: f64) -> f64 {
    let grade = |&(doubt, local, upstream): &(f64, f64, f64)| {
        let before = size(rows.iter().filter(|r| r.0 > doubt).count());
        let tied = size(rows.iter().filter(|r| close(r.0, doubt)).count());
        let share = ((calls - before) / tied).clamp(0.0, 1.0);
        share * upstream + (1.0 - share) * local
    };
    rows.iter().map(grade).sum::<f64>() / size(rows.len())
}

/// The first number of calls, on straight lines between whole numbers, that reaches an accuracy.
fn first_calls(rows: &[(f64, f64, f64)], target: f64) -> Option<f64> {
    let reach = |k: usize| accuracy_after(rows, size(k));
    if reach(0) >= target - 1e-12 {
        return Some(0.0);
    }
    let k = (1..=rows.len()).find(|k| reach(*k) >= target - 1e-12)?;
    let (low, high) = (reach(k - 1), reach(k));
    Some((size(k - 1) + (target - low) / (high - low)) / size(rows.len()))
}

fn grade() -> impl Strategy<Value = f64> {
    prop_oneof![3 => Just(0.0), 3 => Just(1.0), 1 => (0_u8..=4).prop_map(|q| f64::from(q) / 4.0)]
}

fn rows() -> impl Strategy<Value = Vec<(f64, f64, f64)>> {
    // Few distinct doubts, so that ties are common.
    let doubt = (-6_i8..6).prop_map(f64::from);
    prop::collection::vec((doubt, grade(), grade()), 1..60)
}

proptest! {
    #[test]
    fn auroc_is_the_share_of_ordered_pairs(rows in rows()) {
        let (mut won, mut pairs) = (0.0, 0.0);
        for right in &rows {
            for wrong in &rows {
                let weight = right.1 * (1.0 - wrong.1);
                let win = if right.0 < wrong.0 { 1.0 } else if right.0 > wrong.0 { 0.0 } else { 0.5 };
                won += weight * win;
                pairs += weight;
            }
        }
        // A row that is partly right also pairs with itself, as a tie.
        match ranking(&rows).auroc() {
            Some(found) => prop_assert!(close(found, won / pairs), "{found} {}", won / pairs),
            None => prop_assert!(pairs < 1e-12 || rows.iter().all(|r| r.1 <= 0.0) || rows.iter().all(|r| r.1 >= 1.0)),
        }
    }

    #[test]
    fn aurc_is_the_mean_over_all_coverages(rows in rows()) {
        let n = rows.len();
        let errors = |k: f64| -> f64 {
            // What stays local when all but k are called.
            let kept = |r: &(f64, f64, f64)| {
                let before = size(rows.iter().filter(|o| o.0 < r.0).count());
                let tied = size(rows.iter().filter(|o| close(o.0, r.0)).count());
                ((k - before) / tied).clamp(0.0, 1.0) * (1.0 - r.1)
            };
            rows.iter().map(kept).sum()
        };
        let expected = (1..=n).map(|k| errors(size(k)) / size(k)).sum::<f64>() / size(n);
        prop_assert!(close(ranking(&rows).aurc(), expected));
    }

    #[test]
    fn recovered_gaps_follow_the_curve_of_calls(rows in rows()) {
        let ranking = ranking(&rows);
        let n = size(rows.len());
        let local = rows.iter().map(|r| r.1).sum::<f64>() / n;
        let upstream = rows.iter().map(|r| r.2).sum::<f64>() / n;
        for quality in [0.95, 0.98, 1.0] {
            let expected = first_calls(&rows, quality * upstream);
            prop_assert!(close(ranking.calls_for(quality).unwrap(), expected.unwrap()));
        }
        if upstream - local <= 1e-9 {
            return Ok(());
        }
        let gap = |k: usize| (accuracy_after(&rows, size(k)) - local) / (upstream - local);
        let area: f64 = (1..=rows.len()).map(|k| f64::midpoint(gap(k - 1), gap(k))).sum();
        prop_assert!(close(ranking.apgr().unwrap(), area / n));
        for share in [0.5, 0.8] {
            let expected = first_calls(&rows, local + share * (upstream - local)).unwrap();
            prop_assert!(close(ranking.cpt(share).unwrap(), expected));
        }
    }

    #[test]
    fn a_threshold_counts_what_it_accepts(rows in rows(), cut in -7_i8..7) {
        let ranking = ranking(&rows);
        let threshold = Doubt::from_log_odds(f64::from(cut) + 0.5).p_bad();
        let accepted: Vec<_> = rows.iter().filter(|r| r.0 < f64::from(cut) + 0.5).collect();
        let losses = accepted.iter().filter(|r| r.2 > r.1).count();
        let operation = ranking.at(threshold);
        prop_assert_eq!(operation.accepted, count(accepted.len()));
        prop_assert_eq!(operation.losses, count(losses));
        let on_the_way = ranking.points().any(|point| point == operation.point);
        prop_assert!(on_the_way);
    }

    #[test]
    fn calibration_keeps_the_order(doubts in prop::collection::vec(-20.0..20.0_f64, 20..400)) {
        let rows: Vec<_> = doubts.iter().enumerate()
            .map(|(i, d)| (Doubt::from_log_odds(*d), f64::from(u8::try_from((i * 7919) % 20).unwrap()) < 10.0 + d / 2.0))
            .collect();
        let Some(calibrator) = Calibrator::fit(&rows) else { return Ok(()) };
        for pair in rows.windows(2) {
            let (a, b) = (pair[0].0, pair[1].0);
            prop_assert_eq!(a.cmp(&b), calibrator.apply(a).cmp(&calibrator.apply(b)));
        }
    }
}
