//! Sessions that a worker keeps between runs.

use windlass_domain::id::SessionId;
use windlass_worker::protocol::Leases;
use windlass_worker::{LeasedRun, ProtocolError};

use crate::agent::Act;
use crate::server::{Call, count, run, session_id, unavailable};
use crate::{LONG, Work, is_finish, is_poll};

pub(crate) fn resumed(run: LeasedRun) -> LeasedRun {
    LeasedRun {
        resumed: true,
        ..run
    }
}

fn sessions_told(calls: &[Call]) -> Vec<SessionId> {
    let last = calls.iter().rev().find_map(|call| match call {
        Call::Lease(request) => Some(request.sessions.clone()),
        _ => None,
    });
    last.unwrap_or_default()
}

/// Whether a worker that has ended this many runs asks for the next.
pub(crate) fn is_free_after(calls: &[Call], finishes: usize) -> bool {
    let last_finish = calls.iter().rposition(is_finish).unwrap_or(calls.len());
    let is_free = |call: &Call| matches!(call, Call::Lease(request) if request.capacity == 1);
    count(calls, is_finish) == finishes && calls[last_finish..].iter().any(is_free)
}

#[tokio::test]
async fn a_kept_session_is_told_and_its_next_run_finds_its_state() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.queue(run(1, 1));
    let calls = work.server.told(|calls| is_free_after(calls, 1)).await;
    assert_eq!(sessions_told(&calls), [session_id(1)]);

    work.server.queue(resumed(run(2, 1)));
    work.server.told(|calls| count(calls, is_finish) == 2).await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, true]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_session_that_starts_from_nothing_is_ended_before_its_run() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server.told(|calls| is_free_after(calls, 1)).await;

    work.server.queue(run(2, 1));
    work.server.told(|calls| count(calls, is_finish) == 2).await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false, false]);
    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_run_cannot_resume_what_its_worker_does_not_keep() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.queue(resumed(run(1, 1)));

    work.server.told(|calls| count(calls, is_finish) == 1).await;

    assert_eq!(*work.agent.resumed.lock().unwrap(), [false]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_session_that_has_ended_at_the_server_ends_at_the_agent() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server.told(|calls| is_free_after(calls, 1)).await;

    let polls = count(&work.server.told(|_| true).await, is_poll);

    work.server.answer(|answers| {
        answers.leases.push_back(Ok(Leases {
            ended_sessions: vec![session_id(1)],
            ..Leases::default()
        }));
    });
    let calls = work
        .server
        .told(|calls| count(calls, is_poll) == polls + 1)
        .await;

    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    assert_eq!(sessions_told(&calls), []);
    work.end().await.unwrap();
}

fn evicted(calls: &[Call]) -> Vec<SessionId> {
    let evicted = calls.iter().filter_map(|call| match call {
        Call::Evict(session_id) => Some(*session_id),
        _ => None,
    });
    evicted.collect()
}

/// Why a session is not given up.
type Why = fn() -> ProtocolError;

/// A worker that keeps two sessions, after runs in these.
async fn after_runs_in(sessions: &[u8], wanted: &[(u8, Why)]) -> Work {
    let work = Work::begin_keeping(2, Act::Succeed);
    work.server.answer(|answers| {
        let wanted = wanted.iter();
        answers.wanted = wanted.map(|(it, why)| (session_id(*it), *why)).collect();
    });
    for (number, session) in (1..).zip(sessions) {
        let run = run(number, *session);
        // What a worker keeps it says; the server brings it back to it.
        work.server.queue(resumed(run));
        work.server
            .told(|calls| is_free_after(calls, usize::from(number)))
            .await;
    }
    work
}

/// Another run, once these are given up; answers what was told until it has ended.
async fn after_another_run(work: &Work, number: u8, given_up: &[u8]) -> Vec<Call> {
    let given_up: Vec<SessionId> = given_up.iter().map(|it| session_id(*it)).collect();
    let asked = |calls: &[Call]| evicted(calls) == given_up;
    work.server.told(asked).await;
    work.server.queue(resumed(run(number, 3)));
    let finishes = usize::from(number);
    work.server
        .told(|calls| is_free_after(calls, finishes))
        .await
}

#[tokio::test]
async fn the_longest_idle_session_makes_room() {
    // The first is used again, so that the second has been idle for longer.
    let work = after_runs_in(&[1, 2, 1, 3], &[]).await;

    let calls = after_another_run(&work, 5, &[2]).await;

    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(2)]);
    assert_eq!(sessions_told(&calls), [session_id(1), session_id(3)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_being_given_up_keeps_no_run_waiting() {
    let work = Work::begin_keeping(1, Act::Succeed);
    work.server.answer(|answers| answers.evictions_wait = true);
    for number in 1..=2 {
        work.server.queue(run(number, number));
        let finishes = usize::from(number);
        work.server
            .told(|calls| count(calls, is_finish) == finishes)
            .await;
    }
    work.server
        .told(|calls| evicted(calls) == [session_id(1)])
        .await;

    work.server.queue(run(3, 3));

    let calls = work.server.told(|calls| is_free_after(calls, 3)).await;
    assert_eq!(evicted(&calls), [session_id(1)]);
    work.server.answer(|answers| answers.evictions_wait = false);
    work.server
        .told(|calls| evicted(calls) == [1, 2].map(session_id))
        .await;
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_session_that_a_run_is_queued_for_stays() {
    let refused = || ProtocolError::Refused {
        message: "a run is queued for it".to_owned(),
    };
    let work = after_runs_in(&[1, 2, 3], &[(1, refused)]).await;

    let calls = after_another_run(&work, 4, &[1, 2]).await;

    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(2)]);
    assert_eq!(sessions_told(&calls), [session_id(1), session_id(3)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_session_that_the_server_cannot_end_now_is_given_up_later() {
    let work = after_runs_in(&[1, 2, 3], &[(1, unavailable)]).await;
    work.server
        .told(|calls| evicted(calls) == [session_id(1)])
        .await;
    assert!(work.agent.ended_sessions.lock().unwrap().is_empty());

    work.server.answer(|answers| answers.wanted.clear());
    after_another_run(&work, 4, &[1]).await;
    after_another_run(&work, 5, &[1, 1]).await;

    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_poll_goes_on_while_a_session_is_given_up() {
    // With a hand free it has a poll open when a run ends.
    let work = Work::start(2, 1, Act::Succeed, LONG, LONG);
    work.server.answer(|answers| answers.one_writer = true);
    for number in 1..=2 {
        work.server.queue(run(number, number));
        let finishes = usize::from(number);
        work.server
            .told(|calls| count(calls, is_finish) == finishes)
            .await;
    }

    let calls = work.server.told(|calls| !evicted(calls).is_empty()).await;

    assert_eq!(evicted(&calls), [session_id(1)]);
    work.end().await.unwrap();
}
