//! What it costs to find the route of a request, and how that grows with the number of routes, against asking every
//! route in order in the same run. Run: `cargo bench -p router-policies --bench matching`.
//!
//! The routes are those of a platform team: one for each of many models, prefixes of models, teams, tenants in a header
//! and keys, some with a bound on turns or tools besides; five that look into the user's message; a default route.
//!
//! On two cores of a cloud machine (AMD EPYC) with much other work beside, p50 of a request that a late route takes, index
//! and linear scan: 0.72 and 0.70 µs at 10 routes, 0.85 and 1.98 at 100, 1.02 and 13.5 at 1,000, 1.06 and 1,219 at 10,000
//! (p99 of the index 1.44). 0.7 µs of each are the five expressions, which the index cannot spare. Compiling took 1, 1, 41
//! and 791 ms.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark"
)]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use router_policies::{Api, Facts, Modality, Names, Policy, PolicyDocument, ResponseFormat, Route};
use serde_json::{Value, json};

const CALLS: usize = 20_000;
const MESSAGE: &str = "Where can I find the invoice for my last order, and who do I ask about it?";

struct Request {
    model: String,
    key: String,
    team: String,
    tenant: String,
}

impl Facts for Request {
    fn model(&self) -> &str {
        &self.model
    }
    fn api(&self) -> Api {
        Api::ChatCompletions
    }
    fn path(&self) -> &str {
        Api::ChatCompletions.path()
    }
    fn key(&self) -> &str {
        &self.key
    }
    fn team(&self) -> Option<&str> {
        Some(&self.team)
    }
    fn tag(&self, _: &str) -> Option<&str> {
        None
    }
    fn header(&self, name: &str) -> Option<&str> {
        (name == "x-tenant").then_some(&self.tenant)
    }
    fn prompt_tokens(&self) -> u64 {
        100
    }
    fn turns(&self) -> u64 {
        2
    }
    fn tools(&self) -> Vec<&str> {
        vec!["search_web"]
    }
    fn response_format(&self) -> ResponseFormat {
        ResponseFormat::Text
    }
    fn modalities(&self) -> Vec<Modality> {
        Vec::new()
    }
    fn system(&self) -> &str {
        "You answer questions."
    }
    fn user_message(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(MESSAGE))
    }
}

fn conditions(index: usize) -> Value {
    if index < 5 {
        return json!({"user_message": {"regex": format!("(?i)refund number {index}|charge ?back {index}")}});
    }
    match index % 5 {
        0 => json!({"model": format!("use-case-{index}")}),
        1 => json!({"model": format!("family-{index}-*"), "turns": {"max": 9}}),
        2 => json!({"model": "gpt-4o", "team": format!("team-{index}")}),
        3 => {
            json!({"headers": {"x-tenant": format!("tenant-{index}")}, "tools": {"any_of": "search_*"}})
        }
        _ => json!({"key": [format!("key-{index}"), format!("batch-{index}")], "tools": "present"}),
    }
}

/// A request that takes the route at `index`, or the default route for one beyond them all.
fn request(index: usize) -> Request {
    Request {
        model: match index % 5 {
            0 => format!("use-case-{index}"),
            1 => format!("family-{index}-large"),
            _ => "gpt-4o".to_owned(),
        },
        key: format!("key-{}", if index % 5 == 4 { index } else { 0 }),
        team: format!("team-{}", if index % 5 == 2 { index } else { 0 }),
        tenant: format!("tenant-{}", if index % 5 == 3 { index } else { 0 }),
    }
}

fn document(routes: usize) -> PolicyDocument {
    let mut list: Vec<Value> = (0..routes - 1)
        .map(|index| json!({"name": format!("r{index}"), "match": conditions(index)}))
        .collect();
    list.push(json!({"name": "rest"}));
    let defaults =
        json!({"action": "upstream-only", "upstream": {"name": "large", "model": "big"}});
    serde_json::from_value(json!({"defaults": defaults, "routes": list})).unwrap()
}

fn main() {
    let names = Names {
        upstreams: &["large"],
        ..Names::default()
    };
    println!(
        "{:>7} {:<6}{:>10}{:>10}{:>12}{:>12}{:>8}   µs a request, {CALLS} requests; compiled in",
        "routes", "hit", "p50", "p99", "linear p50", "linear p99", "ratio"
    );
    for routes in [10, 100, 1_000, 10_000] {
        let document = document(routes);
        let start = Instant::now();
        let policy = Policy::compile(&document, &names).unwrap();
        let compiled = start.elapsed();
        let early: Vec<Request> = (5..10.min(routes - 1)).map(request).collect();
        let late: Vec<Request> = (routes.max(11) - 6..routes - 1).map(request).collect();
        let none: Vec<Request> = (routes..routes + 5).map(request).collect();
        for (hit, requests) in [("early", early), ("late", late), ("none", none)] {
            for request in &requests {
                let linear = scan(&policy, request).map(|route| &route.name);
                assert_eq!(policy.find(request).map(|route| &route.name), linear);
            }
            let found = measure(&requests, CALLS, |request| policy.find(request).is_some());
            let few = CALLS.min(20_000_000 / routes / 20);
            let scanned = measure(&requests, few, |request| scan(&policy, request).is_some());
            println!(
                "{routes:>7} {hit:<6}{:>10.2}{:>10.2}{:>12.2}{:>12.2}{:>8.1}   {:.1} ms",
                micros(found.0),
                micros(found.1),
                micros(scanned.0),
                micros(scanned.1),
                scanned.0.as_secs_f64() / found.0.as_secs_f64(),
                compiled.as_secs_f64() * 1e3
            );
        }
    }
}

/// Asks every route in order.
fn scan<'p>(policy: &'p Policy, request: &Request) -> Option<&'p Route> {
    let routes = policy.routes().iter().map(AsRef::as_ref);
    routes
        .into_iter()
        .find(|route: &&Route| route.matcher().matches(request))
}

/// Median and 99th percentile of single calls, the clock's own 20 to 40 ns included.
fn measure(
    requests: &[Request],
    calls: usize,
    run: impl Fn(&Request) -> bool,
) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..calls)
        .map(|call| {
            let request = &requests[call % requests.len()];
            let start = Instant::now();
            black_box(run(black_box(request)));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[calls / 2], times[calls * 99 / 100])
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}
