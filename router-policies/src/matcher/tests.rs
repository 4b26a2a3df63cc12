use proptest::prelude::*;

use super::{
    Condition, Effort, Expression, Field, Glob, Language, Matcher, Quantity, Range, Text, Tools,
    View,
};
use crate::document::{Modality, ResponseFormat};
use sample::Sample;

mod arbitrary;
pub(crate) mod sample;

fn glob(pattern: &str) -> Vec<Glob> {
    vec![Glob::new(pattern)]
}

#[test]
fn globs_match_whole_names() {
    for (pattern, text, expected) in [
        ("gpt-4o", "gpt-4o", true),
        ("gpt-4o", "gpt-4o-mini", false),
        ("gpt-*", "gpt-4o", true),
        ("gpt-*", "gpt-", true),
        ("gpt-*", "my-gpt-4", false),
        ("*mini", "gpt-4o-mini", true),
        ("*-4*-m*i", "gpt-4o-mini", true),
        ("ab*ba", "aba", false),
        ("a*a", "a", false),
        ("*", "", true),
        ("**", "anything", true),
        ("a**b", "ab", true),
        ("", "", true),
        ("", "a", false),
        ("*é*", "café au lait", true),
        ("GPT-*", "gpt-4o", false),
    ] {
        assert_eq!(
            Glob::new(pattern).matches(text),
            expected,
            "{pattern} on {text}"
        );
    }
}

#[test]
fn a_hard_glob_is_still_fast() {
    let pattern = format!("{}c", "a*".repeat(2_000));
    let text = "a".repeat(200_000);
    assert!(!Glob::new(&pattern).matches(&text));
}

#[test]
fn globs_know_their_shape() {
    assert_eq!(Glob::new("gpt").literal(), Some("gpt"));
    assert_eq!(Glob::new("gpt*").literal(), None);
    assert!(Glob::new("***").matches_all());
    assert!(!Glob::new("a*").matches_all());
    assert_eq!(Glob::new("a**b*c").to_string(), "a*b*c");
    assert!(Glob::new("gpt-*").covers(&Glob::new("gpt-4*")));
    assert!(!Glob::new("gpt-4*").covers(&Glob::new("gpt-*")));
    assert!(Glob::new("gpt-*").excludes(&Glob::new("claude-*")));
    assert!(!Glob::new("gpt-*").excludes(&Glob::new("*-mini")));
}

/// Every condition with a request for which it holds and one for which it fails.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn single_conditions() {
    let plain = || Sample::of("gpt-4o");
    let pairs = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let named = |field, pattern| Condition::Name(field, glob(pattern));
    let tools = |names: &[&str]| Sample {
        tools: names.iter().map(|name| (*name).to_owned()).collect(),
        ..plain()
    };
    let said = |text: Option<&str>| Sample {
        user_message: text.map(str::to_owned),
        ..plain()
    };
    let regex = |text: &str| Text::Regex(Expression::new(text).unwrap());
    let holding = |modalities: &[Modality]| Sample {
        modalities: modalities.to_vec(),
        ..plain()
    };
    let range = |min, max| Range { min, max };
    let support = || Some("support-eu".to_owned());
    for (condition, yes, no) in [
        (named(Field::Model, "gpt-*"), plain(), Sample::of("claude")),
        (
            named(Field::Key, "agents"),
            plain(),
            Sample {
                key: "other".to_owned(),
                ..plain()
            },
        ),
        (
            named(Field::Team, "support-*"),
            Sample {
                team: support(),
                ..plain()
            },
            plain(),
        ),
        (
            named(Field::Tag("tier".to_owned()), "gold"),
            Sample {
                tags: pairs("tier", "gold"),
                ..plain()
            },
            Sample {
                headers: pairs("tier", "gold"),
                ..plain()
            },
        ),
        (
            named(Field::Header("x-a".to_owned()), "*"),
            Sample {
                headers: pairs("x-a", ""),
                ..plain()
            },
            plain(),
        ),
        (
            Condition::Number(Quantity::Turns, range(1, 3)),
            Sample {
                turns: 3,
                ..plain()
            },
            Sample {
                turns: 4,
                ..plain()
            },
        ),
        (
            Condition::Number(Quantity::PromptTokens, range(100, u64::MAX)),
            Sample {
                prompt_tokens: 100,
                ..plain()
            },
            Sample {
                prompt_tokens: 99,
                ..plain()
            },
        ),
        (Condition::Tools(Tools::Present), tools(&["a"]), plain()),
        (Condition::Tools(Tools::Absent), plain(), tools(&["a"])),
        (
            Condition::Tools(Tools::AnyOf(glob("s*"))),
            tools(&["a", "s1"]),
            tools(&["a"]),
        ),
        (
            Condition::Tools(Tools::AllOf([glob("s*"), glob("a")].concat())),
            tools(&["a", "s1"]),
            tools(&["s1", "s2"]),
        ),
        (
            Condition::Tools(Tools::Only(glob("s*"))),
            tools(&["s1", "s2"]),
            tools(&["s1", "a"]),
        ),
        (
            Condition::Tools(Tools::Only(glob("s*"))),
            tools(&["s"]),
            plain(),
        ),
        (
            Condition::ResponseFormat(vec![ResponseFormat::Enum]),
            Sample {
                response_format: ResponseFormat::Enum,
                ..plain()
            },
            Sample {
                response_format: ResponseFormat::JsonSchema,
                ..plain()
            },
        ),
        (
            Condition::Modality(vec![Modality::Text]),
            holding(&[]),
            holding(&[Modality::Text, Modality::Image]),
        ),
        (
            Condition::Modality(vec![Modality::Image, Modality::File]),
            holding(&[Modality::Text, Modality::File]),
            holding(&[Modality::Audio]),
        ),
        (
            Condition::System(Text::Prefix("You".to_owned())),
            Sample {
                system: "You are".to_owned(),
                ..plain()
            },
            plain(),
        ),
        (
            Condition::UserMessage(regex("(?i)refund|charge ?back")),
            said(Some("My REFUND is late")),
            said(Some("My order is late")),
        ),
        (
            Condition::UserMessage(Text::Contains("a".to_owned())),
            said(Some("a")),
            said(None),
        ),
        (
            Condition::Language(vec![Language::named("de").unwrap()]),
            said(Some(sample::TEXTS[4])),
            said(Some("ok")),
        ),
    ] {
        let matcher = Matcher::new(vec![condition.clone()]);
        assert!(matcher.matches(&yes), "{condition:?} on {yes:?}");
        assert!(!matcher.matches(&no), "{condition:?} on {no:?}");
        let not = Matcher::new(vec![Condition::Not(Box::new(matcher))]);
        assert!(!not.matches(&yes) && not.matches(&no), "{condition:?}");
    }
}

