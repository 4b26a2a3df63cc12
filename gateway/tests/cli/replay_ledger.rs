//! `smallfirst replay --ledger`.

use std::path::Path;
use std::time::Duration;

use gateway::ledger::{
    ACCEPT, AttemptEnd, AttemptOutcome, AttemptPlan, Catalog, Decision, Document, DocumentKind,
    Draw, Engine, ExchangeId, LabelRow, Ledger, LedgerUrl, LocalRate, Mode, Opening, Origin, Price,
    Pricing, Purpose, Rates, Settlement, Source, Usage,
};
use router_policies::{Features, Fingerprint, Finish, Probability, Role, Signals, TokenSignal};
use serde_json::Value;

use crate::{GOOD, folder, run, text};

/// What happened to one request.
#[derive(Clone, Copy)]
struct Past {
    route: &'static str,
    /// Logprob of the draft's only token; `None`: there was no draft.
    logprob: Option<f32>,
    accepted: bool,
    label: Option<bool>,
}

fn catalog() -> Catalog {
    let rates = Rates {
        input: "2".parse().unwrap(),
        cache_read: None,
        cache_write: None,
        output: "8".parse().unwrap(),
    };
    Catalog::from_iter([("large", "big", rates)])
}

fn fingerprint() -> Document {
    let words = ["weights", "q8_0", "template", "tokenizer", "text", "family"].map(str::to_owned);
    let [
        weights,
        quantization,
        template,
        tokenizer,
        answer,
        prompt_family,
    ] = words;
    let fingerprint = Fingerprint {
        weights,
        quantization,
        template,
        tokenizer,
        answer,
        prompt_family,
    };
    let text = serde_json::to_string(&fingerprint).unwrap();
    Document::new(DocumentKind::Fingerprint, text)
}

fn features(logprob: f32) -> Features {
    let mut signals = Signals::new();
    let token = TokenSignal {
        logprob,
        margin: 1.0,
        entropy: 0.1,
        legal_mass: 1.0,
        forced: false,
        role: Role::default(),
    };
    signals.push(7, token);
    signals.features(Finish::Stop)
}

async fn write(path: &Path, pasts: &[Past]) {
    let (ledger, _) = Ledger::open(&LedgerUrl::Sqlite(path.to_owned())).unwrap();
    ledger.note(fingerprint()).await;
    for past in pasts {
        one(&ledger, *past).await;
    }
    ledger.close().await.unwrap();
}

/// Half a second on the local model costs 0.00005 dollars, a call or its baseline 0.0028.
async fn one(ledger: &Ledger, past: Past) {
    let id = ExchangeId::new();
    let opening = Opening {
        id,
        started_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        route: past.route.to_owned(),
        principal: "team-a".to_owned(),
        client_model: "auto".to_owned(),
        streamed: false,
        policy_version: "p".to_owned(),
        baseline: Some(catalog().baseline("large", "big")),
        reserved: Price::FREE,
        pinned_by: None,
    };
    let account = ledger.open_exchange(opening).await;
    if let Some(logprob) = past.logprob {
        let outcome = if past.accepted {
            AttemptOutcome::Accepted
        } else {
            AttemptOutcome::Discarded
        };
        let pricing = Pricing::BusyTime(LocalRate {
            per_hour: "0.36".parse().unwrap(),
        });
        let plan = plan(Engine::Local, pricing);
        account.begin(plan).finish(end(outcome)).await;
        ledger.decided(decision(id, past, logprob)).await;
    }
    let source = if past.accepted {
        Source::Local
    } else {
        let plan = plan(Engine::Upstream, catalog().pricing("large", "big"));
        let answered = end(AttemptOutcome::Answered);
        account.begin(plan).finish(answered).await;
        Source::Upstream
    };
    account.settle(Settlement::completed(source, 200)).await;
    if let Some(bad) = past.label {
        let origin = if past.accepted {
            Origin::Audit
        } else {
            Origin::Escalation
        };
        let label = LabelRow {
            exchange: id,
            purpose: Purpose::Answer,
            origin,
            bad,
            comparator: "label",
            at: "2026-03-01T12:00:01Z".parse().unwrap(),
        };
        ledger.labelled(label).await;
    }
}

fn plan(engine: Engine, pricing: Pricing) -> AttemptPlan {
    AttemptPlan {
        engine,
        provider: "large".into(),
        model: "big".into(),
        pricing,
    }
}

fn end(outcome: AttemptOutcome) -> AttemptEnd {
    AttemptEnd {
        outcome,
        usage: Usage {
            input: 1000,
            output: 100,
            ..Usage::default()
        },
        usage_complete: true,
        busy: Duration::from_millis(500),
        error_kind: None,
    }
}

