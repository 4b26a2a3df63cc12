//! Answers that are held to a pattern or a schema while they are written.

use local_engine::{Constraint, Event, FinishReason, Job, LocalEngine};

use crate::{engine, job, paris, play, text};

/// The vocabulary is all bytes, so a pattern of three words allows what a list of them does.
#[tokio::test]
async fn a_pattern_of_words_is_kept_and_measured_like_a_list() {
    let engine = engine(&paris()).await;
    let words = ["Prague", "Rome", "Paris"].map(String::from);
    let held = async |constraint| {
        let constraint = Some(constraint);
        let job = Job {
            constraint,
            ..job("?")
        };
        play(engine.generate(job)).await.0
    };
    let pattern = Constraint::Regex(words.join("|").into());
    let listed = held(Constraint::OneOf(words.into())).await;
    let matched = held(pattern).await;
    assert_eq!(text(&matched), "Paris");
    assert_eq!(matched, listed);
}

#[tokio::test]
async fn a_schema_is_kept() {
    let engine = engine(&paris()).await;
    let schema = r#"{"type": "object", "properties": {"city": {"enum": ["Rome", "Paris"]}}, "required": ["city"],
        "additionalProperties": false}"#;
    let held = Job {
        constraint: Some(Constraint::JsonSchema(schema.into())),
        // The model prefers line breaks, of which there is room for some.
        max_tokens: 256,
        ..job("?")
    };
    let (tokens, end) = play(engine.generate(held.clone())).await;
    let value: serde_json::Value = serde_json::from_str(&text(&tokens)).unwrap();
    assert!(
        value["city"] == "Paris" || value["city"] == "Rome",
        "{value}"
    );
    assert!(matches!(
        end,
        Event::Finished {
            reason: FinishReason::Stop,
            ..
        }
    ));
    assert!(tokens.iter().any(|token| token.stats.forced));
    let cut = Job {
        max_tokens: 4,
        ..held
    };
    let (_, end) = play(engine.generate(cut)).await;
    assert!(matches!(
        end,
        Event::Finished {
            reason: FinishReason::Length,
            ..
        }
    ));
}
