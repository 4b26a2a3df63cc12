//! How fast texts are searched for private data, in megabytes a second, and what the body of a request costs as it grows.
//! Run: `cargo bench -p router-policies --bench privacy`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use router_policies::{BuiltIn, Detector, Detectors};
use serde_json::{Map, Value, json};

const SIZE: usize = 64 << 10;
const PROSE: &str = "Please sort the ticket below into one of the queues. The customer writes: my order 2024-00123 of \
    12.03.2024 over 1,234.56 EUR did not arrive, the tracking page has said \"in transit\" for 9 days now. ";
const CODE: &str = "fn main() { let x: Vec<u32> = (0..10).map(|i| i * 2).collect(); println!(\"{x:?}\"); }\n\
    { \"id\": 48213, \"name\": \"widget\", \"tags\": [\"a\", \"b\"], \"price\": 12.5 }\n";
const UMLAUTS: &str = "Die Größe des Gehäuses beträgt 120 × 80 mm; für den Übergang genügt ein Stück weißer Schlauch. ";
const DIGITS: &str = "4111 1111 1111 1112 9999 4105 7059 030 123 85073003329 1234-5678 ";

fn main() {
    let kinds = |name: &str| -> Vec<_> {
        BuiltIn::named(name)
            .iter()
            .map(|k| Detector::BuiltIn(*k))
            .collect()
    };
    let all: Vec<_> = BuiltIn::ALL.iter().map(|k| Detector::BuiltIn(*k)).collect();
    let common: Vec<_> = ["email", "phone", "card", "iban"]
        .into_iter()
        .flat_map(kinds)
        .collect();
    let sets = [
        ("email", kinds("email")),
        ("email phone card iban", common),
        ("secret", kinds("secret")),
        ("all 31", all),
    ];
    println!(
        "{:<24}{:>10}{:>10}{:>10}{:>10}   MB/s, best of 200 passes over 64 KiB, nothing found",
        "", "prose", "code", "umlauts", "digits"
    );
    for (name, set) in sets {
        let detectors = Detectors::compile(&set).unwrap();
        let speeds: Vec<String> = [PROSE, CODE, UMLAUTS, DIGITS]
            .iter()
            .map(|text| format!("{:>10.0}", speed(&detectors, text)))
            .collect();
        println!("{name:<24}{}", speeds.concat());
    }
    bodies();
}

/// What it costs to read a whole request, by its size and by what is looked for.
fn bodies() {
    let mut sets = vec![
        ("pii", vec!["pii"], 0),
        ("pii secret", vec!["pii", "secret"], 0),
    ];
    sets.extend([("10 patterns", vec![], 10), ("100 patterns", vec![], 100)]);
    println!(
        "\n{:<24}{:>10}{:>10}{:>10}{:>10}   µs a body (µs/KiB); half prose, half arguments of tool calls",
        "", "1 KiB", "16 KiB", "256 KiB", "4 MiB"
    );
    for (title, names, patterns) in sets {
        let regexes: Vec<(String, String)> = (0..patterns)
            .map(|n| (format!("p{n}"), format!(r"\bID{n}-[0-9]{{6}}\b")))
            .collect();
        let kinds = names.iter().flat_map(|name| BuiltIn::named(name));
        let mut all: Vec<Detector<'_>> = kinds.map(|kind| Detector::BuiltIn(*kind)).collect();
        all.extend(
            regexes
                .iter()
                .map(|(name, regex)| Detector::Pattern { name, regex }),
        );
        let detectors = Detectors::compile(&all).unwrap();
        let costs: Vec<String> = [1 << 10, 16 << 10, 256 << 10, 4 << 20]
            .iter()
            .map(|size| {
                let micros = cost(&detectors, &body(*size));
                format!("{micros:>8.0} ({:.1})", micros / (*size as f64 / 1024.0))
            })
            .collect();
        println!("{title:<18}{}", costs.join("  "));
    }
}

/// A conversation of about `size` bytes of JSON.
fn body(size: usize) -> Map<String, Value> {
    let arguments =
        json!({"query": PROSE, "lines": ["fn main() {\n\t\"x\"\n}", "a\\b"], "count": 48213});
    let call = json!({"id": "c", "type": "function", "function": {"name": "find", "arguments": arguments.to_string()}});
    let turn = json!([{"role": "user", "content": PROSE.repeat(2)}, {"role": "assistant", "tool_calls": [call]}]);
    let turns = (size / turn.to_string().len()).max(1);
    let messages: Vec<Value> = (0..turns)
        .flat_map(|_| turn.as_array().unwrap().clone())
        .collect();
    let Value::Object(body) = json!({"model": "m", "messages": messages}) else {
        return Map::new();
    };
    body
}

fn cost(detectors: &Detectors, body: &Map<String, Value>) -> f64 {
    assert_eq!(
        detectors.find_in_fields(body),
        None,
        "a hit would end the reading early"
    );
    let mut best = Duration::MAX;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(600) {
        let start = Instant::now();
        black_box(detectors.find_in_fields(black_box(body)));
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e6
}

fn speed(detectors: &Detectors, sentence: &str) -> f64 {
    let text = sentence.repeat(SIZE / sentence.len());
    assert_eq!(
        detectors.find(&text),
        None,
        "a hit would end the pass early"
    );
    let mut best = Duration::MAX;
    for _ in 0..200 {
        let start = Instant::now();
        black_box(detectors.find(black_box(&text)));
        best = best.min(start.elapsed());
    }
    text.len() as f64 / 1e6 / best.as_secs_f64()
}
