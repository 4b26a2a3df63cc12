//! Requests in the order in which they were decided, until their labels are known.

use std::collections::VecDeque;
use std::time::Duration;

use router_policies::Label;
use tokio::time::Instant;

/// Most requests that wait for one before them.
const MOST: usize = 1_024;

/// Longest time that a label is waited for while others wait behind it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A queue whose front waits for its label.
///
/// What is told of a label may not depend on what labels came sooner: an answer that takes long may be another kind of
/// answer. So a request waits for all that were decided before it; one whose label does not come is given up as lost.
#[derive(Debug)]
pub(super) struct Held<T> {
    /// Number of the front.
    first: u64,
    slots: VecDeque<Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    what: T,
    since: Instant,
    label: Option<Label>,
}

impl<T> Held<T> {
    pub(super) const fn new() -> Self {
        Self {
            first: 0,
            slots: VecDeque::new(),
        }
    }

    /// Takes a request in; gives its number.
    pub(super) fn push(&mut self, what: T) -> u64 {
        let since = Instant::now();
        self.slots.push_back(Slot {
            what,
            since,
            label: None,
        });
        let waiting = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        self.first.saturating_add(waiting).saturating_sub(1)
    }

    /// Tells a label. One that was given up stays so.
    pub(super) fn settle(&mut self, number: u64, label: Label) {
        let place = number.checked_sub(self.first);
        let slot = place.and_then(|place| self.slots.get_mut(usize::try_from(place).ok()?));
        if let Some(slot) = slot {
            slot.label.get_or_insert(label);
        }
    }

    /// The next request that need not wait any longer.
    pub(super) fn pop(&mut self) -> Option<(T, Label)> {
        self.pop_at(Instant::now())
    }

    fn pop_at(&mut self, now: Instant) -> Option<(T, Label)> {
        let full = self.slots.len() > MOST;
        let front = self.slots.front()?;
        let given_up = full || now.duration_since(front.since) > PATIENCE;
        let label = front.label.or_else(|| given_up.then_some(Label::Lost))?;
        self.first = self.first.saturating_add(1);
        self.slots.pop_front().map(|slot| (slot.what, label))
    }

    /// Gives up all that wait, without a label; what is told of them later finds no place.
    pub(super) fn clear(&mut self) {
        let waiting = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        self.first = self.first.saturating_add(waiting);
        self.slots.clear();
    }

    /// Requests that wait.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popped(held: &mut Held<u32>) -> Vec<(u32, Label)> {
        std::iter::from_fn(|| held.pop()).collect()
    }

    #[tokio::test]
    async fn whoever_waits_holds_those_after_it_back() {
        let mut held = Held::new();
        let numbers: Vec<u64> = (0..4).map(|n| held.push(n)).collect();
        held.settle(numbers[1], Label::Bad);
        held.settle(numbers[2], Label::NotDrawn);
        assert_eq!(popped(&mut held), []);
        held.settle(numbers[0], Label::Good);
        assert_eq!(
            popped(&mut held),
            [(0, Label::Good), (1, Label::Bad), (2, Label::NotDrawn)]
        );
        // Told twice, told too late: the first word stands.
        held.settle(numbers[1], Label::Good);
        held.settle(numbers[3], Label::Lost);
        held.settle(numbers[3], Label::Good);
        assert_eq!(popped(&mut held), [(3, Label::Lost)]);
    }

    #[tokio::test]
    async fn what_was_given_up_is_not_taken_for_another() {
        let mut held = Held::new();
        let old = held.push(0);
        held.clear();
        held.push(1);
        held.settle(old, Label::Bad);
        assert_eq!((held.pop(), held.len()), (None, 1));
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let mut held = Held::new();
        let first = held.push(0);
        for n in 1..=u32::try_from(MOST).unwrap() {
            let number = held.push(n);
            held.settle(number, Label::Good);
        }
        assert_eq!(held.pop(), Some((0, Label::Lost)));
        held.settle(first, Label::Bad);
        assert_eq!(popped(&mut held).len(), MOST);
    }

    #[tokio::test]
    async fn a_label_that_does_not_come_is_given_up() {
        let (mut held, before) = (Held::new(), Instant::now());
        held.push(0);
        assert_eq!(held.pop_at(before + PATIENCE), None);
        let after = Instant::now();
        assert_eq!(
            held.pop_at(after + PATIENCE + Duration::from_secs(1)),
            Some((0, Label::Lost))
        );
    }
}
