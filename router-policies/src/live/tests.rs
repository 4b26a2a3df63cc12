use super::*;
use crate::random::Random;
use crate::risk::RiskTarget;
use crate::units::Probability;

fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn settings() -> LiveSettings {
    LiveSettings::new(RiskTarget::new(p(0.02), p(0.9)).unwrap())
}

/// Traffic whose `p_bad` is honest, except that it understates by a factor, and lies in `[0, top]`.
struct Traffic {
    understated: f64,
    top: f64,
}

const HONEST: Traffic = Traffic {
    understated: 1.0,
    top: 0.5,
};

/// Sends requests until something happens; `None` if nothing does.
fn until_event(
    learning: &mut RouteLearning,
    random: &mut Random,
    traffic: &Traffic,
    requests: u32,
) -> Option<(u32, Event)> {
    (1..=requests).find_map(|request| {
        let x = traffic.top * random.uniform();
        let bad = random.chance((x * traffic.understated).min(1.0));
        let sampling = learning.sampling(p(x), true);
        let drawn = sampling.draws(random.uniform());
        let seen = Observation {
            p_bad: p(x),
            sampling,
            label: if drawn {
                Label::of(bad)
            } else {
                Label::NotDrawn
            },
            decision_tokens: Some(3),
            prompt_logprob: Some(-2.0 + x),
        };
        learning.observe(&seen).map(|event| (request, event))
    })
}

/// Serves some honest traffic, and is certified after it.
fn serving(seed: u64) -> (RouteLearning, Random) {
    let (mut learning, mut random) = (RouteLearning::new(settings()), Random::seeded(seed));
    let first = until_event(&mut learning, &mut random, &HONEST, 5_000);
    assert!(matches!(first, Some((_, Event::Certified(_)))), "{first:?}");
    let mut left = 3_000;
    while let Some((used, event)) = until_event(&mut learning, &mut random, &HONEST, left) {
        assert!(matches!(event, Event::Certified(_)), "{event:?}");
        left -= used.min(left);
    }
    (learning, random)
}

#[test]
fn a_route_learns_and_then_serves() {
    let mut learning = RouteLearning::new(settings());
    assert_eq!(learning.phase(), Phase::Learning);
    let sampling = learning.sampling(p(0.001), true);
    assert!(!sampling.accept && sampling.draws(0.999));
    let mut random = Random::seeded(1);
    let Some((_, Event::Certified(proof))) =
        until_event(&mut learning, &mut random, &HONEST, 5_000)
    else {
        panic!("not certified")
    };
    assert_eq!(learning.threshold(), Some(proof.threshold));
    assert_eq!(
        learning.phase(),
        Phase::Certified {
            threshold: proof.threshold
        }
    );
    // With x²/2 / 0.5 of the traffic lost up to x, the truth is 0.14.
    assert!(
        proof.threshold < p(0.16) && proof.threshold > p(0.05),
        "{proof:?}"
    );
    let report = learning.report();
    assert_eq!(report.proof, Some(proof));
    assert!(report.estimate.unwrap().mean < p(0.02));
    assert!(learning.sampling(p(0.01), true).accept);
    assert!(!learning.sampling(p(0.4), true).accept);
}

#[test]
fn a_threshold_that_may_not_rise_stays_where_it_is() {
    let (mut random, mut learning) = (Random::seeded(8), RouteLearning::new(settings()));
    let first = until_event(&mut learning, &mut random, &HONEST, 5_000);
    let Some((_, Event::Certified(proof))) = first else {
        panic!("{first:?}")
    };
    let mut free = learning.clone();
    let all = AuditPlan::new(Probability::ONE).unwrap();
    free.sample_by(&LiveSettings {
        audits: all,
        ..*free.settings()
    });
    let by = |raises| LiveSettings {
        audits: all,
        raises,
        ..*free.settings()
    };
    learning.sample_by(&by(false));
    // Drafts that were given up are in the evidence; it does not become any better later.
    learning.sample_by(&by(true));
    let mut same = Random::seeded(9);
    assert_eq!(until_event(&mut learning, &mut same, &HONEST, 10_000), None);
    assert_eq!(learning.threshold(), Some(proof.threshold));
    let raised = until_event(&mut free, &mut Random::seeded(9), &HONEST, 10_000);
    assert!(raised.is_some(), "it would have risen");
}

#[test]
fn audits_are_denser_below_the_threshold_and_stop_without_money() {
    let learning = RouteLearning::certified(settings(), p(0.2));
    let share = |x, open| learning.sampling(p(x), open).propensity.get();
    assert!((share(0.01, true) - 0.02).abs() < 1e-12);
    assert!((share(0.17, true) - 0.06).abs() < 1e-12);
    assert!((share(0.4, true) - 1.0).abs() < 1e-12);
    assert!(share(0.01, false) <= 0.0);
    // An escalation has its label anyway, but teaches nothing while its accepted neighbours are not looked at.
    let escalated = learning.sampling(p(0.4), false);
    assert!(escalated.draws(0.5) && escalated.least == Probability::ZERO);
    assert!(AuditPlan::new(p(0.0005)).is_err() && AuditPlan::new(p(0.001)).is_ok());
}

