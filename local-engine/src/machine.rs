//! What the machine has: memory, within the limits of the control group that the process runs in.

use std::fs;
use std::path::Path;

/// Memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Memory {
    /// All that this process and its children may use.
    pub total: u64,
    /// What is free now, caches of files included.
    pub available: u64,
}

/// The memory of this machine or container; `None` where the system does not tell.
#[must_use]
pub fn memory() -> Option<Memory> {
    let machine = of_machine(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(
        limits(&groups)
            .into_iter()
            .fold(machine, |memory, limit| Memory {
                total: memory.total.min(limit.total),
                available: memory.available.min(limit.available),
            }),
    )
}

/// Bytes that a process has in memory of its own, files that it only maps left out; `None` once it is gone.
#[must_use]
pub fn resident(process: u32) -> Option<u64> {
    own_memory(&fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

/// Bytes of a process that lie in memory, pages of files that it maps included, also where others map them too; `None`
/// once its memory is free.
#[must_use]
pub fn occupied(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    kilobytes(&status, "VmRSS:")
}

fn own_memory(status: &str) -> Option<u64> {
    let anonymous = kilobytes(status, "RssAnon:")?;
    Some(anonymous + kilobytes(status, "RssShmem:").unwrap_or(0))
}

fn of_machine(meminfo: &str) -> Option<Memory> {
    Some(Memory {
        total: kilobytes(meminfo, "MemTotal:")?,
        available: kilobytes(meminfo, "MemAvailable:")?,
    })
}

/// A line such as `MemTotal:  1234 kB`, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

/// The limits of all groups from the process's own to the root, of either version.
fn limits(groups: &str) -> Vec<Memory> {
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (root, files) = match controllers {
            "" => ("/sys/fs/cgroup", &VERSION_2),
            "memory" => ("/sys/fs/cgroup/memory", &VERSION_1),
            _ => continue,
        };
        let path = path.trim_start_matches('/');
        for group in Path::new(path).ancestors() {
            limits.extend(files.read(&Path::new(root).join(group)));
        }
    }
    limits
}

/// Names of a version's files.
struct Files {
    limit: &'static str,
    usage: &'static str,
    reclaimable: &'static str,
}

const VERSION_2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: "inactive_file ",
};

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file ",
};

impl Files {
    /// `None` for a group without a limit.
    fn read(&self, group: &Path) -> Option<Memory> {
        let number = |name: &str| -> Option<u64> {
            let text = fs::read_to_string(group.join(name)).ok()?;
            text.trim().parse().ok()
        };
        let total = number(self.limit)?;
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let cached = stat
            .lines()
            .find_map(|line| line.strip_prefix(self.reclaimable));
        let cached: u64 = cached.and_then(|text| text.parse().ok()).unwrap_or(0);
        let used = number(self.usage)
            .unwrap_or_default()
            .saturating_sub(cached);
        Some(Memory {
            total,
            available: total.saturating_sub(used),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_read() {
        let text = "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n";
        let memory = Memory {
            total: 2 << 20,
            available: 1 << 20,
        };
        assert_eq!(of_machine(text), Some(memory));
        assert_eq!(of_machine("MemTotal: x kB"), None);
        if cfg!(target_os = "linux") {
            let here = super::memory().unwrap();
            assert!(here.available <= here.total && here.total > 0);
            let own = resident(std::process::id()).unwrap();
            assert!(own > 0 && occupied(std::process::id()).unwrap() >= own);
        }
    }

    #[test]
    fn a_group_bounds_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("memory.max", "max\n");
        assert_eq!(VERSION_2.read(folder.path()), None);
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 400\ninactive_file 300\n");
        let limit = Memory {
            total: 1000,
            available: 600,
        };
        assert_eq!(VERSION_2.read(folder.path()), Some(limit));
    }
}
