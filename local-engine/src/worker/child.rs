//! The child's side: hosts any engine behind a pair of byte streams.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};
use tokio_util::task::AbortOnDropHandle;

use super::bounds;
use super::frame::{Ask, Id, Tell, codec, decode, encode};
use crate::engine::{Event, Health, LocalEngine};
use crate::error::EngineError;
use crate::job::Job;
use crate::spec::EngineSpec;

/// Frames on their way to the parent.
const LINK: usize = 256;

/// The socket to the process that started this one: its standard input.
///
/// # Errors
/// When standard input is not a socket, because something else started this process.
pub fn parent_link() -> io::Result<UnixStream> {
    let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Fails on anything but a socket, so that a terminal or a pipe is refused here.
    socket.local_addr()?;
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Serves one parent until it goes away: loads what it names with `load`, then runs its jobs.
///
/// # Errors
/// When the streams break, the model does not load, or the engine dies. The process is to exit then:
/// its parent starts a new one.
pub async fn serve<L, F>(
    load: L,
    read: impl AsyncRead + Unpin + Send,
    write: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<()>
where
    L: FnOnce(EngineSpec) -> F + Send,
    F: Future<Output = Result<Arc<dyn LocalEngine>, EngineError>> + Send,
{
    let (tell, tells) = mpsc::channel(LINK);
    let writer = tokio::spawn(carry(tells, write));
    let mut asks = FramedRead::new(read, codec());
    let served = converse(load, &mut asks, tell).await;
    // All senders are gone, so the writer ends when the last frame is out; the parent may be gone too.
    let written = writer.await.map_err(io::Error::other)?;
    served.and(written)
}

async fn converse<L, F, R>(
    load: L,
    asks: &mut FramedRead<R, LengthDelimitedCodec>,
    tell: mpsc::Sender<Tell>,
) -> io::Result<()>
where
    L: FnOnce(EngineSpec) -> F + Send,
    F: Future<Output = Result<Arc<dyn LocalEngine>, EngineError>> + Send,
    R: AsyncRead + Unpin + Send,
{
    let Some(Ask::Load(spec)) = next(asks).await? else {
        return Ok(());
    };
    let loaded = match bounds::obey(&spec) {
        Ok(()) => loading(load(spec), asks, &tell).await?,
        Err(error) => Some(Err(error)),
    };
    let Some(loaded) = loaded else {
        return Ok(());
    };
    let engine = loaded.and_then(|engine| {
        let info = engine.info().ok_or(EngineError::Loading)?;
        Ok((engine, info))
    });
    match engine {
        Err(error) => {
            let text = error.to_string();
            send(&tell, Tell::LoadFailed(error)).await?;
            Err(io::Error::other(text))
        }
        Ok((engine, info)) => {
            send(&tell, Tell::Ready((*info).clone())).await?;
            Host {
                engine,
                tell,
                running: HashMap::new(),
            }
            .run(asks)
            .await
        }
    }
}

/// What came of loading; `None` when the parent went away meanwhile.
async fn loading<T, R: AsyncRead + Unpin>(
    load: impl Future<Output = T>,
    asks: &mut FramedRead<R, LengthDelimitedCodec>,
    tell: &mpsc::Sender<Tell>,
) -> io::Result<Option<T>> {
    let mut load = std::pin::pin!(load);
    loop {
        tokio::select! {
            loaded = &mut load => return Ok(Some(loaded)),
            ask = next(asks) => match ask? {
                Some(Ask::Ping) => send(tell, Tell::Pong).await?,
                // The parent asks for nothing else before it knows that the model is there, so this is its end.
                _ => return Ok(None),
            },
        }
    }
}

/// The loaded engine with its running jobs.
struct Host {
    engine: Arc<dyn LocalEngine>,
    tell: mpsc::Sender<Tell>,
    /// Aborting a job's task drops its stream, and that stops the compute.
    running: HashMap<Id, AbortOnDropHandle<()>>,
}

impl Host {
    async fn run<R: AsyncRead + Unpin>(
        mut self,
        asks: &mut FramedRead<R, LengthDelimitedCodec>,
    ) -> io::Result<()> {
        // Jobs tell here when they end: their id, and whether the engine died under them.
        let (end, mut ends) = mpsc::channel(LINK);
        loop {
            tokio::select! {
                ask = next(asks) => match ask? {
                    Some(ask) => self.answer(ask, &end),
                    None => return Ok(()),
                },
                Some((id, died)) = ends.recv() => {
                    self.running.remove(&id);
                    if died {
                        return Err(io::Error::other("the engine died"));
                    }
                }
            }
        }
    }

    fn answer(&mut self, ask: Ask, end: &mpsc::Sender<(Id, bool)>) {
        let (engine, tell, end) = (Arc::clone(&self.engine), self.tell.clone(), end.clone());
        let (id, task) = match ask {
            Ask::Cancel { id } => {
                self.running.remove(&id);
                return;
            }
            Ask::Load(_) => {
                tracing::warn!("a second request to load is ignored");
                return;
            }
            Ask::Ping => {
                // Where this finds no room, the parent has other signs of life to read.
                let _ = self.tell.try_send(Tell::Pong);
                return;
            }
            Ask::Generate { id, job } => (id, tokio::spawn(generate(engine, id, job, tell, end))),
            Ask::Count { id, messages } => {
                let counting = async move { engine.count_tokens(messages).await };
                let tell_of = move |tokens| Tell::Counted { id, tokens };
                (id, tokio::spawn(reply(id, counting, tell_of, tell, end)))
            }
            Ask::Unread { id, job } => {
                let counting = async move { engine.unread_tokens(&job).await };
                let tell_of = move |tokens| Tell::Counted { id, tokens };
                (id, tokio::spawn(reply(id, counting, tell_of, tell, end)))
            }
            Ask::Embed { id, texts } => {
                let embedding = async move { engine.embed(texts).await };
                let tell_of = move |vectors| Tell::Embedded { id, vectors };
                (id, tokio::spawn(reply(id, embedding, tell_of, tell, end)))
            }
        };
        self.running.insert(id, AbortOnDropHandle::new(task));
    }
}

/// Answers with one frame.
async fn reply<T>(
    id: Id,
    answer: impl Future<Output = T> + Send,
    tell_of: impl FnOnce(T) -> Tell + Send,
    tell: mpsc::Sender<Tell>,
    end: mpsc::Sender<(Id, bool)>,
) {
    let answer = answer.await;
    // A parent or a host that is gone needs no answer.
    let _ = tell.send(tell_of(answer)).await;
    let _ = end.send((id, false)).await;
}

/// Runs one job and reports its end, which may be the engine's.
async fn generate(
    engine: Arc<dyn LocalEngine>,
    id: Id,
    job: Job,
    tell: mpsc::Sender<Tell>,
    end: mpsc::Sender<(Id, bool)>,
) {
    let playing = AssertUnwindSafe(play(&*engine, id, job, &tell))
        .catch_unwind()
        .await;
    let died = match playing {
        Ok(Some(Event::Failed(EngineError::Died(_)))) => engine.health() != Health::Ready,
        Ok(Some(_)) => false,
        Ok(None) | Err(_) => {
            let event = Event::Failed(EngineError::Died("it broke off".to_owned()));
            // A parent that is gone misses nothing.
            let _ = tell.send(Tell::Event { id, event }).await;
            true
        }
    };
    // Fails only when the host is gone, together with everything that it would do about it.
    let _ = end.send((id, died)).await;
}

/// Passes events on up to the terminal one, which it returns.
async fn play(
    engine: &dyn LocalEngine,
    id: Id,
    job: Job,
    tell: &mpsc::Sender<Tell>,
) -> Option<Event> {
    let mut stream = engine.generate(job);
    while let Some(event) = stream.next().await {
        let last = event.is_terminal().then(|| event.clone());
        // A parent that is gone ends the host, and this task with it.
        let _ = tell.send(Tell::Event { id, event }).await;
        if last.is_some() {
            return last;
        }
    }
    None
}

async fn next<R: AsyncRead + Unpin>(
    asks: &mut FramedRead<R, LengthDelimitedCodec>,
) -> io::Result<Option<Ask>> {
    match asks.next().await {
        Some(frame) => decode(&frame?).map(Some),
        None => Ok(None),
    }
}

async fn send(tell: &mpsc::Sender<Tell>, message: Tell) -> io::Result<()> {
    tell.send(message)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
}

async fn carry(mut tells: mpsc::Receiver<Tell>, write: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut frames = FramedWrite::new(write, codec());
    while let Some(tell) = tells.recv().await {
        frames.send(encode(&tell)?).await?;
    }
    Ok(())
}
