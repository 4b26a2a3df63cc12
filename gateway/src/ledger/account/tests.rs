use rusqlite::Connection;

use super::*;
use crate::ledger::samples::{catalog, local, opening, upstream, usage, usd};
use crate::ledger::{LedgerError, LocalRate, Pricing};

type Settled = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Outcome, source, reason, baseline method and baseline cost of the only settlement.
async fn settled(ledger: &Ledger) -> Settled {
    let query =
        |connection: &Connection| {
            connection
            .query_row(
                "SELECT outcome, source, reason, baseline_method, baseline_usd FROM settlements",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
            )
            .map_err(LedgerError::sqlite("read"))
        };
    ledger.read(query).await.unwrap()
}

/// Engine, outcome, cost and completeness of all attempts, in order.
async fn attempts(ledger: &Ledger) -> Vec<(String, String, Option<String>, bool)> {
    let query = |connection: &Connection| {
        let read =
            || {
                connection
                .prepare(
                    "SELECT engine, outcome, cost_usd, usage_complete FROM attempts ORDER BY seq",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()
            };
        read().map_err(LedgerError::sqlite("read"))
    };
    ledger.read(query).await.unwrap()
}

fn plan(engine: Engine) -> AttemptPlan {
    let pricing = match engine {
        Engine::Local | Engine::Learning => Pricing::BusyTime(LocalRate {
            per_hour: usd("3600"),
        }),
        Engine::Upstream | Engine::Audit => catalog().pricing("acme", "big"),
    };
    AttemptPlan {
        engine,
        provider: "acme".to_owned(),
        model: "big".to_owned(),
        pricing,
    }
}

fn end(outcome: AttemptOutcome) -> AttemptEnd {
    AttemptEnd {
        outcome,
        usage: usage(),
        usage_complete: true,
        busy: Duration::ZERO,
        error_kind: None,
    }
}

#[tokio::test]
async fn a_local_answer_is_compared_by_its_own_tokens() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    account.attempt(local(AttemptOutcome::Accepted)).await;
    let receipt = account
        .settle(Settlement::completed(Source::Local, 200))
        .await;
    assert_eq!(receipt.net_saving(), Some(usd("0.00275")));
    let (outcome, source, _, method, cost) = settled(&ledger).await;
    assert_eq!((outcome.as_str(), source.as_str()), ("completed", "local"));
    assert_eq!(method.as_deref(), Some("same_tokens"));
    assert_eq!(cost.as_deref(), Some("0.0028"));
}

#[tokio::test]
async fn an_answer_of_the_baseline_itself_is_measured_and_the_draft_is_a_loss() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    account.attempt(local(AttemptOutcome::Discarded)).await;
    let attempt = account.begin(plan(Engine::Upstream));
    assert_eq!(
        attempt.finish(end(AttemptOutcome::Answered)).await,
        Price::Exact(usd("0.0028"))
    );
    let receipt = account
        .settle(Settlement::completed(Source::Upstream, 200))
        .await;
    assert_eq!(receipt.net_saving(), Some(usd("-0.00005")));
    assert_eq!(settled(&ledger).await.3.as_deref(), Some("measured"));
}

#[tokio::test]
async fn a_cache_hit_brings_its_own_tokens() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    let settlement = Settlement {
        answer_usage: Some(usage()),
        ..Settlement::completed(Source::Cache, 200)
    };
    assert_eq!(
        account.settle_now(settlement).net_saving(),
        Some(usd("0.0028"))
    );
}

#[tokio::test]
async fn an_error_has_no_baseline_and_an_unknown_price_is_no_saving() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    account
        .attempt(upstream(Engine::Upstream, AttemptOutcome::Failed))
        .await;
    let receipt = account
        .settle(Settlement::failed(502, "upstream_error"))
        .await;
    assert_eq!(
        (receipt.baseline.clone(), receipt.net_saving()),
        (None, None)
    );
    assert_eq!(receipt.actual, Price::Exact(usd("0.0028")));

    let mut unknown = opening("intent");
    unknown.baseline = Some(catalog().baseline("acme", "nobody-knows"));
    let account = ledger.open_exchange(unknown).await;
    account.attempt(local(AttemptOutcome::Accepted)).await;
    let receipt = account
        .settle(Settlement::completed(Source::Local, 200))
        .await;
    assert_eq!(receipt.baseline.clone().unwrap().cost, Price::Unpriced);
    assert_eq!(receipt.net_saving(), None);
}

#[tokio::test]
async fn dropping_an_account_settles_it_as_hung_up() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    assert_eq!(ledger.open_accounts(), 1);
    drop(account);
    assert_eq!(ledger.open_accounts(), 0);
    assert_eq!(ledger.health().abandoned, 1);
    assert_eq!(settled(&ledger).await.0, "hung_up");
}

#[tokio::test]
async fn a_panic_settles_as_failed() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    let task = tokio::spawn(async move {
        let _account = account;
        panic!("a bug in a handler");
    });
    assert!(task.await.unwrap_err().is_panic());
    let (outcome, _, reason, ..) = settled(&ledger).await;
    assert_eq!(
        (outcome.as_str(), reason.as_deref()),
        ("failed", Some("panic"))
    );
}

#[tokio::test]
async fn a_dropped_attempt_is_cancelled_and_charged() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    let running = account.begin(plan(Engine::Local));
    let mut cut = account.begin(plan(Engine::Upstream));
    cut.observe(usage());
    tokio::time::sleep(Duration::from_millis(3)).await;
    drop((running, cut, account));
    let rows = attempts(&ledger).await;
    let [
        (_, local_end, local_cost, _),
        (_, upstream_end, upstream_cost, complete),
    ] = &rows[..]
    else {
        panic!("two attempts, not {rows:?}")
    };
    assert_eq!(
        (local_end.as_str(), upstream_end.as_str()),
        ("cancelled", "cancelled")
    );
    // A dollar a second, for at least three milliseconds.
    assert!(
        local_cost.as_deref().map(usd) >= Some(usd("0.003")),
        "{local_cost:?}"
    );
    assert_eq!(upstream_cost.as_deref(), Some("0.0028"));
    assert!(!complete);
}

#[tokio::test]
async fn an_audit_is_charged_and_is_never_the_answer() {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening("intent")).await;
    account.attempt(local(AttemptOutcome::Accepted)).await;
    let early = account.begin(plan(Engine::Audit));
    let longer = Usage {
        output: 200,
        ..usage()
    };
    early
        .finish(AttemptEnd {
            usage: longer,
            ..end(AttemptOutcome::Answered)
        })
        .await;
    let receipt = account
        .settle(Settlement::completed(Source::Local, 200))
        .await;
    let answer = receipt.baseline.clone().unwrap();
    assert_eq!(answer.usage, usage());
    assert_eq!(answer.method, BaselineMethod::SameTokens);
    // 0.0028 less the draft's 0.00005 and the audit's 0.0036.
    assert_eq!(receipt.net_saving(), Some(usd("-0.00085")));
    let late = receipt.begin(plan(Engine::Audit));
    late.finish_now(AttemptEnd {
        usage: Usage::default(),
        ..end(AttemptOutcome::Answered)
    });
    let rows = attempts(&ledger).await;
    let engines: Vec<_> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(engines, ["local", "audit", "audit"]);
}
