//! How fast texts are searched for private data, in megabytes a second. Run: `cargo bench -p router-policies --bench privacy`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use router_policies::{BuiltIn, Detector, Detectors};

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