#[test]
fn labels_that_cost_money_are_looked_for_in_a_share_of_all_requests() {
    let bought = LiveSettings {
        bought: Some(p(0.25)),
        ..settings()
    };
    let chances = |learning: &RouteLearning, x: f64, open| {
        let sampling = learning.sampling(p(x), open);
        (sampling.propensity.get(), sampling.least.get())
    };
    let serving = RouteLearning::certified(bought, p(0.2));
    assert_eq!(chances(&serving, 0.01, true), (0.02 * 0.25, 0.02 * 0.25));
    assert_eq!(chances(&serving, 0.4, true), (0.25, 0.02 * 0.25));
    assert_eq!(chances(&serving, 0.4, false), (0.0, 0.0));
    let mut learning = RouteLearning::new(bought);
    assert_eq!(chances(&learning, 0.4, true), (0.25, 0.25));
    assert_eq!(chances(&learning, 0.4, false), (0.0, 0.0));
    assert_eq!(
        learning.report().needed,
        4 * RouteLearning::new(settings()).report().needed
    );
    // What is proven is as true, and takes four times as long.
    let mut random = Random::seeded(2);
    let found = until_event(&mut learning, &mut random, &HONEST, 20_000);
    let Some((requests, Event::Certified(proof))) = found else {
        panic!("{found:?}")
    };
    assert!(requests > 1_500, "{requests}");
    assert!(proof.threshold < p(0.16), "{proof:?}");
}

#[test]
fn a_judge_that_says_nothing_proves_nothing() {
    let bought = LiveSettings {
        bought: Some(Probability::ONE),
        ..settings()
    };
    let observe = |label| {
        let mut learning = RouteLearning::new(bought);
        for _ in 0..2_000 {
            let p_bad = p(0.01);
            let sampling = learning.sampling(p_bad, true);
            let event = learning.observe(&Observation {
                p_bad,
                sampling,
                label,
                decision_tokens: None,
                prompt_logprob: None,
            });
            if event.is_some() {
                return event;
            }
        }
        None
    };
    assert!(matches!(observe(Label::Good), Some(Event::Certified(_))));
    assert_eq!(observe(Label::Lost), None);
}

/// What becomes of 20,000 accepted drafts of which a share fails after the commit; audits find nothing else.
fn served_with_failures(share: f64) -> Option<Event> {
    let (mut learning, mut random) = (
        RouteLearning::certified(settings(), p(0.2)),
        Random::seeded(11),
    );
    for _ in 0..20_000 {
        let p_bad = p(0.01 + 0.1 * random.uniform());
        let sampling = learning.sampling(p_bad, true);
        let label = if random.uniform() < share {
            Label::Failed
        } else if sampling.draws(random.uniform()) {
            Label::Good
        } else {
            Label::NotDrawn
        };
        let event = learning.observe(&Observation {
            p_bad,
            sampling,
            label,
            decision_tokens: None,
            prompt_logprob: None,
        });
        if let Some(Event::Voided(_)) = event {
            return event;
        }
    }
    None
}

#[test]
fn what_fails_after_the_commit_counts_once_and_needs_no_audit() {
    // Within the target of 2 %: weighted like an audit it would look like 50 times as much.
    assert_eq!(served_with_failures(0.01), None);
    let Some(Event::Voided(alarm)) = served_with_failures(0.08) else {
        panic!("no alarm")
    };
    let audited = matches!(alarm.cause, AlarmCause::AuditedLoss { .. });
    assert!(audited && alarm.at < 2_000, "{alarm:?}");
}

#[test]
fn what_fails_after_the_commit_is_no_audit() {
    let mut learning = RouteLearning::certified(settings(), p(0.2));
    for label in [Label::Failed, Label::Good, Label::Bad, Label::NotDrawn] {
        let sampling = learning.sampling(p(0.01), true);
        let seen = Observation {
            p_bad: p(0.01),
            sampling,
            label,
            decision_tokens: None,
            prompt_logprob: None,
        };
        assert_eq!(learning.observe(&seen), None);
    }
    let report = learning.report();
    assert_eq!(
        (report.audits, report.audited_losses, report.failed),
        (2, 1, 1)
    );
    let Some(Event::Voided(alarm)) = served_with_failures(0.08) else {
        panic!("no alarm")
    };
    let AlarmCause::AuditedLoss {
        losses: 0, failed, ..
    } = alarm.cause
    else {
        panic!("{alarm:?}")
    };
    let told = alarm.cause.to_string();
    let expected = format!("{failed} failed after they were committed");
    assert!(failed > 0 && told.contains(&expected), "{told}");
}

