//! What a worker process may take of its machine, set by itself before it loads anything.

use crate::error::EngineError;
use crate::spec::EngineSpec;

/// Obeys `memory_limit` and `cpus`.
pub(super) fn obey(spec: &EngineSpec) -> Result<(), EngineError> {
    if let Some(limit) = spec.memory_limit {
        limit_memory(limit)?;
    }
    if spec.cpus.is_empty() {
        return Ok(());
    }
    place(spec)
}

/// Private memory that is written to: heap, stacks, anonymous maps. A file that is mapped to be read costs nothing, the
/// system can always drop its pages.
#[cfg(target_os = "linux")]
fn limit_memory(limit: u64) -> Result<(), EngineError> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let bounds = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::Data, bounds)
        .map_err(|error| EngineError::Load(format!("`memory_limit` cannot be set: {error}")))
}

/// New threads take it over from the thread that starts them; those that run already are moved one by one.
#[cfg(target_os = "linux")]
fn place(spec: &EngineSpec) -> Result<(), EngineError> {
    use rustix::process::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};
    let mut set = CpuSet::new();
    for cpu in &spec.cpus {
        let cpu = usize::try_from(*cpu).unwrap_or(usize::MAX);
        if cpu >= CpuSet::MAX_CPU {
            return Err(unplaced(spec, &format!("there is no processor {cpu}")));
        }
        set.set(cpu);
    }
    let threads = std::fs::read_dir("/proc/self/task").map_err(|e| unplaced(spec, &e))?;
    for thread in threads.flatten() {
        let id = thread.file_name().to_str().and_then(|id| id.parse().ok());
        let Some(id) = id.and_then(Pid::from_raw) else {
            continue;
        };
        match sched_setaffinity(Some(id), &set) {
            // It ended in between.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(unplaced(spec, &error)),
        }
    }
    // The system leaves out silently what the process may not use.
    let given = sched_getaffinity(None).map_err(|e| unplaced(spec, &e))?;
    let missing =
        (spec.cpus.iter()).find(|cpu| usize::try_from(**cpu).is_ok_and(|cpu| !given.is_set(cpu)));
    match missing {
        Some(cpu) => Err(unplaced(spec, &format!("{cpu} is not given to it"))),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn unplaced(spec: &EngineSpec, why: &dyn std::fmt::Display) -> EngineError {
    let cpus: Vec<_> = spec.cpus.iter().map(u32::to_string).collect();
    let cpus = cpus.join(", ");
    EngineError::Load(format!(
        "it cannot be placed on `cpus` {cpus}: {why}; write numbers that this machine has and allows"
    ))
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_: u64) -> Result<(), EngineError> {
    Err(elsewhere("memory_limit"))
}

#[cfg(not(target_os = "linux"))]
fn place(_: &EngineSpec) -> Result<(), EngineError> {
    Err(elsewhere("cpus"))
}

#[cfg(not(target_os = "linux"))]
fn elsewhere(key: &str) -> EngineError {
    EngineError::Load(format!("`{key}` is obeyed on Linux only; leave it out"))
}
