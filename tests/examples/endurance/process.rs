//! What another process has used, from `/proc`.

use std::time::{Duration, Instant};

/// When a process was last seen to compute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) cpu: Duration,
    pub(crate) since: Instant,
}

/// Time on a processor, over all threads that live; to the nanosecond, unlike `stat`.
pub(crate) fn cpu_time(id: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let spent = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// Resident memory in KiB.
pub(crate) fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let words = line.unwrap().split_whitespace().next();
    words.unwrap().parse().unwrap()
}

/// Waits until a process has computed less than a hundredth of the last `time`.
pub(crate) async fn idle(id: u32, time: Duration) -> Idle {
    let mut seen = Idle {
        cpu: cpu_time(id),
        since: Instant::now(),
    };
    while seen.since.elapsed() < time {
        tokio::time::sleep(Duration::from_micros(500)).await;
        let cpu = cpu_time(id);
        if cpu > seen.cpu + time / 100 {
            seen = Idle {
                cpu,
                since: Instant::now(),
            };
        }
    }
    seen
}

/// Waits until a process has spent so much time on a processor, or it is `over`.
pub(crate) async fn busy(id: u32, cpu: Duration, over: impl Fn() -> bool) {
    while cpu_time(id) < cpu && !over() {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}
