//! Random histories in which no slot is lost or given twice.

use proptest::prelude::*;
use windlass_domain::slot::{Candidate, Passage};

use super::world::{Plan, World};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happening {
    Start(Plan),
    /// The run in this place of all that have not ended, counted around.
    End(usize),
    /// One ends, and in the same transaction another comes, as in a session that goes on.
    Follow(usize, Plan),
}

fn plan() -> impl Strategy<Value = Plan> {
    let number = || proptest::option::of(1..=2u8);
    let limit = || proptest::option::of(1..=3u32);
    (3..=6u8, number(), number(), limit(), limit()).prop_map(
        |(priority, credential, source, per_credential, per_source)| Plan {
            priority,
            credential,
            source,
            per_credential,
            per_source,
        },
    )
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => plan().prop_map(Happening::Start),
        3 => (0..200usize).prop_map(Happening::End),
        1 => ((0..200usize), plan()).prop_map(|(place, plan)| Happening::Follow(place, plan)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_slot_is_lost_or_given_twice(
        sessions in 1..=5u32,
        history in proptest::collection::vec(happening(), 1..60),
    ) {
        let mut world = World::new(sessions);
        for happening in history {
            let before = world.holders();
            let all = world.all();
            match happening {
                Happening::Start(plan) => {
                    world.start(plan);
                }
                Happening::End(_) | Happening::Follow(..) if all.is_empty() => {}
                Happening::End(place) => world.end(all[place % all.len()]),
                Happening::Follow(place, plan) => {
                    let leaving = world.leave(all[place % all.len()]);
                    let run = world.run(plan);
                    let arriving = Candidate::new(run, None, &world.caps);
                    world.pass(Passage::new(vec![leaving], vec![arriving]));
                }
            }
            world.check(&before);
        }
        while let Some(run_id) = world.all().pop() {
            let before = world.holders();
            world.end(run_id);
            world.check(&before);
        }
        prop_assert!(world.taken.values().all(|taken| *taken == 0), "{:?}", world.taken);
    }
}
