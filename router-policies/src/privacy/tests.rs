//! Published test numbers are found, their near misses are not, and nothing about a text can break a pass.

mod folding;
mod json;
mod nets;
mod numbers;
mod patterns;

use super::*;

fn all() -> Detectors {
    let detectors: Vec<_> = BuiltIn::ALL
        .iter()
        .map(|kind| Detector::BuiltIn(*kind))
        .collect();
    Detectors::compile(&detectors).unwrap()
}

fn one(kind: BuiltIn) -> Detectors {
    Detectors::compile(&[Detector::BuiltIn(kind)]).unwrap()
}

/// Each text, in a sentence, has exactly one hit of `kind`.
fn finds(kind: BuiltIn, texts: &[&str]) {
    for text in texts {
        for framed in [
            (*text).to_owned(),
            format!("It is {text}."),
            format!("{{\"v\":\"{text}\"}}"),
            format!("号码：{text}。"),
        ] {
            let hits = one(kind).find_all(&framed);
            let names: Vec<_> = hits
                .iter()
                .map(|(name, count)| (name.as_str(), *count))
                .collect();
            assert_eq!(names, [(kind.as_str(), 1)], "{framed}");
            assert_eq!(one(kind).find(&framed).unwrap().as_str(), kind.as_str());
        }
    }
}

fn passes(kind: BuiltIn, texts: &[&str]) {
    for text in texts {
        assert_eq!(one(kind).find(text), None, "{text}");
        assert_eq!(one(kind).find(&format!("It is {text}.")), None, "{text}");
    }
}

#[test]
fn names_are_unique_and_read_back() {
    let names: Vec<_> = BuiltIn::names().collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(names.len(), unique.len());
    for kind in BuiltIn::ALL {
        assert_eq!(BuiltIn::named(kind.as_str()), [*kind]);
        assert_eq!(kind.as_str().parse(), Ok(*kind));
    }
    assert_eq!(BuiltIn::named("secret").len(), 3);
    assert_eq!(BuiltIn::named("national-id").len(), 23);
    assert!(BuiltIn::named("national-id").contains(&BuiltIn::UsSsn));
    assert!(BuiltIn::named("no-such").is_empty());
}

#[test]
fn hits_are_counted_by_kind() {
    let text = "a@example.org, b@example.org and 4111 1111 1111 1111, from 192.0.2.7";
    let hits: Vec<_> = all()
        .find_all(text)
        .into_iter()
        .map(|(name, count)| format!("{name}={count}"))
        .collect();
    assert_eq!(hits, ["email=2", "card=1", "ip-address=1"]);
}

#[test]
fn nothing_is_found_in_ordinary_text() {
    let texts = [
        "",
        "Please sort this ticket: the invoice 2024-00123 of 12.03.2024 over 1,234.56 EUR was paid twice.",
        "At 10:30:45 on 2023-05-11 14:30 the build 1.2.3.4-rc1 of std::vector took 3.141592653589793 s.",
        "commit 550e8400-e29b-41d4-a716-446655440000, sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "import foo from '@scope/pkg@1.0.0'; // logo@2x.png, git@github.com:owner/repo",
        "The population is 83 294 633, up from 82 927 922. Order 123456789, part 4000123412341235.",
        "key: value, token: the, secret = \"your-api-key-goes-here\", API_KEY=${API_KEY}",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
        "Seite 030 von 120, Kapitel 3.2.1, Tel. siehe unten; ISBN 978-3-16-148410-0",
    ];
    for text in texts {
        let hits = all().find_all(text);
        assert!(hits.is_empty(), "{hits:?} in {text}");
    }
}
