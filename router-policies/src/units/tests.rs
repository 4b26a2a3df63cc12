use std::time::Duration;

use proptest::prelude::*;

use super::{Probability, Span, UnitError};

fn p(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

#[test]
fn probabilities_read_as_people_write_them() {
    for (text, value) in [
        ("2%", 0.02),
        ("2 %", 0.02),
        (" 0.5 % ", 0.005),
        (".5%", 0.005),
        ("100 %", 1.0),
        ("0%", 0.0),
        ("0.02", 0.02),
        ("1", 1.0),
        ("7 %", 0.07),
        ("29%", 0.29),
    ] {
        assert_eq!(text.parse(), Ok(p(value)), "{text}");
    }
}

#[test]
fn wrong_probabilities_say_what_to_write() {
    for text in ["", "%", "two", "2 % %", "1e2 %", "2 percent", "NaN %", "5s"] {
        let error = text.parse::<Probability>().unwrap_err();
        assert!(
            matches!(error, UnitError::NotAProbability { .. }),
            "{text}: {error}"
        );
        assert!(error.to_string().contains("`2 %`"), "{error}");
    }
    assert!(matches!(
        "2".parse::<Probability>(),
        Err(UnitError::NotBetweenZeroAndOne { .. })
    ));
    assert!(matches!(
        "101 %".parse::<Probability>(),
        Err(UnitError::NotAPercentage { .. })
    ));
    assert!(matches!(
        "-1 %".parse::<Probability>(),
        Err(UnitError::NotAPercentage { .. })
    ));
    assert!(Probability::new(f64::NAN).is_err());
    assert!(Probability::new(-1e-300).is_err());
}

#[test]
fn probabilities_print_as_percentages() {
    for (value, text) in [
        (0.02, "2 %"),
        (0.005, "0.5 %"),
        (0.07, "7 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.125, "12.5 %"),
    ] {
        assert_eq!(p(value).to_string(), text);
    }
    assert_eq!(format!("{:.1}", p(0.98765)), "98.8 %");
    assert_eq!(format!("{:.0}", p(0.9)), "90 %");
}

#[test]
fn probabilities_read_from_texts_and_numbers() {
    let read = |json: &str| serde_json::from_str::<Probability>(json);
    assert_eq!(read("\"2%\"").unwrap(), p(0.02));
    assert_eq!(read("0.02").unwrap(), p(0.02));
    assert_eq!(read("1").unwrap(), Probability::ONE);
    assert_eq!(read("0").unwrap(), Probability::ZERO);
    for wrong in ["2", "-1", "1.5", "\"2\"", "true", "null", "[]"] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(
            error.contains("a percentage such as `2 %`"),
            "{wrong}: {error}"
        );
    }
    assert_eq!(serde_json::to_string(&p(0.25)).unwrap(), "0.25");
}

#[test]
fn a_negative_zero_is_zero() {
    assert_eq!(p(-0.0), Probability::ZERO);
    assert_eq!(p(-0.0).to_string(), "0 %");
    assert_eq!(Probability::of_bad(-0.0), Probability::ZERO);
}

#[test]
fn arithmetic_gone_wrong_counts_as_bad() {
    assert_eq!(Probability::of_bad(f64::NAN), Probability::ONE);
    assert_eq!(Probability::of_bad(f64::INFINITY), Probability::ONE);
    assert_eq!(Probability::of_bad(f64::NEG_INFINITY), Probability::ZERO);
}

#[test]
fn spans_read_as_people_write_them() {
    for (text, millis) in [
        ("250ms", 250),
        ("2s", 2_000),
        ("1m30s", 90_000),
        ("1m 30s", 90_000),
        (" 5 m ", 300_000),
        ("1h", 3_600_000),
        ("2d1h", 176_400_000),
        ("1s500ms", 1_500),
        ("0s", 0),
        ("90s", 90_000),
    ] {
        assert_eq!(
            Duration::from(span(text)),
            Duration::from_millis(millis),
            "{text}"
        );
    }
}

#[test]
fn spans_without_a_unit_say_so() {
    assert_eq!(
        "5".parse::<Span>(),
        Err(UnitError::NoUnit {
            text: "5".to_owned()
        })
    );
    for json in ["5", "-5", "\"5\""] {
        let error = serde_json::from_str::<Span>(json).unwrap_err().to_string();
        assert!(error.contains("has no unit; write"), "{json}: {error}");
    }
    let error = serde_json::from_str::<Span>("true")
        .unwrap_err()
        .to_string();
    assert!(error.contains("a duration with its unit"), "{error}");
}

#[test]
fn wrong_spans_are_refused() {
    for text in [
        "",
        "s",
        "1.5s",
        "5 minutes",
        "-5s",
        "5m3m",
        "30s1m",
        "1h5",
        "5S",
        "٣s",
    ] {
        assert!(
            matches!(text.parse::<Span>(), Err(UnitError::NotASpan { .. })),
            "{text}"
        );
    }
    for text in [
        "99999999999999999999s",
        "18446744073709551615s",
        "213503982334d1d",
    ] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn probabilities_survive_printing(value in 0.0..=1.0_f64) {
        prop_assert_eq!(p(value).to_string().parse(), Ok(p(value)));
    }

    #[test]
    fn round_percentages_print_short(tenths in 0..=1000_u32) {
        let text = format!("{} %", f64::from(tenths) / 10.0);
        let read: Probability = text.parse().unwrap();
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn spans_survive_printing(millis: u64) {
        let span = Span::from_millis(millis);
        prop_assert_eq!(span.to_string().parse(), Ok(span));
    }

    #[test]
    fn nothing_makes_the_readers_panic(text in "\\PC{0,12}") {
        let _ = text.parse::<Probability>();
        let _ = text.parse::<Span>();
    }
}
