//! Loads and unloads models as the rules of their [`Room`] say.
//!
//! One task does it. Requests ask, enter and leave under a lock that nobody holds for longer than a look; a process is
//! gone before another is started in its room.

mod slot;
mod task;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use local_engine::{EngineError, LocalEngine};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::kept::Kept;
use super::room::{Answer, Id, Room};
use crate::config::{Config, Stay};
pub(super) use slot::Launch;
use slot::Slot;

/// The one who loads and unloads. Models go on as long as it, or an engine that it gave out, is there.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    task: OnceLock<AbortOnDropHandle<()>>,
}

impl Keeper {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                stirred: Notify::new(),
                news: watch::Sender::new(()),
                began: Instant::now(),
            }),
            task: OnceLock::new(),
        })
    }

    /// A further model, which is not loaded before somebody asks for it or it is [welcome](Self::follow). Call it within
    /// a tokio runtime.
    pub(super) fn register(
        self: &Arc<Self>,
        name: &str,
        expected: u64,
        stay: Stay,
        launch: Launch,
    ) -> Kept {
        let shared = &self.shared;
        self.task
            .get_or_init(|| AbortOnDropHandle::new(tokio::spawn(task::run(Arc::clone(shared)))));
        let mut state = shared.state.lock();
        state.last += 1;
        let id = state.last;
        state.room.admit(id, expected, stay);
        state.slots.insert(id, Slot::new(name, launch));
        Kept::new(id, Arc::clone(shared), Arc::clone(self))
    }

    /// As [`register`](Self::register), for a model that could not be known when the configuration was put in force.
    pub(super) fn register_late(
        self: &Arc<Self>,
        name: &str,
        expected: u64,
        stay: Stay,
        launch: Launch,
    ) -> Kept {
        let kept = self.register(name, expected, stay, launch);
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        let State { room, stays, .. } = &mut *state;
        if let Some(stay) = stays.get(name) {
            room.settle(kept.id(), *stay, now);
        }
        state.welcome(kept.id(), now);
        drop(state);
        self.shared.stir();
        kept
    }

    /// Goes by this configuration from now on: its rules, and of each of its models the one that was registered last.
    /// Models that it does not name go as soon as nothing runs there.
    pub(super) fn follow(&self, config: &Config) {
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        state.room.rule(config.memory);
        let stays = config.models.iter();
        state.stays = stays
            .map(|(name, model)| (name.clone(), model.stay))
            .collect();
        for (id, stay) in state.configured() {
            match stay {
                Some(stay) => {
                    state.room.settle(id, stay, now);
                    state.welcome(id, now);
                }
                None => state.room.retire(id),
            }
        }
        drop(state);
        self.shared.stir();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// What requests and the task share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// The task is to look again.
    stirred: Notify,
    /// A model has come or gone.
    news: watch::Sender<()>,
    began: Instant,
}

/// The models and where they are.
#[derive(Default)]
pub(super) struct State {
    pub(super) room: Room,
    pub(super) slots: BTreeMap<Id, Slot>,
    /// As the configuration in force has it.
    stays: BTreeMap<String, Stay>,
    last: Id,
    /// The log knows that more is held than the budget.
    over: bool,
}

impl State {
    /// Logs once that models which are kept, or end their jobs, take more than the budget.
    fn tell_excess(&mut self) {
        let (held, budget) = (self.room.held(), self.room.rules().budget);
        let over = budget.is_some_and(|budget| held > budget);
        if over && !self.over {
            let (held, budget) = (mib(held), mib(budget.unwrap_or(0)));
            tracing::warn!(
                held,
                budget,
                "the local models take more than the memory budget"
            );
        }
        self.over = over;
    }

    /// Each model with what the configuration in force says of it; of those with the same name only the last one is meant.
    fn configured(&self) -> Vec<(Id, Option<Stay>)> {
        let mut last: BTreeMap<&str, Id> = BTreeMap::new();
        for (id, slot) in &self.slots {
            last.insert(&slot.name, *id);
        }
        let said = |(id, slot): (&Id, &Slot)| {
            let meant = last.get(slot.name.as_str()) == Some(id);
            let stay = self.stays.get(&slot.name).filter(|_| meant);
            (*id, stay.copied())
        };
        self.slots.iter().map(said).collect()
    }

    fn welcome(&mut self, id: Id, now: Duration) {
        let fresh = (self.slots.get_mut(&id)).is_some_and(|slot| std::mem::take(&mut slot.fresh));
        if fresh {
            self.room.welcome(id, now);
        }
    }

    /// What is in the way of a model, for the operator.
    fn in_the_way(&self, id: Id) -> String {
        let expected = self.room.occupant(id).map_or(0, |one| one.expected);
        let budget = self.room.rules().budget.unwrap_or(u64::MAX);
        let held = self.room.occupants().filter(|(_, one)| one.held() > 0);
        let held: Vec<String> = held
            .filter_map(|(other, one)| {
                let name = &self.slots.get(&other)?.name;
                Some(format!("{name} {}", mib(one.held())))
            })
            .collect();
        let held = if held.is_empty() {
            "nothing".to_owned()
        } else {
            held.join(", ")
        };
        format!(
            "it needs {} of {}, and these hold: {held}",
            mib(expected),
            mib(budget)
        )
    }
}

impl Shared {
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Wakes with every model that comes or goes.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Asks for a model; whether it is there.
    pub(super) fn want(&self, id: Id) -> Result<bool, EngineError> {
        let now = self.now();
        let mut state = self.state.lock();
        let trouble = state.slots.get(&id).and_then(|slot| slot.trouble(now));
        if let Some(why) = trouble {
            return Err(EngineError::Load(why.to_owned()));
        }
        match state.room.want(id, now) {
            Answer::Here => Ok(true),
            Answer::Coming => {
                drop(state);
                self.stir();
                Ok(false)
            }
            Answer::Refused => {
                let why = state.in_the_way(id);
                if let Some(slot) = state.slots.get_mut(&id) {
                    slot.refuse(&why);
                }
                Err(EngineError::NoRoom(why))
            }
        }
    }

    /// A job begins with a model: its engine, which stays as long as the lease.
    pub(super) fn enter(
        self: &Arc<Self>,
        id: Id,
    ) -> Result<(Lease, Arc<dyn LocalEngine>), EngineError> {
        let now = self.now();
        let mut state = self.state.lock();
        let engine = state.slots.get(&id).and_then(|slot| slot.engine.clone());
        if let Some(engine) = engine
            && state.room.enter(id, now)
        {
            let shared = Arc::clone(self);
            return Ok((Lease { shared, id }, engine));
        }
        drop(state);
        self.want(id)?;
        Err(EngineError::Unloaded)
    }

    /// Nobody can ask for it any more.
    pub(super) fn retire(&self, id: Id) {
        self.state.lock().room.retire(id);
        self.stir();
    }
}

/// A job's right to its engine.
pub(super) struct Lease {
    shared: Arc<Shared>,
    id: Id,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut state = self.shared.state.lock();
        state.room.leave(self.id, now);
        let last = (state.room.occupant(self.id)).is_some_and(|one| one.is_done());
        drop(state);
        if last {
            self.shared.stir();
        }
    }
}

/// Bytes in whole MiB, for people.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
