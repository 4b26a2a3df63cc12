//! Answers and their statistics.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use local_engine::llama::LlamaCpp;
use local_engine::{
    Constraint, EngineError, EngineSpec, Event, FinishReason, Health, Job, LocalEngine, Sampling,
};

use crate::chain::{self, Chain};
use crate::gguf::Format;
use crate::{REPLY, assert_golden, engine, failure, folder, job, load, message, paris, play, text};

fn stopped(end: &Event) -> bool {
    matches!(
        end,
        Event::Finished {
            reason: FinishReason::Stop,
            ..
        }
    )
}

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
async fn a_closed_list_is_kept_and_measured() {
    let chain = paris();
    let engine = engine(&chain).await;
    let choices: Arc<[String]> = ["Prague", "Rome", "Paris"].map(String::from).into();
    let listed = Job {
        constraint: Some(Constraint::OneOf(choices)),
        ..job("?")
    };
    let before = engine.steps();
    let played = play(engine.generate(listed)).await;
    let tokens = played.tokens;
    assert_eq!(text(&tokens), "Paris");
    assert!(stopped(&played.end));
    // One forward pass for each token, and none to end.
    assert_eq!(engine.steps() - before, 6);
    let forced: Vec<_> = tokens.iter().map(|token| token.stats.forced).collect();
    assert_eq!(forced, [false, false, true, true, true, true]);
    let (line, p) = (u32::from(b'\n'), u32::from(b'P'));
    let first = chain.p(line, p) + chain.p(line, u32::from(b'R'));
    let second = chain.p(p, u32::from(b'a')) + chain.p(p, u32::from(b'r'));
    for (token, mass) in tokens.iter().zip([first, second]) {
        let off = f64::from(token.stats.legal_mass) - mass;
        assert!(off.abs() < 1e-4, "{token:?} {mass}");
    }
    // The model would have gone on with `é` there.
    let last = tokens[5].stats;
    assert!(last.margin < -3.0 && last.legal_mass < 0.01, "{last:?}");
}

#[tokio::test]
async fn a_dropped_stream_stops_within_one_step() {
    let engine = engine(&Chain::endless()).await;
    let long = Job {
        max_tokens: 2000,
        ..job("?")
    };
    let mut running = engine.generate(long);
    for _ in 0..4 {
        running.next().await.unwrap();
    }
    drop(running);
    let at_drop = engine.steps();
    let short = Job {
        max_tokens: 3,
        ..job("?")
    };
    // The next job begins when the engine has let go of the first.
    assert_eq!(play(engine.generate(short)).await.tokens.len(), 3);
    let after_drop = engine.steps() - at_drop - 3;
    assert!(after_drop <= 1, "{after_drop} steps after the drop");
    assert!(at_drop < 1000, "it was at its end before the test began");
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
async fn a_reader_that_does_not_read_stalls_nobody() {
    let engine = engine(&Chain::endless()).await;
    let long = || Job {
        max_tokens: 300,
        ..job("?")
    };
    let unread = engine.generate(long());
    assert_eq!(play(engine.generate(long())).await.tokens.len(), 300);
    assert_eq!(play(unread).await.tokens.len(), 300);
}

#[tokio::test]
async fn lengths_and_stops_are_kept() {
    let engine = engine(&paris()).await;
    let cut = |max_tokens| Job {
        max_tokens,
        ..job("?")
    };
    let played = play(engine.generate(cut(2))).await;
    assert_eq!(text(&played.tokens), "Pa");
    assert!(!stopped(&played.end));
    // Ends in the middle of a character.
    let played = play(engine.generate(cut(6))).await;
    assert_eq!(played.tokens[5].bytes, [0xc3]);
    let stop = vec!["is".to_owned()];
    let played = play(engine.generate(Job { stop, ..job("?") })).await;
    assert_eq!(text(&played.tokens), "Par");
    assert_eq!(played.tokens.len(), 5);
    assert!(stopped(&played.end));
}

#[tokio::test]
async fn a_prompt_beyond_the_context_is_not_computed() {
    let folder = folder(&Chain::endless().gguf(Format::F32));
    let spec = EngineSpec {
        context_limit: "64".parse().ok(),
        ..EngineSpec::new(folder.path())
    };
    let engine = LlamaCpp::load(spec).await.unwrap();
    let before = engine.steps();
    let played = play(engine.generate(job(&"a".repeat(100)))).await;
    assert_eq!(
        failure(played.end),
        EngineError::PromptTooLong {
            tokens: 119,
            limit: 63
        }
    );
    assert_eq!(engine.steps(), before);
    let unlimited = Job {
        max_tokens: 1000,
        ..job("?")
    };
    // A prompt of 20 tokens leaves room for 44.
    let played = play(engine.generate(unlimited)).await;
    assert_eq!(played.tokens.len(), 44);
    assert!(!stopped(&played.end));
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
async fn the_same_seed_draws_the_same_answer() {
    let engine = engine(&paris()).await;
    let drawn = async |seed| {
        let sampling = Sampling::Random {
            temperature: 2.0,
            top_p: 0.999,
            seed,
        };
        let played = play(engine.generate(Job {
            sampling,
            ..job("?")
        }));
        let ids: Vec<_> = played.await.tokens.iter().map(|token| token.id).collect();
        ids
    };
    assert_eq!(drawn(Some(7)).await, drawn(Some(7)).await);
    let mut answers = std::collections::BTreeSet::new();
    for _ in 0..20 {
        answers.insert(drawn(None).await);
    }
    assert!(answers.len() > 1);
}

#[tokio::test]
async fn what_it_cannot_do_it_says_and_goes_on() {
    let engine = engine(&paris()).await;
    let odd = Job {
        messages: vec![message("tool", "x")],
        ..job("?")
    };
    let error = failure(play(engine.generate(odd)).await.end).to_string();
    assert!(error.contains("no tools here"), "{error}");
    let empty = Job {
        constraint: Some(Constraint::OneOf([].into())),
        ..job("?")
    };
    let adapted = Job {
        lora: Some("other".into()),
        ..job("?")
    };
    for unsupported in [empty, adapted] {
        let end = play(engine.generate(unsupported)).await.end;
        assert!(matches!(failure(end), EngineError::Unsupported(_)));
    }
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(text(&play(engine.generate(job("?"))).await.tokens), REPLY);
}
