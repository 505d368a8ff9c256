//! Agents that take their time with the end of a session.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use windlass_worker::protocol::Leases;

use crate::agent::Act;
use crate::drain::{is_drain, is_release};
use crate::server::{Call, PATIENCE, count, run, session_id};
use crate::sessions::{is_free_after, resumed};
use crate::{LONG, Work, is_finish, is_poll};

/// A worker for two runs at a time whose first run broke off, and whose agent is ending its session since.
async fn while_a_session_ends(drain: Duration) -> Work {
    let work = Work::begin_for(2, Act::Panic, LONG, drain);
    work.agent.ends_when_let.store(true, Ordering::Relaxed);
    work.server.queue(run(1, 1));
    work.agent.begun_to_end(1).await;
    work
}

/// A poll that says that the second run is the one which is held.
fn takes_second(call: &Call) -> bool {
    matches!(call, Call::Lease(request) if request.held == [run(2, 1).run_id])
}

#[tokio::test]
async fn a_session_that_takes_long_to_end_keeps_no_other_run_waiting() {
    let work = while_a_session_ends(LONG).await;

    work.server.queue(run(2, 2));
    let is_done = |calls: &[Call]| count(calls, is_finish) == 2 && count(calls, is_poll) == 3;
    let calls = work.server.told(is_done).await;

    assert!(work.agent.ended_sessions.lock().unwrap().is_empty());
    let last = calls.iter().rev().find_map(|call| match call {
        Call::Lease(request) => Some(&request.sessions),
        _ => None,
    });
    assert!(!last.unwrap().contains(&session_id(1)), "{calls:?}");
    work.agent.lets.add_permits(2);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_run_never_begins_while_its_session_ends() {
    let work = while_a_session_ends(LONG).await;
    work.server.queue(resumed(run(2, 1)));
    work.server
        .told(|calls| count(calls, takes_second) == 1)
        .await;
    assert_eq!(*work.agent.resumed.lock().unwrap(), [false], "it waits");

    work.agent.lets.add_permits(1);
    work.server.told(|calls| count(calls, is_finish) == 2).await;

    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, false]);
    work.agent.lets.add_permits(1);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_drain_waits_for_what_is_being_ended() {
    let work = while_a_session_ends(LONG).await;

    work.stop.cancel();
    work.server.told(|calls| count(calls, is_drain) == 1).await;
    assert!(!work.ended.is_finished());
    work.agent.lets.add_permits(1);
    let agent = Arc::clone(&work.agent);
    work.end().await.unwrap();

    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1)]);
}

/// Drains a worker whose second run has to wait until the session of its first has ended: the run is given
/// back before that, and the worker leaves once it has.
async fn gives_its_run_back(work: Work) {
    work.stop.cancel();
    work.server
        .told(|calls| count(calls, is_release) == 1)
        .await;
    work.agent.lets.add_permits(1);
    let agent = Arc::clone(&work.agent);
    timeout(PATIENCE, work.end()).await.unwrap().unwrap();

    assert_eq!(*agent.resumed.lock().unwrap(), [false], "it never began");
    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1)]);
}

#[tokio::test]
async fn a_run_that_waits_for_a_session_to_end_is_given_back_when_the_drain_is_over() {
    let work = while_a_session_ends(Duration::ZERO).await;
    work.server.queue(resumed(run(2, 1)));
    work.server
        .told(|calls| count(calls, takes_second) == 1)
        .await;

    gives_its_run_back(work).await;
}

#[tokio::test]
async fn a_session_that_takes_long_to_end_before_its_run_holds_up_no_drain() {
    let work = Work::begin(Act::Succeed, LONG, Duration::ZERO);
    work.server.queue(run(1, 1));
    work.server.told(|calls| is_free_after(calls, 1)).await;
    work.agent.ends_when_let.store(true, Ordering::Relaxed);
    work.server.queue(run(2, 1));
    work.agent.begun_to_end(1).await;

    // What is broken off is tried once more.
    gives_its_run_back(work).await;
}

#[tokio::test]
async fn a_worker_that_ends_many_sessions_is_heard_of_and_asks_for_runs_once_one_has_ended() {
    let work = Work::begin_for(64, Act::Panic, LONG, LONG);
    work.agent.ends_when_let.store(true, Ordering::Relaxed);
    work.server.answer(|answers| {
        answers.leases.push_back(Ok(Leases {
            runs: (1..=64).map(|number| run(number, number)).collect(),
            ..Leases::default()
        }));
    });
    work.agent.begun_to_end(64).await;

    // Where a poll was open, it was opened before there were so many.
    work.server
        .answer(|answers| answers.leases.push_back(Ok(Leases::default())));
    let is_sign = |call: &Call| matches!(call, Call::Lease(request) if request.capacity == 0 && request.held.is_empty());
    work.server.told(|calls| count(calls, is_sign) > 0).await;
    work.agent.lets.add_permits(1);
    let asks_for_all = |call: &Call| matches!(call, Call::Lease(request) if request.capacity == 64);
    work.server
        .told(|calls| {
            calls
                .iter()
                .rev()
                .take_while(|call| !is_sign(call))
                .any(asks_for_all)
        })
        .await;

    work.agent.lets.add_permits(63);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_kept_while_the_drain_is_said_ends_with_it() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server.told(|calls| is_free_after(calls, 1)).await;
    work.agent.ends_when_let.store(true, Ordering::Relaxed);
    work.server.answer(|answers| {
        answers.drains_wait = true;
        answers.leases.push_back(Ok(Leases {
            ended_sessions: vec![session_id(1)],
            ..Leases::default()
        }));
    });
    work.agent.begun_to_end(1).await;
    work.server.queue(run(2, 1));
    work.server
        .told(|calls| count(calls, takes_second) == 1)
        .await;

    work.stop.cancel();
    work.server.told(|calls| count(calls, is_drain) == 1).await;
    // The server hears that it is kept before it hears of the drain.
    work.agent.ends_when_let.store(false, Ordering::Relaxed);
    work.agent.lets.add_permits(1);
    work.server.told(|calls| count(calls, is_finish) == 2).await;
    work.server.answer(|answers| answers.drains_wait = false);
    let agent = Arc::clone(&work.agent);
    work.end().await.unwrap();

    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1); 2]);
}
