//! What a worker does between its server and its agent.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be set up has failed"
)]

mod agent;
mod drain;
mod endings;
mod files;
mod questions;
mod screenshots;
mod server;
mod sessions;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_worker::protocol::Leases;
use windlass_worker::{
    AfterRun, Agent, ErrorCode, Pool, Protocol, ProtocolError, Stopped, Worker, WorkerError,
};

use crate::agent::{Act, TestAgent};
use crate::server::{Call, Server, count, run, session_id, unavailable};

/// Its third is far away.
const LONG: Duration = Duration::from_secs(600);

/// A worker at work, with its server and its agent.
struct Work {
    server: Arc<Server>,
    agent: Arc<TestAgent>,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), WorkerError>>,
}

impl Work {
    /// A worker for one run at a time, with this time to drain.
    fn begin(act: Act, lease_length: Duration, drain: Duration) -> Self {
        Self::begin_for(1, act, lease_length, drain)
    }

    /// A worker for one run at a time that keeps so many sessions.
    fn begin_keeping(kept_sessions: u32, act: Act) -> Self {
        Self::start(1, kept_sessions, act, LONG, LONG)
    }

    /// A worker for so many runs at a time.
    fn begin_for(capacity: u32, act: Act, lease_length: Duration, drain: Duration) -> Self {
        Self::start(capacity, 100, act, lease_length, drain)
    }

    fn start(
        capacity: u32,
        kept_sessions: u32,
        act: Act,
        lease_length: Duration,
        drain: Duration,
    ) -> Self {
        let (server, agent) = (
            Arc::new(Server::new(lease_length)),
            Arc::new(TestAgent::new(act)),
        );
        let stop = CancellationToken::new();
        let worker = Worker {
            name: "test".to_owned(),
            pools: vec![Pool::builtin()],
            capacity,
            kept_sessions,
            drain,
            protocol: Arc::clone(&server) as Arc<dyn Protocol>,
            agent: Arc::clone(&agent) as Arc<dyn Agent>,
        };
        let told = stop.clone();
        let ended = tokio::spawn(async move { worker.run(told).await });
        Self {
            server,
            agent,
            stop,
            ended,
        }
    }

    async fn end(self) -> Result<(), WorkerError> {
        self.stop.cancel();
        self.ended.await.unwrap()
    }
}

fn is_renewal(call: &Call) -> bool {
    matches!(call, Call::Renew(_))
}

fn is_finish(call: &Call) -> bool {
    matches!(call, Call::Finish(_))
}

fn is_poll(call: &Call) -> bool {
    matches!(call, Call::Lease(_))
}

