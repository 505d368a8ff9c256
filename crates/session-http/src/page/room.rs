//! How much text the pages of all runs hold together, asleep or not: a run may wait for a person for long,
//! with its page, its frames and the window before it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::TooMuch;

/// As much as the longest pages of 128 runs.
pub(super) const MAX_BYTES: usize = 1024 * 1024 * 1024;

/// A page that is no longer finds room in any case: what fills it are few that are long, and those of
/// others must not fail for them.
const SHORT_BYTES: usize = 256 * 1024;

/// The room of this process.
pub(super) static ROOM: Room = Room::of(MAX_BYTES);

/// A room for so many bytes.
pub(super) struct Room {
    most: usize,
    taken: AtomicUsize,
}

/// What one page has of it, until it is dropped.
pub(super) struct Place {
    room: &'static Room,
    bytes: usize,
}

impl Room {
    const fn of(most: usize) -> Self {
        Self {
            most,
            taken: AtomicUsize::new(0),
        }
    }

    /// # Errors
    /// The page is long, and the room is full.
    pub(super) fn take(&'static self, bytes: usize) -> Result<Place, TooMuch> {
        let fits = |taken: usize| {
            let then = taken.saturating_add(bytes);
            (bytes <= SHORT_BYTES || then <= self.most).then_some(then)
        };
        // It is a count and orders nothing else.
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.map_err(|_| TooMuch::Together)?;
        Ok(Place { room: self, bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_page_has_room_where_others_have_left_it() {
        static ROOM: Room = Room::of(3 * SHORT_BYTES);
        let first = ROOM.take(2 * SHORT_BYTES).unwrap();

        assert_eq!(ROOM.take(2 * SHORT_BYTES).err(), Some(TooMuch::Together));
        drop(first);

        assert!(ROOM.take(2 * SHORT_BYTES).is_ok());
    }

    #[test]
    fn a_short_page_has_room_in_any_case() {
        static ROOM: Room = Room::of(0);

        let places: Vec<_> = (0..3).map(|_| ROOM.take(SHORT_BYTES)).collect();

        assert!(places.iter().all(Result::is_ok));
        assert_eq!(ROOM.take(SHORT_BYTES + 1).err(), Some(TooMuch::Together));
    }
}
