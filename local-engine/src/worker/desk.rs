//! What the engine's users and the supervisor share: who waits for what, and how the child is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::frame::{Ask, Id, LONGEST_TEXT, MOST_TEXTS, Tell};
use crate::engine::{Event, Health, ModelInfo};
use crate::error::EngineError;
use crate::job::{Constraint, Job, Message};
use crate::rates::Rates;
use crate::relay::{self, Relay};
use crate::vitals::{Cause, Vitals};

/// One vector for each text.
pub(super) type Vectors = Result<Vec<Vec<f32>>, EngineError>;

/// The parent's table of open requests.
#[derive(Debug)]
pub(super) struct Desk {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Child,
    info: Option<Arc<ModelInfo>>,
    rates: Rates,
    restarts: BTreeMap<Cause, u64>,
    process_id: Option<u32>,
    next_id: Id,
    jobs: HashMap<Id, mpsc::Sender<Event>>,
    counts: HashMap<Id, oneshot::Sender<Result<u32, EngineError>>>,
    embeddings: HashMap<Id, oneshot::Sender<Vectors>>,
}

#[derive(Debug)]
enum Child {
    Loading,
    /// The way to it.
    Ready(mpsc::Sender<Ask>),
    /// It has given no sign of life for this long; what runs there may still end.
    Silent(mpsc::Sender<Ask>, Duration),
    Down(EngineError),
}

impl Child {
    fn link(&self) -> Result<mpsc::Sender<Ask>, EngineError> {
        match self {
            Self::Ready(link) => Ok(link.clone()),
            Self::Loading => Err(EngineError::Loading),
            Self::Silent(_, time) => Err(EngineError::Died(silent(*time))),
            Self::Down(error) => Err(error.clone()),
        }
    }

    /// The way to what still runs there.
    fn running(&self) -> Option<&mpsc::Sender<Ask>> {
        match self {
            Self::Ready(link) | Self::Silent(link, _) => Some(link),
            Self::Loading | Self::Down(_) => None,
        }
    }
}

impl State {
    fn id(&mut self) -> Id {
        self.next_id += 1;
        self.next_id
    }
}

