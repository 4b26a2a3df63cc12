use super::check;
use crate::policy::Answer;
use crate::signals::Finish;
use crate::verdict::Reason;

const INVALID: Option<Reason> = Some(Reason::InvalidAnswer);

#[test]
fn a_truncated_draft_fails_whatever_it_says() {
    for answer in [
        Answer::Text,
        Answer::Json,
        Answer::OneOf(["{}".to_owned()].into()),
    ] {
        assert_eq!(
            check(&answer, "{}", Finish::Length),
            Some(Reason::Truncated)
        );
        assert_eq!(check(&answer, "{}", Finish::Stop), None);
    }
}

#[test]
fn a_text_must_not_be_blank() {
    assert_eq!(check(&Answer::Text, "hello", Finish::Stop), None);
    for blank in ["", " ", "\n\t "] {
        assert_eq!(check(&Answer::Text, blank, Finish::Stop), INVALID);
    }
}

#[test]
fn a_label_must_be_one_of_the_list_exactly() {
    let answer = Answer::OneOf(["yes".to_owned(), "no".to_owned()].into());
    assert_eq!(check(&answer, "no", Finish::Stop), None);
    for wrong in ["", "No", "no ", "maybe", "yes no"] {
        assert_eq!(check(&answer, wrong, Finish::Stop), INVALID, "{wrong}");
    }
}

#[test]
fn json_must_be_one_object_or_array() {
    for right in ["{}", "[]", " {\"a\": [1, 2]}\n", "[null]"] {
        assert_eq!(check(&Answer::Json, right, Finish::Stop), None, "{right}");
    }
    let deep = "[".repeat(100_000);
    for wrong in [
        "",
        "1",
        "\"a\"",
        "null",
        "{",
        "{} {}",
        "```json\n{}\n```",
        "{'a': 1}",
        &deep,
    ] {
        assert_eq!(check(&Answer::Json, wrong, Finish::Stop), INVALID);
    }
}
