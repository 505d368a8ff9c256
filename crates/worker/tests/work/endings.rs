//! Agents that take their time with the end of a session.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::agent::Act;
use crate::server::{Call, PATIENCE, count, run, session_id};
use crate::sessions::resumed;
use crate::{LONG, Work, is_finish, is_poll};

/// A worker for two runs at a time whose first run broke off, and whose agent is ending its session since.
async fn while_a_session_ends() -> Work {
    let work = Work::begin_for(2, Act::Panic, LONG, LONG);
    work.agent.ends_when_let.store(true, Ordering::Relaxed);
    work.server.queue(run(1, 1));
    let ends = work.agent.begins_to_end.notified();
    tokio::time::timeout(PATIENCE, ends).await.unwrap();
    work
}

#[tokio::test]
async fn a_session_that_takes_long_to_end_keeps_no_other_run_waiting() {
    let work = while_a_session_ends().await;

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
    let work = while_a_session_ends().await;
    work.server.queue(resumed(run(2, 1)));
    let is_taken =
        |call: &Call| matches!(call, Call::Lease(request) if request.held == [run(2, 1).run_id]);
    work.server.told(|calls| count(calls, is_taken) == 1).await;
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
    let work = while_a_session_ends().await;

    work.stop.cancel();
    let is_drain = |call: &Call| matches!(call, Call::Drain);
    work.server.told(|calls| count(calls, is_drain) == 1).await;
    assert!(!work.ended.is_finished());
    work.agent.lets.add_permits(1);
    let agent = Arc::clone(&work.agent);
    work.end().await.unwrap();

    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1)]);
}
