//! Which models are in memory, and which come next: the rules of the memory budget, without clock, process or lock.
//!
//! Times are counted from any moment, the same for all calls.

mod occupant;
mod rule;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::config::{Load, MemoryRules, Stay, WhenFull};

pub(super) use occupant::{Cause, Occupant, Place};

/// Number of a model, never given twice.
pub(super) type Id = u64;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Load it; [`Room::arrived`] or [`Room::failed`] tells how that ended.
    Load(Id),
    /// End its process; [`Room::left`] tells that its memory is free.
    Unload(Id, Cause),
    /// Those who wait for it wait in vain.
    Refuse(Id),
}

/// What a request for a model is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is in memory, or comes there with the gateway.
    Here,
    /// It is on its way.
    Coming,
    /// There is no room, and none will be made.
    Refused,
}

/// The memory that models share.
#[derive(Debug, Default)]
pub(super) struct Room {
    rules: MemoryRules,
    occupants: BTreeMap<Id, Occupant>,
    /// Models that wait for room, in the order in which they were asked for.
    queue: VecDeque<Id>,
}

impl Room {
    /// What holds from the next step on.
    pub(super) const fn rule(&mut self, rules: MemoryRules) {
        self.rules = rules;
    }

    pub(super) const fn rules(&self) -> MemoryRules {
        self.rules
    }

    pub(super) fn occupant(&self, id: Id) -> Option<&Occupant> {
        self.occupants.get(&id)
    }

    pub(super) fn occupants(&self) -> impl Iterator<Item = (Id, &Occupant)> {
        self.occupants.iter().map(|(id, occupant)| (*id, occupant))
    }

    /// Bytes that are in use or kept free for a model.
    pub(super) fn held(&self) -> u64 {
        self.occupants.values().map(Occupant::held).sum()
    }

    /// A further model, which is not in memory. `expected` bytes is what it takes at most.
    pub(super) fn admit(&mut self, id: Id, expected: u64, stay: Stay) {
        self.occupants.insert(id, Occupant::new(expected, stay));
    }

    /// It comes with the gateway, if it is to and there is room.
    pub(super) fn welcome(&mut self, id: Id, now: Duration) {
        let Some(occupant) = self.out(id) else { return };
        if occupant.stay.keep {
            self.enqueue(id, now);
        } else if occupant.stay.load == Load::Start {
            occupant.place = Place::Offered;
        }
    }

    /// When it is in memory, from now on.
    pub(super) fn settle(&mut self, id: Id, stay: Stay, now: Duration) {
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.stay = stay;
        }
        if stay.keep && self.out(id).is_some() {
            self.enqueue(id, now);
        }
    }

    /// Somebody asks for it.
    pub(super) fn want(&mut self, id: Id, now: Duration) -> Answer {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return Answer::Refused;
        };
        occupant.used_at = now;
        let (place, retired) = (occupant.place, occupant.retired);
        match place {
            Place::In | Place::Loading { asked: false } => Answer::Here,
            Place::Waiting | Place::Loading { asked: true } => Answer::Coming,
            _ if retired => Answer::Refused,
            Place::Going(_) | Place::Leaving => {
                occupant.again = true;
                Answer::Coming
            }
            Place::Out | Place::Offered if self.may_come(id) => {
                self.enqueue(id, now);
                Answer::Coming
            }
            Place::Out | Place::Offered => Answer::Refused,
        }
    }

    /// A job begins there; false if the model is not in memory.
    pub(super) fn enter(&mut self, id: Id, now: Duration) -> bool {
        let occupant = self.occupants.get_mut(&id);
        let Some(occupant) = occupant.filter(|one| one.takes_jobs()) else {
            return false;
        };
        occupant.busy += 1;
        occupant.used_at = now;
        true
    }

    /// A job that [entered](Self::enter) has ended.
    pub(super) fn leave(&mut self, id: Id, now: Duration) {
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.busy = occupant.busy.saturating_sub(1);
            occupant.used_at = now;
        }
    }

    /// It has loaded.
    pub(super) fn arrived(&mut self, id: Id, now: Duration) {
        if let Some(occupant) = self.occupants.get_mut(&id)
            && matches!(occupant.place, Place::Loading { .. })
        {
            occupant.place = Place::In;
            occupant.since = now;
            occupant.used_at = now;
        }
    }

    /// It does not load; its room is for others.
    pub(super) fn failed(&mut self, id: Id) {
        if let Some(occupant) = self.occupants.get_mut(&id)
            && matches!(occupant.place, Place::Loading { .. })
        {
            occupant.place = Place::Going(Cause::Failed);
        }
    }

    /// Its process takes so many bytes.
    pub(super) fn measured(&mut self, id: Id, bytes: u64) {
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.measure(bytes);
        }
    }

    /// Its process is gone and its memory free.
    pub(super) fn left(&mut self, id: Id, now: Duration) {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        occupant.resident = 0;
        occupant.place = Place::Out;
        let again = std::mem::take(&mut occupant.again);
        if !occupant.retired && (again || occupant.stay.keep) {
            self.enqueue(id, now);
        }
    }

    /// It is not configured any more: it goes as soon as nothing runs there, and is forgotten then.
    pub(super) fn retire(&mut self, id: Id) {
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.retired = true;
        }
    }

    fn out(&mut self, id: Id) -> Option<&mut Occupant> {
        let occupant = self.occupants.get_mut(&id)?;
        let out = matches!(occupant.place, Place::Out | Place::Offered) && !occupant.retired;
        out.then_some(occupant)
    }

    fn enqueue(&mut self, id: Id, now: Duration) {
        let Some(occupant) = self.occupants.get_mut(&id) else {
            return;
        };
        occupant.place = Place::Waiting;
        occupant.since = now;
        if occupant.stay.keep {
            // Its room is free already, or is being made.
            self.queue.push_front(id);
        } else {
            self.queue.push_back(id);
        }
    }

    /// Whether room for it is there or can be made.
    fn may_come(&self, id: Id) -> bool {
        match self.rules.when_full {
            WhenFull::Evict => self.could_ever(id),
            WhenFull::Refuse => self.fits_beside(id, Occupant::stays),
        }
    }
}
