//! A worker that is told to stop.

use std::time::{Duration, Instant};

use windlass_domain::run::AfterRun;
use windlass_worker::Stopped;

use crate::agent::Act;
use crate::server::{Call, count, run, session_id};
use crate::{LONG, Work, is_finish, is_poll, is_renewal};

fn is_release(call: &Call) -> bool {
    matches!(call, Call::Release(_))
}

#[tokio::test]
async fn what_does_not_end_in_time_is_stopped_and_given_back() {
    let work = Work::begin(Act::SucceedWhenLet, LONG, Duration::ZERO);
    work.server.queue(run(1, 1));
    work.server
        .told(|calls| count(calls, is_renewal) == 1)
        .await;
    let (server, agent) = (work.server.clone(), work.agent.clone());

    work.end().await.unwrap();

    let calls = server.told(|_| true).await;
    let after = calls.iter().skip_while(|call| !matches!(call, Call::Drain));
    let after: Vec<_> = after.cloned().collect();
    assert_eq!(count(&after, is_release), 1, "{calls:?}");
    assert_eq!(count(&after, is_poll), 0, "no new leases: {calls:?}");
    assert_eq!(count(&calls, is_finish), 0, "{calls:?}");
    let released = calls.iter().find_map(|call| match call {
        Call::Release(lease) => Some(lease.run_id),
        _ => None,
    });
    assert_eq!(released, Some(run(1, 1).run_id));
    assert_eq!(*agent.stopped.lock().unwrap(), [Stopped::Canceled]);
    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1)]);
}

#[tokio::test]
async fn a_poll_that_is_still_open_does_not_delay_what_is_given_back() {
    let work = Work::begin_for(2, Act::SucceedWhenLet, LONG, Duration::ZERO);
    work.server.queue(run(1, 1));
    work.server
        .told(|calls| count(calls, is_renewal) == 1 && count(calls, is_poll) == 2)
        .await;
    let server = work.server.clone();

    let stopped_at = Instant::now();
    let ended = tokio::spawn(work.end());
    server.told(|calls| count(calls, is_release) == 1).await;

    assert!(stopped_at.elapsed() < Duration::from_millis(500));
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_ends_in_time_is_reported_and_its_session_ends_with_it() {
    let work = Work::begin(Act::SucceedWhenLet, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server
        .told(|calls| count(calls, is_renewal) == 1)
        .await;
    let (server, agent) = (work.server.clone(), work.agent.clone());

    let ended = tokio::spawn(work.end());
    server
        .told(|calls| calls.iter().any(|call| matches!(call, Call::Drain)))
        .await;
    agent.lets.add_permits(1);
    ended.await.unwrap().unwrap();

    let finishes = server.finishes();
    assert_eq!(finishes.len(), 1);
    assert!(finishes[0].result.is_ok());
    assert_eq!(finishes[0].session, AfterRun::End);
    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    assert_eq!(count(&server.told(|_| true).await, is_release), 0);
}

#[tokio::test]
async fn a_run_that_the_last_poll_brings_is_given_back_without_being_begun() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.told(|calls| count(calls, is_poll) == 1).await;
    let (server, agent) = (work.server.clone(), work.agent.clone());

    let ended = tokio::spawn(work.end());
    server
        .told(|calls| calls.iter().any(|call| matches!(call, Call::Drain)))
        .await;
    server.queue(run(1, 1));
    ended.await.unwrap().unwrap();

    let calls = server.told(|_| true).await;
    assert_eq!(count(&calls, is_release), 1, "{calls:?}");
    assert!(
        agent.resumed.lock().unwrap().is_empty(),
        "the agent saw nothing of it"
    );
}
