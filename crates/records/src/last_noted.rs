//! When a process last knew that the calls of workers are noted, so that it asks no database at every
//! one of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use windlass_domain::Timestamp;
use windlass_domain::id::WorkerId;
use windlass_domain::run::Holder;

use crate::rows::NOTED_EVERY;

/// Of how many workers a process remembers it at most; where there are more it forgets those that
/// were silent.
const WORKERS: usize = 10_000;

/// When this process last knew a call of each worker noted, and of which start.
#[derive(Debug, Default)]
pub struct LastNoted(Mutex<HashMap<WorkerId, (u32, Timestamp)>>);

impl LastNoted {
    /// Whether a call of this start need not be noted, since one was a short while ago.
    pub fn is_recent(&self, holder: Holder, now: Timestamp) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted
            .get(&holder.worker_id)
            .is_some_and(|(incarnation, at)| {
                *incarnation == holder.incarnation && now < *at + NOTED_EVERY
            })
    }

    /// A call of this start was noted at this moment.
    pub fn set(&self, holder: Holder, at: Timestamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= WORKERS {
            noted.retain(|_, (_, of_other)| at < *of_other + NOTED_EVERY);
        }
        noted.insert(holder.worker_id, (holder.incarnation, at));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use windlass_domain::id::Random;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    fn holder(worker: u8, incarnation: u32) -> Holder {
        Holder {
            worker_id: WorkerId::new(at(0), Random([worker; 10])),
            incarnation,
        }
    }

    #[test]
    fn a_call_is_noted_at_once_and_then_every_15_seconds() {
        let noted = LastNoted::default();
        let mut calls = Vec::new();

        for seconds in [0, 1, 14, 15, 29, 30] {
            let is_recent = noted.is_recent(holder(1, 1), at(seconds));
            if !is_recent {
                noted.set(holder(1, 1), at(seconds));
            }
            calls.push(is_recent);
        }

        assert_eq!(calls, [false, true, true, false, true, false]);
    }

    #[test]
    fn another_worker_and_a_new_start_are_noted_at_once() {
        let noted = LastNoted::default();

        noted.set(holder(1, 1), at(0));

        assert!(!noted.is_recent(holder(2, 1), at(1)));
        assert!(!noted.is_recent(holder(1, 2), at(1)));
        noted.set(holder(1, 2), at(1));
        assert!(!noted.is_recent(holder(1, 1), at(2)), "it is over");
    }

    #[test]
    fn silent_workers_are_forgotten_where_there_are_many() {
        let noted = LastNoted::default();
        for number in 0..WORKERS {
            let number = u64::try_from(number).expect("it is small");
            let worker_id = WorkerId::new(at(number), Random([0; 10]));
            let holder = Holder {
                worker_id,
                incarnation: 1,
            };
            noted.set(holder, at(0));
        }

        noted.set(holder(1, 1), at(60));

        assert_eq!(noted.0.lock().expect("nobody panicked").len(), 1);
    }
}
