//! The task that looks how models fare and does what the room says next.

use std::sync::Arc;
use std::time::Duration;

use local_engine::{Health, LocalEngine, machine};
use tokio::time::sleep;

use super::{Shared, State, mib};
use crate::engines::room::{Cause, Id, Place, Step};

/// How often it looks while something comes or goes, and while nothing does.
const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_secs(1);

/// Times that a process may die before it has loaded.
const MOST_DEATHS: u64 = 2;

/// Runs until its task is aborted.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        measure(&shared);
        let pause = look(&shared);
        tokio::select! {
            () = shared.stirred.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

/// Takes up what processes have in memory; reading that takes no lock.
fn measure(shared: &Shared) {
    let processes: Vec<(Id, u32)> = {
        let state = shared.state.lock();
        let running = state.slots.iter();
        running
            .filter_map(|(id, slot)| Some((*id, slot.engine.as_ref()?.vitals().process_id?)))
            .collect()
    };
    let measured: Vec<(Id, u64)> = processes
        .into_iter()
        .map(|(id, process)| (id, machine::occupied(process).unwrap_or(0)))
        .collect();
    let mut state = shared.state.lock();
    for (id, bytes) in measured {
        state.room.measured(id, bytes);
    }
}

/// Does what is to be done; the time after which to look again.
fn look(shared: &Arc<Shared>) -> Duration {
    let now = shared.now();
    let mut state = shared.state.lock();
    let mut changed = observe(&mut state, now);
    for step in state.room.next(now) {
        changed = true;
        match step {
            Step::Load(id) => load(&mut state, id, now),
            Step::Unload(id, cause) => unload(shared, &mut state, id, cause),
            Step::Refuse(_) => {}
        }
    }
    if changed {
        let State { room, slots, .. } = &mut *state;
        slots.retain(|id, _| room.occupant(*id).is_some());
        slots.values_mut().for_each(|slot| slot.forget_refusals());
        shared.news.send_replace(());
    }
    state.tell_excess();
    let at_rest = |place| matches!(place, Place::Out | Place::In);
    if state.room.occupants().all(|(_, one)| at_rest(one.place)) {
        LATER
    } else {
        SOON
    }
}

/// Notes which of those that load have come or failed; whether any has.
fn observe(state: &mut State, now: Duration) -> bool {
    let loads = |place| matches!(place, Place::Loading { .. });
    let loading = state.room.occupants().filter(|(_, one)| loads(one.place));
    let loading: Vec<(Id, bool)> = loading.map(|(id, one)| (id, one.stay.keep)).collect();
    let bounded = state.room.rules().budget.is_some();
    let mut changed = false;
    for (id, kept) in loading {
        let State { room, slots, .. } = &mut *state;
        let Some(slot) = slots.get_mut(&id) else {
            continue;
        };
        let Some(engine) = slot.engine.clone() else {
            continue;
        };
        match engine.health() {
            Health::Ready => {
                let took = slot.arrived(now);
                room.arrived(id, now);
                let resident = room.occupant(id).map_or(0, |one| one.resident);
                tracing::info!(model = slot.name, ?took, resident, "loaded");
            }
            // A room that nobody shares is as well taken by trying on.
            Health::Down(why) if bounded && !kept && deaths(&*engine) >= MOST_DEATHS => {
                slot.failed(why, now);
                room.failed(id);
            }
            _ => continue,
        }
        changed = true;
    }
    changed
}

fn deaths(engine: &dyn LocalEngine) -> u64 {
    engine.vitals().restarts.values().sum()
}

fn load(state: &mut State, id: Id, now: Duration) {
    let State { room, slots, .. } = state;
    let Some(slot) = slots.get_mut(&id) else {
        return;
    };
    let expected = room.occupant(id).map_or(0, |one| one.expected);
    if let Some(budget) = room.rules().budget {
        let (needs, held, budget) = (mib(expected), mib(room.held()), mib(budget));
        tracing::info!(model = slot.name, needs, held, budget, "is being loaded");
    }
    slot.start(now);
}

/// Ends the engine, and tells when its memory is free.
fn unload(shared: &Arc<Shared>, state: &mut State, id: Id, cause: Cause) {
    let Some(slot) = state.slots.get_mut(&id) else {
        return;
    };
    let resident = state.room.occupant(id).map_or(0, |one| one.resident);
    tracing::info!(
        model = slot.name,
        cause = cause.as_str(),
        resident,
        "is being unloaded"
    );
    let engine = slot.end(cause.as_str());
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        if let Some(engine) = engine {
            engine.stop().await;
        }
        let now = shared.now();
        shared.state.lock().room.left(id, now);
        shared.news.send_replace(());
        shared.stir();
    });
}
