//! Worker processes as the system sees them.

use std::fs;

use local_engine::machine;

/// A process that lives, and the bytes that it has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    /// Pages of mapped files included.
    pub resident: u64,
}

/// All processes that have `word` as an argument and are not at their end.
///
/// # Panics
/// Where there is no `/proc`.
#[must_use]
pub fn with_argument(word: &str) -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| has_argument(*id, word))
        .filter_map(|id| {
            let resident = machine::occupied(id)?;
            Some(Process { id, resident })
        })
        .collect()
}

fn has_argument(process: u32, word: &str) -> bool {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .any(|argument| argument == word.as_bytes())
}

/// Kills one by signal 9; one that is gone needs none.
pub fn kill(process: u32) {
    let _sent = std::process::Command::new("kill")
        .args(["-9", &process.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
}
