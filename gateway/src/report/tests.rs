use super::facts::{Facts, Loaded, Spend};
use super::*;
use crate::ledger::samples::{local, opening, upstream, usd};
use crate::ledger::{
    Attempt, AttemptOutcome, Engine, ExchangeId, Opening, Outcome, Price, Settlement, Source,
};

mod lessons;
mod random;

fn facts(group: &str, outcome: Outcome, source: Source) -> Facts {
    Facts {
        group: group.to_owned(),
        outcome,
        source,
        reason: None,
        latency: Some(Duration::from_micros(12_345)),
        declared: true,
        baseline: Some(usd("0.0028")),
        method: Some("same_tokens".to_owned()),
        reserved: Some(usd("0.01")),
        spend: Spend {
            local: usd("0.00005"),
            ..Spend::default()
        },
        lessons: Lessons::default(),
    }
}

fn loaded(exchanges: Vec<Facts>) -> Loaded {
    Loaded {
        exchanges,
        turns: Vec::new(),
    }
}

/// Two routes with something of everything.
fn small_ledger() -> Report {
    let mut all: Vec<_> = (0..6)
        .map(|_| facts("intent", Outcome::Completed, Source::Local))
        .collect();
    all.push(Facts {
        reason: Some("low_confidence".to_owned()),
        latency: Some(Duration::from_millis(1_450)),
        method: Some("measured".to_owned()),
        spend: Spend {
            local: usd("0.00005"),
            discarded: usd("0.00005"),
            upstream: usd("0.0028"),
            ..Spend::default()
        },
        ..facts("intent", Outcome::Completed, Source::Upstream)
    });
    all.push(facts("intent", Outcome::Completed, Source::Cache));
    all.push(Facts {
        baseline: None,
        method: None,
        ..facts("intent", Outcome::HungUp, Source::Local)
    });
    all.push(Facts {
        baseline: None,
        method: None,
        ..facts("intent", Outcome::Lost, Source::None)
    });
    all.push(Facts {
        reason: Some("upstream_error".to_owned()),
        baseline: None,
        method: None,
        spend: Spend {
            upstream: usd("1.5"),
            discarded: usd("1.5"),
            ..Spend::default()
        },
        ..facts("=cmd()", Outcome::Failed, Source::None)
    });
    all.push(Facts {
        spend: Spend {
            unknown: true,
            audit: usd("0.002"),
            ..Spend::default()
        },
        ..facts("=cmd()", Outcome::Completed, Source::Local)
    });
    all.push(Facts {
        baseline: None,
        method: None,
        ..facts("=cmd()", Outcome::InFlight, Source::None)
    });
    tally::report(&Query::default(), loaded(all))
}

#[test]
fn json_is_what_programs_were_promised() {
    let text = small_ledger().render(Format::Json, None).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "by",
            "from",
            "to",
            "currency",
            "rows",
            "totals",
            "baseline_methods",
            "turns"
        ]
    );
    assert_eq!(json["totals"]["net_saving_usd"], "-1.4809");
    assert_eq!(json["totals"].get("route"), None);
    let row = serde_json::to_string_pretty(&json["rows"][1]).unwrap();
    insta::assert_snapshot!(row, @r#"
    {
      "route": "intent",
      "requests": 10,
      "local": 6,
      "escalated": 1,
      "cache": 1,
      "failed": 0,
      "hung_up": 1,
      "lost": 1,
      "in_flight": 0,
      "unpriced": 0,
      "uncompared": 0,
      "share_local": 0.6,
      "cost_local_usd": "0.0005",
      "cost_upstream_usd": "0.0028",
      "cost_audit_usd": "0",
      "cost_learning_usd": "0",
      "cost_discarded_usd": "0.00005",
      "cost_actual_usd": "0.0033",
      "cost_uncompared_usd": "0",
      "reserved_lost_usd": "0.01",
      "cost_baseline_usd": "0.0224",
      "net_saving_usd": "0.0191",
      "net_saving_ratio": 0.852679,
      "latency_p50_ms": 12.345,
      "latency_p95_ms": 1450.0,
      "labels": 0,
      "audits": 0,
      "audits_bad": 0,
      "repeats": 0,
      "repeats_differ": 0,
      "stopped": 0,
      "finished": 0,
      "stopped_wrongly": 0,
      "comparators": {},
      "judged": 0,
      "judged_again": 0,
      "judge_contradicted": 0,
      "judge_decided": 0,
      "judge_for_first": 0,
      "judge_unreadable": 0,
      "reasons": {
        "low_confidence": 1
      }
    }
    "#);
}

