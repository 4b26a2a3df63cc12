//! `smallfirst serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{GOOD, folder, run, smallfirst, text};

/// A running `smallfirst serve`, killed if the test fails.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut command = smallfirst(folder);
        command
            .args(["serve", "--config", "config.yaml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address
            .unwrap_or_else(|| panic!("it says `{line}`"))
            .to_owned();
        Self { child, address }
    }

    /// One request on a connection of its own; the response as text.
    fn request(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Asks it to stop, the way service managers do, and waits for that.
    fn stop(mut self) -> Option<i32> {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_until_told_to_stop_and_keeps_its_books() {
    let config = GOOD.replace(
        "http://127.0.0.1:9/v1, ",
        "http://127.0.0.1:9/v1, retries: 0, ",
    );
    let folder = folder(&format!("listen: 127.0.0.1:0\n{config}"));
    let served = Served::start(folder.path());

    assert!(
        served
            .request("GET /healthz", "")
            .starts_with("HTTP/1.1 200 ")
    );
    let body = json!({ "model": "triage", "messages": [{ "role": "user", "content": "x" }] });
    let answer = served.request("POST /v1/chat/completions", &body.to_string());
    assert!(
        answer.starts_with("HTTP/1.1 502 "),
        "nobody listens at port 9: {answer}"
    );

    let second = run(folder.path(), &["serve", "--config", "config.yaml"]);
    assert_eq!(
        second.status.code(),
        Some(1),
        "one ledger, one gateway: {second:?}"
    );
    assert!(
        text(&second.stderr).contains("in use by another gateway"),
        "{second:?}"
    );
    assert_eq!(served.stop(), Some(0));

    let report = run(
        folder.path(),
        &["report", "--ledger", "smallfirst.db", "--format", "json"],
    );
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(
        (&report["totals"]["requests"], &report["totals"]["failed"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_hang_up_signal_makes_it_read_the_configuration_again() {
    let folder = folder(&format!("listen: 127.0.0.1:0\n{GOOD}"));
    let served = Served::start(folder.path());
    let told = Command::new("kill")
        .args(["-HUP", &served.child.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    // The file is the same, so that watching it is not what makes this happen.
    let reloaded = || {
        let metrics = served.request("GET /metrics", "");
        metrics.contains("smallfirst_config_reloads_total{result=\"taken\"} 1")
    };
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !reloaded() {
        assert!(std::time::Instant::now() < patience, "nothing was reloaded");
        std::thread::yield_now();
    }
    assert_eq!(served.stop(), Some(0));
}
