use proptest::prelude::*;

use super::*;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn text_is_plain_and_without_trailing_zeros() {
    for (given, shown) in [
        ("2.50", "2.5"),
        ("0", "0"),
        ("-0.00", "0"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("1e-7", "0.0000001"),
        ("-3", "-3"),
        (" 10 ", "10"),
    ] {
        assert_eq!(usd(given).to_string(), shown, "{given}");
    }
}

#[test]
fn what_cannot_be_kept_exactly_is_refused() {
    for text in [
        "",
        "a",
        "$1",
        "1,000",
        "NaN",
        "inf",
        "0.0000000000000000001",
        "10000000001",
    ] {
        let error = text.parse::<Usd>().unwrap_err().to_string();
        assert!(error.contains("write a plain decimal"), "{text}: {error}");
    }
    assert_eq!(usd("10000000000").checked_add(usd("0.01")), None);
    assert_eq!(
        usd("10000000000").saturating_add(usd("5")),
        usd("10000000000")
    );
    assert_eq!(
        usd("-10000000000").saturating_sub(usd("5")),
        usd("-10000000000")
    );
}

#[test]
fn people_see_cents_or_four_digits() {
    for (amount, shown) in [
        ("0", "$0.00"),
        ("0.0123", "$0.0123"),
        ("0.00001234567", "$0.00001235"),
        ("0.5", "$0.50"),
        ("1.005", "$1.00"),
        ("1234567.891", "$1,234,567.89"),
        ("-0.25", "-$0.25"),
        ("-1200", "-$1,200.00"),
        ("0.99999", "$1.00"),
    ] {
        assert_eq!(usd(amount).human(), shown, "{amount}");
    }
}

#[test]
fn json_is_text_and_floats_are_refused() {
    assert_eq!(serde_json::to_string(&usd("0.10")).unwrap(), "\"0.1\"");
    assert_eq!(serde_json::from_str::<Usd>("\"0.1\"").unwrap(), usd("0.1"));
    let error = serde_json::from_str::<Usd>("0.1").unwrap_err().to_string();
    assert!(error.contains("as a quoted decimal"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_exact_in_any_order(
        amounts in prop::collection::vec((-100_000_000_i64..100_000_000, 0_u32..=18), 0..60),
    ) {
        // The same sum in whole 10^-18 dollars, where nothing can round.
        let whole: i128 = amounts
            .iter()
            .map(|(mantissa, scale)| i128::from(*mantissa) * 10_i128.pow(18 - scale))
            .sum();
        let amounts: Vec<Usd> = amounts
            .iter()
            .map(|(mantissa, scale)| Usd::from_decimal(Decimal::new(*mantissa, *scale)).unwrap())
            .collect();
        let sum: Usd = amounts.iter().sum();
        prop_assert_eq!(sum.0, Decimal::from_i128_with_scale(whole, 18));
        prop_assert_eq!(amounts.iter().rev().sum::<Usd>(), sum);
        prop_assert_eq!(sum.to_string().parse::<Usd>().unwrap(), sum);
    }
}
