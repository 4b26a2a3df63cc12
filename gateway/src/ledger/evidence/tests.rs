use router_policies::{
    Certificate, Finish, Labelled, Proof, RiskTarget, Scorer, Signals, TokenSignal, prove,
};

use super::*;
use crate::ledger::samples::opening;
use crate::ledger::{Ledger, LedgerError, Settlement, Source};

/// Features of a draft of two tokens.
fn features(logprob: f32) -> Features {
    let mut signals = Signals::new();
    for id in 0..2 {
        let signal = TokenSignal {
            logprob: logprob * 0.5,
            margin: 1.0 + logprob,
            entropy: 0.3,
            legal_mass: 0.9,
            ..sure()
        };
        signals.push(id, signal);
    }
    signals.features(Finish::Stop)
}

fn sure() -> TokenSignal {
    serde_json::from_str(
        r#"{"logprob": 0.0, "margin": 5.0, "entropy": 0.0, "legal_mass": 1.0, "forced": false}"#,
    )
    .unwrap()
}

fn fingerprint() -> router_policies::Fingerprint {
    let text = || "x".to_owned();
    router_policies::Fingerprint {
        weights: text(),
        quantization: text(),
        template: text(),
        tokenizer: text(),
        answer: text(),
        prompt_family: text(),
    }
}

/// A certificate with a fitted scorer, so that every digit of its weights counts.
fn certificate() -> Certificate {
    let rows: Vec<Labelled> = (0_u8..120)
        .cycle()
        .take(1200)
        .map(|n| Labelled {
            features: features(-0.001 - f32::from(n) * 0.01),
            valid: true,
            bad: n > 60 && n % 3 != 0,
        })
        .collect();
    let half = |text: &str| text.parse().unwrap();
    let target = RiskTarget::new(half("20%"), half("90%")).unwrap();
    let taught_by: Vec<_> = rows.iter().map(|row| (row.features, row.bad)).collect();
    let lesson = prove(Scorer::fit(&taught_by).unwrap(), &rows, &target);
    let Proof::Certified(certified) = lesson.proof else {
        panic!("nothing proven: {:?}", lesson.proof)
    };
    assert!(lesson.scorer.is_learnt());
    Certificate::new("intent", target, certified, lesson.scorer, fingerprint())
}

/// A stored decision about a draft with these features.
struct Stored {
    ledger: Ledger,
    id: ExchangeId,
}

impl Stored {
    async fn new(logprob: f32, change: impl Fn(&mut Decision)) -> Self {
        let ledger = Ledger::in_memory().unwrap();
        let account = ledger.open_exchange(opening("intent")).await;
        let id = account.id();
        let text = serde_json::to_string(&certificate()).unwrap();
        // What is in force is what was read back, as after a restart.
        let certificate: Certificate = serde_json::from_str(&text).unwrap();
        let document = Document::new(DocumentKind::Certificate, text);
        let ran = Document::new(
            DocumentKind::Fingerprint,
            serde_json::to_string(&fingerprint()).unwrap(),
        );
        let features = features(logprob);
        let p_bad = certificate.scorer.p_bad(&features);
        let accepted = p_bad <= certificate.threshold;
        let mut decision = Decision {
            exchange: id,
            purpose: Purpose::Answer,
            features,
            certificate: Some(document.id.clone()),
            fingerprint: ran.id.clone(),
            mode: Mode::Certified,
            threshold: Some(certificate.threshold),
            p_bad,
            failed_check: None,
            verdict: if accepted { ACCEPT } else { "low_confidence" },
            stopped: None,
            audit: accepted.then(|| ("1%".parse().unwrap(), Draw::NotDrawn)),
            at: "2026-03-01T12:00:00Z".parse().unwrap(),
        };
        change(&mut decision);
        ledger.note(document.clone()).await;
        ledger.note(document).await;
        ledger.note(ran).await;
        ledger.decided(decision).await;
        account
            .settle(Settlement::completed(Source::Local, 200))
            .await;
        Self { ledger, id }
    }

