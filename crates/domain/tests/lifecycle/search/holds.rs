//! What the search finds in the code as it is: nothing. Each test prints how much it has seen.

use windlass_domain::lifecycle::decide;
use windlass_domain::run::Status;
use windlass_domain::session::SessionStatus;
use windlass_domain::task::Review;

use super::bounds::{Bounds, Plan};
use super::explore::explore;
use super::promise::Promise;
use super::world::Seen;
use super::{System, world};

/// Searches `bounds`, which must hold at least so many states, and every status: a search that
/// sees little proves little.
fn check(name: &str, bounds: &Bounds, at_least: usize) {
    let graph = explore(decide, bounds).expect("every promise holds");

    let states = graph.scenes.len();
    println!("{name}: {states} states, {} transitions", graph.transitions);
    assert!(states >= at_least, "{states} states");
    let runs = || graph.scenes.iter().flat_map(|scene| &scene.runs);
    for status in Status::ALL {
        assert!(runs().any(|run| run.status() == status), "never {status}");
    }
    for status in SessionStatus::ALL {
        let mut sessions = graph
            .scenes
            .iter()
            .filter_map(|scene| scene.session.as_ref());
        assert!(
            sessions.any(|session| session.status() == status),
            "never {status}"
        );
    }
}

#[test]
fn one_run_with_all_that_may_happen_to_it_keeps_every_promise() {
    let bounds = Bounds {
        runs: vec![Plan {
            max_attempts: 3,
            review: Review::Required,
            ..Plan::DEFAULT
        }],
        questions: 2,
        checkpoints: true,
    };
    check("one run", &bounds, 100);
}

#[test]
fn two_runs_of_a_session_keep_every_promise() {
    let first = Plan {
        max_attempts: 2,
        ..Plan::DEFAULT
    };
    let second = Plan {
        idle_seconds: 0,
        review: Review::Required,
        ..first
    };
    let bounds = Bounds {
        runs: vec![first, second],
        questions: 2,
        checkpoints: true,
    };
    check("two runs", &bounds, 500);
}

#[test]
fn three_runs_of_a_session_keep_every_promise() {
    let first = Plan {
        max_attempts: 2,
        ..Plan::DEFAULT
    };
    let unwanted = Plan {
        idle_seconds: 0,
        ..Plan::DEFAULT
    };
    let urgent = Plan {
        priority: 9,
        review: Review::Required,
        ..Plan::DEFAULT
    };
    let bounds = Bounds {
        runs: vec![first, unwanted, urgent],
        questions: 1,
        checkpoints: true,
    };
    check("three runs", &bounds, 2000);
}

#[test]
fn two_sessions_of_two_workers_that_are_started_anew_keep_every_promise() {
    let seen = world(decide).expect("every promise holds");

    let Seen {
        states,
        transitions,
    } = seen;
    println!("two sessions: {states} states, {transitions} transitions");
    assert!(states >= 10_000, "{states} states");
}

/// Searches two runs in one session and one in another.
pub(super) fn world(system: System) -> Result<Seen, Promise> {
    let bounds = |runs| Bounds {
        runs,
        questions: 1,
        checkpoints: false,
    };
    let two = explore(system, &bounds(vec![Plan::DEFAULT; 2])).expect("each session is right");
    let one = explore(system, &bounds(vec![Plan::DEFAULT])).expect("each session is right");
    world::explore(&two, &one)
}