#[test]
fn all_conditions_must_hold_and_one_alternative() {
    let gold = || {
        Matcher::new(vec![Condition::Name(
            Field::Tag("tier".to_owned()),
            glob("gold"),
        )])
    };
    let long = || {
        Matcher::new(vec![Condition::Number(
            Quantity::Turns,
            Range { min: 5, max: 9 },
        )])
    };
    let model = || Condition::Name(Field::Model, glob("gpt"));
    let either = Matcher::new(vec![model(), Condition::Any(vec![gold(), long()])]);
    let both = Matcher::new(vec![model(), Condition::All(vec![gold(), long()])]);
    let sample = |model: &str, tier: &str, turns| Sample {
        tags: vec![("tier".to_owned(), tier.to_owned())],
        turns,
        ..Sample::of(model)
    };
    for (request, any, all) in [
        (sample("gpt", "gold", 5), true, true),
        (sample("gpt", "gold", 1), true, false),
        (sample("gpt", "none", 5), true, false),
        (sample("gpt", "none", 1), false, false),
        (sample("claude", "gold", 5), false, false),
    ] {
        assert_eq!(either.matches(&request), any, "{request:?}");
        assert_eq!(both.matches(&request), all, "{request:?}");
    }
}

#[test]
fn what_takes_everything_is_noticed() {
    let everything = |conditions| Matcher::new(conditions).takes_everything();
    assert!(everything(vec![]));
    assert!(everything(vec![Condition::Name(Field::Model, glob("*"))]));
    assert!(!everything(vec![Condition::Name(Field::Team, glob("*"))]));
    assert!(!everything(vec![Condition::Tools(Tools::Absent)]));
}

/// Two lists of lists can be compared in very many ways; the question is given up before they are all tried.
#[test]
fn a_hard_question_is_given_up() {
    let mut one = Matcher::new(vec![Condition::Name(Field::Model, glob("a"))]);
    let mut other = Matcher::new(vec![Condition::Name(Field::Model, glob("b"))]);
    for _ in 0..7 {
        one = Matcher::new(vec![Condition::Any(vec![one.clone(), one.clone(), one])]);
        other = Matcher::new(vec![Condition::Any(vec![
            other.clone(),
            other.clone(),
            other,
        ])]);
    }
    let mut effort = Effort::for_one_question();
    assert!(!one.covers(&other, &mut effort));
    assert_eq!(effort.spent(), 10_000);
}

#[test]
fn expressions_say_what_is_wrong_and_have_a_size() {
    assert_eq!(Expression::new("a)").unwrap_err(), "unopened group");
    let large = Expression::new(r"(\w{100}){100}").unwrap_err();
    assert_eq!(large, "it takes more memory than 1 MiB; repeat less in it");
}

#[test]
fn views_do_not_print_texts() {
    let sample = Sample {
        user_message: Some("secret".to_owned()),
        system: "secret".to_owned(),
        ..Sample::of("m")
    };
    let view = View::new(&sample, "m");
    view.user_message();
    assert!(!format!("{view:?}").contains("secret"));
}

/// The textbook definition, exponential and obviously right.
fn naive(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        ([p, rest @ ..], [t, more @ ..]) => p == t && naive(rest, more),
        (_, []) => false,
    }
}

proptest! {
    #[test]
    fn globs_agree_with_the_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
        prop_assert_eq!(
            Glob::new(&pattern).matches(&text),
            naive(pattern.as_bytes(), text.as_bytes())
        );
    }

    #[test]
    fn globs_cover_and_exclude_only_what_they_should(
        one in "[ab*]{0,4}",
        other in "[ab*]{0,4}",
        text in "[ab]{0,6}",
    ) {
        let (one, other) = (Glob::new(&one), Glob::new(&other));
        if other.matches(&text) {
            prop_assert!(!one.covers(&other) || one.matches(&text), "{one} covers {other}");
            prop_assert!(!one.excludes(&other) || !one.matches(&text), "{one} excludes {other}");
        }
    }
}
