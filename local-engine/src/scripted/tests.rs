use futures_util::StreamExt;

use super::*;

fn job(max_tokens: u32) -> Job {
    Job::greedy(vec![Message::user("two words")], max_tokens)
}

#[tokio::test]
async fn plays_tokens_and_one_end() {
    let engine = Scripted::answering("yes", -0.5);
    let events: Vec<_> = engine.generate(job(8)).collect().await;
    assert!(matches!(
        events[0],
        Event::Prefilled {
            prompt_tokens: 1,
            ..
        }
    ));
    assert!(matches!(&events[1], Event::Token(token) if token.bytes == b"yes"));
    assert!(matches!(
        events[3],
        Event::Finished {
            reason: FinishReason::Stop,
            ..
        }
    ));
    assert_eq!(events.len(), 4);
    assert_eq!(
        (engine.started(), engine.finished(), engine.cancelled()),
        (1, 1, 0)
    );
    assert_eq!(engine.tokens_emitted(), 2);
}

#[cfg(feature = "stopped-clock")]
#[tokio::test(start_paused = true)]
async fn keeps_its_timings_and_counts_a_dropped_stream() {
    let engine = Scripted::new(|_| Script {
        delay_before_first: Duration::from_secs(3),
        per_token: Duration::from_secs(1),
        end: End::Hang,
        ..Script::answering("a", -0.1)
    });
    let began = tokio::time::Instant::now();
    let mut stream = engine.generate(job(8));
    for _ in 0..3 {
        stream.next().await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    let hanging = tokio::time::timeout(Duration::from_secs(1000), stream.next()).await;
    assert!(hanging.is_err());
    drop(stream);
    assert_eq!((engine.finished(), engine.cancelled()), (0, 1));
}

#[tokio::test]
async fn ill_health_fails_every_job() {
    let engine = Scripted::answering("yes", -0.5);
    engine.set_health(Health::Loading);
    let events: Vec<_> = engine.generate(job(1)).collect().await;
    assert_eq!(events, [Event::Failed(EngineError::Loading)]);
    assert_eq!(engine.info(), None);
    assert_eq!(engine.started(), 0);
}

#[test]
fn made_up_statistics_are_of_two_tokens() {
    let even = stats(0.5_f32.ln());
    assert!(even.margin.abs() < 1e-6);
    assert!((even.entropy - 2.0_f32.ln()).abs() < 1e-6);
}
