//! Patterns of users.

use super::super::{BuiltIn, Detector, DetectorError, Detectors};

fn pattern<'a>(name: &'a str, regex: &'a str) -> Detector<'a> {
    Detector::Pattern { name, regex }
}

fn refused(detectors: &[Detector<'_>]) -> DetectorError {
    Detectors::compile(detectors).unwrap_err()
}

#[test]
fn patterns_work_like_built_in_kinds() {
    let detectors = Detectors::compile(&[
        pattern("ticket", r"\bTCK-[0-9]{6}\b"),
        Detector::BuiltIn(BuiltIn::Email),
        Detector::BuiltIn(BuiltIn::Email),
    ])
    .unwrap();
    assert_eq!(detectors.names(), ["email", "ticket"]);
    assert_eq!(detectors.find("see TCK-123456").unwrap().as_str(), "ticket");
    assert_eq!(
        detectors.find("see TCK‑１２３４５６").unwrap().as_str(),
        "ticket"
    );
    assert_eq!(detectors.find("see TCK-12345"), None);
    let hits = detectors.find_all("TCK-123456 TCK-123457");
    assert_eq!((hits[0].0.as_str(), hits[0].1), ("ticket", 2));
}

#[test]
fn some_of_them_can_be_chosen() {
    let kinds = BuiltIn::ALL.iter().map(|kind| Detector::BuiltIn(*kind));
    let all: Vec<_> = kinds
        .chain([pattern("ticket", "TCK"), pattern("case", "CASE")])
        .collect();
    let all = Detectors::compile(&all).unwrap();
    let some = all.only(&["ticket", "secret", "jwt"]).unwrap();
    assert_eq!(some.names(), ["api-key", "private-key", "jwt", "ticket"]);
    assert_eq!(some.find("CASE a@example.org"), None);
    assert_eq!(all.only(&["email", "tickets"]), Err("tickets"));
    assert_eq!(some.only(&["email"]), Err("email"), "not one of these");
}

#[test]
fn what_cannot_be_used_is_refused() {
    assert!(matches!(
        refused(&[pattern("Bad Name", "x")]),
        DetectorError::Name { .. }
    ));
    assert!(matches!(
        refused(&[pattern("", "x")]),
        DetectorError::Name { .. }
    ));
    assert!(matches!(
        refused(&[pattern("email", "x")]),
        DetectorError::Taken { .. }
    ));
    assert!(matches!(
        refused(&[pattern("secret", "x")]),
        DetectorError::Taken { .. }
    ));
    assert!(matches!(
        refused(&[pattern("a", "x"), pattern("a", "y")]),
        DetectorError::Taken { .. }
    ));
    assert!(matches!(
        refused(&[pattern("a", &"x".repeat(1025))]),
        DetectorError::TooLong { .. }
    ));
    assert!(matches!(
        refused(&[pattern("a", "(")]),
        DetectorError::Pattern { .. }
    ));
    assert!(
        matches!(
            refused(&[pattern("a", r"(a+)+\1")]),
            DetectorError::Pattern { .. }
        ),
        "no backtracking"
    );
    assert!(
        matches!(
            refused(&[pattern("a", r"(?:\w{1000}){1000}")]),
            DetectorError::Pattern { .. }
        ),
        "too large"
    );
    assert!(matches!(
        refused(&[pattern("a", r"\Ax\z")]),
        DetectorError::Pattern { .. }
    ));
    assert!(matches!(
        refused(&[pattern("a", "x*")]),
        DetectorError::MatchesNothing { .. }
    ));
}
