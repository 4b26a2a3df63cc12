use super::*;
use crate::certificate::tests::fingerprint;
use crate::checkpoint::tests::{p, target, traffic};
use crate::checkpoint::{StopTally, Traced};
use crate::number::{count, real};
use crate::policy::Trust;
use crate::random::Random;
use crate::verdict::Judge;

const THRESHOLD: f64 = 0.3;

/// Fewest accepted drafts that prove 2 % at 90 %, four times.
const NEEDED: u64 = 4 * 114;

fn promise() -> StopPromise {
    StopPromise::usual(&target(0.05))
}

fn course(row: &Traced) -> Course {
    Course {
        prefixes: row.prefixes.clone(),
        busy: row.busy,
    }
}

/// Shows a draft that the plain scorer judges.
fn show(training: &mut Training, row: &Traced, threshold: Option<f64>) -> Option<Heads> {
    let course = course(row);
    let scorer = Scorer::from_probability();
    let draft = Judged {
        p_bad: p_bad(row),
        features: &row.labelled.features,
        course: &course,
    };
    training.observe(&draft, &scorer, threshold.map(p), &promise())
}

fn p_bad(row: &Traced) -> Probability {
    if row.labelled.valid {
        Scorer::from_probability().p_bad(&row.labelled.features)
    } else {
        Probability::ONE
    }
}

/// Heads fitted to 600 drafts, of which nothing is proven yet.
fn fitted(seed: u64) -> Training {
    let mut training = Training::new();
    for row in traffic(seed, KEPT) {
        assert_eq!(show(&mut training, &row, None), None);
    }
    let last = traffic(seed + 1, 1);
    assert_eq!(show(&mut training, &last[0], Some(THRESHOLD)), None);
    assert!(matches!(training, Training::Proving(_)));
    training
}

/// Shows drafts until something is proven or given up.
fn proven(training: &mut Training, rows: impl Iterator<Item = Traced>) -> (u64, Option<Heads>) {
    let mut accepted = 0;
    for row in rows {
        accepted += u64::from(p_bad(&row) <= p(THRESHOLD));
        let heads = show(training, &row, Some(THRESHOLD));
        if heads.is_some() || !training.is_open() {
            return (accepted, heads);
        }
    }
    (accepted, None)
}

#[test]
fn heads_are_proven_on_accepted_drafts_that_come_after_the_threshold() {
    let mut training = fitted(1);
    let (accepted, heads) = proven(&mut training, traffic(9, 4000).into_iter());
    let heads = heads.unwrap();
    assert_eq!((accepted, heads.accepted), (NEEDED, NEEDED));
    assert!(heads.are_proven() && heads.bound <= p(0.02), "{heads:?}");
    assert_eq!(heads.threshold, p(THRESHOLD));
    assert_eq!(training, Training::Settled, "one proof a certificate");

    // They save on drafts that they have not seen. The certain stops of the plain scorer are not theirs.
    let fresh: Vec<Trace> = traffic(10, 4000)
        .iter()
        .map(|row| row.judged(p_bad(row), p(THRESHOLD)))
        .collect();
    let serving = |heads| Judge::serving(Scorer::from_probability(), Some(p(THRESHOLD)), heads);
    let without = StopTally::of(&serving(None), &fresh);
    let with = StopTally::of(&serving(Some(&heads)), &fresh);
    assert!(
        with.saved_share() > without.saved_share() + 0.05,
        "{with:?}"
    );
    assert!(
        with.wrong_share() < 0.03 && without.wrong() == 0,
        "{with:?}"
    );
}

/// The stream is drawn from a finite number of drafts, so the true share of wrong stops is known.
#[test]
fn the_share_of_wrong_stops_is_kept_to_over_many_streams() {
    const RUNS: u32 = 300;
    let training = fitted(3);
    let drafts: Vec<Traced> = traffic(11, 6000)
        .into_iter()
        .filter(|row| p_bad(row) <= p(THRESHOLD))
        .collect();
    let mut random = Random::seeded(12);
    let (mut broken, mut none) = (0, 0);
    for _ in 0..RUNS {
        let mut training = training.clone();
        let stream = std::iter::repeat_with(|| {
            let place = random.place(drafts.len());
            drafts[place].clone()
        });
        let Some(heads) = proven(&mut training, stream).1 else {
            none += 1;
            continue;
        };
        let wrong = drafts.iter().filter(|row| {
            let mut prefixes = row.prefixes.iter();
            prefixes.any(|prefix| {
                heads
                    .stop(prefix.decisions, &prefix.features, heads.threshold)
                    .is_some()
            })
        });
        let share = real(count(wrong.count())) / real(count(drafts.len()));
        broken += u32::from(share > 0.02);
    }
    // 10 % and three standard errors.
    assert!(broken <= 46, "{broken} of {RUNS}");
    assert!(broken >= 3, "the test has power: {broken} of {RUNS}");
    assert_eq!(none, 0);
}

