//! A worker that is told to stop.

use std::time::{Duration, Instant};

use windlass_domain::run::AfterRun;
use windlass_worker::{ProtocolError, Stopped};

use crate::agent::Act;
use crate::server::{Call, count, run, session_id, unavailable};
use crate::{LONG, Work, is_finish, is_poll, is_renewal};

pub(crate) fn is_release(call: &Call) -> bool {
    matches!(call, Call::Release(_))
}

pub(crate) fn is_drain(call: &Call) -> bool {
    matches!(call, Call::Drain)
}

fn refused() -> ProtocolError {
    ProtocolError::Refused {
        message: "the key was revoked".to_owned(),
    }
}

fn is_handed_over(call: &Call) -> bool {
    matches!(call, Call::ReleaseAsking(1))
}

/// A worker whose run asks a person, with a long time to drain.
async fn asking(with_checkpoint: bool) -> Work {
    let work = Work::begin(Act::Ask { with_checkpoint }, LONG, LONG);
    work.server.answer(|answers| answers.answered = false);
    work.server.queue(run(1, 1));
    let is_question = |call: &Call| matches!(call, Call::Ask(_));
    work.server
        .told(|calls| count(calls, is_question) == 1)
        .await;
    work
}

#[tokio::test]
async fn what_waits_for_a_person_is_given_back_at_once() {
    let work = asking(true).await;
    let (server, agent) = (work.server.clone(), work.agent.clone());

    let stopped_at = Instant::now();
    work.end().await.unwrap();

    assert!(stopped_at.elapsed() < Duration::from_secs(5));
    let calls = server.told(|_| true).await;
    assert_eq!(count(&calls, is_handed_over), 1, "{calls:?}");
    assert_eq!(count(&calls, is_release), 0, "{calls:?}");
    assert_eq!(count(&calls, is_finish), 0, "{calls:?}");
    assert_eq!(*agent.ended_sessions.lock().unwrap(), [session_id(1)]);
}

#[tokio::test]
async fn what_acts_since_its_question_was_taken_back_may_end_in_the_time_to_drain() {
    let work = Work::begin(Act::Withdraw, LONG, Duration::from_millis(50));
    work.server.answer(|answers| answers.answered = false);
    work.server.queue(run(1, 1));
    let is_question = |call: &Call| matches!(call, Call::Ask(_));
    let is_withdrawal = |call: &Call| matches!(call, Call::Withdraw(1));
    let server = work.server.clone();
    server.told(|calls| count(calls, is_question) == 1).await;
    work.agent.lets.add_permits(1);
    server.told(|calls| count(calls, is_withdrawal) == 1).await;

    work.end().await.unwrap();

    let calls = server.told(|_| true).await;
    assert_eq!(count(&calls, is_handed_over), 0, "{calls:?}");
    assert_eq!(count(&calls, is_release), 1, "{calls:?}");
}

#[tokio::test]
async fn nothing_is_handed_over_before_the_server_has_heard_of_the_drain() {
    let work = asking(true).await;
    let server = work.server.clone();
    server.answer(|answers| answers.drains = [unavailable(), unavailable()].into());

    work.end().await.unwrap();

    let calls = server.told(|_| true).await;
    let handed_over = calls.iter().position(is_handed_over);
    let before = &calls[..handed_over.unwrap()];
    assert_eq!(count(before, is_drain), 3, "{calls:?}");
}

#[tokio::test]
async fn a_poll_of_a_server_that_hears_of_no_drain_is_over_before_anything_is_handed_over() {
    let with_checkpoint = true;
    let work = Work::begin_for(2, Act::Ask { with_checkpoint }, LONG, LONG);
    work.server.answer(|answers| {
        answers.answered = false;
        answers.drains = [refused()].into();
    });
    work.server.queue(run(1, 1));
    let is_question = |call: &Call| matches!(call, Call::Ask(_));
    let asks = |calls: &[Call]| count(calls, is_question) == 1 && count(calls, is_poll) == 2;
    work.server.told(asks).await;
    let server = work.server.clone();

    let ended = tokio::spawn(work.end());
    server
        .told(|calls| calls.iter().any(|call| matches!(call, Call::Drain)))
        .await;
    server.queue(run(2, 2));
    ended.await.unwrap().unwrap();

    let calls = server.told(|_| true).await;
    let handed_over = calls.iter().position(is_handed_over);
    let before = &calls[..handed_over.unwrap()];
    assert_eq!(count(before, is_release), 1, "the last poll's: {calls:?}");
}

#[tokio::test]
async fn an_answer_that_comes_with_the_drain_is_not_lost() {
    let work = asking(true).await;
    let server = work.server.clone();
    // The server has the answer before the worker has heard of it.
    server.answer_unheard();

    let ended = tokio::spawn(work.end());
    server.told(|calls| count(calls, is_handed_over) == 1).await;
    server.answer(|_| {});
    ended.await.unwrap().unwrap();

    let finishes = server.finishes();
    assert_eq!(finishes.len(), 1);
    assert!(finishes[0].result.is_ok(), "{finishes:?}");
}

#[tokio::test]
async fn what_waits_without_a_checkpoint_has_the_time_to_drain() {
    let work = asking(false).await;
    let server = work.server.clone();

    let ended = tokio::spawn(work.end());
    server
        .told(|calls| calls.iter().any(|call| matches!(call, Call::Drain)))
        .await;
    server.answer(|answers| answers.answered = true);
    ended.await.unwrap().unwrap();

    let calls = server.told(|_| true).await;
    assert_eq!(count(&calls, is_handed_over), 0, "{calls:?}");
    assert_eq!(count(&calls, is_finish), 1, "{calls:?}");
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
