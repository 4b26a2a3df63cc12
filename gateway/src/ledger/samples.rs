//! Rows for the tests of the ledger and the report.

use std::time::Duration;

use super::{
    Attempt, AttemptOutcome, Catalog, Engine, ExchangeId, LocalRate, Opening, Price, Pricing,
    Rates, Usage, Usd,
};

/// An amount.
pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// One upstream, `acme`, with one model, `big`: 2 dollars in, 8 out.
pub(crate) fn catalog() -> Catalog {
    let rates = Rates {
        input: usd("2"),
        cache_read: None,
        cache_write: None,
        output: usd("8"),
    };
    Catalog::from_iter([("acme", "big", rates)])
}

/// An exchange on `route`, compared with `acme/big`, with a cent reserved.
pub(crate) fn opening(route: &str) -> Opening {
    Opening {
        id: ExchangeId::new(),
        started_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        route: route.to_owned(),
        principal: "team-a".to_owned(),
        client_model: "auto".to_owned(),
        streamed: false,
        policy_version: "p1".to_owned(),
        baseline: Some(catalog().baseline("acme", "big")),
        reserved: Price::Exact(usd("0.01")),
        pinned_by: None,
    }
}

/// 1000 prompt and 100 answer tokens: 0.0028 dollars on `acme/big`.
pub(crate) fn usage() -> Usage {
    Usage {
        input: 1000,
        output: 100,
        ..Usage::default()
    }
}

/// Half a second on the local model at 0.36 dollars an hour: 0.00005 dollars.
pub(crate) fn local(outcome: AttemptOutcome) -> Attempt {
    let pricing = Pricing::BusyTime(LocalRate {
        per_hour: usd("0.36"),
    });
    Attempt {
        engine: Engine::Local,
        provider: "small".to_owned(),
        model: "tiny".to_owned(),
        outcome,
        usage: usage(),
        usage_complete: true,
        busy: Duration::from_millis(500),
        latency: Duration::from_millis(600),
        cost: pricing.cost(&usage(), Duration::from_millis(500)),
        pricing,
        error_kind: None,
    }
}

/// A whole answer from `acme/big`.
pub(crate) fn upstream(engine: Engine, outcome: AttemptOutcome) -> Attempt {
    let pricing = catalog().pricing("acme", "big");
    Attempt {
        engine,
        provider: "acme".to_owned(),
        model: "big".to_owned(),
        outcome,
        usage: usage(),
        usage_complete: true,
        busy: Duration::ZERO,
        latency: Duration::from_millis(900),
        cost: pricing.cost(&usage(), Duration::ZERO),
        pricing,
        error_kind: None,
    }
}
