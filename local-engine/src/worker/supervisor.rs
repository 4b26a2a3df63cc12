//! Starts the child, carries frames while it lives, and starts it again when it is gone.

use std::env;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::codec::{FramedRead, FramedWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::WorkerSettings;
use super::desk::Desk;
use super::ending::{self, Circumstances, Ending, GRACE, Output, out_of_memory_kills};
use super::frame::{Ask, Tell, codec, decode, encode};
use super::pulse::{Pulse, Silence};
use super::warm_up::WarmUp;
use crate::engine::{Event, ModelInfo};
use crate::error::EngineError;
use crate::spec::EngineSpec;
use crate::vitals::Cause;

/// Frames on their way to the child. More than a queue in front of the worker lets through.
const LINK: usize = 256;

/// A child that was ready for so many times the pause before it was worth its start.
const WORTH_IT: u32 = 10;

/// What tells OpenMP's threads, which are llama.cpp's, how long to wait for each other awake.
const SPIN_NAMES: [&str; 2] = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];

/// Looks before they sleep. OpenMP's own number is for machines that do nothing else: where another process wants a core, its
/// threads burn theirs while they wait for the one that has none. This few cost nothing on an idle machine; see the
/// `throughput` example, `--busy`.
const SPINS: &str = "1000";

/// Runs until its task is aborted, or until it is told to stop and the child is gone.
pub(super) async fn run(settings: WorkerSettings, desk: Arc<Desk>, stopping: CancellationToken) {
    let mut pause = settings.first_pause;
    let mut before = None;
    loop {
        let outcome = live_and_die(&settings, &desk, before, &stopping).await;
        if stopping.is_cancelled() {
            desk.down(&outcome.error);
            return;
        }
        let was_ready = outcome.ready_for.is_some();
        let cause = outcome.cause.as_str();
        let lasted = settings.healthy_after.min(pause * WORTH_IT);
        if outcome.ready_for.is_some_and(|time| time >= lasted) {
            pause = settings.first_pause;
        }
        tracing::warn!(cause, error = %outcome.error, ?pause, "the engine process ended; it is started again after a pause");
        desk.down(&outcome.error);
        if stopping.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(settings.longest_pause);
        before = Some(outcome.cause);
        if was_ready {
            // Otherwise it stays down: a path that was wrong is not loading just because it is tried again.
            desk.loading();
        }
    }
}

/// How one child ended.
struct Outcome {
    cause: Cause,
    error: EngineError,
    /// Time it was ready; `None` if it never was.
    ready_for: Option<Duration>,
}

async fn live_and_die(
    settings: &WorkerSettings,
    desk: &Arc<Desk>,
    before: Option<Cause>,
    stopping: &CancellationToken,
) -> Outcome {
    let (mut child, socket) = match spawn(settings) {
        Ok(spawned) => spawned,
        Err(error) => {
            let program = settings.program.display();
            return Outcome {
                cause: Cause::NotStarted,
                error: EngineError::Died(format!("{program} does not start: {error}")),
                ready_for: None,
            };
        }
    };
    desk.started(child.id(), before);
    let output = Output::follow(&mut child);
    let mut conversation = Conversation::new(desk, settings);
    let ended = stopping
        .run_until_cancelled(conversation.run(socket))
        .await
        .unwrap_or(Err(Ended::Stopped));
    let ready_for = conversation.ready_at.map(|at| at.elapsed());
    let around = Circumstances {
        memory_limit: settings.spec.memory_limit,
        starved: conversation.starved(),
        // A child that hangs or talks nonsense does not end by itself.
        grace: match ended {
            Ok(()) | Err(Ended::NotLoaded(_)) => GRACE,
            Err(Ended::Broken(_) | Ended::Hung(_) | Ended::Stopped) => Duration::ZERO,
        },
    };
    let ending = ending::of(child, output, around).await;
    let (cause, error) = conclude(ended, ending, ready_for.is_some());
    Outcome {
        cause,
        error,
        ready_for,
    }
}

