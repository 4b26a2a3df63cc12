//! Conditions that nobody would write, and what must be true of them.

use proptest::prelude::*;

use super::sample::{TEXTS, any_sample};
use crate::document::{Api, Modality, ResponseFormat};
use crate::matcher::Facts as _;
use crate::matcher::{
    Condition, Effort, Expression, Field, Glob, Index, Language, Matcher, Quantity, Range, Text,
    Tools, View,
};

fn globs() -> impl Strategy<Value = Vec<Glob>> {
    let pattern = prop_oneof![3 => "[ab]{1,3}", 2 => "[ab]{1,2}\\*", 1 => "[ab*]{1,4}"];
    prop::collection::vec(pattern.prop_map(|pattern| Glob::new(&pattern)), 1..3)
}

fn name() -> impl Strategy<Value = Condition> {
    let field = prop_oneof![
        3 => Just(Field::Model),
        1 => Just(Field::Key),
        2 => Just(Field::Team),
        2 => "[xy]".prop_map(Field::Tag),
        1 => "[xy]".prop_map(Field::Header),
    ];
    (field, globs()).prop_map(|(field, names)| Condition::Name(field, names))
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        prop::sample::select(TEXTS.to_vec()).prop_map(|text| Text::Equals(text.to_owned())),
        "[abW]{1,2}".prop_map(Text::Prefix),
        "[abW]{1,2}".prop_map(Text::Contains),
        prop::sample::select(vec!["a", "b", "ab", "order|Rechnung"])
            .prop_map(|pattern| Text::Regex(Expression::new(pattern).unwrap())),
    ]
}

fn some<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = all.len();
    prop::sample::subsequence(all, 1..=most)
}

fn plain() -> impl Strategy<Value = Condition> {
    let formats = vec![
        ResponseFormat::Text,
        ResponseFormat::JsonObject,
        ResponseFormat::Enum,
    ];
    let modalities = vec![
        Modality::Text,
        Modality::Image,
        Modality::Audio,
        Modality::File,
    ];
    let languages = vec![
        Language::named("en").unwrap(),
        Language::named("de").unwrap(),
    ];
    let apis = vec![Api::ChatCompletions, Api::Messages];
    let quantity = prop_oneof![Just(Quantity::Turns), Just(Quantity::PromptTokens)];
    let tools = prop_oneof![
        Just(Tools::Present),
        Just(Tools::Absent),
        globs().prop_map(Tools::AnyOf),
        globs().prop_map(Tools::AllOf),
        globs().prop_map(Tools::Only),
    ];
    prop_oneof![
        8 => name(),
        1 => some(apis).prop_map(Condition::Api),
        2 => (quantity, 0..4_u64, 0..4_u64).prop_map(|(quantity, a, b)| {
            Condition::Number(quantity, Range { min: a.min(b), max: a.max(b) })
        }),
        1 => some(formats).prop_map(Condition::ResponseFormat),
        2 => tools.prop_map(Condition::Tools),
        1 => some(modalities).prop_map(Condition::Modality),
        1 => text().prop_map(Condition::System),
        1 => text().prop_map(Condition::UserMessage),
        1 => some(languages).prop_map(Condition::Language),
    ]
}

pub(crate) fn any_matcher() -> impl Strategy<Value = Matcher> {
    let leaf = prop::collection::vec(plain(), 0..3).prop_map(Matcher::new);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..3);
        let nested = prop_oneof![
            parts().prop_map(Condition::All),
            parts().prop_map(Condition::Any),
            inner
                .clone()
                .prop_map(|part| Condition::Not(Box::new(part))),
        ];
        let condition = prop_oneof![2 => plain(), 1 => nested];
        prop::collection::vec(condition, 0..4).prop_map(Matcher::new)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_covered_matches_and_what_is_excluded_does_not(
        one in any_matcher(),
        other in any_matcher(),
        samples in prop::collection::vec(any_sample(), 8),
    ) {
        let covers = one.covers(&other, &mut Effort::for_one_question());
        let excludes = one.excludes(&other, &mut Effort::for_one_question());
        for sample in samples.iter().filter(|sample| other.matches(*sample)) {
            prop_assert!(!covers || one.matches(sample), "{one:?} covers {other:?}");
            prop_assert!(!excludes || !one.matches(sample), "{one:?} excludes {other:?}");
        }
    }

    #[test]
    fn everything_covers_itself_and_is_covered_by_nothing_said(one in any_matcher()) {
        prop_assert!(one.covers(&one, &mut Effort::for_one_question()), "{one:?}");
        prop_assert!(Matcher::default().covers(&one, &mut Effort::for_one_question()));
    }

    #[test]
    fn the_index_finds_what_asking_all_in_order_finds(
        matchers in prop::collection::vec(any_matcher(), 0..24),
        samples in prop::collection::vec(any_sample(), 8),
    ) {
        let index = Index::new(matchers.iter());
        for sample in &samples {
            let view = View::new(sample, sample.model());
            let found = index.first(&view, |at| matchers[at].holds(&view));
            let expected = matchers.iter().position(|matcher| matcher.matches(sample));
            prop_assert_eq!(found, expected, "{:?} {:?}", sample, matchers);
        }
    }

    #[test]
    fn the_index_finds_who_covers_as_asking_all_in_order_does(
        matchers in prop::collection::vec(any_matcher(), 1..16),
    ) {
        let index = Index::new(matchers.iter());
        for (at, matcher) in matchers.iter().enumerate() {
            let covers = |earlier: usize| {
                matchers[earlier].covers(matcher, &mut Effort::for_one_question())
            };
            let found = index.first_covering(matcher, at, covers);
            prop_assert_eq!(found, (0..at).find(|earlier| covers(*earlier)), "{}: {:?}", at, matchers);
        }
    }
}
