//! The log of this test process, captured at its most talkative.
//!
//! There is one log for all tests, so look in it for texts that only one test uses.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

static CAPTURED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut captured = CAPTURED.lock().unwrap_or_else(PoisonError::into_inner);
        captured.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Capture {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// Starts the capture, once per process: everything of ours, and what libraries say at the level of their own choice
/// for operators (`debug` and up).
pub fn capture() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let filter = "debug,gateway=trace,local_engine=trace,router_policies=trace";
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_ansi(false)
            .with_writer(Capture)
            .init();
    });
}

/// Everything logged so far.
#[must_use]
pub fn text() -> String {
    let captured = CAPTURED.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&captured).into_owned()
}

/// The lines that name `request_id`.
#[must_use]
pub fn lines_of(request_id: &str) -> Vec<String> {
    text()
        .lines()
        .filter(|line| line.contains(request_id))
        .map(str::to_owned)
        .collect()
}