#[test]
fn a_stored_training_goes_on_where_it_was_and_is_bounded() {
    let mut training = Training::new();
    for row in traffic(5, KEPT + 300) {
        show(&mut training, &row, None);
    }
    let back = |training: &Training| -> Training {
        let text = serde_json::to_string(training).unwrap();
        assert!(text.len() < 1_500_000, "{} bytes", text.len());
        serde_json::from_str(&text).unwrap()
    };
    let Training::Collecting(drafts) = &training else {
        panic!("{training:?}")
    };
    assert_eq!(drafts.len(), KEPT);
    let mut again = back(&training);
    assert_eq!(again, training);
    let mut rows = traffic(6, 4000).into_iter();
    for row in rows.by_ref().take(200) {
        show(&mut training, &row, Some(THRESHOLD));
        show(&mut again, &row, Some(THRESHOLD));
    }
    let mut again = back(&again);
    let rest: Vec<Traced> = rows.collect();
    let (one, other) = (
        proven(&mut training, rest.clone().into_iter()),
        proven(&mut again, rest.into_iter()),
    );
    assert!(one.1.is_some());
    assert_eq!(one.0, other.0);
    let numbers = |heads: Option<Heads>| heads.map(|h| (h.price, h.accepted, h.wrong));
    assert_eq!(numbers(one.1), numbers(other.1));
}

#[test]
fn drafts_that_are_all_accepted_teach_nothing_and_others_may_do_better() {
    let mut training = Training::new();
    let good: Vec<Traced> = traffic(7, 3000)
        .into_iter()
        .filter(|row| p_bad(row) <= p(THRESHOLD))
        .collect();
    for row in good.iter().take(FIT_FROM) {
        show(&mut training, row, Some(THRESHOLD));
    }
    assert_eq!(training, Training::new());
    for row in traffic(8, FIT_FROM) {
        show(&mut training, &row, Some(THRESHOLD));
    }
    assert!(matches!(training, Training::Proving(_)));
}

#[test]
fn a_draft_whose_compute_is_unknown_fits_no_head_but_proves() {
    let unknown = |row: &Traced| Traced {
        busy: 0.0,
        ..row.clone()
    };
    let mut training = Training::new();
    for row in traffic(7, FIT_FROM) {
        show(&mut training, &unknown(&row), Some(THRESHOLD));
    }
    assert_eq!(training, Training::new());
    let rows = traffic(9, 4000);
    let (known, blind) = (
        proven(&mut fitted(1), rows.iter().cloned()),
        proven(&mut fitted(1), rows.iter().map(unknown)),
    );
    assert!(known.1.is_some());
    assert_eq!(known, blind);
}

#[test]
fn heads_say_nothing_of_a_larger_threshold_and_survive_their_text() {
    let heads = proven(&mut fitted(1), traffic(9, 4000).into_iter())
        .1
        .unwrap();
    let text = serde_json::to_string(&heads).unwrap();
    let heads: Heads = serde_json::from_str(&text).unwrap();
    let stopped = |threshold: f64| {
        let judge = Judge::serving(Scorer::from_probability(), Some(p(threshold)), Some(&heads));
        let sure = Judge::for_route(Trust::Threshold(p(1.0 - threshold)), None, &fingerprint());
        let traces: Vec<Trace> = traffic(10, 1000)
            .iter()
            .map(|row| row.judged(p_bad(row), p(threshold)))
            .collect();
        let (with, certain) = (
            StopTally::of(&judge, &traces),
            StopTally::of(&sure, &traces),
        );
        real(with.stopped()) - real(certain.stopped())
    };
    assert!(stopped(THRESHOLD) > 0.0);
    assert!(stopped(THRESHOLD + 0.01).abs() < 0.5);
}