fn decision(exchange: ExchangeId, past: Past, logprob: f32) -> Decision {
    let half: Probability = "50%".parse().unwrap();
    Decision {
        exchange,
        purpose: Purpose::Answer,
        features: features(logprob),
        certificate: None,
        fingerprint: fingerprint().id,
        mode: Mode::Everything,
        threshold: None,
        p_bad: half,
        failed_check: None,
        verdict: if past.accepted {
            ACCEPT
        } else {
            "low_confidence"
        },
        stopped: None,
        audit: past.accepted.then_some((half, Draw::Drawn)),
        at: "2026-03-01T12:00:00Z".parse().unwrap(),
    }
}

/// On `drafts`, which the configuration trusts from 95 % on: 30 sure drafts that were accepted, 20 unsure ones that were
/// accepted too, 10 sure ones that were escalated, 5 without a draft. On `triage`, which has no certificate: 4 accepted.
fn pasts() -> Vec<Past> {
    let past = |route, logprob, accepted, label| Past {
        route,
        logprob,
        accepted,
        label,
    };
    let mut pasts = Vec::new();
    for i in 0..30 {
        let label = (i % 2 == 0).then_some(i == 0);
        pasts.push(past("drafts", Some(-0.01), true, label));
    }
    pasts.extend([past("drafts", Some(-0.2), true, None); 20]);
    pasts.extend([past("drafts", Some(-0.02), false, Some(false)); 10]);
    pasts.extend([past("drafts", None, false, None); 5]);
    pasts.extend([past("triage", Some(-0.01), true, None); 4]);
    pasts.push(past("gone", None, false, None));
    pasts
}

#[tokio::test]
async fn another_policy_over_a_ledger() {
    let folder = folder(GOOD);
    write(&folder.path().join("books.db"), &pasts()).await;
    let replay = |more: &[&str]| {
        let arguments = ["replay", "--ledger", "books.db", "--config", "config.yaml"];
        let output = run(folder.path(), &[&arguments, more].concat());
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let json: Value = serde_json::from_str(&replay(&["--json"])).unwrap();
    let (drafts, triage) = (&json["routes"][0], &json["routes"][1]);
    for (key, expected) in [
        ("requests", 65),
        ("judged", 60),
        ("undrafted", 5),
        ("local_recorded", 50),
        ("local_policy", 40),
        ("labelled", 25),
        ("unpriced", 0),
    ] {
        assert_eq!(drafts[key], expected, "{key}: {drafts}");
    }
    // 60 drafts at 0.00005, 15 calls at 0.0028; under the policy 25 calls, of which 20 have no bill.
    assert_eq!(drafts["cost_recorded_usd"], "0.045");
    assert_eq!(drafts["cost_policy_usd"], "0.073");
    assert_eq!(drafts["cost_estimated_usd"], "0.056");
    // One of 15 audited drafts was bad, which stands for 30 of 65 requests; of the 10 escalated ones none was.
    let regret = drafts["regret"].as_f64().unwrap();
    assert!((regret - 30.0 / 65.0 / 15.0).abs() < 1e-9, "{regret}");
    let (low, high) = (&drafts["regret_low"], &drafts["regret_high"]);
    assert!(low.as_f64().unwrap() < regret && high.as_f64().unwrap() > regret);
    // Without a certificate nothing is accepted, so nothing is risked.
    assert_eq!(
        (&triage["local_policy"], &triage["regret"]),
        (&0.into(), &0.0.into())
    );
    assert_eq!(json["not_in_policy"]["gone"], 1);
    insta::assert_snapshot!(replay(&[]));
    let later: Value = serde_json::from_str(&replay(&["--json", "--from", "2026-03-02"])).unwrap();
    assert_eq!(later["routes"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_policy_that_only_drafts_beside_the_upstream_answers_nothing_locally() {
    let trial = "action: split\n    split: { arms: [{ name: a, weight: 1, action: shadow }] }";
    for (action, local, judged) in [("action: shadow", 0, 60), (trial, 50, 0)] {
        let folder =
            folder(&GOOD.replace("threshold: 95%", &format!("threshold: 95%\n    {action}")));
        write(&folder.path().join("books.db"), &pasts()).await;
        let arguments = [
            "replay",
            "--ledger",
            "books.db",
            "--config",
            "config.yaml",
            "--json",
        ];
        let output = run(folder.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
        let json: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        let drafts = &json["routes"][0];
        assert_eq!(drafts["requests"], 65, "{action}");
        // The books do not say which arm of a trial a request had, so those stay as they were.
        assert_eq!(
            (&drafts["local_policy"], &drafts["judged"]),
            (&local.into(), &judged.into()),
            "{action}"
        );
    }
}

#[test]
fn questions_that_do_not_fit_together() {
    let folder = folder(GOOD);
    for arguments in [
        &["replay"][..],
        &["replay", "--ledger", "books.db"],
        &[
            "replay",
            "a.jsonl",
            "--ledger",
            "b.db",
            "--config",
            "config.yaml",
        ],
        &["replay", "a.jsonl", "--from", "2026-03-01"],
    ] {
        assert_eq!(
            run(folder.path(), arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    let output = run(
        folder.path(),
        &["replay", "--ledger", "none.db", "--config", "config.yaml"],
    );
    assert!(text(&output.stderr).contains("there is no ledger at none.db"));
}