impl Desk {
    pub(super) fn new() -> Self {
        let state = State {
            child: Child::Loading,
            info: None,
            rates: Rates::default(),
            restarts: BTreeMap::new(),
            process_id: None,
            next_id: 0,
            jobs: HashMap::new(),
            counts: HashMap::new(),
            embeddings: HashMap::new(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    pub(super) fn info(&self) -> Option<Arc<ModelInfo>> {
        self.state.lock().info.clone()
    }

    pub(super) fn health(&self) -> Health {
        match &self.state.lock().child {
            Child::Loading => Health::Loading,
            Child::Ready(_) => Health::Ready,
            Child::Silent(_, time) => Health::Down(silent(*time)),
            Child::Down(error) => Health::Down(error.to_string()),
        }
    }

    pub(super) fn vitals(&self) -> Vitals {
        let state = self.state.lock();
        Vitals {
            process_id: state.process_id,
            restarts: state.restarts.clone(),
            present: u32::try_from(state.jobs.len()).unwrap_or(u32::MAX),
            ..Vitals::default()
        }
    }

    pub(super) fn rates(&self) -> Rates {
        self.state.lock().rates
    }

    /// Takes in what a job to warm up has shown.
    pub(super) fn learn(&self, learn: impl FnOnce(&mut Rates)) {
        learn(&mut self.state.lock().rates);
    }

    /// Sends `job` to the child. The returned stream cancels it when dropped early.
    pub(super) fn open(desk: &Arc<Self>, job: Job) -> Result<Relay<Ticket>, EngineError> {
        check_size(&job.messages, job.constraint.as_ref())?;
        let (sender, events) = relay::channel(job.max_tokens);
        let mut state = desk.state.lock();
        let link = state.child.link()?;
        let id = state.id();
        // Never waits: a child that does not read its frames has stopped working.
        link.try_send(Ask::Generate { id, job })
            .map_err(|_| unheard())?;
        state.jobs.insert(id, sender);
        drop(state);
        Ok(Relay::new(
            events,
            Ticket {
                desk: Arc::clone(desk),
                id,
            },
        ))
    }

    pub(super) async fn count(&self, messages: Vec<Message>) -> Result<u32, EngineError> {
        check_size(&messages, None)?;
        let ask = |id| Ask::Count { id, messages };
        self.ask(ask, |state, id, sender| state.counts.insert(id, sender))
            .await
    }

    pub(super) async fn unread(&self, job: Job) -> Result<u32, EngineError> {
        check_size(&job.messages, job.constraint.as_ref())?;
        let ask = |id| Ask::Unread { id, job };
        self.ask(ask, |state, id, sender| state.counts.insert(id, sender))
            .await
    }

    pub(super) async fn embed(&self, texts: Vec<String>) -> Vectors {
        within(texts.iter().map(String::len).sum())?;
        if texts.len() > MOST_TEXTS {
            let what = format!("{} texts at once; {MOST_TEXTS} are the most", texts.len());
            return Err(EngineError::Unsupported(what));
        }
        let ask = |id| Ask::Embed { id, texts };
        self.ask(ask, |state, id, sender| state.embeddings.insert(id, sender))
            .await
    }

    /// Asks for one answer, and waits for it where `open` has put it.
    async fn ask<T, O>(
        &self,
        ask: impl FnOnce(Id) -> Ask,
        open: impl FnOnce(&mut State, Id, oneshot::Sender<Result<T, EngineError>>) -> O,
    ) -> Result<T, EngineError> {
        let (sender, answer) = oneshot::channel();
        let (link, id) = {
            let mut state = self.state.lock();
            let link = state.child.link()?;
            let id = state.id();
            open(&mut state, id, sender);
            (link, id)
        };
        // A failed send means that the child is gone, and then `answer` tells.
        let _ = link.send(ask(id)).await;
        answer.await.unwrap_or_else(|_| Err(unheard()))
    }

    /// Takes in what the child says, except how its loading went.
    pub(super) fn tell(&self, tell: Tell) {
        let mut state = self.state.lock();
        match tell {
            Tell::Event { id, event } => pass_on(&mut state, id, event),
            Tell::Counted { id, tokens } => {
                if let Some(waiting) = state.counts.remove(&id) {
                    // Whoever asked may have stopped waiting.
                    let _ = waiting.send(tokens);
                }
            }
            Tell::Embedded { id, vectors } => {
                if let Some(waiting) = state.embeddings.remove(&id) {
                    let _ = waiting.send(vectors);
                }
            }
            Tell::Ready(_) | Tell::LoadFailed(_) | Tell::Pong => {}
        }
    }

    /// Notes a new child, and what ended the one before.
    pub(super) fn started(&self, process_id: Option<u32>, after: Option<Cause>) {
        let mut state = self.state.lock();
        state.process_id = process_id;
        if let Some(cause) = after {
            *state.restarts.entry(cause).or_default() += 1;
        }
    }

    /// The child gave a sign of life.
    pub(super) fn heard(&self) {
        let mut state = self.state.lock();
        if let Child::Silent(link, _) = &state.child {
            state.child = Child::Ready(link.clone());
        }
    }

    /// The child has given no sign of life for `time`: it gets no further jobs until it does.
    pub(super) fn silent(&self, time: Duration) {
        let mut state = self.state.lock();
        if let Some(link) = state.child.running().cloned() {
            state.child = Child::Silent(link, time);
        }
    }

    pub(super) fn loading(&self) {
        self.state.lock().child = Child::Loading;
    }

    pub(super) fn ready(&self, info: ModelInfo, link: mpsc::Sender<Ask>) {
        let mut state = self.state.lock();
        state.info = Some(Arc::new(info));
        state.child = Child::Ready(link);
    }

    /// Fails everything that is open: the child is gone.
    pub(super) fn down(&self, error: &EngineError) {
        let mut state = self.state.lock();
        state.child = Child::Down(error.clone());
        state.process_id = None;
        for (_, job) in state.jobs.drain() {
            // A reader that is gone misses nothing.
            let _ = job.try_send(Event::Failed(error.clone()));
        }
        for (_, waiting) in state.counts.drain() {
            let _ = waiting.send(Err(error.clone()));
        }
        for (_, waiting) in state.embeddings.drain() {
            let _ = waiting.send(Err(error.clone()));
        }
    }
}

fn pass_on(state: &mut State, id: Id, event: Event) {
    if let Event::Prefilled {
        prompt_tokens,
        reused_tokens,
        took,
    } = &event
    {
        let computed = prompt_tokens.saturating_sub(*reused_tokens);
        state.rates.prefilled(computed, *took);
    }
    let last = event.is_terminal();
    let Some(job) = state.jobs.get(&id) else {
        // Cancelled, and the word has not arrived yet, or got lost at a full link.
        if let (false, Some(link)) = (last, state.child.running()) {
            let _ = link.try_send(Ask::Cancel { id });
        }
        return;
    };
    // The channel holds a whole answer: only a gone reader or a child that invents tokens fails here.
    let refused = job.try_send(event).is_err();
    if last || refused {
        state.jobs.remove(&id);
    }
}

/// Refuses what would not fit into a frame; no local model has a context of that size.
fn check_size(messages: &[Message], constraint: Option<&Constraint>) -> Result<(), EngineError> {
    let contents = messages.iter().map(|message| message.content.len());
    let constraint = constraint.map(Constraint::size);
    within(contents.chain(constraint).sum())
}

fn within(size: usize) -> Result<(), EngineError> {
    if size > LONGEST_TEXT {
        let what = format!("a prompt of {size} bytes; {LONGEST_TEXT} are the most");
        return Err(EngineError::Unsupported(what));
    }
    Ok(())
}

fn silent(time: Duration) -> String {
    format!("no sign of life for {} s", time.as_secs())
}

fn unheard() -> EngineError {
    EngineError::Died("the worker process does not listen".to_owned())
}

/// An open job; dropping it before the end tells the child to stop.
#[derive(Debug)]
pub(super) struct Ticket {
    desk: Arc<Desk>,
    id: Id,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.desk.state.lock();
        if state.jobs.remove(&self.id).is_none() {
            return;
        }
        if let Some(link) = state.child.running() {
            // Should the link be full, the job's next event repeats this.
            let _ = link.try_send(Ask::Cancel { id: self.id });
        }
    }
}
