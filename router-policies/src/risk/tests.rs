mod simulation;

use proptest::prelude::*;

use super::{
    Certified, Proof, RiskTarget, TargetError, binomial_cdf, certify, least_n, thresholds,
    upper_bound,
};
use crate::units::Probability;

pub(super) fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

pub(super) fn target(max_regret: f64, assurance: f64) -> RiskTarget {
    RiskTarget::new(p(max_regret), p(assurance)).unwrap()
}

/// Reference values computed with 60 digits (mpmath), for the nearest doubles to `p`.
#[test]
fn the_binomial_cdf_is_exact() {
    for (k, n, p, expected) in [
        (0, 114, 0.02, 0.099_947_659_582_061_06),
        (0, 1_000_000, 2e-6, 0.135_335_012_565_956),
        (19_900, 1_000_000, 0.02, 0.238_805_898_987_668_37),
        (20_000, 1_000_000, 0.02, 0.501_880_715_877_825_2),
        (19_000, 1_000_000, 0.02, 3.063_253_459_149_914_5e-13),
        (500_000, 1_000_000, 0.5, 0.500_398_942_180_665_9),
        (20_300, 1_000_000, 0.02, 0.983_916_772_771_517_5),
        (3, 500, 0.02, 0.009_812_155_535_351_138),
        (150, 10_000, 0.02, 0.000_114_885_773_341_174_92),
        (999_990, 1_000_000, 0.999_99, 0.542_070_911_076_177_4),
        (5, 40, 0.3, 0.008_618_053_311_374_216),
        (10, 1_000_000, 1e-5, 0.583_039_750_194_028),
        (15, 300, 0.05, 0.568_112_035_927_420_1),
        (450, 1_000, 0.5, 0.000_865_268_042_488_158_9),
    ] {
        let found = binomial_cdf(k, n, p);
        let error = (found - expected).abs() / expected;
        assert!(
            error < 1e-12,
            "P(X ≤ {k} | {n}, {p}) = {found}, should be {expected}: {error:e}"
        );
    }
}

#[test]
fn the_binomial_cdf_knows_its_edges() {
    for (k, n, p, expected) in [
        (0, 0, 0.5, 1.0),
        (3, 3, 0.5, 1.0),
        (9, 3, 0.5, 1.0),
        (0, 3, 0.0, 1.0),
        (2, 3, 1.0, 0.0),
    ] {
        assert!(
            (binomial_cdf(k, n, p) - expected).abs() < f64::EPSILON,
            "{k} {n} {p}"
        );
    }
    assert!(binomial_cdf(1, 3, f64::NAN).is_nan());
    assert!(binomial_cdf(0, u64::MAX, 1e-12) < 1e-300);
}

/// `P(X ≤ k)` for `p = numerator / 16` as a ratio of whole numbers: exact up to the last division.
fn rational(k: u64, n: u64, numerator: u128) -> f64 {
    let mut choose: u128 = 1;
    let mut sum: u128 = 0;
    for i in 0..=k {
        let power = |base: u128, exponent: u64| base.pow(u32::try_from(exponent).unwrap());
        sum += choose * power(numerator, i) * power(16 - numerator, n - i);
        choose = choose * u128::from(n - i) / u128::from(i + 1);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "rounded once, which is what the test allows"
    )]
    let (sum, all) = (sum as f64, 16_f64.powi(i32::try_from(n).unwrap()));
    sum / all
}

#[test]
fn clopper_pearson_bounds() {
    // Zero of n: 1 - delta^(1/n), known in closed form.
    for n in [1_u32, 10, 114, 1000] {
        let exact = 1.0 - 0.1_f64.powf(1.0 / f64::from(n));
        let found = upper_bound(0, u64::from(n), 0.1).get();
        assert!((found - exact).abs() < 1e-12, "{n}: {found} is not {exact}");
    }
    assert_eq!(upper_bound(5, 5, 0.1), Probability::ONE);
    assert_eq!(upper_bound(0, 0, 0.1), Probability::ONE);
}

