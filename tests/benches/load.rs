//! What loading a configuration of many routes takes: time, and memory at its highest. One size in one process, since
//! memory is not given back.
//!
//! `cargo bench --bench load --no-default-features -- 10000`; without a number 10,000 routes. With `wrong` behind it
//! every route has a misspelled key and the time is that of finding and printing the problems.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use gateway::config::Config;

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let routes = arguments
        .iter()
        .find_map(|a| a.parse().ok())
        .unwrap_or(10_000);
    let is_wrong = arguments.iter().any(|a| a == "wrong");
    let text = file(routes, if is_wrong { "max_token" } else { "max_tokens" });
    let before = memory("VmRSS");
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let said = match Config::parse(&text, Path::new("."), "many.yaml") {
            Ok(config) => format!("{} routes", config.policy.routes().len()),
            Err(error) => {
                let printed = error.to_string();
                format!(
                    "{} problems, {} bytes printed",
                    error.problems().len(),
                    printed.len()
                )
            }
        };
        times.push(start.elapsed());
        if times.len() == 1 {
            println!("{} KiB of YAML: {said}", text.len() >> 10);
            println!(
                "memory: {} MiB before, {} MiB at its highest",
                before >> 10,
                memory("VmHWM") >> 10
            );
        }
    }
    times.sort();
    let millis = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64) * 1e3;
    println!(
        "time: median {:.0} ms, least {:.0} ms of {ROUNDS}",
        millis(times.get(ROUNDS / 2)),
        millis(times.first())
    );
    Ok(())
}

/// A file with that many routes, none of which covers another.
fn file(routes: usize, max_tokens: &str) -> String {
    let mut text = "\
models: { small: { path: ., cost_per_hour: \"0.10\" } }
upstreams: { large: { base_url: \"http://127.0.0.1:9/v1\", prices: { big: { input: \"2\", output: \"8\" } } } }
unmatched: reject
routes:
"
    .to_owned();
    for index in 0..routes {
        let _ = write!(
            text,
            "  - name: route-{index}
    match:
      model: [model-{index}, \"model-{index}-*\"]
      headers: {{ x-team: team-{} }}
    local: {{ model: small, {max_tokens}: 64, deadline: 2s, answer: {{ one_of: [yes, no, unsure] }} }}
    upstream: {{ name: large, model: big }}
    risk: {{ max_regret: 2%, assurance: 90% }}
    cache: {{ ttl: 10m }}
",
            index % 100
        );
    }
    text
}

/// A figure of this process, in KiB; 0 where the system does not tell.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
