use super::*;
use crate::live::audit::LabelSampling;
use crate::random::Random;
use crate::risk::RiskTarget;
use crate::units::Probability;

fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn settings() -> LiveSettings {
    LiveSettings::new(RiskTarget::new(p(0.02), p(0.9)).unwrap())
}

/// Requests until the sums alarm, with the rate known from a reference of 500.
fn run_length(rate: f64, later: f64, seed: u64, most: u32) -> Option<u32> {
    let mut random = Random::seeded(seed);
    let hits = (0..500).filter(|_| random.chance(rate)).count();
    let mut cusum = Cusum::new(real(count(hits)) / 500.0, 500);
    (1..=most).find(|_| cusum.observe(random.chance(later)).is_some())
}

#[test]
fn the_rate_of_escalations_rarely_alarms_by_itself() {
    for rate in [0.0, 0.02, 0.3, 0.5, 0.9, 1.0] {
        let alarms = (0..40).filter(|seed| run_length(rate, rate, *seed, 10_000).is_some());
        let alarms = alarms.count();
        assert_eq!(alarms, 0, "{alarms} in 400,000 requests at {rate}");
    }
}

#[test]
fn a_changed_rate_alarms_in_hundreds_of_requests() {
    for (rate, later, most) in [
        (0.3, 0.6, 250),
        (0.3, 0.9, 90),
        (0.6, 0.3, 250),
        (0.02, 0.5, 60),
    ] {
        let mut lengths: Vec<u32> = (0..50)
            .map(|seed| run_length(rate, later, seed, 10_000).unwrap())
            .collect();
        lengths.sort_unstable();
        assert!(lengths[25] <= most, "{rate} to {later}: {}", lengths[25]);
    }
}

/// Values until the alarm.
fn shift_after(
    before: impl Fn(&mut Random) -> f64,
    after: impl Fn(&mut Random) -> f64,
    most: u32,
) -> Option<u32> {
    let mut random = Random::seeded(12);
    let mut shift = Shift::new();
    for _ in 0..1_000 {
        assert_eq!(shift.observe(before(&mut random), None), None);
    }
    (1..=most).find(|_| shift.observe(after(&mut random), None).is_some())
}

#[test]
fn a_shifted_signal_alarms_at_the_end_of_a_window() {
    let normal = Random::normal;
    assert_eq!(shift_after(normal, |r| r.normal() + 0.7, 2_000), Some(500));
    assert_eq!(shift_after(normal, |r| 2.5 * r.normal(), 2_000), Some(500));
    assert_eq!(shift_after(normal, normal, 100_000), None);
}

#[test]
fn what_is_escalated_anyway_is_not_told_apart() {
    let stopped = |x: f64| if x > 0.6 { 1.0 } else { x };
    for (alike, alarmed) in [(None, true), (Some(0.6), false)] {
        let mut random = Random::seeded(13);
        let mut shift = Shift::new();
        for _ in 0..500 {
            shift.observe(random.uniform(), alike);
        }
        let found = (0..2_000).find_map(|_| shift.observe(stopped(random.uniform()), alike));
        assert_eq!(found.is_some(), alarmed, "{found:?}");
    }
}

#[test]
fn a_signal_that_never_changed_alarms_in_both_directions() {
    for value in [2.0, 4.0] {
        assert_eq!(shift_after(|_| 3.0, |_| value, 2_000), Some(500));
    }
    assert_eq!(shift_after(|_| 3.0, |_| 3.0, 2_000), None);
    let whole = |r: &mut Random| (r.uniform() * 3.0).floor();
    assert_eq!(shift_after(whole, whole, 50_000), None);
}

/// Audits until the alarm, after `quiet` requests with a regret of 1 %; all traffic accepted, 5 % audited.
fn audits_to_alarm(quiet: u32, regret: f64, seed: u64, most: u32) -> Option<u64> {
    let mut random = Random::seeded(seed);
    let mut watch = LossWatch::new(&settings());
    let sampling = LabelSampling {
        accept: true,
        propensity: p(0.05),
        least: p(0.05),
        episode: 0,
    };
    for request in 0..quiet + most {
        let regret = if request < quiet { 0.01 } else { regret };
        let label = if random.chance(0.05) {
            Label::of(random.chance(regret))
        } else {
            Label::NotDrawn
        };
        let before = watch.audits;
        if watch.observe(&sampling, label).is_some() {
            return Some(before);
        }
    }
    None
}

#[test]
fn audits_at_the_target_rarely_alarm() {
    let alarms = (0..300).filter(|seed| audits_to_alarm(0, 0.02, *seed, 20_000).is_some());
    // The promise is 1 % over the whole life; three standard errors of 300 streams on top.
    let alarms = alarms.count();
    assert!(alarms <= 8, "{alarms} of 300");
}

#[test]
fn audits_above_the_target_alarm_even_after_a_long_quiet_time() {
    let median = |quiet, regret| {
        let mut found: Vec<u64> = (0..21)
            .map(|seed| audits_to_alarm(quiet, regret, seed, 100_000).unwrap())
            .collect();
        found.sort_unstable();
        found[10]
    };
    assert!(median(0, 0.1) < 120);
    let late = median(40_000, 0.1) - 2_000;
    assert!(late < 200, "{late}");
}