    async fn evidence(&self) -> Evidence {
        let id = self.id.to_string();
        let mut found = self
            .ledger
            .read(move |connection| Evidence::read(connection, &id))
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }
}

#[tokio::test]
async fn decisions_are_made_again_to_the_last_bit() {
    let mut verdicts = Vec::new();
    for logprob in [-0.002, -0.3, -0.61, -0.9, -1.2] {
        let evidence = Stored::new(logprob, |_| ()).await.evidence().await;
        let again = evidence.recompute().unwrap();
        assert_eq!(again.p_bad.to_bits(), evidence.p_bad.to_bits());
        verdicts.push(again.accepted);
    }
    assert_eq!(verdicts.first(), Some(&true));
    assert_eq!(verdicts.last(), Some(&false));
}

#[tokio::test]
async fn what_was_learnt_stands_beside_it() {
    let stored = Stored::new(-0.002, |_| ()).await;
    let label = LabelRow {
        exchange: stored.id,
        purpose: Purpose::Answer,
        origin: Origin::Audit,
        bad: true,
        comparator: "label",
        at: Timestamp::now(),
    };
    stored.ledger.labelled(label.clone()).await;
    // The same thing is learnt once.
    stored.ledger.labelled(label).await;
    let labels = stored.evidence().await.labels;
    let [label] = labels.as_slice() else {
        panic!("{labels:?}")
    };
    assert_eq!(
        (label.origin, label.bad, label.comparator.as_str()),
        (Origin::Audit, true, "label")
    );
    assert_eq!(stored.ledger.health().refused, 1);
}

#[tokio::test]
async fn books_that_do_not_follow_are_found() {
    let one_bit = |p: Probability| Probability::new(f64::from_bits(p.get().to_bits() + 1)).unwrap();
    let evidence = Stored::new(-0.5, |d| d.p_bad = one_bit(d.p_bad))
        .await
        .evidence()
        .await;
    assert!(matches!(
        evidence.recompute(),
        Err(Disagreement::Score { .. })
    ));
    let evidence = Stored::new(-1.2, |d| d.verdict = ACCEPT)
        .await
        .evidence()
        .await;
    assert!(matches!(
        evidence.recompute(),
        Err(Disagreement::Verdict { .. })
    ));
    let evidence = Stored::new(-0.5, |d| d.threshold = d.threshold.map(one_bit))
        .await
        .evidence()
        .await;
    assert!(matches!(
        evidence.recompute(),
        Err(Disagreement::Threshold { .. })
    ));
    let evidence = Stored::new(-0.5, |d| d.certificate = None)
        .await
        .evidence()
        .await;
    assert_eq!(evidence.recompute(), Err(Disagreement::Uncertified));
    let evidence = Stored::new(-0.5, |d| d.certificate = Some("0".repeat(12)))
        .await
        .evidence()
        .await;
    assert!(matches!(
        evidence.recompute(),
        Err(Disagreement::Missing {
            what: "certificate",
            ..
        })
    ));

    let mut evidence = Stored::new(-0.5, |_| ()).await.evidence().await;
    let certificate = evidence.certificate.as_mut().unwrap();
    certificate.1 = certificate
        .1
        .take()
        .map(|text| text.replace("\"n\":", "\"n\": "));
    assert!(matches!(
        evidence.recompute(),
        Err(Disagreement::Altered { .. })
    ));
    let mut evidence = Stored::new(-0.5, |_| ()).await.evidence().await;
    evidence.features_version += 1;
    assert!(matches!(
        evidence.recompute(),
        Err(Disagreement::FeaturesVersion { .. })
    ));
}

#[tokio::test]
async fn evidence_is_added_to_and_never_corrected() {
    let stored = Stored::new(-0.5, |_| ()).await;
    for change in [
        "UPDATE decisions SET verdict = 'accept'",
        "DELETE FROM decisions",
        "UPDATE documents SET content = ''",
        "DELETE FROM documents",
    ] {
        let refused = stored
            .ledger
            .read(move |connection| {
                Ok::<_, LedgerError>(connection.execute_batch(change).unwrap_err().to_string())
            })
            .await
            .unwrap();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
}
