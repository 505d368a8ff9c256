//! Who passes when, told by examples.

use windlass_domain::run::Run;
use windlass_domain::slot::{Candidate, Caps, Exceeded, Overflow, Passage, Slot};

use super::world::{ALONE, PLAN, Plan, World};

#[test]
fn runs_of_one_credential_follow_one_another() {
    let mut world = World::new(10);
    let [first, second, third] = [(); 3].map(|()| world.start(ALONE));
    let other = world.start(Plan {
        credential: Some(2),
        ..ALONE
    });
    assert_eq!(world.queue(), [first, other]);

    world.end(first);
    assert_eq!(world.queue(), [second, other]);

    world.end(third);
    world.end(second);
    assert_eq!(world.queue(), [other]);
}

#[test]
fn a_run_that_sets_no_limit_is_neither_held_up_nor_counted() {
    let mut world = World::new(10);
    let free = world.start(PLAN);
    let first = world.start(ALONE);
    let nobodys = world.start(Plan {
        credential: None,
        ..ALONE
    });

    assert_eq!(world.queue(), [free, first, nobodys]);
}

#[test]
fn a_run_that_waits_keeps_the_slots_before() {
    let mut world = World::new(10);
    let at_the_source = |credential| Plan {
        credential: Some(credential),
        per_source: Some(1),
        ..ALONE
    };
    let first = world.start(at_the_source(1));
    let second = world.start(at_the_source(2));
    let third = world.start(Plan {
        credential: Some(2),
        source: Some(2),
        ..ALONE
    });
    assert_eq!(world.queue(), [first], "the third waits for the second");

    world.end(first);
    assert_eq!(world.queue(), [second]);

    world.end(second);
    assert_eq!(world.queue(), [third]);
}

#[test]
fn the_first_that_waits_blocks_those_behind_it() {
    let mut world = World::new(10);
    let many = Plan {
        per_credential: Some(3),
        ..PLAN
    };
    let first = world.start(many);
    let second = world.start(many);
    let alone = world.start(ALONE);
    let behind = world.start(many);
    assert_eq!(world.queue(), [first, second]);

    world.end(first);
    assert_eq!(
        world.queue(),
        [second],
        "there is room for all but the first"
    );

    world.end(second);
    assert_eq!(world.queue(), [alone, behind]);
}

#[test]
fn the_highest_priority_goes_first_then_the_oldest() {
    let mut world = World::new(1);
    let of = |priority| Plan { priority, ..PLAN };
    let first = world.start(of(0));
    let [low, old, young, high] = [1, 5, 5, 9].map(|priority| world.start(of(priority)));
    assert_eq!(world.queue(), [first], "nobody is pushed out");

    let mut order = Vec::new();
    let mut next = first;
    for _ in 0..4 {
        world.end(next);
        next = world.queue()[0];
        order.push(next);
    }
    assert_eq!(order, [high, old, young, low]);
}

#[test]
fn a_slot_that_is_freed_goes_to_the_first_of_all_and_not_to_who_comes_just_then() {
    let mut world = World::new(1);
    let first = world.start(PLAN);
    let waiting = world.start(PLAN);
    let run = world.run(PLAN);
    let arriving = Candidate::new(run, None, &world.caps);
    let leaving = world.leave(first);

    world.pass(Passage::new(vec![leaving], vec![arriving]));

    assert_eq!(world.queue(), [waiting]);
}

#[test]
fn a_raised_limit_is_noticed_by_a_look() {
    let mut world = World::new(1);
    let [first, second, third] = [(); 3].map(|()| world.start(PLAN));
    let gate = world.waiting[0].0.clone();
    let runs: Vec<Run> = world.waiting.iter().map(|(_, it)| it.run.clone()).collect();
    world.caps.sessions = 2;
    world.waiting = runs
        .into_iter()
        .map(|run| (gate.clone(), Candidate::new(run, None, &world.caps)))
        .collect();

    world.pass(Passage::look_at(gate));

    assert_eq!(world.queue(), [first, second]);
    assert_eq!(world.waiting[0].1.run.id, third);
}

#[test]
fn a_look_lets_in_so_many_at_most() {
    let mut world = World::new(1);
    for _ in 0..150 {
        world.start(PLAN);
    }
    let gate = world.waiting[0].0.clone();
    world.caps.sessions = 200;
    for (_, candidate) in &mut world.waiting {
        *candidate = Candidate::new(candidate.run.clone(), None, &world.caps);
    }

    let counts = [(); 3].map(|()| {
        world.pass(Passage::look_at(gate.clone()));
        world.queue().len()
    });

    assert_eq!(counts, [101, 150, 150]);
}

#[test]
fn caps_refuse_what_is_one_too_many() {
    let caps = Caps {
        sessions: 7,
        queued: 3,
        overflow: Overflow::Refuse,
    };
    let waits = Caps {
        overflow: Overflow::Wait,
        ..caps
    };

    assert_eq!(caps.admit_queued(3), Ok(()));
    assert_eq!(caps.admit_queued(4), Err(Exceeded::Queued { cap: 3 }));
    for slot in Slot::ALL {
        let refused = (slot == Slot::Organization).then_some(Exceeded::Sessions { cap: 7 });
        assert_eq!(caps.admit_waiting(slot).err(), refused, "{slot:?}");
        assert_eq!(waits.admit_waiting(slot), Ok(()));
    }
}

#[test]
fn slots_are_named_once() {
    for slot in Slot::ALL {
        assert_eq!(Slot::parse(slot.as_str()), Some(slot));
    }
    assert_eq!(Slot::parse("session"), None, "its runs are decided with it");
}
