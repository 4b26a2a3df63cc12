use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const LEAST: Duration = Duration::from_secs(30);

fn rules(budget: u64, when_full: WhenFull) -> MemoryRules {
    MemoryRules {
        budget: Some(budget),
        when_full,
        least_stay: LEAST,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Models of 10 bytes each in room for 40, all loaded at 0 and used a second apart from then on.
fn full(models: u64, when_full: WhenFull) -> Room {
    let mut room = Room::default();
    room.rule(rules(40, when_full));
    for id in 0..models {
        room.admit(id, 10, Stay::default());
        room.welcome(id, at(0));
    }
    for step in room.next(at(0)) {
        let Step::Load(id) = step else {
            panic!("{step:?}")
        };
        room.arrived(id, at(0));
        room.want(id, at(id + 1));
    }
    room
}

fn place(room: &Room, id: Id) -> Place {
    room.occupant(id).unwrap().place
}

#[test]
fn four_come_with_the_gateway_and_the_fifth_takes_the_place_of_the_least_used() {
    let mut room = full(5, WhenFull::Evict);
    assert_eq!((room.held(), place(&room, 4)), (40, Place::Out));
    room.want(0, at(50));
    assert_eq!(room.want(4, at(60)), Answer::Coming);
    assert_eq!(
        room.next(at(60)),
        [Step::Unload(1, Cause::Evicted)],
        "0 was used since"
    );
    assert_eq!(room.next(at(61)), [], "not before the memory is back");
    room.left(1, at(62));
    assert_eq!(room.next(at(62)), [Step::Load(4)]);
    room.arrived(4, at(63));
    assert_eq!(room.want(4, at(63)), Answer::Here);
}

#[test]
fn who_has_just_come_is_not_sent_off() {
    let mut room = full(5, WhenFull::Evict);
    assert_eq!(room.want(4, at(20)), Answer::Coming);
    assert_eq!(room.next(at(29)), []);
    assert_eq!(room.next(at(30)), [Step::Unload(0, Cause::Evicted)]);
}

#[test]
fn a_busy_model_ends_its_jobs_and_takes_no_new_ones() {
    let mut room = full(5, WhenFull::Evict);
    for id in 0..4 {
        assert!(room.enter(id, at(40 + id)));
    }
    room.want(4, at(50));
    assert_eq!(room.next(at(50)), []);
    assert!(
        !room.enter(0, at(51)),
        "all are busy, and it was used the longest ago"
    );
    assert!(room.enter(1, at(51)));
    assert_eq!(room.want(0, at(52)), Answer::Coming, "again, later");
    room.leave(0, at(53));
    assert_eq!(room.next(at(53)), [Step::Unload(0, Cause::Evicted)]);
    room.left(0, at(54));
    assert_eq!(room.next(at(54)), [Step::Load(4)]);
    assert_eq!(place(&room, 0), Place::Waiting);
}

#[test]
fn refusing_keeps_what_is_there() {
    let mut room = full(5, WhenFull::Refuse);
    assert_eq!(room.want(4, at(100)), Answer::Refused);
    assert_eq!(room.next(at(100)), []);
    assert_eq!(place(&room, 4), Place::Out);
}

#[test]
fn the_last_room_is_not_given_away_twice() {
    for when_full in [WhenFull::Evict, WhenFull::Refuse] {
        let mut room = full(3, when_full);
        for id in [7, 8] {
            room.admit(id, 10, Stay::default());
            assert_eq!(room.want(id, at(10)), Answer::Coming);
        }
        let steps = room.next(at(10));
        assert_eq!(steps[0], Step::Load(7));
        assert_eq!(room.held(), 40);
        let refused = when_full == WhenFull::Refuse;
        assert_eq!(steps.contains(&Step::Refuse(8)), refused);
    }
}

#[test]
fn what_is_kept_has_its_room_before_it_is_loaded() {
    let mut room = full(3, WhenFull::Refuse);
    let keep = Stay {
        keep: true,
        ..Stay::default()
    };
    room.admit(9, 10, keep);
    assert_eq!(room.held(), 40);
    room.admit(3, 10, Stay::default());
    assert_eq!(room.want(3, at(99)), Answer::Refused);
    room.welcome(9, at(100));
    assert_eq!(room.next(at(100)), [Step::Load(9)]);
}

#[test]
fn a_smaller_budget_sends_off_the_least_used_whatever_else_holds() {
    let mut room = full(4, WhenFull::Refuse);
    assert!(room.enter(0, at(9)));
    room.rule(rules(20, WhenFull::Refuse));
    assert_eq!(
        room.next(at(10)),
        [
            Step::Unload(1, Cause::OverBudget),
            Step::Unload(2, Cause::OverBudget)
        ]
    );
    assert_eq!(place(&room, 0), Place::In);
}

#[test]
fn a_model_that_grows_counts_with_what_it_takes() {
    let mut room = full(4, WhenFull::Evict);
    room.measured(3, 15);
    assert_eq!(room.held(), 45);
    assert_eq!(room.next(at(10)), [Step::Unload(0, Cause::OverBudget)]);
}

#[test]
fn a_model_that_grew_needs_more_when_it_comes_again() {
    let mut room = full(4, WhenFull::Evict);
    room.measured(0, 15);
    assert_eq!(room.next(at(40)), [Step::Unload(0, Cause::OverBudget)]);
    room.left(0, at(41));
    assert_eq!(room.want(0, at(42)), Answer::Coming);
    assert_eq!(
        room.next(at(42)),
        [Step::Unload(1, Cause::Evicted)],
        "10 bytes are free, and 15 are needed"
    );
    room.left(1, at(43));
    assert_eq!(room.next(at(43)), [Step::Load(0)]);
    assert_eq!(room.held(), 35);
}

#[test]
fn what_nobody_asks_for_goes_and_what_is_retired_is_forgotten() {
    let mut room = full(2, WhenFull::Evict);
    let idle = Stay {
        unload_after: Some(at(60)),
        ..Stay::default()
    };
    room.settle(0, idle, at(5));
    assert_eq!(room.next(at(60)), []);
    assert_eq!(room.next(at(61)), [Step::Unload(0, Cause::Idle)]);
    room.retire(1);
    assert_eq!(room.next(at(62)), [Step::Unload(1, Cause::Retired)]);
    assert_eq!(room.want(1, at(63)), Answer::Refused);
    room.left(1, at(64));
    room.next(at(64));
    assert!(room.occupant(1).is_none());
}

#[test]
fn more_than_there_is_of_room_is_refused_at_once() {
    let mut room = full(4, WhenFull::Evict);
    room.admit(9, 41, Stay::default());
    assert_eq!(room.want(9, at(100)), Answer::Refused);
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Want(Id),
    Enter(Id),
    Leave(Id),
    Pass(u64),
    /// All that is being loaded has come, or one of them fails.
    Arrive,
    Fail(Id),
    /// All that is leaving is gone.
    Free,
}

fn act() -> impl Strategy<Value = Act> {
    let id = 0..MODELS;
    prop_oneof![
        4 => id.clone().prop_map(Act::Want),
        3 => id.clone().prop_map(Act::Enter),
        2 => id.clone().prop_map(Act::Leave),
        2 => (1..40_u64).prop_map(Act::Pass),
        2 => Just(Act::Arrive),
        1 => id.prop_map(Act::Fail),
        2 => Just(Act::Free),
    ]
}

const MODELS: u64 = 6;

/// A room, and those who use it.
struct Play {
    room: Room,
    now: Duration,
    jobs: [u32; 6],
    /// Asked for, and neither there nor refused yet.
    open: BTreeSet<Id>,
}

impl Play {
    fn new(budget: u64, when_full: WhenFull, sizes: &[u64]) -> Self {
        let mut room = Room::default();
        room.rule(rules(budget, when_full));
        for (id, size) in (0..).zip(sizes) {
            let stay = Stay {
                keep: id == 0,
                unload_after: (id == 1).then_some(at(50)),
                ..Stay::default()
            };
            room.admit(id, *size, stay);
        }
        for id in 0..MODELS {
            room.welcome(id, at(0));
        }
        Self {
            room,
            now: at(0),
            jobs: [0; 6],
            open: BTreeSet::new(),
        }
    }

    fn those(&self, holds: impl Fn(Place) -> bool) -> Vec<Id> {
        let all = self.room.occupants();
        all.filter(|(_, one)| holds(one.place))
            .map(|(id, _)| id)
            .collect()
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Want(id) => {
                if self.room.want(id, self.now) == Answer::Coming {
                    self.open.insert(id);
                }
            }
            Act::Enter(id) => {
                let place = self.room.occupant(id).unwrap().place;
                if place == Place::In && self.room.enter(id, self.now) {
                    self.jobs[usize::try_from(id).unwrap()] += 1;
                }
            }
            Act::Leave(id) => {
                let jobs = &mut self.jobs[usize::try_from(id).unwrap()];
                if *jobs > 0 {
                    *jobs -= 1;
                    self.room.leave(id, self.now);
                }
            }
            Act::Pass(seconds) => self.now += at(seconds),
            Act::Arrive => self.arrive(),
            Act::Fail(id) => {
                if matches!(self.room.occupant(id).unwrap().place, Place::Loading { .. }) {
                    self.open.remove(&id);
                    self.room.failed(id);
                }
            }
            Act::Free => {
                for id in self.those(|place| place == Place::Leaving) {
                    self.room.left(id, self.now);
                }
            }
        }
    }

    fn arrive(&mut self) {
        for id in self.those(|place| matches!(place, Place::Loading { .. })) {
            self.room.arrived(id, self.now);
            self.open.remove(&id);
        }
    }

    fn next(&mut self) -> Result<(), TestCaseError> {
        let before: Vec<_> = self
            .room
            .occupants()
            .map(|(id, o)| (id, o.clone()))
            .collect();
        for step in self.room.next(self.now) {
            match step {
                Step::Load(_) => {}
                Step::Refuse(id) => {
                    self.open.remove(&id);
                }
                Step::Unload(id, cause) => {
                    let was = &before[usize::try_from(id).unwrap()].1;
                    prop_assert_eq!(self.jobs[usize::try_from(id).unwrap()], 0, "busy");
                    prop_assert!(!was.stay.keep || cause == Cause::Failed, "kept");
                    if cause == Cause::Evicted && was.place == Place::In {
                        self.check_least_used(&before, was)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Nobody was spared who was used longer ago.
    fn check_least_used(
        &self,
        before: &[(Id, Occupant)],
        sent: &Occupant,
    ) -> Result<(), TestCaseError> {
        prop_assert!(self.now - sent.since >= LEAST, "it had just come");
        for (id, other) in before {
            let spared = self.room.occupant(*id).unwrap().place == Place::In;
            let could = other.may_go() && other.busy == 0 && self.now - other.since >= LEAST;
            prop_assert!(!(spared && could) || other.used_at >= sent.used_at);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_budget_holds_and_every_demand_ends(
        acts in prop::collection::vec(act(), 1..200),
        sizes in prop::collection::vec(1..30_u64, 6),
        budget in 30..80_u64,
        refuse in any::<bool>(),
    ) {
        let when_full = if refuse { WhenFull::Refuse } else { WhenFull::Evict };
        let mut play = Play::new(budget, when_full, &sizes);
        for act in acts {
            play.act(act);
            play.next()?;
            prop_assert!(play.room.held() <= budget, "{} of {budget}", play.room.held());
        }
        // Now everybody ends what was begun; each round serves at least the one in front.
        for _ in 0..8 * MODELS {
            for id in 0..MODELS {
                while play.jobs[usize::try_from(id).unwrap()] > 0 {
                    play.act(Act::Leave(id));
                }
            }
            play.act(Act::Pass(31));
            play.act(Act::Arrive);
            play.act(Act::Free);
            play.next()?;
            prop_assert!(play.room.held() <= budget);
        }
        prop_assert!(play.open.is_empty(), "still waiting: {:?}", play.open);
    }
}
