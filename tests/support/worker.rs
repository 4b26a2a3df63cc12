//! Real worker processes: the test's own program, started again.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use local_engine::queued::{QueueSettings, Queued};
use local_engine::scripted::{Script, Scripted, stats};
use local_engine::worker::{Worker, WorkerSettings, parent_link, serve};
use local_engine::{EngineError, EngineSpec, Health, LocalEngine};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use crate::peril::Perilous;
use crate::wait::eventually;

const AS_CHILD: &str = "SMALLFIRST_TEST_WORKER";

/// A limit in which a scripted child has room to live.
pub const MEMORY_LIMIT: u64 = 192 << 20;

/// Whether this process is a worker that a test started.
#[must_use]
pub fn is_worker() -> bool {
    std::env::var_os(AS_CHILD).is_some()
}

/// The main function of a worker; the engine that `load` gives can be made to die, see [`Perilous`].
///
/// # Panics
/// If no test started it.
pub fn host<L, F>(load: L)
where
    L: FnOnce(EngineSpec) -> F + Send,
    F: Future<Output = Result<Arc<dyn LocalEngine>, EngineError>> + Send,
{
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let served = runtime.block_on(async {
        let (read, write) = parent_link().expect("a parent").into_split();
        let perilous = move |spec| async move {
            let inner = load(spec).await?;
            Ok(Arc::new(Perilous(inner)) as Arc<dyn LocalEngine>)
        };
        serve(perilous, read, write).await
    });
    if let Err(error) = served {
        // Its last words go to the parent; a writer that is gone misses nothing.
        let _ = writeln!(std::io::stderr(), "{error}");
    }
}

/// Answers `yes` after a few milliseconds. Where the path is a socket, it is loaded once a byte comes from there.
///
/// # Errors
/// None.
pub async fn load_scripted(spec: EngineSpec) -> Result<Arc<dyn LocalEngine>, EngineError> {
    if let Ok(mut gate) = UnixStream::connect(&spec.path).await {
        // The test may have gone away, and then nothing is to be done.
        let _ = gate.read_u8().await;
    }
    let engine = Scripted::new(|_| Script {
        delay_before_first: Duration::from_millis(4),
        per_token: Duration::from_millis(2),
        tokens: vec![
            ("yes".to_owned(), stats(-0.01)),
            (String::new(), stats(0.0)),
        ],
        ..Script::answering("", 0.0)
    });
    Ok(Arc::new(engine))
}

/// What to start with `arguments` so that this program is a worker.
///
/// # Panics
/// If the program has no path.
#[must_use]
pub fn settings(arguments: &[&str], spec: EngineSpec) -> WorkerSettings {
    let program: PathBuf = std::env::current_exe().expect("this program");
    let mut settings = WorkerSettings::new(program, arguments, spec);
    let variable: (OsString, OsString) = (AS_CHILD.into(), "1".into());
    settings.environment.push(variable);
    settings
}

/// The worker behind a queue, as the gateway has it.
#[must_use]
pub fn queued(settings: WorkerSettings, waiting: u32) -> Arc<dyn LocalEngine> {
    let queue = QueueSettings {
        waiting,
        ..QueueSettings::default()
    };
    Arc::new(Queued::new(Arc::new(Worker::start(settings)), &queue))
}

/// Waits until the engine can answer.
///
/// # Panics
/// If it never can.
pub async fn ready(engine: &Arc<dyn LocalEngine>) {
    eventually("the engine to be ready", || {
        engine.health() == Health::Ready
    })
    .await;
}

/// Sends a signal to the engine's process; one that is gone needs none.
pub fn signal(engine: &Arc<dyn LocalEngine>, signal: &str) {
    if let Some(id) = engine.vitals().process_id {
        let _sent = Command::new("kill")
            .args([signal, &id.to_string()])
            .stderr(std::process::Stdio::null())
            .status();
    }
}
