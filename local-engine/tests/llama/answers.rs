//! Answers and their statistics, beyond what the conformance suite asks of every engine.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::{Constraint, EngineError, Event, FinishReason, Health, Job, LocalEngine};

use crate::chain::{self, Chain};
use crate::gguf::Format;
use crate::{REPLY, assert_golden, engine, failure, folder, job, load, message, paris, play, text};

#[tokio::test]
async fn answers_with_the_probabilities_of_the_model() {
    let chain = paris();
    let engine = engine(&chain).await;
    let info = engine.info().unwrap();
    assert_eq!(
        [&info.adapter, &info.architecture, &info.quantization],
        ["llama.cpp", "llama", "f32"]
    );
    assert_eq!(
        (info.context_tokens, info.vocabulary),
        (2048, chain::VOCABULARY)
    );
    let hashes = [
        &info.weights_hash,
        &info.tokenizer_hash,
        &info.template_hash,
    ];
    assert_eq!(hashes.map(String::len), [64; 3]);
    let played = play(engine.generate(job("capital of France?"))).await;
    assert_eq!(text(&played.tokens), REPLY);
    assert_golden(&chain, &played.tokens, 1e-4);
    let Event::Finished { reason, usage } = played.end else {
        panic!("{:?}", played.end)
    };
    assert_eq!(reason, FinishReason::Stop);
    let counted = engine
        .count_tokens(job("capital of France?").messages)
        .await
        .unwrap();
    // `<|im_start|>user\n…<|im_end|>\n<|im_start|>assistant\n`, a token per byte.
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (counted, 8));
    assert_eq!(counted, 1 + 5 + 18 + 2 + 1 + 10);
    assert!(usage.busy > Duration::ZERO);
    assert!(engine.estimate(100).prefill > Duration::ZERO);
}

#[tokio::test]
async fn quantized_and_halved_it_stays_near() {
    for (format, name, tolerance) in [(Format::F16, "f16", 0.01), (Format::Q8_0, "q8_0", 0.05)] {
        let chain = paris();
        let engine = load(&folder(&chain.gguf(format))).await;
        assert_eq!(engine.info().unwrap().quantization, name);
        let tokens = play(engine.generate(job("?"))).await.tokens;
        assert_golden(&chain, &tokens, tolerance);
    }
}

#[tokio::test]
async fn a_stream_dropped_over_its_prompt_stops_within_one_chunk() {
    let engine = engine(&Chain::endless()).await;
    let begun = engine.steps();
    let mut reading = engine.generate(job(&"b".repeat(1900)));
    let first = futures_util::future::poll_fn(|context| {
        use std::task::Poll;
        // Until the first chunk is being read, without waiting for the whole prompt.
        match reading.poll_next_unpin(context) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending if engine.steps() > begun => Poll::Ready(None),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    });
    assert_eq!(first.await, None, "it was read before the test looked");
    drop(reading);
    let at_drop = engine.steps();
    let short = Job {
        max_tokens: 1,
        ..job("?")
    };
    play(engine.generate(short)).await;
    let after_drop = engine.steps() - at_drop - 1;
    assert!(after_drop <= 1, "{after_drop} chunks after the drop");
}

#[tokio::test]
async fn the_whole_context_is_usable_and_grows_with_the_jobs() {
    let engine = load(&folder(&crate::random::llama(3))).await;
    assert_eq!(engine.info().unwrap().context_tokens, 4096);
    let choices: Arc<[String]> = [String::from("x")].into();
    let long = |length| Job {
        max_tokens: u32::MAX,
        constraint: Some(Constraint::OneOf(Arc::clone(&choices))),
        ..job(&"b".repeat(length))
    };
    for length in [100, 4000, 100, 4076] {
        let played = play(engine.generate(long(length))).await;
        assert_eq!(text(&played.tokens), "x", "{length}");
    }
    let beyond = play(engine.generate(long(4077))).await;
    assert!(matches!(
        failure(beyond.end),
        EngineError::PromptTooLong {
            tokens: 4096,
            limit: 4095
        }
    ));
}

#[tokio::test]
async fn a_token_costs_one_forward_pass_and_the_end_none() {
    let engine = engine(&paris()).await;
    let choices: Arc<[String]> = ["Prague", "Paris"].map(String::from).into();
    let listed = Job {
        constraint: Some(Constraint::OneOf(choices)),
        ..job("?")
    };
    let before = engine.steps();
    assert_eq!(play(engine.generate(listed)).await.tokens.len(), 6);
    assert_eq!(engine.steps() - before, 6);
}

#[tokio::test]
async fn what_the_template_refuses_is_told_and_the_next_job_answered() {
    let engine = engine(&paris()).await;
    let odd = Job {
        messages: vec![message("tool", "x")],
        ..job("?")
    };
    let error = failure(play(engine.generate(odd)).await.end).to_string();
    assert!(error.contains("no tools here"), "{error}");
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(text(&play(engine.generate(job("?"))).await.tokens), REPLY);
}
