//! A bounded number of places: some compute, some wait, the rest are turned away.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for jobs, first come, first served.
#[derive(Debug)]
pub(crate) struct Slots {
    permits: Arc<Semaphore>,
    size: NonZeroU32,
    waiting: u32,
    /// Jobs that compute or wait.
    present: AtomicU32,
}

impl Slots {
    pub(crate) fn new(size: NonZeroU32, waiting: u32) -> Arc<Self> {
        let permits = usize::try_from(size.get())
            .unwrap_or(1)
            .min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(permits)),
            size,
            waiting,
            present: AtomicU32::new(0),
        })
    }

    /// Takes a place if one is left.
    pub(crate) fn join(self: &Arc<Self>) -> Option<Place> {
        let limit = self.size.get().saturating_add(self.waiting);
        self.present
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < limit).then_some(n + 1)
            })
            .ok()?;
        Some(Place {
            slots: Arc::clone(self),
        })
    }

    pub(crate) fn size(&self) -> u32 {
        self.size.get()
    }

    pub(crate) fn present(&self) -> u32 {
        self.present.load(Ordering::Acquire)
    }
}

/// A place in the queue or on a slot; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    slots: Arc<Slots>,
}

impl Place {
    /// Waits for a slot. `None` cannot happen while the slots live: the semaphore is never closed.
    pub(crate) async fn slot(self) -> Option<Slot> {
        let permit = Arc::clone(&self.slots.permits).acquire_owned().await.ok()?;
        Some(Slot {
            _permit: permit,
            _place: self,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.present.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The right to compute.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(size: u32, waiting: u32) -> Arc<Slots> {
        Slots::new(NonZeroU32::new(size).unwrap(), waiting)
    }

    #[test]
    fn turns_away_beyond_its_bound() {
        let slots = slots(2, 3);
        let places: Vec<_> = (0..5).map(|_| slots.join().unwrap()).collect();
        assert_eq!(slots.present(), 5);
        assert!(slots.join().is_none());
        drop(places);
        assert_eq!(slots.present(), 0);
    }

    #[tokio::test]
    async fn a_dropped_slot_serves_the_next() {
        let slots = slots(1, 1);
        let first = slots.join().unwrap().slot().await.unwrap();
        let second = tokio::spawn(slots.join().unwrap().slot());
        drop(first);
        assert!(second.await.unwrap().is_some());
        assert_eq!(slots.present(), 0);
    }
}
