//! How a child ended, in words and as a cause.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio::process::Child;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::task::AbortOnDropHandle;

use crate::vitals::Cause;

/// Longest line of the child's output that is kept.
const LONGEST_LINE: usize = 4096;

/// How long a child that closed its socket may take to exit before it is killed, and its output to end after it.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// What a process says that is refused memory: Rust, C++, and the C library's text for ENOMEM.
const REFUSED_MEMORY: [&str; 4] = [
    "memory allocation of",
    "bad_alloc",
    "Cannot allocate memory",
    "failed to allocate",
];

/// SIGKILL, the one that the system sends when it runs out of memory.
const KILL: i32 = 9;
/// Signals that somebody sends: hang-up, interrupt, quit, kill, user 1 and 2, terminate.
const SENT: [i32; 7] = [1, 2, 3, KILL, 10, 12, 15];

/// How a child ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) cause: Cause,
    /// In words, for the operator.
    pub(super) words: String,
}

/// What else is known about the end of a child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// Its own bound, in bytes.
    pub(super) memory_limit: Option<u64>,
    /// Whether the system ran out of memory at about that time.
    pub(super) starved: bool,
    /// How long it may take to exit by itself.
    pub(super) grace: Duration,
}

/// Waits `grace` for the child to exit, then kills it, and says how it ended.
pub(super) async fn of(mut child: Child, output: Output, around: Circumstances) -> Ending {
    let exited = timeout(around.grace, child.wait()).await.ok();
    let ours = exited.is_none();
    let status = match exited {
        Some(status) => status,
        None => {
            // It may be gone by now; `wait` tells either way.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let last_words = output.last_words().await;
    match status {
        Ok(status) => judge(status, last_words, around, ours),
        Err(error) => Ending {
            cause: Cause::Exited,
            words: error.to_string(),
        },
    }
}

fn judge(status: ExitStatus, last: LastWords, around: Circumstances, ours: bool) -> Ending {
    let signal = status.signal().filter(|_| !ours);
    let refused = last.refused_memory && !status.success();
    let (cause, reason) = match (signal, around.memory_limit) {
        (_, Some(limit)) if refused => {
            let reason = format!("it passed its memory limit of {}", size(limit));
            (Cause::Memory, Some(reason))
        }
        (_, None) if refused => (Cause::Memory, Some("it got no more memory".to_owned())),
        (Some(KILL), _) if around.starved => {
            let reason = "the system ran out of memory and killed it";
            (Cause::Memory, Some(reason.to_owned()))
        }
        (Some(signal), _) if SENT.contains(&signal) => (Cause::Killed, None),
        (Some(_), _) => (Cause::Crashed, None),
        (None, _) => (Cause::Exited, None),
    };
    let last = last.line.map(|line| format!("its last words: {line}"));
    let parts = [reason, Some(status.to_string()), last];
    let words = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    Ending { cause, words }
}

/// Bytes with the largest unit that leaves no rest.
fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fits = units
        .iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match fits {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

/// Times that the system killed a process here because it ran out of memory; `None` where it does not tell.
pub(super) fn out_of_memory_kills() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let own = read("/proc/self/cgroup").and_then(|groups| {
        let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
        read(&format!("/sys/fs/cgroup{path}/memory.events"))
    });
    // Without a group of its own the whole machine's count has to do.
    (own.as_deref().and_then(kills_in)).or_else(|| kills_in(&read("/proc/vmstat")?))
}

fn kills_in(text: &str) -> Option<u64> {
    let mut words = text.lines().filter_map(|line| line.split_once(' '));
    let (_, count) = words.find(|(name, _)| *name == "oom_kill")?;
    count.trim().parse().ok()
}

/// What a child printed.
#[derive(Debug, Default)]
struct LastWords {
    /// The last line that may be what it died of.
    line: Option<String>,
    /// Whether any line says that it was refused memory.
    refused_memory: bool,
}

/// The child's output, logged line by line.
pub(super) struct Output {
    last: Arc<Mutex<LastWords>>,
    standard: Option<AbortOnDropHandle<()>>,
    error: Option<AbortOnDropHandle<()>>,
}

impl Output {
    pub(super) fn follow(child: &mut Child) -> Self {
        let last = Arc::default();
        // What it prints on its standard output are no last words.
        let standard = child
            .stdout
            .take()
            .map(|pipe| tokio::spawn(log(pipe, Arc::default())));
        let error = child
            .stderr
            .take()
            .map(|pipe| tokio::spawn(log(pipe, Arc::clone(&last))));
        Self {
            last,
            standard: standard.map(AbortOnDropHandle::new),
            error: error.map(AbortOnDropHandle::new),
        }
    }

    /// The pipe ends with the child, unless a process that it left behind holds it.
    async fn last_words(self) -> LastWords {
        if let Some(reader) = self.error {
            // Late or broken output is no reason to keep the restart waiting.
            let _ = timeout(GRACE, reader).await;
        }
        drop(self.standard);
        std::mem::take(&mut *self.last.lock())
    }
}

async fn log(pipe: impl AsyncRead + Unpin, last: Arc<Mutex<LastWords>>) {
    let mut lines = FramedRead::new(pipe, LinesCodec::new_with_max_length(LONGEST_LINE));
    // After an overlong line the codec goes on with the next one; after an I/O error the stream ends.
    while let Some(line) = lines.next().await {
        let Ok(line) = line else { continue };
        tracing::debug!(target: "local_engine::worker::output", "{line}");
        if is_telling(&line) {
            let mut last = last.lock();
            last.refused_memory |= REFUSED_MEMORY.iter().any(|text| line.contains(text));
            last.line = Some(line);
        }
    }
}

/// Whether a line may be what a process died of. After a panic's message comes its backtrace.
fn is_telling(line: &str) -> bool {
    let backtrace = line.starts_with([' ', '\t'])
        || line.starts_with("note: ")
        || line.starts_with("stack backtrace:");
    !backtrace && !line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(raw: i32, line: &str, memory_limit: Option<u64>, starved: bool) -> (Cause, String) {
        let last = LastWords {
            line: Some(line.to_owned()),
            refused_memory: REFUSED_MEMORY.iter().any(|text| line.contains(text)),
        };
        let around = Circumstances {
            memory_limit,
            starved,
            grace: GRACE,
        };
        let ending = judge(ExitStatus::from_raw(raw), last, around, false);
        (ending.cause, ending.words)
    }

    #[test]
    fn a_signal_is_told_from_a_crash() {
        for (signal, cause) in [
            (9, Cause::Killed),
            (15, Cause::Killed),
            (11, Cause::Crashed),
            (6, Cause::Crashed),
        ] {
            assert_eq!(end(signal, "?", Some(1), false).0, cause, "{signal}");
        }
        assert_eq!(end(1 << 8, "?", None, false).0, Cause::Exited);
    }

    #[test]
    fn a_passed_limit_is_told_with_its_size() {
        let (cause, words) = end(
            6,
            "memory allocation of 64 bytes failed",
            Some(3 << 29),
            false,
        );
        assert_eq!(cause, Cause::Memory);
        assert!(
            words.starts_with("it passed its memory limit of 1536MiB; signal: 6"),
            "{words}"
        );
        let (cause, words) = end(6, "std::bad_alloc", None, false);
        assert_eq!(cause, Cause::Memory);
        assert!(words.starts_with("it got no more memory"), "{words}");
    }

    #[test]
    fn a_kill_by_the_system_is_told_when_it_can_be_known() {
        let (cause, words) = end(9, "?", None, true);
        assert_eq!(cause, Cause::Memory);
        assert!(words.starts_with("the system ran out of memory"), "{words}");
        // Not every death in hard times is one of hunger.
        assert_eq!(end(11, "?", None, true).0, Cause::Crashed);
    }

    #[test]
    fn the_count_of_kills_is_found_in_either_file() {
        assert_eq!(
            kills_in("low 0\nhigh 0\nmax 3\noom 1\noom_kill 7\noom_group_kill 0\n"),
            Some(7)
        );
        assert_eq!(kills_in("nr_free_pages 5\noom_kill 2\n"), Some(2));
        assert_eq!(kills_in("low 0\n"), None);
    }
}
