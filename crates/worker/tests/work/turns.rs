//! Runs of one session that a worker is given before it has heard the end of the one before.

use std::time::Duration;

use windlass_domain::run::Epoch;
use windlass_worker::protocol::Leases;
use windlass_worker::{LeasedRun, ProtocolError, Stopped};

use crate::agent::Act;
use crate::server::{Call, count, run, session_id, unavailable};
use crate::sessions::resumed;
use crate::{LONG, Work, is_finish, is_poll, is_renewal};

/// A worker whose first run is over at the server, which has given it the next one of the session
/// before it has answered.
async fn leased_while_the_finish_is_under_way(lease_length: Duration) -> Work {
    let work = Work::begin_for(2, Act::Succeed, lease_length, LONG);
    work.server.answer(|answers| answers.finishes_wait = true);
    work.server.queue(run(1, 1));
    work.server.told(|calls| count(calls, is_finish) == 1).await;
    work.server.queue(resumed(run(2, 1)));
    let is_taken = |call: &Call| matches!(call, Call::Lease(request) if request.held.len() == 2);
    work.server.told(|calls| count(calls, is_taken) == 1).await;
    work
}

#[tokio::test]
async fn a_run_that_is_leased_while_the_finish_is_under_way_finds_what_its_session_has() {
    let work = leased_while_the_finish_is_under_way(LONG).await;
    assert_eq!(*work.agent.resumed.lock().unwrap(), [false], "it waits");

    work.server.answer(|answers| answers.finishes_wait = false);
    work.server.told(|calls| count(calls, is_finish) == 2).await;
    work.server.queue(resumed(run(3, 1)));
    let calls = work.server.told(|calls| count(calls, is_finish) == 3).await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, true, true]);
    assert!(work.agent.ended_sessions.lock().unwrap().is_empty());
    let is_told_twice =
        |call: &Call| matches!(call, Call::Lease(request) if request.sessions.len() > 1);
    assert_eq!(count(&calls, is_told_twice), 0, "{calls:?}");
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_run_that_waits_for_its_session_is_renewed() {
    let work = leased_while_the_finish_is_under_way(Duration::from_millis(90)).await;
    let second = run(2, 1).run_id;
    let is_its = |call: &&Call| matches!(call, Call::Renew(lease) if lease.run_id == second);

    work.server
        .told(|calls| calls.iter().filter(is_its).count() >= 4)
        .await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false], "it waits");
    work.server.answer(|answers| answers.finishes_wait = false);
    work.server.told(|calls| count(calls, is_finish) == 2).await;
    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, true]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_leased_anew_waits_for_the_agent_that_had_it() {
    let work = Work::begin_for(2, Act::SucceedWhenLet, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server.told(|calls| count(calls, is_poll) == 2).await;

    work.server.queue(LeasedRun {
        epoch: Epoch(2),
        ..run(1, 1)
    });
    work.server.told(|calls| count(calls, is_poll) == 3).await;
    work.agent.lets.add_permits(1);
    work.server.told(|calls| count(calls, is_finish) == 1).await;

    assert_eq!(*work.agent.stopped.lock().unwrap(), [Stopped::LeaseLost]);
    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, false]);
    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_lost_while_it_waits_leaves_its_session_alone() {
    let work = leased_while_the_finish_is_under_way(Duration::from_millis(90)).await;
    let renewals = count(&work.server.told(|_| true).await, is_renewal);
    work.server
        .answer(|answers| answers.renewal = || Err(ProtocolError::LeaseLost));
    // That of the run that is over, and that of the one that waits.
    work.server
        .told(|calls| count(calls, is_renewal) == renewals + 2)
        .await;

    work.server.answer(|answers| {
        answers.finishes_wait = false;
        answers.renewal = || Ok(false);
    });
    work.server.told(|calls| count(calls, is_poll) == 4).await;
    work.server.queue(resumed(run(3, 1)));
    work.server.told(|calls| count(calls, is_finish) == 2).await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, true]);
    assert!(work.agent.ended_sessions.lock().unwrap().is_empty());
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_comes_again_is_done_once() {
    let work = Work::begin_for(2, Act::SucceedWhenLet, LONG, LONG);
    for _ in 0..2 {
        let polls = count(&work.server.told(|_| true).await, is_poll);
        work.server.queue(run(1, 1));
        work.server
            .told(|calls| count(calls, is_poll) > polls)
            .await;
    }

    work.agent.lets.add_permits(2);
    work.server.queue(run(2, 2));
    let calls = work.server.told(|calls| count(calls, is_finish) == 2).await;

    assert_eq!(work.agent.resumed.lock().unwrap().len(), 2, "{calls:?}");
    assert!(work.agent.stopped.lock().unwrap().is_empty());
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_poll_says_which_answer_came_last() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.answer(|answers| {
        let brings = |number: u8, brought| Leases {
            runs: vec![run(number, number)],
            brought,
            ..Leases::default()
        };
        answers.leases.push_back(Ok(brings(1, 1)));
        answers.leases.push_back(Err(unavailable()));
        answers.leases.push_back(Ok(brings(2, 2)));
    });

    let calls = work.server.told(|calls| count(calls, is_finish) == 2).await;

    let with_room = calls.iter().filter_map(|call| match call {
        Call::Lease(request) if request.capacity > 0 => Some(request.heard),
        _ => None,
    });
    let heard: Vec<u32> = with_room.take(3).collect();
    assert_eq!(heard, [0, 1, 1]);
    work.end().await.unwrap();
}

/// A server that has heard the end of a run gives its lease up, and says so to a renewal.
#[tokio::test]
async fn an_end_whose_answers_are_lost_again_and_again_leaves_the_session_as_it_is() {
    let work = Work::begin_for(2, Act::Succeed, LONG, LONG);
    work.server.answer(|answers| {
        answers.finishes = (0..4).map(|_| unavailable()).collect();
        answers.renewal = || Err(ProtocolError::LeaseLost);
    });
    let first = run(1, 1);
    let stopping = vec![first.run_id];
    work.server.queue(first);
    work.server.told(|calls| count(calls, is_finish) == 1).await;
    work.server.answer(|answers| {
        answers.leases.push_back(Ok(Leases {
            stopping,
            ..Leases::default()
        }));
    });
    work.server.told(|calls| count(calls, is_finish) == 5).await;
    work.server.answer(|answers| answers.renewal = || Ok(false));
    work.server.queue(resumed(run(2, 1)));
    work.server.told(|calls| count(calls, is_finish) == 6).await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, true]);
    work.end().await.unwrap();
}
