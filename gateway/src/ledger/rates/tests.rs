use super::*;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn exact(text: &str) -> Price {
    Price::Exact(usd(text))
}

fn rates() -> Rates {
    Rates {
        input: usd("2.50"),
        cache_read: Some(usd("0.25")),
        cache_write: Some(usd("3.125")),
        output: usd("10"),
    }
}

#[test]
fn buckets_are_charged_at_their_own_rates() {
    let usage = Usage {
        input: 1000,
        cache_read: 2000,
        cache_write: 400,
        output: 300,
        reasoning: 100,
    };
    // 0.0025 + 0.0005 + 0.00125 + 0.003 + 0.001
    assert_eq!(rates().cost(&usage), exact("0.00825"));
    assert_eq!(usage.prompt_tokens(), 3400);
    assert_eq!(usage.completion_tokens(), 400);
}

#[test]
fn buckets_without_a_rate_are_charged_like_input() {
    let plain = Rates {
        cache_read: None,
        cache_write: None,
        ..rates()
    };
    let usage = Usage {
        cache_read: 1_000_000,
        cache_write: 1_000_000,
        ..Usage::default()
    };
    assert_eq!(plain.cost(&usage), exact("5"));
}

#[test]
fn the_worst_case_is_never_below_the_cost() {
    let worst = rates().worst_case(3400, 400);
    assert_eq!(worst, exact("0.014625"));
    for (input, cache_read, cache_write) in [(3400, 0, 0), (0, 3400, 0), (0, 0, 3400)] {
        let usage = Usage {
            input,
            cache_read,
            cache_write,
            output: 400,
            reasoning: 0,
        };
        assert!(rates().cost(&usage).exact() <= worst.exact());
    }
}

#[test]
fn an_hour_of_work_costs_exactly_the_hourly_rate() {
    for rate in ["1", "0.07", "3.9999"] {
        let local = LocalRate {
            per_hour: usd(rate),
        };
        assert_eq!(local.cost(Duration::from_secs(3600)), exact(rate));
    }
    let local = LocalRate { per_hour: usd("1") };
    assert_eq!(local.cost(Duration::from_millis(36)), exact("0.00001"));
    assert_eq!(
        local.cost(Duration::from_secs(1)),
        exact("0.000277777777777778")
    );
    assert_eq!(local.cost(Duration::ZERO), Price::FREE);
}

#[test]
fn absurd_amounts_are_unpriced_and_do_not_panic() {
    let usage = Usage {
        input: u64::MAX,
        output: u64::MAX,
        ..Usage::default()
    };
    let dear = Rates {
        input: usd("10000000000"),
        ..rates()
    };
    assert_eq!(dear.cost(&usage), Price::Unpriced);
    let local = LocalRate {
        per_hour: usd("10000000000"),
    };
    assert_eq!(local.cost(Duration::MAX), Price::Unpriced);
}

#[test]
fn the_catalog_never_guesses() {
    let catalog = Catalog::from_iter([("acme", "big", rates())]);
    let usage = Usage {
        input: 1_000_000,
        ..Usage::default()
    };
    assert_eq!(catalog.price("acme", "big", &usage), exact("2.5"));
    for (upstream, model) in [
        ("acme", "big-mini"),
        ("acme", "bi"),
        ("acme", "Big"),
        ("other", "big"),
    ] {
        assert_eq!(
            catalog.price(upstream, model, &usage),
            Price::Unpriced,
            "{upstream}/{model}"
        );
        assert_eq!(catalog.pricing(upstream, model), Pricing::Unknown);
        assert_eq!(catalog.baseline(upstream, model).rates, None);
    }
}

#[test]
fn rates_and_pricing_read_as_they_are_written() {
    let pricing = Pricing::Tokens(rates());
    let text = serde_json::to_string(&pricing).unwrap();
    assert_eq!(
        text,
        r#"{"basis":"tokens","input":"2.5","cache_read":"0.25","cache_write":"3.125","output":"10"}"#
    );
    assert_eq!(serde_json::from_str::<Pricing>(&text).unwrap(), pricing);
    let local = Pricing::BusyTime(LocalRate {
        per_hour: usd("0.12"),
    });
    assert_eq!(
        serde_json::to_string(&local).unwrap(),
        r#"{"basis":"busy_time","per_hour":"0.12"}"#
    );
}

#[test]
fn unknown_plus_known_is_unknown() {
    assert_eq!(exact("1").plus(exact("2")), exact("3"));
    assert_eq!(exact("1").plus(Price::Unpriced), Price::Unpriced);
}
