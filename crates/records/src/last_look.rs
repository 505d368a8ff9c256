//! A dispatcher's last look at what is due: whose turn is next, and what it has seen.

use std::sync::{Mutex, PoisonError};

use windlass_domain::Timestamp;
use windlass_domain::id::{DestinationId, OrganizationId};

/// The last look of this process at what is due.
#[derive(Debug, Default)]
pub struct LastLook(Mutex<Option<Look>>);

/// One look at what is due.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// When; everything that was due then has been seen.
    pub at: Timestamp,
    /// At which destination it ended.
    pub ended_at: Option<DestinationId>,
}

impl LastLook {
    /// Until when everything that was due has been seen.
    pub fn at(&self) -> Timestamp {
        self.get().map_or(Timestamp::EPOCH, |look| look.at)
    }

    /// At which destination it ended.
    pub fn ended_at(&self) -> Option<DestinationId> {
        self.get().and_then(|look| look.ended_at)
    }

    /// Another look was taken.
    pub fn set(&self, look: Look) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
    }

    fn get(&self) -> Option<Look> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Destinations in the order of their turns: without the busy ones, from the first above the one
/// where the last look ended, and around. `with_due` is in the order of ids.
pub fn in_turn(
    mut with_due: Vec<(OrganizationId, DestinationId)>,
    busy: &[DestinationId],
    ended_at: Option<DestinationId>,
) -> Vec<(OrganizationId, DestinationId)> {
    with_due.retain(|(_, id)| !busy.contains(id));
    let turn = with_due.partition_point(|(_, id)| ended_at.is_some_and(|ended_at| *id <= ended_at));
    with_due.rotate_left(turn);
    with_due
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::Random;

    use super::*;

    #[test]
    fn turns_go_on_above_the_last_one_and_around() {
        let organization_id = OrganizationId::new(Timestamp::EPOCH, Random([0; 10]));
        let id = |number: u8| DestinationId::new(Timestamp::EPOCH, Random([number; 10]));
        for (busy, ended_at, expected) in [
            (vec![], None, vec![1, 2, 3]),
            (vec![], Some(1), vec![2, 3, 1]),
            (vec![], Some(3), vec![1, 2, 3]),
            (vec![2], Some(1), vec![3, 1]),
            (vec![1, 2, 3], Some(2), vec![]),
        ] {
            let with_due = [1, 2, 3].map(|number| (organization_id, id(number)));
            let busy: Vec<_> = busy.into_iter().map(id).collect();

            let turns = in_turn(with_due.to_vec(), &busy, ended_at.map(id));

            let turns: Vec<_> = turns.into_iter().map(|(_, id)| id).collect();
            let expected: Vec<_> = expected.into_iter().map(id).collect();
            assert_eq!(turns, expected, "{ended_at:?}");
        }
    }
}