#[test]
fn the_least_sample_is_exact() {
    assert_eq!(least_n(&target(0.02, 0.9)), 114);
    assert_eq!(least_n(&target(0.01, 0.9)), 230);
    assert_eq!(least_n(&target(0.02, 0.95)), 149);
    assert_eq!(least_n(&target(0.999, 0.5)), 1);
    assert_eq!(least_n(&target(1e-300, 0.9)), u64::MAX);
    for t in [target(0.003, 0.99), target(1e-7, 0.9), target(0.3, 0.75)] {
        let n = least_n(&t);
        assert!(
            t.is_proven_by(0, n) && (n == 1 || !t.is_proven_by(0, n - 1)),
            "{n}"
        );
    }
}

#[test]
fn targets_are_in_range() {
    let new = |regret, assurance| RiskTarget::new(p(regret), p(assurance));
    assert_eq!(new(0.0, 0.9), Err(TargetError::MaxRegret(p(0.0))));
    assert_eq!(new(1.0, 0.9), Err(TargetError::MaxRegret(p(1.0))));
    assert_eq!(new(0.1, 0.49), Err(TargetError::Assurance(p(0.49))));
    assert_eq!(new(0.1, 1.0), Err(TargetError::Assurance(p(1.0))));
    assert!(new(0.1, 0.5).is_ok());
    let read = serde_json::from_str::<RiskTarget>;
    assert_eq!(
        read(r#"{"max_regret": "2 %", "assurance": 0.9}"#).unwrap(),
        target(0.02, 0.9)
    );
    assert!(read(r#"{"max_regret": 0, "assurance": 0.9}"#).is_err());
}

#[test]
fn the_grid_is_increasing_and_open() {
    let grid: Vec<_> = thresholds().collect();
    assert_eq!(grid.len(), 401);
    assert!(grid.is_sorted_by(|a, b| a < b));
    assert!(grid[0] > Probability::ZERO && grid[0] < p(2e-7));
    assert!(grid[400] < Probability::ONE && grid[400] > p(0.9996));
}

#[test]
fn too_few_rows_are_not_enough() {
    let rows = vec![(p(0.01), false); 113];
    assert_eq!(
        certify(&rows, &target(0.02, 0.9)),
        Proof::NotEnough {
            needed: 114,
            have: 113
        }
    );
    assert_eq!(
        certify(&[], &target(0.02, 0.9)),
        Proof::NotEnough {
            needed: 114,
            have: 0
        }
    );
}

#[test]
fn the_least_sample_without_a_loss_is_certified() {
    let rows = vec![(p(0.01), false); 114];
    let Proof::Certified(found) = certify(&rows, &target(0.02, 0.9)) else {
        panic!("not certified")
    };
    assert_eq!((found.n, found.accepted, found.losses), (114, 114, 0));
    assert_eq!(found.threshold, thresholds().last().unwrap());
    assert!(found.bound <= p(0.02) && found.bound > p(0.0199));
}

#[test]
fn the_threshold_stays_below_the_losses() {
    let mut rows = vec![(p(0.01), false); 100];
    rows.extend(vec![(p(0.4), true); 100]);
    let Proof::Certified(found) = certify(&rows, &target(0.02, 0.9)) else {
        panic!("not certified")
    };
    assert_eq!((found.n, found.accepted, found.losses), (200, 100, 0));
    assert!(
        found.threshold < p(0.4) && found.threshold > p(0.37),
        "{}",
        found.threshold
    );
}

#[test]
fn losses_among_the_most_trusted_leave_no_threshold() {
    let mut rows = vec![(p(0.0), true); 20];
    rows.extend(vec![(p(0.5), false); 180]);
    let Proof::NoThreshold {
        n,
        accepted,
        losses,
        bound,
    } = certify(&rows, &target(0.02, 0.9))
    else {
        panic!("certified")
    };
    assert_eq!((n, accepted, losses), (200, 20, 20));
    assert!(bound > p(0.1) && bound < p(0.15));
}

#[test]
fn a_threshold_that_accepts_nothing_is_none() {
    let rows = vec![(Probability::ONE, false); 500];
    assert!(matches!(
        certify(&rows, &target(0.02, 0.9)),
        Proof::NoThreshold { accepted: 0, .. }
    ));
}

fn rows() -> impl Strategy<Value = Vec<(Probability, bool)>> {
    let row = (0.0..=1.0_f64, prop::bool::weighted(0.05));
    prop::collection::vec(row.prop_map(|(value, bad)| (p(value), bad)), 30..300)
}

fn threshold(proof: &Proof) -> Option<Certified> {
    match proof {
        Proof::Certified(certified) => Some(*certified),
        Proof::NotEnough { .. } | Proof::NoThreshold { .. } => None,
    }
}

proptest! {
    #[test]
    fn the_cdf_agrees_with_whole_numbers(n in 1..=28_u64, k in 0..28_u64, numerator in 1..=15_u8) {
        let k = k.min(n);
        let expected = rational(k, n, u128::from(numerator));
        let found = binomial_cdf(k, n, f64::from(numerator) / 16.0);
        prop_assert!((found - expected).abs() <= 1e-12 * expected, "{found} is not {expected}");
    }

    #[test]
    fn the_cdf_rises_with_k_and_falls_with_p(n in 1..5_000_u64, k in 0..5_000_u64, x in 0.0..=1.0_f64, y in 0.0..=1.0_f64) {
        let k = k.min(n);
        let (low, high) = (x.min(y), x.max(y));
        let slack = 1e-11;
        prop_assert!(binomial_cdf(k, n, low) >= binomial_cdf(k, n, high) - slack);
        prop_assert!(binomial_cdf(k + 1, n, x) >= binomial_cdf(k, n, x) - slack);
        prop_assert!((0.0..=1.0).contains(&binomial_cdf(k, n, x)));
    }

    #[test]
    fn the_bound_is_where_the_tail_is_delta(n in 1..5_000_u64, k in 0..5_000_u64, delta in 0.001..0.5_f64) {
        let k = k % n;
        let bound = upper_bound(k, n, delta).get();
        prop_assert!((binomial_cdf(k, n, bound) - delta).abs() < 1e-9);
        prop_assert!(binomial_cdf(k, n, bound) <= delta);
    }

    #[test]
    fn a_certificate_says_what_is_so(rows in rows(), regret in 0.02..0.2_f64) {
        let target = target(regret, 0.9);
        if let Some(found) = threshold(&certify(&rows, &target)) {
            let accepted = || rows.iter().filter(|(p_bad, _)| *p_bad <= found.threshold);
            prop_assert_eq!(u64::try_from(accepted().count()).unwrap(), found.accepted);
            prop_assert_eq!(u64::try_from(accepted().filter(|r| r.1).count()).unwrap(), found.losses);
            prop_assert!(found.bound <= target.max_regret());
            prop_assert!(thresholds().any(|t| t == found.threshold));
            // The next threshold of the grid is not proven: this is the largest.
            if let Some(next) = thresholds().find(|t| *t > found.threshold) {
                let losses = rows.iter().filter(|(p_bad, bad)| *bad && *p_bad <= next).count();
                prop_assert!(!target.is_proven_by(u64::try_from(losses).unwrap(), found.n));
            }
        }
    }

    #[test]
    fn a_loss_never_raises_the_threshold(rows in rows(), index: prop::sample::Index) {
        let target = target(0.05, 0.9);
        let before = threshold(&certify(&rows, &target)).map(|c| c.threshold);
        let mut worse = rows.clone();
        worse[index.index(rows.len())].1 = true;
        prop_assert!(threshold(&certify(&worse, &target)).map(|c| c.threshold) <= before);
    }

    #[test]
    fn a_stricter_target_never_raises_the_threshold(
        rows in rows(), x in 0.02..0.3_f64, y in 0.02..0.3_f64, a in 0.5..0.99_f64, b in 0.5..0.99_f64,
    ) {
        let strict = threshold(&certify(&rows, &target(x.min(y), a.max(b)))).map(|c| c.threshold);
        let loose = threshold(&certify(&rows, &target(x.max(y), a.min(b)))).map(|c| c.threshold);
        prop_assert!(strict <= loose);
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows()) {
        let mut turned = rows.clone();
        turned.reverse();
        prop_assert_eq!(certify(&rows, &target(0.05, 0.9)), certify(&turned, &target(0.05, 0.9)));
    }
}
