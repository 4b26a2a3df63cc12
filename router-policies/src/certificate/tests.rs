use proptest::prelude::*;

use super::{Certificate, Fingerprint};
use crate::risk::{Proof, RiskTarget, certify};
use crate::scorer::Scorer;
use crate::units::Probability;

pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint {
        weights: "w".to_owned(),
        quantization: "q8_0".to_owned(),
        template: "t".to_owned(),
        tokenizer: "k".to_owned(),
        answer: "text".to_owned(),
        prompt_family: "p".to_owned(),
    }
}

fn target(max_regret: f64, assurance: f64) -> RiskTarget {
    let p = |value| Probability::new(value).unwrap();
    RiskTarget::new(p(max_regret), p(assurance)).unwrap()
}

/// Proven on 300 rows, half of them with a `p_bad` of 1 % and good, half of 50 % and bad.
pub(crate) fn certificate() -> Certificate {
    let p = |value| Probability::new(value).unwrap();
    let rows: Vec<_> = (0..300)
        .map(|i| {
            if i % 2 == 0 {
                (p(0.01), false)
            } else {
                (p(0.5), true)
            }
        })
        .collect();
    let target = target(0.02, 0.9);
    let Proof::Certified(certified) = certify(&rows, &target) else {
        panic!("not certified")
    };
    Certificate::new(
        "intents",
        target,
        certified,
        Scorer::from_probability(),
        fingerprint(),
    )
}

#[test]
fn any_change_voids_it_and_is_named() {
    let certificate = certificate();
    assert_eq!(certificate.covers(&fingerprint()), Ok(()));
    type Change = (&'static str, fn(&mut Fingerprint));
    let changes: [Change; 6] = [
        ("model weights", |f| f.weights.push('x')),
        ("quantization", |f| f.quantization.push('x')),
        ("chat template", |f| f.template.push('x')),
        ("tokenizer", |f| f.tokenizer.push('x')),
        ("form of the answer", |f| f.answer.push('x')),
        ("family of system prompts", |f| f.prompt_family.push('x')),
    ];
    for (what, change) in changes {
        let mut now = fingerprint();
        change(&mut now);
        let changed = certificate.covers(&now).unwrap_err();
        assert_eq!(changed.what, what);
        assert!(changed.to_string().contains(what));
    }
}

#[test]
fn a_scorer_of_another_version_voids_it() {
    let mut stored = serde_json::to_value(certificate()).unwrap();
    stored["scorer"] = serde_json::json!({"kind": "probability"});
    let old: Certificate = serde_json::from_value(stored).unwrap();
    let changed = old.covers(&fingerprint()).unwrap_err();
    assert_eq!(changed.what, "scoring of drafts");
}

#[test]
fn it_holds_for_its_target_and_looser_ones() {
    let certificate = certificate();
    for (regret, assurance, expected) in [
        (0.02, 0.9, true),
        (0.05, 0.9, true),
        (0.02, 0.8, true),
        (0.019, 0.9, false),
        (0.02, 0.91, false),
        (0.5, 0.99, false),
    ] {
        assert_eq!(
            certificate.holds_for(&target(regret, assurance)),
            expected,
            "{regret} {assurance}"
        );
    }
}

#[test]
fn an_edited_one_holds_for_nothing() {
    let sound = certificate();
    let loose = target(0.5, 0.5);
    assert!(sound.holds_for(&loose));
    assert!(
        !Certificate {
            losses: 30,
            ..sound.clone()
        }
        .holds_for(&loose)
    );
    assert!(
        !Certificate {
            n: 20,
            accepted: 20,
            ..sound.clone()
        }
        .holds_for(&loose)
    );
    assert!(
        !Certificate {
            accepted: 301,
            ..sound.clone()
        }
        .holds_for(&loose)
    );
    assert!(
        !Certificate {
            losses: 151,
            ..sound
        }
        .holds_for(&loose)
    );
}

#[test]
fn it_survives_storage() {
    let certificate = certificate();
    let stored = serde_json::to_string_pretty(&certificate).unwrap();
    let read: Certificate = serde_json::from_str(&stored).unwrap();
    assert!(read.holds_for(&target(0.02, 0.9)));
    assert_eq!(read.fingerprint, certificate.fingerprint);
    assert_eq!((read.n, read.accepted, read.losses), (300, 150, 0));
    assert!((read.threshold.get() - certificate.threshold.get()).abs() < 1e-12);
    let edited = stored.replace("\"route\"", "\"rout\"");
    assert!(serde_json::from_str::<Certificate>(&edited).is_err());
}

proptest! {
    #[test]
    fn whatever_holds_for_a_target_holds_for_looser_ones(
        x in 0.001..0.5_f64, y in 0.001..0.5_f64, a in 0.5..0.99_f64, b in 0.5..0.99_f64,
    ) {
        let certificate = certificate();
        let strict = target(x.min(y), a.max(b));
        let loose = target(x.max(y), a.min(b));
        prop_assert!(!certificate.holds_for(&strict) || certificate.holds_for(&loose));
    }
}