#[tokio::test]
async fn a_lease_is_renewed_at_once_and_then_while_the_agent_works() {
    let work = Work::begin(Act::SucceedWhenLet, Duration::from_millis(90), LONG);
    work.server.queue(run(1, 1));

    let calls = work
        .server
        .told(|calls| count(calls, is_renewal) >= 4)
        .await;
    assert_eq!(count(&calls, is_finish), 0, "the agent is still at work");
    work.agent.lets.add_permits(1);
    work.server.told(|calls| count(calls, is_finish) == 1).await;

    let finishes = work.server.finishes();
    assert_eq!(finishes[0].result, Ok(serde_json::json!({"total": 12})));
    assert_eq!(finishes[0].session, AfterRun::Keep);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_cancel_that_a_renewal_answers_stops_the_agent_and_its_end_is_reported() {
    let work = Work::begin(Act::SucceedWhenLet, Duration::from_millis(90), LONG);
    work.server.queue(run(1, 1));
    work.server
        .told(|calls| count(calls, is_renewal) >= 1)
        .await;

    work.server.answer(|answers| answers.renewal = || Ok(true));
    work.server.told(|calls| count(calls, is_finish) == 1).await;

    assert_eq!(*work.agent.stopped.lock().unwrap(), [Stopped::Canceled]);
    assert!(work.server.finishes()[0].result.is_err());
    work.end().await.unwrap();
}

#[tokio::test]
async fn an_agent_that_goes_on_after_a_cancel_is_dropped_and_its_session_ends() {
    let work = Work::begin(Act::GoOn, Duration::from_millis(90), LONG);
    work.server.answer(|answers| answers.renewal = || Ok(true));
    work.server.queue(run(1, 1));

    work.server.told(|calls| count(calls, is_finish) == 1).await;

    let finishes = work.server.finishes();
    assert!(finishes[0].result.is_err(), "{finishes:?}");
    assert_eq!(finishes[0].session, AfterRun::End);
    work.server.told(|calls| count(calls, is_poll) == 3).await;
    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_cancel_comes_through_the_open_poll_before_a_renewal_is_due() {
    let work = Work::begin(Act::SucceedWhenLet, LONG, LONG);
    work.server.queue(run(1, 1));
    let told = |calls: &[Call]| count(calls, is_renewal) == 1 && count(calls, is_poll) == 2;
    work.server.told(told).await;

    work.server.answer(|answers| {
        answers.renewal = || Ok(true);
        answers.leases.push_back(Ok(Leases {
            stopping: vec![run(1, 1).run_id],
            ..Leases::default()
        }));
    });
    work.server.told(|calls| count(calls, is_finish) == 1).await;

    assert_eq!(*work.agent.stopped.lock().unwrap(), [Stopped::Canceled]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_lost_lease_stops_the_agent_and_nothing_is_reported() {
    let work = Work::begin(Act::SucceedWhenLet, LONG, LONG);
    work.server
        .answer(|answers| answers.renewal = || Err(ProtocolError::LeaseLost));
    work.server.queue(run(1, 1));

    work.server.told(|calls| count(calls, is_poll) == 3).await;

    assert_eq!(*work.agent.stopped.lock().unwrap(), [Stopped::LeaseLost]);
    assert_eq!(*work.agent.ended_sessions.lock().unwrap(), [session_id(1)]);
    assert_eq!(work.server.finishes(), []);
    assert_eq!(*work.server.forgotten.lock().unwrap(), [run(1, 1).lease()]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_for_its_whole_life_is_lost() {
    let work = Work::begin(Act::SucceedWhenLet, Duration::from_millis(300), LONG);
    work.server
        .answer(|answers| answers.renewal = || Err(unavailable()));
    work.server.queue(run(1, 1));

    let calls = work.server.told(|calls| count(calls, is_poll) == 3).await;

    assert!(count(&calls, is_renewal) >= 2, "it was tried again");
    assert_eq!(*work.agent.stopped.lock().unwrap(), [Stopped::LeaseLost]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_hangs_is_made_again_while_the_lease_lives() {
    let work = Work::begin(Act::SucceedWhenLet, Duration::from_secs(3), LONG);
    work.server.answer(|answers| answers.renewals_hang = 1);
    work.server.queue(run(1, 1));

    work.server
        .told(|calls| count(calls, is_renewal) >= 4)
        .await;
    work.agent.lets.add_permits(1);
    work.server.told(|calls| count(calls, is_finish) == 1).await;

    assert_eq!(*work.agent.stopped.lock().unwrap(), []);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_finish_is_repeated_word_for_word_until_the_server_has_heard_it() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server
        .answer(|answers| answers.finishes = [unavailable(), unavailable()].into());
    work.server.queue(run(1, 1));

    work.server.told(|calls| count(calls, is_finish) == 3).await;

    let finishes = work.server.finishes();
    assert!(
        finishes.iter().all(|finish| *finish == finishes[0]),
        "{finishes:?}"
    );
    assert!(finishes[0].result.is_ok());
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_result_that_the_server_refuses_fails_the_run() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    let refused = ProtocolError::Refused {
        message: "it has more than 1 MiB".to_owned(),
    };
    work.server
        .answer(|answers| answers.finishes = [refused].into());
    work.server.queue(run(1, 1));

    work.server.told(|calls| count(calls, is_finish) == 2).await;

    let errors = work.server.finishes()[1].result.clone().unwrap_err();
    assert_eq!(errors[0].code, ErrorCode::TaskFailed);
    assert!(errors[0].message.contains("1 MiB"), "{errors:?}");
    work.end().await.unwrap();
}

#[tokio::test]
async fn an_agent_that_panics_fails_its_run_without_the_panics_text() {
    let work = Work::begin(Act::Panic, LONG, LONG);
    work.server.queue(run(1, 1));

    work.server.told(|calls| count(calls, is_finish) == 1).await;

    let finishes = work.server.finishes();
    let errors = finishes[0].result.clone().unwrap_err();
    assert_eq!(errors[0].code, ErrorCode::TaskFailed);
    assert!(!format!("{errors:?}").contains("hunter2"));
    assert_eq!(
        finishes[0].session,
        AfterRun::End,
        "nobody knows what is left of it"
    );
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_full_asks_for_no_runs_until_one_is_over() {
    let work = Work::begin(Act::SucceedWhenLet, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server.told(|calls| count(calls, is_poll) == 2).await;

    work.agent.lets.add_permits(1);
    let calls = work.server.told(|calls| count(calls, is_poll) == 3).await;

    let capacities = calls.iter().filter_map(|call| match call {
        Call::Lease(request) => Some((request.capacity, request.held.len())),
        _ => None,
    });
    assert_eq!(capacities.collect::<Vec<_>>(), [(1, 0), (0, 1), (1, 0)]);
    work.end().await.unwrap();
}

#[tokio::test]
async fn many_runs_are_named_seldom_and_never_long_left_out() {
    let work = Work::begin_for(200, Act::SucceedWhenLet, LONG, LONG);
    let runs: Vec<_> = (1..=100).map(|number| run(number, number)).collect();
    work.server.answer(|answers| {
        answers.leases.push_back(Ok(Leases {
            runs,
            ..Leases::default()
        }));
    });

    let names_all = |call: &Call| matches!(call, Call::Lease(request) if request.held.len() == 100);
    let calls = work.server.told(|calls| calls.iter().any(names_all)).await;

    let while_held = calls.iter().filter_map(|call| match call {
        Call::Lease(request) => Some((request.held.len(), request.wait)),
        _ => None,
    });
    for (named, wait) in while_held.skip(1) {
        let is_soon_again = named == 0 && wait <= Duration::from_secs(1);
        assert!(named == 100 || is_soon_again, "{named}, {wait:?}");
    }
    work.agent.lets.add_permits(100);
    work.end().await.unwrap();
}

#[tokio::test]
async fn a_poll_that_fails_is_made_again() {
    let work = Work::begin(Act::Succeed, LONG, LONG);
    work.server
        .answer(|answers| answers.leases.push_back(Err(unavailable())));
    work.server.queue(run(1, 1));

    work.server.told(|calls| count(calls, is_finish) == 1).await;

    work.end().await.unwrap();
}

#[tokio::test]
async fn a_newer_start_of_the_same_name_stops_everything_at_once() {
    let work = Work::begin(Act::SucceedWhenLet, LONG, LONG);
    work.server.queue(run(1, 1));
    work.server
        .told(|calls| count(calls, is_renewal) == 1)
        .await;

    work.server
        .answer(|answers| answers.leases.push_back(Err(ProtocolError::LeaseLost)));
    let ended = work.ended.await.unwrap();

    assert!(
        matches!(ended, Err(WorkerError::Superseded { .. })),
        "{ended:?}"
    );
    assert_eq!(*work.agent.stopped.lock().unwrap(), [Stopped::LeaseLost]);
    assert_eq!(work.server.finishes(), []);
}
