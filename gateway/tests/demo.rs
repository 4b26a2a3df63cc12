//! The program as a user runs it: the bundled model through the real engine, real HTTP, a real ledger.
#![cfg(feature = "mistral")]
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where it fails; helpers are not marked as tests"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_smallfirst");

/// Whatever is waited for takes seconds; this only keeps a defect from hanging the suite.
const GUARD: Duration = Duration::from_secs(120);

fn smallfirst(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .args(arguments)
        .env_remove("OPENAI_API_KEY")
        .env_remove("RUST_LOG");
    command
}

fn json_of(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_demo_answers_escalates_and_books() {
    let folder = tempfile::tempdir().unwrap();
    let demo = json_of(&mut smallfirst(
        folder.path(),
        &["demo", "--requests", "80", "--json"],
    ));
    assert_eq!(demo["requests"], 80);
    assert_eq!(demo["errors"], 0);
    assert_eq!(demo["upstream"], "stand-in");
    let (local, escalated) = (
        demo["local"].as_u64().unwrap(),
        demo["escalated"].as_u64().unwrap(),
    );
    assert_eq!(local + escalated, 80);
    assert!(
        local > 8,
        "the bundled model answers almost nothing: {demo}"
    );
    assert!(demo["reasons"]["policy"].as_u64().unwrap() > 0, "{demo}");
    let certificate = &demo["certificate"];
    assert!(certificate["bound"].as_f64().unwrap() <= certificate["max_regret"].as_f64().unwrap());

    let report = json_of(&mut smallfirst(
        folder.path(),
        &[
            "report",
            "--ledger",
            "smallfirst-demo.db",
            "--format",
            "json",
        ],
    ));
    let totals = &report["totals"];
    for key in [
        "requests",
        "local",
        "escalated",
        "cost_actual_usd",
        "cost_baseline_usd",
        "net_saving_usd",
    ] {
        assert_eq!(totals[key], demo[key], "{key}");
    }
    assert_eq!(report["rows"].as_array().unwrap().len(), 3);
}

/// A demo that stays up; killed when dropped.
struct Serving {
    process: Child,
    url: String,
}

impl Serving {
    fn start(folder: &Path) -> Self {
        let mut process = smallfirst(folder, &["demo", "--requests", "4", "--serve"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
        Self {
            process,
            url: url.unwrap(),
        }
    }

    fn ask(&self, client: &reqwest::blocking::Client) -> (String, String) {
        let body = json!({ "model": "smallfirst-demo", "messages": [
            { "role": "system", "content": "Name the intent of the request." },
            { "role": "user", "content": "transfer fifty dollars from savings to checking" },
        ]});
        let url = format!("{}/v1/chat/completions", self.url);
        let response = client
            .post(url)
            .bearer_auth("demo")
            .body(body.to_string())
            .send()
            .unwrap();
        assert_eq!(response.status(), 200);
        let header = |name| {
            response
                .headers()
                .get(name)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        (header("x-smallfirst-source"), header("x-smallfirst-reason"))
    }

    /// Process ids of the engine workers: the children of the gateway, whichever of its threads started them.
    fn workers(&self) -> Vec<String> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let children =
            threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")));
        let pids: Vec<String> = children
            .flat_map(|text| {
                text.unwrap_or_default()
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        assert!(!pids.is_empty(), "the gateway has no child process");
        pids
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_killed_engine_costs_escalations_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let client = reqwest::blocking::Client::builder()
        .timeout(GUARD)
        .build()
        .unwrap();
    assert_eq!(serving.ask(&client), ("local".into(), "accepted".into()));

    for pid in serving.workers() {
        assert!(
            Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
    }
    let deadline = Instant::now() + GUARD;
    let mut escalated = 0;
    loop {
        // Every request is answered meanwhile, by the upstream.
        let (source, reason) = serving.ask(&client);
        if source == "local" && escalated > 0 {
            break;
        }
        if source == "upstream" {
            assert!(
                ["engine_down", "engine_failed"].contains(&reason.as_str()),
                "{reason}"
            );
            escalated += 1;
        }
        assert!(Instant::now() < deadline, "the engine did not come back");
    }
}

#[test]
fn a_killed_gateway_leaves_a_ledger_that_says_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = smallfirst(folder.path(), &["demo", "--serve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let arguments = [
        "report",
        "--ledger",
        "smallfirst-demo.db",
        "--format",
        "json",
    ];
    let deadline = Instant::now() + GUARD;
    loop {
        let output = smallfirst(folder.path(), &arguments).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if report["totals"]["requests"]
            .as_u64()
            .is_some_and(|n| n > 40)
        {
            break;
        }
        assert!(Instant::now() < deadline, "the demo does not get going");
    }
    process.kill().unwrap();
    process.wait().unwrap();

    let report = json_of(&mut smallfirst(folder.path(), &arguments));
    let totals = &report["totals"];
    let count = |key: &str| totals[key].as_u64().unwrap();
    // Four clients at a time, so at most four exchanges were open.
    assert!(count("lost") + count("in_flight") <= 4, "{totals}");
    assert_eq!(
        count("in_flight"),
        0,
        "nobody runs any more, so nothing can be in flight"
    );
    let parts = ["local", "escalated", "cache", "failed", "hung_up", "lost"];
    assert_eq!(
        parts.iter().map(|key| count(key)).sum::<u64>(),
        count("requests")
    );
}