#[test]
fn worse_answers_at_the_same_confidence_raise_an_alarm_from_audits() {
    let (mut learning, mut random) = serving(5);
    let worse = Traffic {
        understated: 6.0,
        ..HONEST
    };
    let found = until_event(&mut learning, &mut random, &worse, 40_000);
    let Some((_, Event::Voided(alarm))) = found else {
        panic!("{found:?}")
    };
    assert!(
        matches!(alarm.cause, AlarmCause::AuditedLoss { .. }),
        "{alarm:?}"
    );
    assert_eq!(learning.phase(), Phase::Alarmed(alarm));
    assert_eq!(learning.threshold(), None);
    // Certified again, for the worse traffic: a smaller threshold.
    let found = until_event(&mut learning, &mut random, &worse, 5_000);
    assert!(
        matches!(found, Some((_, Event::Certified(proof))) if proof.threshold < p(0.1)),
        "{found:?}"
    );
}

#[test]
fn another_confidence_raises_an_alarm_without_labels() {
    let (mut learning, mut random) = serving(6);
    let other = Traffic {
        understated: 1.0,
        top: 1.0,
    };
    let Some((request, Event::Voided(alarm))) =
        until_event(&mut learning, &mut random, &other, 2_000)
    else {
        panic!("no alarm")
    };
    assert!(request <= 1_000, "{request}: {alarm:?}");
    assert!(
        !matches!(alarm.cause, AlarmCause::AuditedLoss { .. }),
        "{alarm:?}"
    );
}

#[test]
fn what_was_sampled_before_an_alarm_changes_nothing_after_it() {
    let mut learning = RouteLearning::certified(settings(), p(0.2));
    let seen = Observation {
        p_bad: p(0.1),
        sampling: learning.sampling(p(0.1), true),
        label: Label::Good,
        decision_tokens: None,
        prompt_logprob: None,
    };
    learning.restart();
    let before = learning.clone();
    assert_eq!(learning.observe(&seen), None);
    assert_eq!(learning, before);
}

#[test]
fn a_lost_label_counts_as_bad_only_while_serving() {
    let lost = |learning: &mut RouteLearning| {
        let seen = Observation {
            p_bad: p(0.1),
            sampling: learning.sampling(p(0.1), true),
            label: Label::Lost,
            decision_tokens: None,
            prompt_logprob: None,
        };
        assert_eq!(learning.observe(&seen), None);
        learning.report().evidence
    };
    assert_eq!(lost(&mut RouteLearning::new(settings())), 0);
    assert_eq!(lost(&mut RouteLearning::certified(settings(), p(0.2))), 1);
}

#[test]
fn a_stored_route_goes_on_where_it_was() {
    let (mut learning, _) = serving(5);
    let text = serde_json::to_string(&learning).unwrap();
    assert!(text.len() < 60_000, "{} bytes", text.len());
    let mut read: RouteLearning = serde_json::from_str(&text).unwrap();
    let worse = Traffic {
        understated: 6.0,
        ..HONEST
    };
    let seed = || Random::seeded(77);
    let a = until_event(&mut learning, &mut seed(), &worse, 20_000);
    let b = until_event(&mut read, &mut seed(), &worse, 20_000);
    assert_eq!(a.map(|(request, _)| request), b.map(|(request, _)| request));
    assert!(a.is_some());
}

/// Drafts that will be rejected are long. Once there is a threshold they are given up, and nobody knows how long they would have
/// become.
#[test]
fn drafts_that_are_given_up_are_no_change_of_the_traffic() {
    let giving_up = LiveSettings {
        raises: false,
        ..settings()
    };
    let (mut learning, mut random) = (RouteLearning::new(giving_up), Random::seeded(4));
    let mut certified = 0;
    for request in 0..12_000 {
        let x = 0.5 * random.uniform();
        let bad = random.chance(x);
        let given_up = learning.threshold().is_some_and(|most| p(x) > most);
        let p_bad = if given_up { Probability::ONE } else { p(x) };
        let sampling = learning.sampling(p_bad, true);
        let label = match sampling.draws(random.uniform()) {
            true if !given_up => Label::of(bad),
            _ => Label::NotDrawn,
        };
        let seen = Observation {
            p_bad,
            sampling,
            label,
            decision_tokens: (!given_up).then_some(if x > 0.15 { 40 } else { 5 }),
            prompt_logprob: (!given_up).then_some(-2.0 - 10.0 * x),
        };
        match learning.observe(&seen) {
            None => {}
            Some(Event::Certified(_)) => certified += 1,
            Some(event) => panic!("{request}: {event:?}"),
        }
    }
    assert_eq!(certified, 1);
}
