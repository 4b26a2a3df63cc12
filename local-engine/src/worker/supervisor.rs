//! Starts the child, carries frames while it lives, and starts it again when it is gone.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec};
use tokio_util::task::AbortOnDropHandle;

use super::WorkerSettings;
use super::desk::Desk;
use super::frame::{Ask, Tell, codec, decode, encode};
use crate::error::EngineError;

/// Frames on their way to the child. More than a queue in front of the worker lets through.
const LINK: usize = 256;

/// Longest line of the child's output that is kept.
const LONGEST_LINE: usize = 4096;

/// How long a child that closed its socket may take to exit before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs until its task is aborted.
pub(super) async fn run(settings: WorkerSettings, desk: Arc<Desk>) {
    let mut pause = settings.first_pause;
    let mut again = false;
    loop {
        let outcome = live_and_die(&settings, &desk, again).await;
        let was_ready = outcome.ready_for.is_some();
        tracing::warn!(error = %outcome.error, ?pause, "the engine process ended; it is started again after a pause");
        desk.down(&outcome.error);
        if outcome
            .ready_for
            .is_some_and(|time| time >= settings.healthy_after)
        {
            pause = settings.first_pause;
        }
        sleep(pause).await;
        pause = (pause * 2).min(settings.longest_pause);
        again = true;
        if was_ready {
            // Otherwise it stays down: a path that was wrong is not loading just because it is tried again.
            desk.loading();
        }
    }
}

/// How one child ended.
struct Outcome {
    error: EngineError,
    /// Time it was ready; `None` if it never was.
    ready_for: Option<Duration>,
}

async fn live_and_die(settings: &WorkerSettings, desk: &Arc<Desk>, again: bool) -> Outcome {
    let (mut child, socket) = match spawn(settings) {
        Ok(spawned) => spawned,
        Err(error) => {
            let program = settings.program.display();
            let error = EngineError::Died(format!("{program} does not start: {error}"));
            return Outcome {
                error,
                ready_for: None,
            };
        }
    };
    desk.started(child.id(), again);
    let output = Output::follow(&mut child);
    let mut conversation = Conversation {
        desk,
        settings,
        ready_at: None,
    };
    let ended = conversation.run(socket).await;
    let ready_for = conversation.ready_at.map(|at| at.elapsed());
    let died = exit(child, output).await;
    let error = match ended {
        Ok(()) => EngineError::Died(died),
        Err(Ended::NotLoaded(error)) => error,
        Err(Ended::Broken(error)) => EngineError::Died(format!("{error}; {died}")),
    };
    Outcome { error, ready_for }
}

fn spawn(settings: &WorkerSettings) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut command = Command::new(&settings.program);
    command
        .args(&settings.arguments)
        .envs(
            settings
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(threads) = settings.spec.threads {
        // Read once, when the compute pool of the child starts; there is no other knob.
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    let child = command.spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

/// Why a conversation ended, other than by the child's end.
enum Ended {
    NotLoaded(EngineError),
    Broken(io::Error),
}

/// One child's conversation.
struct Conversation<'a> {
    desk: &'a Arc<Desk>,
    settings: &'a WorkerSettings,
    ready_at: Option<Instant>,
}

impl Conversation<'_> {
    async fn run(&mut self, socket: UnixStream) -> Result<(), Ended> {
        let (read, write) = socket.into_split();
        let (link, asks) = mpsc::channel(LINK);
        // The link is new and empty.
        let _ = link.try_send(Ask::Load(self.settings.spec.clone()));
        let _writer = AbortOnDropHandle::new(tokio::spawn(carry(asks, write)));
        let mut frames: FramedRead<OwnedReadHalf, _> = FramedRead::new(read, codec());
        while let Some(frame) = frames.next().await {
            match decode(&frame.map_err(Ended::Broken)?).map_err(Ended::Broken)? {
                Tell::Ready(info) => {
                    self.ready_at = Some(Instant::now());
                    self.desk.ready(info, link.clone());
                }
                Tell::LoadFailed(error) => return Err(Ended::NotLoaded(error)),
                other => self.desk.tell(other),
            }
        }
        Ok(())
    }
}

/// Writes until the child stops reading. The reading side notices its end and tells.
async fn carry(mut asks: mpsc::Receiver<Ask>, write: OwnedWriteHalf) {
    let mut frames = FramedWrite::new(write, codec());
    while let Some(ask) = asks.recv().await {
        let Ok(frame) = encode(&ask) else {
            tracing::error!("a request for the engine process cannot be written as a frame");
            return;
        };
        if frames.send(frame).await.is_err() {
            return;
        }
    }
}

/// Waits for the child to exit, or kills it, and says how it ended.
async fn exit(mut child: Child, output: Output) -> String {
    let status = match timeout(GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            // It may be gone by now; `wait` tells either way.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    match output.last_line().await {
        Some(line) => format!("{status}; its last words: {line}"),
        None => status,
    }
}

/// The child's output, logged line by line.
struct Output {
    last: Arc<Mutex<Option<String>>>,
    standard: Option<AbortOnDropHandle<()>>,
    error: Option<AbortOnDropHandle<()>>,
}

impl Output {
    fn follow(child: &mut Child) -> Self {
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
    async fn last_line(self) -> Option<String> {
        if let Some(reader) = self.error {
            // Late or broken output is no reason to keep the restart waiting.
            let _ = timeout(GRACE, reader).await;
        }
        drop(self.standard);
        self.last.lock().take()
    }
}

async fn log(pipe: impl AsyncRead + Unpin, last: Arc<Mutex<Option<String>>>) {
    let mut lines = FramedRead::new(pipe, LinesCodec::new_with_max_length(LONGEST_LINE));
    // After an overlong line the codec goes on with the next one; after an I/O error the stream ends.
    while let Some(line) = lines.next().await {
        let Ok(line) = line else { continue };
        tracing::debug!(target: "local_engine::worker::output", "{line}");
        if is_telling(&line) {
            *last.lock() = Some(line);
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
