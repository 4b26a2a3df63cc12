use super::*;
use crate::ledger::{LabelRow, Mode, Origin, Purpose, RepeatRow, Turn};

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
        let label = |origin, bad| LabelRow {
            exchange,
            purpose: Purpose::Answer,
            origin,
            bad,
            comparator: "label",
            at,
        };
        let origin = if n < 5 {
            Origin::Audit
        } else {
            Origin::Escalation
        };
        ledger.labelled(label(origin, n % 2 == 0)).await;
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
    let lessons = Lessons {
        labels: 10,
        audits: 5,
        audits_bad: 3,
        repeats: 4,
        repeats_differ: 1,
        ..Lessons::default()
    };
    assert_eq!(report.rows[0].lessons, lessons);
    let table = report.render(Format::Table, Some(300)).unwrap();
    let told = table
        .lines()
        .skip_while(|line| !line.contains("Learnt"))
        .collect::<Vec<_>>();
    insta::assert_snapshot!(told.join("\n"), @r#"
      Learnt from 10 drafts; 3 of 5 audited answers differed; the upstream contradicted itself in 1 of 4, so differences are 2.4 times its own.
    ! 2026-03-01T12:00:00Z intent escalates everything and learns (drift).
    "#);
}
