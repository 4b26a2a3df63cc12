use proptest::prelude::*;
use serde_json::json;

use super::super::words::{id, word_ids};
use super::{Loop, copied, inspect};
use crate::policy::{Answer, Schema};
use crate::signals::Soft;

const ASKED: &str = "Summarise the ticket below in one short sentence for the night shift: the printer on floor three \
    prints blank pages since Monday morning and nobody has a spare toner.";

#[test]
fn the_prompt_given_back_is_copied() {
    let text = |text: &str| inspect(&Answer::Text, text, &["You are helpful.", ASKED]);
    assert!(text(ASKED).copied.get() > 0.999);
    assert!(text(&ASKED.to_uppercase()).copied.get() > 0.999);
    assert!(text(&format!("Sure! {ASKED}")).copied.get() > 0.9);
    let half = "The printer on floor three prints blank pages since Monday morning; someone must bring toner tonight, please.";
    assert!((0.4..0.8).contains(&text(half).copied.get()));
}

#[test]
fn an_answer_of_its_own_or_a_short_one_is_not() {
    let text = |text: &str| inspect(&Answer::Text, text, &[ASKED]).copied.get();
    assert!(text("The third-floor printer is out of toner.") < 1e-9);
    assert!(text("floor three") < 1e-9, "a value");
    assert!(
        text("printer on floor three") > 0.999,
        "all of a short text"
    );
    assert!(text("printer on floor seven") < 1e-9);
    let extracted = inspect(
        &Answer::Json,
        &json!({ "text": ASKED }).to_string(),
        &[ASKED],
    );
    assert_eq!(extracted, Soft::NOTHING, "extracting is copying");
}

#[test]
fn loops_are_found_and_emphasis_is_not() {
    let share = |text: &str| Loop::longest(&word_ids(text)).share().get();
    assert!(share(&"the same thing again ".repeat(20)) > 0.999);
    assert!(share(&"no ".repeat(12)) > 0.999);
    let late = format!(
        "A good start to an answer of ten words or so, {}",
        "and so on ".repeat(10)
    );
    assert!((0.7..0.8).contains(&share(&late)));
    for fine in [
        "No, no, no! Very, very, very good.",
        "One potato, two potato, three potato, four, five potato, six potato, seven potato, more.",
        "It is what it is, and that is that, as they say where I am from.",
    ] {
        assert!(share(fine) < 1e-9, "{fine}");
    }
    assert!(share(&"好的，".repeat(10)) > 0.999);
}

#[test]
fn json_without_a_value_is_empty() {
    let schema = Schema::new(&json!({ "type": "object" })).unwrap();
    for answer in [Answer::Json, Answer::JsonSchema(schema)] {
        let empty = |text: &str| inspect(&answer, text, &[]).empty;
        for text in ["{}", "[]", r#"{"a": null, "b": [" "], "c": {"d": []}}"#] {
            assert!(empty(text), "{text}");
        }
        for text in [r#"{"a": 0}"#, "[false]", r#"{"a": "b"}"#, "no json"] {
            assert!(!empty(text), "{text}");
        }
    }
}

#[test]
fn json_hedges_in_its_strings() {
    let hedged = |text: &str| inspect(&Answer::Json, text, &[]).hedged;
    assert!(hedged(
        r#"{"answer": ["x", "I'm sorry, but I can't help with that."]}"#
    ));
    assert!(!hedged(r#"{"I don't know": "yes"}"#));
    assert_eq!(
        inspect(
            &Answer::OneOf(["I don't know".to_owned()].into()),
            "I don't know",
            &[]
        ),
        Soft::NOTHING
    );
}

proptest! {
    #[test]
    fn any_text_can_be_inspected(text in "\\PC{0,200}", message in "\\PC{0,200}") {
        for answer in [Answer::Text, Answer::Json] {
            let soft = inspect(&answer, &text, &[&message]);
            prop_assert!(soft.copied.get() <= 1.0 && soft.looped.get() <= 1.0);
        }
    }

    /// Whatever stands around it, a whole copy is all copied, and words nobody said are not.
    #[test]
    fn copies_are_found_anywhere(before in "[a-c ]{0,40}", text in "[a-c]{1,3}( [a-c]{1,3}){4,30}", after in "[a-c ]{0,40}") {
        let message = format!("{before} {text} {after}");
        prop_assert!(copied(&word_ids(&text), &[&message]).get() > 0.999);
        let other = word_ids(&text.replace(' ', " x "));
        prop_assert!(copied(&other, &[&message]).get() < 1e-9);
    }

    /// A phrase of different words, three times or more, is a loop of all of the text.
    #[test]
    fn any_phrase_can_loop(length in 1..=32_usize, times in 3..12_usize) {
        let phrase: Vec<u64> = (0..length).map(|n| id(&format!("w{n}"))).collect();
        let words: Vec<u64> = phrase.iter().cycle().take(length * times).copied().collect();
        let found = Loop::longest(&words);
        if words.len() >= super::SHORTEST_LOOP {
            prop_assert_eq!((found.covered, found.phrase), (words.len(), length));
        } else {
            prop_assert_eq!(found.covered, 0);
        }
        prop_assert_eq!(Loop::longest(&phrase).covered, 0);
    }
}
