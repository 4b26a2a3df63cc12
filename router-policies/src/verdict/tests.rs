use super::{Judge, LearningCause, Reason, Verdict};
use crate::certificate::tests::{certificate, fingerprint};
use crate::policy::Trust;
use crate::risk::RiskTarget;
use crate::signals::{Features, Finish, Role, Signals, TokenSignal};
use crate::units::Probability;

fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn risk(max_regret: f64) -> Trust {
    Trust::Risk(RiskTarget::new(p(max_regret), p(0.9)).unwrap())
}

/// A draft of one token of this probability.
fn draft(probability: f32) -> Features {
    let mut signals = Signals::new();
    let logprob = probability.ln();
    signals.push(
        1,
        TokenSignal {
            logprob,
            margin: 1.0,
            entropy: 0.1,
            legal_mass: 1.0,
            forced: false,
            role: Role::Decision,
        },
    );
    signals.features(Finish::Stop)
}

fn verdict(judge: &Judge, probability: f32) -> Verdict {
    judge.assess(&draft(probability), None).verdict
}

const LOW: Verdict = Verdict::Escalate(Reason::LowConfidence);
const LEARNING: Verdict = Verdict::Escalate(Reason::Learning);

#[test]
fn a_certificate_opens_its_route() {
    let certificate = certificate();
    let judge = Judge::for_route(risk(0.02), Some(&certificate), &fingerprint());
    assert_eq!(judge.learning(), None);
    assert_eq!(verdict(&judge, 0.99), Verdict::Accept);
    assert_eq!(verdict(&judge, 0.6), Verdict::Accept);
    assert_eq!(verdict(&judge, 0.5), LOW);
    let assessment = judge.assess(&draft(0.99), None);
    assert!((assessment.confidence.get() - 0.99).abs() < 1e-6);
    assert_eq!(assessment.p_bad.complement(), assessment.confidence);
}

#[test]
fn without_proof_the_route_learns_and_still_measures() {
    let certificate = certificate();
    let mut other = fingerprint();
    other.weights.push('x');
    for (trust, certificate, now, cause) in [
        (
            risk(0.02),
            None,
            fingerprint(),
            LearningCause::NoCertificate,
        ),
        (
            risk(0.01),
            Some(&certificate),
            fingerprint(),
            LearningCause::TargetNotProven,
        ),
        (
            risk(0.02),
            Some(&certificate),
            other.clone(),
            LearningCause::Changed(certificate.covers(&other).unwrap_err()),
        ),
    ] {
        let judge = Judge::for_route(trust, certificate, &now);
        assert_eq!(judge.learning(), Some(cause));
        let assessment = judge.assess(&draft(0.75), None);
        assert_eq!(assessment.verdict, LEARNING);
        assert!((assessment.confidence.get() - 0.75).abs() < 1e-6);
    }
}

#[test]
fn a_fixed_threshold_needs_no_certificate() {
    let certificate = certificate();
    for certificate in [None, Some(&certificate)] {
        let judge = Judge::for_route(Trust::Threshold(p(0.75)), certificate, &fingerprint());
        assert_eq!(verdict(&judge, 0.76), Verdict::Accept);
        assert_eq!(verdict(&judge, 0.74), LOW);
        assert_eq!(judge.learning(), None);
    }
}

#[test]
fn everything_that_is_valid_is_accepted() {
    let judge = Judge::for_route(Trust::Everything, None, &fingerprint());
    assert_eq!(verdict(&judge, 1e-9), Verdict::Accept);
    let assessment = judge.assess(&draft(1.0), Some(Reason::InvalidAnswer));
    assert_eq!(assessment.verdict, Verdict::Escalate(Reason::InvalidAnswer));
}

#[test]
fn a_failed_check_comes_before_the_confidence() {
    let certificate = certificate();
    for trust in [risk(0.02), Trust::Threshold(p(0.0)), Trust::Everything] {
        let judge = Judge::for_route(trust, Some(&certificate), &fingerprint());
        let assessment = judge.assess(&draft(0.999), Some(Reason::Truncated));
        assert_eq!(assessment.verdict, Verdict::Escalate(Reason::Truncated));
        assert_eq!(assessment.confidence, Probability::ZERO);
        assert_eq!(assessment.p_bad, Probability::ONE);
    }
    let judge = Judge::for_route(risk(0.02), None, &fingerprint());
    assert_eq!(
        judge.assess(&draft(0.999), Some(Reason::Truncated)).verdict,
        LEARNING
    );
}

#[test]
fn reasons_have_one_text_form() {
    for reason in Reason::ALL {
        let text = reason.to_string();
        assert_eq!(text.parse(), Ok(reason));
        assert_eq!(text, reason.as_str());
        assert_eq!(serde_json::to_value(reason).unwrap(), text.as_str());
        assert_eq!(
            serde_json::from_value::<Reason>(text.as_str().into()).unwrap(),
            reason
        );
        assert!(text.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    }
    assert!(
        "moody"
            .parse::<Reason>()
            .unwrap_err()
            .to_string()
            .contains("`moody`")
    );
    assert_eq!(format!("{:>6}", Reason::Busy), "  busy");
}
