//! What can be told of a request of which only little is known: who sent it, and which model it asked for.
//!
//! Conditions have three values, as in Kleene's logic: they hold, they do not, or it cannot be told.

use std::collections::BTreeMap;

use super::condition::{Condition, Field};
use super::{Glob, Matcher};

/// What books keep of a request.
#[derive(Debug, Clone, Copy)]
pub struct Partial<'a> {
    /// The model as the client wrote it; `None` where that is not kept.
    pub model: Option<&'a str>,
    /// Name of the client's key.
    pub key: &'a str,
    /// The team that the client's key belongs to.
    pub team: Option<&'a str>,
    /// The tags of the client's key.
    pub tags: &'a BTreeMap<String, String>,
}

impl Matcher {
    /// Whether the request takes the route; `None` where that depends on what is not known. `model` is that after
    /// aliases.
    pub(crate) fn told(&self, request: &Partial<'_>, model: Option<&str>) -> Option<bool> {
        all(self
            .conditions
            .iter()
            .map(|condition| condition.told(request, model)))
    }
}

impl Condition {
    fn told(&self, request: &Partial<'_>, model: Option<&str>) -> Option<bool> {
        let told = |matcher: &Matcher| matcher.told(request, model);
        match self {
            Self::Name(field, names) => name_told(field, names, request, model),
            Self::All(matchers) => all(matchers.iter().map(told)),
            // One holds unless none does.
            Self::Any(matchers) => {
                let none = all(matchers
                    .iter()
                    .map(|matcher| told(matcher).map(|held| !held)));
                none.map(|none| !none)
            }
            Self::Not(matcher) => told(matcher).map(|held| !held),
            _ => None,
        }
    }
}

fn name_told(
    field: &Field,
    names: &[Glob],
    request: &Partial<'_>,
    model: Option<&str>,
) -> Option<bool> {
    let fits = |name: &str| names.iter().any(|pattern| pattern.matches(name));
    match field {
        Field::Model => model.map(fits),
        Field::Key => Some(fits(request.key)),
        Field::Team => Some(request.team.is_some_and(fits)),
        // A tag that the key does not have may stand in the request.
        Field::Tag(name) => request.tags.get(name).map(|tag| fits(tag)),
        Field::Path | Field::Header(_) => None,
    }
}

/// Whether all hold: not if one surely fails, and not to be told if one is not and none fails.
fn all(mut told: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    told.try_fold(Some(true), |so_far, one| match one {
        Some(false) => Err(()),
        None => Ok(None),
        Some(true) => Ok(so_far),
    })
    .unwrap_or(Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(field: Field, pattern: &str) -> Condition {
        Condition::Name(field, vec![Glob::new(pattern)])
    }

    /// What is told of a request for `chat` with the key `desk` of the team `support`, tagged `tier: gold`.
    fn told(conditions: Vec<Condition>) -> Option<bool> {
        let tags = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
        let request = Partial {
            model: Some("chat"),
            key: "desk",
            team: Some("support"),
            tags: &tags,
        };
        Matcher::new(conditions).told(&request, request.model)
    }

    fn header() -> Condition {
        name(Field::Header("x".to_owned()), "*")
    }

    #[test]
    fn names_that_are_known_are_told() {
        assert_eq!(told(vec![]), Some(true));
        for (field, fits, fails) in [
            (Field::Model, "c*", "d*"),
            (Field::Key, "desk", "des"),
            (Field::Team, "support", "sales"),
            (Field::Tag("tier".to_owned()), "gold", "silver"),
        ] {
            assert_eq!(
                told(vec![name(field.clone(), fits)]),
                Some(true),
                "{field:?}"
            );
            assert_eq!(
                told(vec![name(field.clone(), fails)]),
                Some(false),
                "{field:?}"
            );
        }
        assert_eq!(told(vec![header()]), None);
        assert_eq!(
            told(vec![name(Field::Tag("region".to_owned()), "eu")]),
            None
        );
    }

    #[test]
    fn what_is_unknown_counts_only_where_it_decides() {
        let holds = || name(Field::Model, "chat");
        let fails = || name(Field::Model, "other");
        let parts = |conditions: Vec<Condition>| -> Vec<Matcher> {
            let each = conditions.into_iter();
            each.map(|condition| Matcher::new(vec![condition]))
                .collect()
        };
        let any = |conditions| told(vec![Condition::Any(parts(conditions))]);
        let all = |conditions| told(vec![Condition::All(parts(conditions))]);
        let not = |condition| {
            told(vec![Condition::Not(Box::new(Matcher::new(vec![
                condition,
            ])))])
        };
        assert_eq!(any(vec![header(), holds()]), Some(true));
        assert_eq!(any(vec![header(), fails()]), None);
        assert_eq!(any(vec![fails(), fails()]), Some(false));
        assert_eq!(all(vec![header(), holds()]), None);
        assert_eq!(all(vec![header(), fails()]), Some(false));
        assert_eq!(not(header()), None);
        assert_eq!(not(fails()), Some(true));
        assert_eq!(told(vec![holds(), header(), fails()]), Some(false));
    }
}
