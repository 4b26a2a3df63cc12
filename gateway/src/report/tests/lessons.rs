use super::*;
use crate::ledger::{
    ExchangeId, JudgingRow, LabelRow, Mode, Origin, Preferred, Purpose, RepeatRow, Turn,
};

#[tokio::test]
async fn what_was_learnt_is_told_with_its_noise() {
    let ledger = Ledger::in_memory().unwrap();
    let at = "2026-03-01T12:00:00Z".parse().unwrap();
    for n in 0..10 {
        let account = ledger.open_exchange(opening("intent")).await;
        let exchange = account.id();
        let draft = Attempt {
            engine: Engine::Learning,
            ..local(AttemptOutcome::Answered)
        };
        let answer = upstream(Engine::Upstream, AttemptOutcome::Answered);
        account.attempt(answer).await;
        account.attempt(draft).await;
        account
            .settle(Settlement::completed(Source::Upstream, 200))
            .await;
        let origin = if n < 5 {
            Origin::Audit
        } else {
            Origin::Escalation
        };
        let comparator = if n == 4 { "judge" } else { "label" };
        ledger
            .labelled(LabelRow {
                exchange,
                purpose: Purpose::Answer,
                origin,
                bad: n % 2 == 0,
                comparator,
                at,
            })
            .await;
        judged(&ledger, (exchange, at), n).await;
        if n < 4 {
            let (differs, comparator) = (n == 0, "label");
            ledger
                .repeated(RepeatRow {
                    exchange,
                    differs,
                    comparator,
                    at,
                })
                .await;
        }
    }
    ledger
        .turned(Turn {
            at,
            route: "intent".to_owned(),
            mode: Mode::Learning,
            cause: "drift".into(),
            certificate: None,
        })
        .await;
    let report = Report::from_ledger(&ledger, Query::default())
        .await
        .unwrap();
    assert_eq!(report.totals.cost_learning, usd("0.0005"));
    assert_eq!(
        report.totals.net_saving,
        usd("-0.0005"),
        "learning is charged to the saving"
    );
    assert_eq!(report.rows[0].lessons, expected());
    let table = report.render(Format::Table, Some(300)).unwrap();
    let told = table
        .lines()
        .skip_while(|line| !line.contains("Learnt"))
        .collect::<Vec<_>>();
    insta::assert_snapshot!(told.join("\n"), @r#"
      Learnt from 10 drafts; 3 of 5 audited answers differed; the upstream contradicted itself in 1 of 4, so differences are 2.4 times its own.
      By comparison: judge: 1 of 1 differed, the upstream from itself in 0 of 0; label: 2 of 4 differed, the upstream from itself in 1 of 4.
      A judge compared 4 pairs of texts; read in the other order it contradicted itself in 1 of 2; it preferred what it read first in 5 of 6 verdicts; 0 answers were no verdict.
    ! 2026-03-01T12:00:00Z intent escalates everything and learns (drift).
    "#);
}

fn expected() -> Lessons {
    Lessons {
        labels: 10,
        audits: 5,
        audits_bad: 3,
        repeats: 4,
        repeats_differ: 1,
        comparators: [
            ("label".to_owned(), agreement([4, 2, 4, 1])),
            ("judge".to_owned(), agreement([1, 1, 0, 0])),
        ]
        .into(),
        judgings: Judgings {
            pairs: 4,
            again: 2,
            contradicted: 1,
            decided: 6,
            first: 5,
            unreadable: 0,
        },
        ..Lessons::default()
    }
}

/// Four pairs; two are read in both orders, and of those one is judged otherwise.
async fn judged(ledger: &Ledger, (exchange, at): (ExchangeId, jiff::Timestamp), n: usize) {
    let orders = [
        (true, Preferred::Draft),
        (false, [Preferred::Draft, Preferred::Upstream][n % 2]),
    ];
    let read = if n < 2 { 2 } else { usize::from(n < 4) };
    for (draft_first, preferred) in orders.into_iter().take(read) {
        let judging = JudgingRow {
            exchange,
            purpose: Purpose::Answer,
            draft_first,
            preferred,
            at,
        };
        ledger.judged(judging).await;
    }
}

fn agreement([audits, audits_bad, repeats, repeats_differ]: [u64; 4]) -> Agreement {
    Agreement {
        audits,
        audits_bad,
        repeats,
        repeats_differ,
    }
}
