//! What happens next.

use std::time::Duration;

use super::{Cause, Id, Occupant, Place, Room, Step};
use crate::config::WhenFull;

impl Room {
    /// What is to be done now, in this order. Everything is begun at once; nothing is loaded into room that is not free.
    pub(in crate::engines) fn next(&mut self, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        self.dismiss();
        self.note_idle(now);
        self.shrink();
        self.serve_queue(now, &mut steps);
        self.serve_offers(&mut steps);
        self.end_what_goes(&mut steps);
        steps
    }

    fn dismiss(&mut self) {
        let queue = &mut self.queue;
        self.occupants.retain(|id, occupant| {
            match occupant.place {
                _ if !occupant.retired => {}
                Place::Loading { .. } | Place::In => occupant.place = Place::Going(Cause::Retired),
                Place::Going(_) | Place::Leaving => {}
                Place::Out | Place::Offered | Place::Waiting => {
                    queue.retain(|waiting| waiting != id);
                    return false;
                }
            }
            true
        });
    }

    fn note_idle(&mut self, now: Duration) {
        for occupant in self.occupants.values_mut() {
            let idle = now.saturating_sub(occupant.used_at);
            let long = occupant.stay.unload_after.is_some_and(|time| idle >= time);
            if long && occupant.may_go() && occupant.busy == 0 {
                occupant.place = Place::Going(Cause::Idle);
            }
        }
    }

    /// Gives room back that is beyond the budget. Those who are evicted have no word in this, whatever the rules say of a
    /// request that finds no room.
    fn shrink(&mut self) {
        let Some(budget) = self.rules.budget else {
            return;
        };
        for id in self.victims(None) {
            if self.staying(None) <= budget {
                return;
            }
            self.send_off(id, Cause::OverBudget);
        }
    }

    /// First come, first served: nobody overtakes, so nobody waits for ever.
    fn serve_queue(&mut self, now: Duration, steps: &mut Vec<Step>) {
        while let Some(head) = self.queue.front().copied() {
            if self.fits_beside(head, |_| true) {
                self.queue.pop_front();
                self.begin(head, true);
                steps.push(Step::Load(head));
            } else if self.fits_beside(head, Occupant::stays) {
                // Room is being made.
                return;
            } else if self.may_wait(head) {
                self.make_room(head, now);
                return;
            } else {
                self.queue.pop_front();
                if let Some(occupant) = self.occupants.get_mut(&head) {
                    occupant.place = Place::Out;
                }
                steps.push(Step::Refuse(head));
            }
        }
    }

    fn may_wait(&self, id: Id) -> bool {
        let keeps = self.occupants.get(&id).is_some_and(Occupant::keeps_room);
        (keeps || self.rules.when_full == WhenFull::Evict) && self.could_ever(id)
    }

    /// Sends off those that were not used for longest, if that makes room enough.
    fn make_room(&mut self, head: Id, now: Duration) {
        let (Some(budget), Some(wanted)) = (self.rules.budget, self.occupants.get(&head)) else {
            return;
        };
        let wanted = wanted.needs(budget);
        let mut staying = self.staying(Some(head));
        let mut chosen = Vec::new();
        for id in self.victims(Some(now)) {
            if staying.saturating_add(wanted) <= budget {
                break;
            }
            staying = staying.saturating_sub(self.occupants.get(&id).map_or(0, Occupant::held));
            chosen.push(id);
        }
        if staying.saturating_add(wanted) <= budget {
            for id in chosen {
                self.send_off(id, Cause::Evicted);
            }
        }
    }

    /// Models that come with the gateway never push others out.
    fn serve_offers(&mut self, steps: &mut Vec<Step>) {
        let offered = |(id, one): (&Id, &Occupant)| (one.place == Place::Offered).then_some(*id);
        let offered: Vec<Id> = self.occupants.iter().filter_map(offered).collect();
        for id in offered {
            if self.queue.is_empty() && self.fits_beside(id, |_| true) {
                self.begin(id, false);
                steps.push(Step::Load(id));
            } else if let Some(occupant) = self.occupants.get_mut(&id) {
                occupant.place = Place::Out;
            }
        }
    }

    fn end_what_goes(&mut self, steps: &mut Vec<Step>) {
        for (id, occupant) in &mut self.occupants {
            if let (Place::Going(cause), 0) = (occupant.place, occupant.busy) {
                occupant.place = Place::Leaving;
                steps.push(Step::Unload(*id, cause));
            }
        }
    }

    fn begin(&mut self, id: Id, asked: bool) {
        let budget = self.rules.budget;
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.reserve(budget);
            // Nobody waits for a model that is only kept.
            let asked = asked && !occupant.stay.keep;
            occupant.place = Place::Loading { asked };
        }
    }

    fn send_off(&mut self, id: Id, cause: Cause) {
        if let Some(occupant) = self.occupants.get_mut(&id) {
            occupant.place = Place::Going(cause);
        }
    }

    /// Those that may go, the one first that was not used for longest; those with jobs come last. With a time only those
    /// that have stayed long enough by then.
    fn victims(&self, now: Option<Duration>) -> Vec<Id> {
        let least = self.rules.least_stay;
        let long_enough =
            |one: &Occupant| now.is_none_or(|now| now.saturating_sub(one.since) >= least);
        let mut victims: Vec<_> = self
            .occupants
            .iter()
            .filter(|(_, one)| one.may_go() && long_enough(one))
            .map(|(id, one)| (one.busy > 0, one.used_at, *id))
            .collect();
        victims.sort_unstable();
        victims.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Bytes of those that stay, one of them left out.
    fn staying(&self, without: Option<Id>) -> u64 {
        let others = self
            .occupants
            .iter()
            .filter(|(id, _)| Some(**id) != without);
        let staying = others.filter(|(_, one)| one.stays());
        staying.map(|(_, one)| one.held()).sum()
    }

    /// Whether it fits beside the others that count.
    pub(super) fn fits_beside(&self, id: Id, counts: impl Fn(&Occupant) -> bool) -> bool {
        let (Some(budget), Some(wanted)) = (self.rules.budget, self.occupants.get(&id)) else {
            return true;
        };
        let others = self.occupants.iter().filter(|(other, _)| **other != id);
        let held: u64 = others
            .filter(|(_, one)| counts(one))
            .map(|(_, one)| one.held())
            .sum();
        held.saturating_add(wanted.needs(budget)) <= budget
    }

    /// Whether it would fit if all went that may.
    pub(super) fn could_ever(&self, id: Id) -> bool {
        self.fits_beside(id, Occupant::keeps_room)
    }
}