#[test]
fn csv_is_what_spreadsheets_were_promised() {
    insta::assert_snapshot!(small_ledger().render(Format::Csv, None).unwrap(), @r#"
    route,requests,local,escalated,cache,failed,hung_up,lost,in_flight,unpriced,uncompared,share_local,cost_local_usd,cost_upstream_usd,cost_audit_usd,cost_learning_usd,cost_discarded_usd,cost_actual_usd,cost_uncompared_usd,reserved_lost_usd,cost_baseline_usd,net_saving_usd,net_saving_ratio,latency_p50_ms,latency_p95_ms,labels,audits,audits_bad,repeats,repeats_differ,stopped,finished,stopped_wrongly,repeats_differ_by,judged,judged_again,judge_contradicted,judge_decided,judge_for_first,judge_unreadable,reasons
    '=cmd(),3,1,0,0,1,0,0,1,1,2,0.333333,0.00005,1.5,0.002,0,1.5,1.50205,0.00205,0,0,-1.5,,12.345,12.345,0,0,0,0,0,0,0,0,,0,0,0,0,0,0,upstream_error: 1
    intent,10,6,1,1,0,1,1,0,0,0,0.6,0.0005,0.0028,0,0,0.00005,0.0033,0,0.01,0.0224,0.0191,0.852679,12.345,1450,0,0,0,0,0,0,0,0,,0,0,0,0,0,0,low_confidence: 1
    "#);
}

#[test]
fn a_wide_table_draws_the_share() {
    insta::assert_snapshot!(small_ledger().render(Format::Table, Some(140)).unwrap(), @r#"
    Spend and savings by route, from the first request to now, US dollars
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     route    requests   local             share   escalated   cache   failed     spent   baseline*       net saving*     p50     p95
    ══════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════════
     =cmd()          3       1   ███▍······  33%           0       0        1     $1.50       $0.00            -$1.50   12 ms   12 ms
     intent         10       6   ██████····  60%           1       1        0   $0.0033     $0.0224     $0.0191 (85%)   12 ms   1.4 s
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     total          13       7   █████▍····  54%           1       1        1     $1.51     $0.0224   -$1.48 (-6611%)   12 ms   1.4 s
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    * Not money in the books: what the declared baselines would have cost, estimated with the tokens of the answers that were sent. Take the
      saving as an upper bound.
      Spent: $0.00055 local, $1.50 upstream, $0.002 audits, $0.00 to learn; of it $1.50 for drafts and tries that no client got.
      Left out of baseline and saving: 2 requests (1 with an unknown price or usage, 1 still in flight); what is known of their spend, $0.00205,
      is in `spent`.
      Lost when the gateway stopped: 1 request; up to $0.01 reserved for them may have been spent beyond the books.
      Left by the client before the end: 1 request.
      Reasons: low_confidence 1, upstream_error 1.
    "#);
}

#[test]
fn a_narrow_table_keeps_the_money() {
    insta::assert_snapshot!(small_ledger().render(Format::Table, Some(80)).unwrap(), @r#"
    Spend and savings by route, from the first request to now, US dollars
    ───────────────────────────────────────────────────────────────────────────────────────
     route    requests   local   share   escalated     spent   baseline*       net saving*
    ═══════════════════════════════════════════════════════════════════════════════════════
     =cmd()          3       1     33%           0     $1.50       $0.00            -$1.50
     intent         10       6     60%           1   $0.0033     $0.0224     $0.0191 (85%)
    ───────────────────────────────────────────────────────────────────────────────────────
     total          13       7     54%           1     $1.51     $0.0224   -$1.48 (-6611%)
    ───────────────────────────────────────────────────────────────────────────────────────
    * Not money in the books: what the declared baselines would have cost, estimated
      with the tokens of the answers that were sent. Take the saving as an upper
      bound.
      Spent: $0.00055 local, $1.50 upstream, $0.002 audits, $0.00 to learn; of it
      $1.50 for drafts and tries that no client got.
      Left out of baseline and saving: 2 requests (1 with an unknown price or usage,
      1 still in flight); what is known of their spend, $0.00205, is in `spent`.
      Lost when the gateway stopped: 1 request; up to $0.01 reserved for them may
      have been spent beyond the books.
      Left by the client before the end: 1 request.
      Reasons: low_confidence 1, upstream_error 1.
    "#);
}

#[test]
fn an_empty_ledger_is_a_report_too() {
    let report = tally::report(&Query::default(), Loaded::default());
    insta::assert_snapshot!(report.render(Format::Table, Some(80)).unwrap(), @r#"
    Spend and savings by route, from the first request to now, US dollars
    ────────────────────────────────────────────────────────────────────────────────
     route   requests   local   share   escalated   spent   baseline*   net saving*
    ════════════════════════════════════════════════════════════════════════════════
     total          0       0                   0   $0.00       $0.00         $0.00
    ────────────────────────────────────────────────────────────────────────────────
      No requests in this period.
    "#);
    assert!(
        report
            .render(Format::Json, None)
            .unwrap()
            .contains("\"rows\": []")
    );
}

#[test]
fn words_and_moments_are_read() {
    assert_eq!("day".parse::<GroupBy>().unwrap(), GroupBy::Day);
    let error = "team".parse::<GroupBy>().unwrap_err().to_string();
    assert!(error.contains("choose route, key, model or day"), "{error}");
    assert_eq!("csv".parse::<Format>().unwrap(), Format::Csv);
    assert_eq!(
        parse_moment("2026-03-01").unwrap().to_string(),
        "2026-03-01T00:00:00Z"
    );
    let midday = parse_moment("2026-03-01T13:00:00+01:00").unwrap();
    assert_eq!(midday.to_string(), "2026-03-01T12:00:00Z");
    for text in ["", "yesterday", "2026-02-30", "2026-03"] {
        assert!(parse_moment(text).is_err(), "{text}");
    }
}

#[test]
fn names_cannot_drive_the_terminal() {
    let evil = facts("x\u{1b}[2J\n", Outcome::Completed, Source::Local);
    let text = tally::report(&Query::default(), loaded(vec![evil]))
        .render(Format::Table, None)
        .unwrap();
    assert!(text.contains("x?[2J?"), "{text}");
}

#[tokio::test]
async fn the_period_is_half_open_and_attempts_follow_their_exchange() {
    let ledger = Ledger::in_memory().unwrap();
    for moment in [
        "2026-03-01T00:00:00Z",
        "2026-03-01T23:59:59.999999Z",
        "2026-03-02T00:00:00Z",
    ] {
        let mut opening = opening("intent");
        opening.id = ExchangeId::new();
        opening.started_at = moment.parse().unwrap();
        let account = ledger.open_exchange(opening).await;
        account.attempt(local(AttemptOutcome::Accepted)).await;
        account
            .settle(Settlement::completed(Source::Local, 200))
            .await;
    }
    let query = Query {
        by: GroupBy::Day,
        from: Some(parse_moment("2026-03-01").unwrap()),
        to: Some(parse_moment("2026-03-02").unwrap()),
    };
    let report = Report::from_ledger(&ledger, query).await.unwrap();
    assert_eq!(report.rows.len(), 1);
    assert_eq!(report.rows[0].group, "2026-03-01");
    assert_eq!(report.totals.requests, 2);
    assert_eq!(report.totals.cost_actual, usd("0.0001"));
    assert_eq!(report.totals.net_saving, usd("0.0055"));
}

/// The only row of a ledger with one exchange, answered locally.
async fn one_local_answer(opening: Opening, more: Option<Attempt>) -> Row {
    let ledger = Ledger::in_memory().unwrap();
    let account = ledger.open_exchange(opening).await;
    account.attempt(local(AttemptOutcome::Accepted)).await;
    if let Some(attempt) = more {
        account.attempt(attempt).await;
    }
    account
        .settle(Settlement::completed(Source::Local, 200))
        .await;
    let report = Report::from_ledger(&ledger, Query::default()).await;
    report.unwrap().totals
}

#[tokio::test]
async fn what_cannot_be_compared_is_left_out_and_counted() {
    let undeclared = Opening {
        baseline: None,
        ..opening("intent")
    };
    let row = one_local_answer(undeclared, None).await;
    assert_eq!((row.uncompared, row.unpriced), (1, 0));
    assert_eq!(row.cost_uncompared, usd("0.00005"));
    assert_eq!(row.net_saving, Usd::ZERO);

    let cut = Attempt {
        usage_complete: false,
        ..upstream(Engine::Upstream, AttemptOutcome::Failed)
    };
    let row = one_local_answer(opening("intent"), Some(cut)).await;
    assert_eq!((row.uncompared, row.unpriced), (1, 1));
    assert_eq!(row.cost_uncompared, usd("0.00285"));
    assert_eq!((row.cost_baseline, row.net_saving), (Usd::ZERO, Usd::ZERO));

    let short = Attempt {
        usage_complete: false,
        ..local(AttemptOutcome::Discarded)
    };
    let row = one_local_answer(opening("intent"), Some(short)).await;
    assert_eq!(row.unpriced, 0, "local work is charged by time");
    assert_eq!(row.net_saving, usd("0.0027"));
}

#[tokio::test]
async fn a_failed_audit_costs_but_is_no_discarded_draft() {
    let audit = upstream(Engine::Audit, AttemptOutcome::Failed);
    let row = one_local_answer(opening("intent"), Some(audit)).await;
    assert_eq!(row.cost_audit, usd("0.0028"));
    assert_eq!(row.cost_discarded, Usd::ZERO);
    assert_eq!(row.net_saving, usd("-0.00005"));
}

#[test]
fn a_lost_exchange_without_a_known_bound_is_unpriced() {
    let lost = Facts {
        reserved: None,
        baseline: None,
        ..facts("intent", Outcome::Lost, Source::None)
    };
    let totals = tally::report(&Query::default(), loaded(vec![lost])).totals;
    assert_eq!(totals.unpriced, 1);
    assert_eq!(totals.reserved_lost, Usd::ZERO);
}
