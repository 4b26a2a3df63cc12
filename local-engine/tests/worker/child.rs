//! What the child computes, and the ways in which it dies when it is asked to.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use local_engine::scripted::{Script, Scripted, stats};
use local_engine::{EngineError, EngineSpec, Job, LocalEngine};

pub(crate) async fn load(spec: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    if spec.path == Path::new("missing") {
        return Err(EngineError::Load(
            "`missing` is not there; mend the path".into(),
        ));
    }
    if spec.path == Path::new("huge") {
        gorge();
    }
    if spec.path == Path::new("paced") {
        return Ok(Arc::new(Scripted::new(paced)));
    }
    let engine = Scripted::new(|job| match job.messages[0].content.as_str() {
        "abort" => std::process::abort(),
        "panic" => panic!("a bug"),
        "slow" => long(100_000, Duration::from_millis(5)),
        "segfault" => segfault(),
        "gorge" => gorge(),
        "garble" => garble(),
        "hang up" => hang_up(),
        "cpus" => Script::answering(&allowed_cpus(), -0.1),
        "threads" => Script::answering(&std::env::var("RAYON_NUM_THREADS").unwrap(), -0.1),
        "spins" => Script::answering(&std::env::var("GOMP_SPINCOUNT").unwrap(), -0.1),
        _ => Script::answering("yes", -0.25),
    });
    Ok(Arc::new(engine))
}

/// A millisecond for each word of the prompt, three for each token of the answer.
fn paced(job: &Job) -> Script {
    let words = job.messages[0].content.split_whitespace().count();
    let words = u32::try_from(words).unwrap();
    Script {
        prompt_tokens: words,
        delay_before_first: Duration::from_millis(1) * words,
        ..long(8, Duration::from_millis(3))
    }
}

/// The first of these signals only takes away the handler that looks for the end of a stack.
fn segfault() -> Script {
    loop {
        let own = std::process::id().to_string();
        Command::new("kill").args(["-11", &own]).status().unwrap();
    }
}

/// Takes memory until it is refused.
fn gorge() -> Script {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&taken);
    }
}

/// Writes something on the way to the parent that is no frame.
fn garble() -> Script {
    use std::io::Write as _;
    use std::os::fd::AsFd;
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let mut socket = std::os::unix::net::UnixStream::from(socket);
    socket.write_all(&[0xff; 64]).unwrap();
    Script::answering("never read", 0.0)
}

/// Closes the way to the parent, and lives on.
fn hang_up() -> Script {
    use std::os::fd::AsFd;
    let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.shutdown(std::net::Shutdown::Both).unwrap();
    loop {
        std::thread::park();
    }
}

fn allowed_cpus() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = |line: &str| line.strip_prefix("Cpus_allowed_list:").map(str::to_owned);
    status.lines().find_map(line).unwrap().trim().to_owned()
}

fn long(count: usize, per_token: Duration) -> Script {
    let tokens = vec![("a".to_owned(), stats(-0.1)); count];
    Script {
        tokens,
        per_token,
        ..Script::answering("", 0.0)
    }
}
