use std::time::Duration;

use futures_util::StreamExt;

use super::*;
use crate::engine::FinishReason;
use crate::scripted::{End, Script, Scripted};

const SECOND: Duration = Duration::from_secs(1);

fn job(words: usize, within: Option<Duration>) -> Job {
    Job {
        first_token_within: within,
        ..Job::greedy(vec![Message::user("word ".repeat(words))], 16)
    }
}

/// Ten seconds of prefill per job of ten prompt tokens.
fn slow() -> Arc<Scripted> {
    Arc::new(Scripted::new(|_| Script {
        prompt_tokens: 10,
        delay_before_first: 10 * SECOND,
        ..Script::answering("ok", -0.1)
    }))
}

fn queued(engine: &Arc<Scripted>, waiting: u32) -> Queued {
    let engine: Arc<dyn LocalEngine> = Arc::<Scripted>::clone(engine);
    Queued::new(
        engine,
        &QueueSettings {
            waiting,
            ..QueueSettings::default()
        },
    )
}

async fn end(mut stream: Generation) -> Event {
    let mut last = None;
    while let Some(event) = stream.next().await {
        assert!(
            last.as_ref()
                .is_none_or(|event: &Event| !event.is_terminal())
        );
        last = Some(event);
    }
    last.unwrap()
}

fn predicted(event: &Event) -> Duration {
    match event {
        Event::Failed(EngineError::Busy { predicted }) => *predicted,
        other => panic!("not busy: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_turns_away_at_once() {
    let engine = slow();
    let queue = queued(&engine, 1);
    let kept = [queue.generate(job(1, None)), queue.generate(job(1, None))];
    let began = Instant::now();
    predicted(&end(queue.generate(job(1, None))).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    drop(kept);
    assert_eq!(queue.present(), 0);
}

#[tokio::test(start_paused = true)]
async fn learns_the_rates_and_predicts_with_them() {
    let engine = slow();
    let queue = queued(&engine, 8);
    // Nothing measured yet: optimism, even for a short limit.
    let first = end(queue.generate(job(10, Some(SECOND)))).await;
    assert!(matches!(
        first,
        Event::Finished {
            reason: FinishReason::Stop,
            ..
        }
    ));
    // One second a token, ten seconds a job.
    assert_eq!(queue.estimate(5).prefill, 5 * SECOND);
    let running = queue.generate(job(10, None));
    assert_eq!(queue.estimate(0).queue, 10 * SECOND);
    let began = Instant::now();
    let refused = end(queue.generate(job(5, Some(14 * SECOND)))).await;
    assert_eq!(predicted(&refused), 15 * SECOND);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(engine.started(), 1);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn gives_up_waiting_when_the_limit_passes() {
    let engine = Arc::new(Scripted::new(|_| Script {
        end: End::Hang,
        ..Script::answering("", 0.0)
    }));
    let queue = queued(&engine, 8);
    let mut running = queue.generate(job(1, None));
    running.next().await.unwrap();
    let began = Instant::now();
    let refused = end(queue.generate(job(1, Some(3 * SECOND)))).await;
    assert_eq!(predicted(&refused), 3 * SECOND);
    assert_eq!(began.elapsed(), 3 * SECOND);
    assert_eq!(queue.present(), 1);
    assert_eq!(engine.started(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_frees_its_slot_and_stops_the_engine() {
    let engine = slow();
    let queue = queued(&engine, 8);
    let mut first = queue.generate(job(1, None));
    let waiting = tokio::spawn(end(queue.generate(job(1, None))));
    assert!(tokio::time::timeout(SECOND, first.next()).await.is_err());
    drop(first);
    let began = Instant::now();
    assert!(matches!(waiting.await.unwrap(), Event::Finished { .. }));
    assert_eq!(began.elapsed(), 10 * SECOND);
    assert_eq!((engine.cancelled(), engine.finished()), (1, 1));
    assert_eq!(queue.present(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_keeps_no_slot() {
    let engine = slow();
    let queue = queued(&engine, 8);
    let mut unread = queue.generate(job(1, None));
    unread.next().await.unwrap();
    assert!(matches!(
        end(queue.generate(job(1, None))).await,
        Event::Finished { .. }
    ));
    assert!(matches!(end(unread).await, Event::Finished { .. }));
}

#[tokio::test]
async fn a_panic_in_the_engine_ends_as_death() {
    let engine = Arc::new(Scripted::new(|_| Script {
        end: End::Panic,
        ..Script::answering("", 0.0)
    }));
    let queue = queued(&engine, 8);
    let ended = end(queue.generate(job(1, None))).await;
    assert!(matches!(ended, Event::Failed(EngineError::Died(_))));
    assert_eq!(queue.present(), 0);
}

#[tokio::test]
async fn jobs_without_a_limit_are_not_counted() {
    let engine = Arc::new(Scripted::answering("ok", -0.1));
    let queue = queued(&engine, 0);
    assert!(matches!(
        end(queue.generate(job(1, None))).await,
        Event::Finished { .. }
    ));
    engine.set_health(Health::Loading);
    let limited = end(queue.generate(job(1, Some(SECOND)))).await;
    assert_eq!(limited, Event::Failed(EngineError::Loading));
}

/// A tenth of a second for each word of the prompt, a second for each of `max_tokens` tokens.
fn paced() -> Arc<Scripted> {
    Arc::new(Scripted::new(|job| {
        let words = job.messages[0].content.split_whitespace().count();
        let words = u32::try_from(words).unwrap();
        let tokens = usize::try_from(job.max_tokens).unwrap();
        Script {
            prompt_tokens: words,
            delay_before_first: SECOND / 10 * words,
            tokens: vec![("a".to_owned(), crate::scripted::stats(-0.1)); tokens],
            per_token: SECOND,
            ..Script::answering("", 0.0)
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_predicted_from_the_kinds_and_lengths_in_front() {
    let queue = queued(&paced(), 8);
    let of = |words, max_tokens| Job {
        max_tokens,
        ..job(words, None)
    };
    for _ in 0..5 {
        for (words, max_tokens) in [(10, 2), (100, 2), (10, 20), (100, 20)] {
            end(queue.generate(of(words, max_tokens))).await;
        }
    }
    // The first token of an answer takes a second as well.
    let near = |found: Duration, expected: f64| {
        let distance = (found.as_secs_f64() - expected).abs();
        assert!(
            distance < 0.05 * expected,
            "{found:?} is not near {expected} s"
        );
    };
    near(queue.estimate(10).prefill, 2.0);
    near(queue.estimate(100).prefill, 11.0);
    let mut running = queue.generate(of(100, 2));
    near(queue.estimate(0).queue, 11.0 + 1.0);
    let _waiting = queue.generate(of(10, 20));
    near(queue.estimate(0).queue, 12.0 + 2.0 + 19.0);
    // What has passed is not waited for again.
    running.next().await.unwrap();
    near(queue.estimate(0).queue, 2.0 + 21.0);

    let seen = queue.vitals().first_tokens;
    // Of the very first job nothing could be predicted.
    assert_eq!(seen.count, 19);
    assert!(seen.error < seen.actual / 4, "{seen:?}");
}
