//! Readers that go, that do not read, and that are too many.

use std::time::Duration;

use local_engine::{EngineError, Event};

use super::{answer, cut, job, next, play};
use crate::suite::{Capability, Made, Model, Setup, Subject, Verdict, ensure};

/// Steps that take a time, and no end of them.
fn paced() -> Setup {
    Setup {
        pace: Duration::from_millis(1),
        ..Setup::from(Model::Endless)
    }
}

/// A job that would run for long.
const LONG: u32 = 1900;

pub(crate) async fn a_dropped_stream_stops_the_compute(subject: &Subject) -> Verdict {
    subject.claims(Capability::Steps)?;
    let made = subject.make(paced()).await;
    let before = made.steps().await;
    answer(&made, cut(8)).await?;
    let begun = made.steps().await;
    let price = begun - before;
    ensure!((1..=9).contains(&price), "{price} steps for eight tokens");
    let mut running = made.engine.generate(cut(LONG));
    for _ in 0..4 {
        next(&mut running).await?;
    }
    drop(running);
    let dropped = made.steps().await;
    answer(&made, cut(8)).await?;
    let after = made.steps().await - dropped;
    let done = dropped - begun;
    ensure!(done < u64::from(LONG) / 2, "at its end before the drop");
    ensure!(after <= price + 1, "{} steps after the drop", after - price);
    Ok(())
}

pub(crate) async fn a_dropped_stream_frees_its_slot(subject: &Subject) -> Verdict {
    let made = subject.make(paced()).await;
    let queue = Made::new((subject.queue)(made.engine, 1));
    for _ in 0..3 {
        let mut running = queue.engine.generate(cut(LONG));
        for _ in 0..2 {
            next(&mut running).await?;
        }
        drop(running);
        answer(&queue, cut(2)).await?;
    }
    Ok(())
}

pub(crate) async fn a_slow_reader_stalls_nobody(subject: &Subject) -> Verdict {
    let made = subject.make(Model::Endless).await;
    let unread = made.engine.generate(cut(700));
    let mut begun = made.engine.generate(cut(700));
    next(&mut begun).await?;
    answer(&made, job("?")).await?;
    drop(begun);
    let late = play(unread).await?;
    let tokens = late.tokens.len();
    ensure!(tokens == 700, "{tokens} of 700 tokens: {:?}", late.end);
    Ok(())
}

pub(crate) async fn a_full_queue_turns_away(subject: &Subject) -> Verdict {
    let made = subject.make(paced()).await;
    let queue = (subject.queue)(made.engine, 1);
    let mut running = queue.generate(cut(LONG));
    next(&mut running).await?;
    let waiting = queue.generate(cut(2));
    let refused = play(queue.generate(cut(2))).await?;
    ensure!(
        matches!(refused.end, Event::Failed(EngineError::Busy { .. })) && refused.tokens.is_empty(),
        "the third of two: {refused:?}"
    );
    drop(running);
    play(waiting).await?.finished()?;
    Ok(())
}