fn conclude(ended: Result<(), Ended>, ending: Ending, was_ready: bool) -> (Cause, EngineError) {
    let Ending { cause, words } = ending;
    match ended {
        Ok(()) if cause == Cause::Memory && !was_ready => {
            let words = format!(
                "{words}; it needs more than it may take: raise `memory_limit`, or choose a smaller model"
            );
            (cause, EngineError::Load(words))
        }
        Ok(()) => (cause, EngineError::Died(words)),
        Err(Ended::NotLoaded(error)) => (Cause::NotLoaded, error),
        Err(Ended::Stopped) => (
            Cause::Killed,
            EngineError::Died("it was unloaded".to_owned()),
        ),
        Err(Ended::Broken(error)) => {
            let words = format!("it broke the protocol: {error}; {words}");
            (Cause::Garbled, EngineError::Died(words))
        }
        Err(Ended::Hung(silence)) => {
            let silence = silence.as_secs_f64();
            let words = format!("it gave no sign of life for {silence:.1} s; {words}");
            (Cause::Hung, EngineError::Died(words))
        }
    }
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
    set_pools(&mut command, &settings.spec);
    let child = command.spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

/// What the compute pools of the child read once, when they start; there are no other knobs.
fn set_pools(command: &mut Command, spec: &EngineSpec) {
    if let Some(threads) = spec.threads {
        command.env("RAYON_NUM_THREADS", threads.to_string());
    }
    let told = SPIN_NAMES.iter().any(|name| env::var_os(name).is_some());
    if !told {
        command.env("GOMP_SPINCOUNT", SPINS);
    }
}

/// Why a conversation ended, other than by the child's end.
enum Ended {
    NotLoaded(EngineError),
    /// It was told to.
    Stopped,
    Broken(io::Error),
    /// It gave no sign of life for this long.
    Hung(Duration),
}

/// One child's conversation.
struct Conversation<'a> {
    desk: &'a Arc<Desk>,
    settings: &'a WorkerSettings,
    pulse: Pulse,
    /// Kills for want of memory on this machine when it was last looked.
    kills: Option<u64>,
    warming: Option<(ModelInfo, WarmUp)>,
    ready_at: Option<Instant>,
}

impl<'a> Conversation<'a> {
    fn new(desk: &'a Arc<Desk>, settings: &'a WorkerSettings) -> Self {
        Self {
            desk,
            settings,
            pulse: Pulse::new(settings.spec.stall_after),
            kills: out_of_memory_kills(),
            warming: None,
            ready_at: None,
        }
    }

    async fn run(&mut self, socket: UnixStream) -> Result<(), Ended> {
        let (read, write) = socket.into_split();
        let (link, asks) = mpsc::channel(LINK);
        // The link is new and empty.
        let _ = link.try_send(Ask::Load(self.settings.spec.clone()));
        let _writer = AbortOnDropHandle::new(tokio::spawn(carry(asks, write)));
        let mut frames: FramedRead<OwnedReadHalf, _> = FramedRead::new(read, codec());
        loop {
            let Ok(frame) = timeout_at(self.pulse.next(), frames.next()).await else {
                self.look(&link)?;
                continue;
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            let tell = match frame {
                Ok(frame) => decode(&frame).map_err(Ended::Broken)?,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(Ended::Broken(error));
                }
                // The child ended in the middle of a frame; how it ended says more.
                Err(_) => return Ok(()),
            };
            self.pulse.heard();
            self.desk.heard();
            self.hear(tell, &link)?;
        }
    }

    fn hear(&mut self, tell: Tell, link: &mpsc::Sender<Ask>) -> Result<(), Ended> {
        match tell {
            Tell::Ready(info) => {
                self.warming = Some((info, WarmUp::new()));
                self.warm_up(link);
            }
            Tell::Event { event, .. } if self.warming.is_some() => self.warmed(&event, link),
            Tell::LoadFailed(error) => return Err(Ended::NotLoaded(error)),
            other => self.desk.tell(other),
        }
        Ok(())
    }

    /// Before the child is ready there are no other jobs.
    fn warmed(&mut self, event: &Event, link: &mpsc::Sender<Ask>) {
        let mut last = false;
        if let Some((_, warm_up)) = &mut self.warming {
            self.desk.learn(|rates| last = warm_up.take(event, rates));
        }
        if last {
            self.warm_up(link);
        }
    }

    /// The next job to warm up with; without one the child is ready.
    fn warm_up(&mut self, link: &mpsc::Sender<Ask>) {
        let ask = self.warming.as_mut().and_then(|(_, warm_up)| warm_up.ask());
        let asked = ask.is_some_and(|ask| link.try_send(ask).is_ok());
        if let (false, Some((info, _))) = (asked, self.warming.take_if(|_| !asked)) {
            self.ready_at = Some(Instant::now());
            self.desk.ready(info, link.clone());
        }
    }

    fn look(&mut self, link: &mpsc::Sender<Ask>) -> Result<(), Ended> {
        self.kills = out_of_memory_kills();
        match self.pulse.look() {
            Silence::Final(time) => return Err(Ended::Hung(time)),
            Silence::Long(time) => self.desk.silent(time),
            Silence::Short => {}
        }
        // A full link means that it does not read, and then its silence tells.
        let _ = link.try_send(Ask::Ping);
        Ok(())
    }

    /// Whether the system killed something for want of memory since it was last looked.
    fn starved(&self) -> bool {
        out_of_memory_kills() > self.kills
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
