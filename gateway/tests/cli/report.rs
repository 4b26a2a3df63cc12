//! `smallfirst report`.

use std::path::Path;
use std::time::Duration;

use gateway::ledger::{
    AttemptEnd, AttemptOutcome, AttemptPlan, Catalog, Engine, ExchangeId, Ledger, LedgerUrl,
    LocalRate, Opening, Price, Pricing, Rates, Settlement, Source, Usage,
};
use serde_json::{Value, json};

use crate::{GOOD, folder, run, text};

#[test]
fn reports_of_ledgers_that_are_none() {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("notes.txt"), "not a database").unwrap();
    for (ledger, said) in [
        ("missing.db", "there is no ledger at missing.db"),
        (
            "sqlite:sub/missing.db",
            "there is no ledger at sub/missing.db",
        ),
        ("notes.txt", "is not a smallfirst ledger"),
        (
            "postgres://host/db",
            "PostgreSQL ledgers are not supported yet",
        ),
        ("mysql://host/db", "write `sqlite:PATH`"),
    ] {
        let output = run(folder.path(), &["report", "--ledger", ledger]);
        assert_eq!(output.status.code(), Some(2), "{ledger}: {output:?}");
        assert!(
            text(&output.stderr).contains(said),
            "{ledger}: {}",
            text(&output.stderr)
        );
        assert!(
            !folder.path().join("missing.db").exists(),
            "a report makes no ledger"
        );
    }
}

#[test]
fn reports_that_cannot_be_asked_for() {
    let folder = folder(GOOD);
    for (flag, value, said) in [
        ("--by", "colour", "choose route, key, model or day"),
        ("--format", "pdf", "choose table, csv or json"),
        ("--from", "yesterday", "`yesterday` is not a moment"),
    ] {
        let output = run(folder.path(), &["report", "--ledger", "x.db", flag, value]);
        assert_eq!(output.status.code(), Some(2), "{flag}");
        assert!(
            text(&output.stderr).contains(said),
            "{flag}: {}",
            text(&output.stderr)
        );
    }
}

/// A ledger of two exchanges: one answered here, one with a discarded draft.
async fn fixture(path: &Path) {
    let (ledger, _) = Ledger::open(&LedgerUrl::Sqlite(path.to_owned())).unwrap();
    let usd = |text: &str| text.parse().unwrap();
    let rates = Rates {
        input: usd("2"),
        cache_read: None,
        cache_write: None,
        output: usd("8"),
    };
    let catalog = Catalog::from_iter([("large", "big", rates)]);
    for accepted in [true, false] {
        let account = ledger
            .open_exchange(Opening {
                id: ExchangeId::new(),
                started_at: "2026-03-01T12:00:00Z".parse().unwrap(),
                route: "triage".to_owned(),
                principal: "team-a".to_owned(),
                client_model: "auto".to_owned(),
                streamed: false,
                policy_version: "p".to_owned(),
                baseline: Some(catalog.baseline("large", "big")),
                reserved: Price::FREE,
                pinned_by: None,
            })
            .await;
        let draft = if accepted {
            AttemptOutcome::Accepted
        } else {
            AttemptOutcome::Discarded
        };
        account
            .begin(local())
            .finish(end(draft, Duration::from_millis(500)))
            .await;
        let source = if accepted {
            Source::Local
        } else {
            Source::Upstream
        };
        if !accepted {
            let pricing = catalog.pricing("large", "big");
            let plan = AttemptPlan {
                engine: Engine::Upstream,
                provider: "large".into(),
                model: "big".into(),
                pricing,
            };
            account
                .begin(plan)
                .finish(end(AttemptOutcome::Answered, Duration::ZERO))
                .await;
        }
        account.settle(Settlement::completed(source, 200)).await;
    }
    ledger.close().await.unwrap();
}

fn local() -> AttemptPlan {
    let pricing = Pricing::BusyTime(LocalRate {
        per_hour: "0.36".parse().unwrap(),
    });
    AttemptPlan {
        engine: Engine::Local,
        provider: "local".into(),
        model: "small".into(),
        pricing,
    }
}

fn end(outcome: AttemptOutcome, busy: Duration) -> AttemptEnd {
    let usage = Usage {
        input: 1000,
        output: 100,
        ..Usage::default()
    };
    AttemptEnd {
        outcome,
        usage,
        usage_complete: true,
        busy,
        error_kind: None,
    }
}

#[tokio::test]
async fn a_ledger_is_reported_in_three_forms() {
    let folder = folder(GOOD);
    fixture(&folder.path().join("books.db")).await;
    let report = |arguments: &[&str]| {
        let output = run(
            folder.path(),
            &[&["report", "--ledger", "sqlite:books.db"], arguments].concat(),
        );
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };

    let json: Value = serde_json::from_str(&report(&["--format", "json"])).unwrap();
    let row = &json["rows"][0];
    assert_eq!(
        (&row["route"], &row["requests"], &row["local"]),
        (&json!("triage"), &json!(2), &json!(1))
    );
    // Two drafts of half a second at 36 cents an hour; 1000 and 100 tokens at 2 and 8 dollars a million, twice.
    for (key, value) in [
        ("cost_local_usd", "0.0001"),
        ("cost_upstream_usd", "0.0028"),
        ("cost_discarded_usd", "0.00005"),
        ("cost_actual_usd", "0.0029"),
        ("cost_baseline_usd", "0.0056"),
        ("net_saving_usd", "0.0027"),
    ] {
        assert_eq!(row[key], value, "{key}");
        assert_eq!(json["totals"][key], value, "{key}");
    }
    let csv = report(&["--format", "csv", "--by", "key"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(
        lines[0].starts_with("key,requests,local,escalated,")
            && lines[1].starts_with("team-a,2,1,1,"),
        "{csv}"
    );
    let table = report(&["--by", "day"]);
    assert!(
        table.contains("2026-03-01") && table.contains("$0.0027"),
        "{table}"
    );
    let none: Value =
        serde_json::from_str(&report(&["--format", "json", "--from", "2026-03-02"])).unwrap();
    assert_eq!(none["totals"]["requests"], 0);
}
