use super::*;
use crate::live::learning::Label;
use crate::random::Random;
use crate::signals::{Finish, Signals, TokenSignal};

fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn settings() -> LiveSettings {
    LiveSettings::new(RiskTarget::new(p(0.1), p(0.9)).unwrap())
}

/// A draft of one token with this probability, and this margin, whatever the probability.
fn features(probability: f64, margin: f64) -> Features {
    let token = serde_json::json!({
        "logprob": probability.ln(), "margin": margin, "entropy": 0.1, "legal_mass": 1.0, "forced": false,
    });
    let token: TokenSignal = serde_json::from_value(token).unwrap();
    let mut signals = Signals::new();
    signals.push(0, token);
    signals.features(Finish::Stop)
}

/// Traffic in which the probability tells nothing and the margin everything: small ones are bad.
fn draft(random: &mut Random) -> (Features, bool) {
    let bad = random.chance(0.4);
    let margin = if bad { 0.3 } else { 3.0 } + 0.2 * random.normal();
    (features(0.4 + 0.5 * random.uniform(), margin), bad)
}

fn step(learner: &mut Learner, random: &mut Random) -> Option<Step> {
    let (features, bad) = draft(random);
    let p_bad = learner.scorer().p_bad(&features);
    let sampling = learner.sampling(p_bad, true);
    let drawn = sampling.draws(random.uniform());
    let seen = Observation {
        p_bad,
        sampling,
        label: if drawn {
            Label::of(bad)
        } else {
            Label::NotDrawn
        },
        decision_tokens: None,
        prompt_logprob: None,
    };
    let example = Labelled {
        features,
        valid: true,
        bad,
    };
    learner.observe(&seen, drawn.then_some(&example))
}

#[test]
fn a_scorer_that_proves_nothing_makes_room_for_one_that_does() {
    let mut random = Random::seeded(3);
    let mut learner = Learner::new(settings(), Scorer::from_probability());
    let first = learner.target();
    assert!(first.delta() < 0.051, "half of δ");
    let fitted = (1..2_000).find(|_| step(&mut learner, &mut random) == Some(Step::Refitted));
    assert!(fitted.is_some() && learner.scorer().is_learnt());
    assert!(learner.target().delta() < 0.026, "a quarter of δ");
    assert!(first.implies(&settings().target) && learner.target().implies(&first));
    let certified = (1..2_000).find(|_| {
        matches!(
            step(&mut learner, &mut random),
            Some(Step::Learnt(Event::Certified(_)))
        )
    });
    assert!(certified.is_some());
    // Nearly all good drafts, 60 % of the traffic, have a large margin.
    let mut accepted = 0;
    for _ in 0..1_000 {
        let (features, _) = draft(&mut random);
        accepted += u32::from(learner.scorer().p_bad(&features) <= learner.threshold().unwrap());
    }
    assert!(accepted > 500, "{accepted}");
}

#[test]
fn one_that_is_certified_stays_and_one_whose_certificate_is_weak_is_lent() {
    let mut random = Random::seeded(3);
    let mut learner = Learner::new(settings(), Scorer::from_probability());
    let proof = loop {
        if let Some(Step::Learnt(Event::Certified(proof))) = step(&mut learner, &mut random) {
            break proof;
        }
    };
    let fingerprint = crate::certificate::tests::fingerprint();
    let scorer = learner.scorer().clone();
    let certificate =
        Certificate::proven_serving("r", learner.target(), proof, scorer, fingerprint);
    assert!(certificate.holds_for(&settings().target));
    let again = Learner::certified(settings(), &certificate);
    assert_eq!(again.threshold(), learner.threshold());

    let strict = LiveSettings::new(RiskTarget::new(p(0.01), p(0.9)).unwrap());
    let lent = Learner::certified(strict, &certificate);
    assert_eq!(lent.threshold(), None);
    assert_eq!(lent.scorer(), &certificate.scorer);
    let edited = Certificate {
        proven: crate::certificate::Proven::Serving { wealth: 5.0 },
        ..certificate
    };
    assert!(!edited.holds_for(&settings().target));
}

#[test]
fn a_stored_learner_goes_on_where_it_was() {
    let mut random = Random::seeded(9);
    let mut learner = Learner::new(settings(), Scorer::from_probability());
    for _ in 0..120 {
        step(&mut learner, &mut random);
    }
    let text = serde_json::to_string(&learner).unwrap();
    assert!(text.len() < 120_000, "{} bytes", text.len());
    let mut stored: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Builds that trained no heads did not keep any.
    stored.as_object_mut().unwrap().remove("stops");
    let mut read: Learner = serde_json::from_value(stored).unwrap();
    let steps = |learner: &mut Learner| -> Vec<Option<Step>> {
        let mut random = Random::seeded(10);
        (0..600).map(|_| step(learner, &mut random)).collect()
    };
    let kinds =
        |steps: Vec<Option<Step>>| -> Vec<bool> { steps.iter().map(Option::is_some).collect() };
    assert_eq!(kinds(steps(&mut learner)), kinds(steps(&mut read)));
}
