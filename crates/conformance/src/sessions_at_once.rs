//! What meets at the same moment in one session: its worker and its caller, its worker and a clock. Each
//! pair is answered as if one had come after the other.

use std::time::Duration;

use windlass_application::Written;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::Leased;
use windlass_application::ports::sessions::SessionCommanded;
use windlass_domain::id::SessionId;
use windlass_domain::run::{Refusal, Run, RunState, Status, WorkerCommand};
use windlass_domain::session::{SessionCommand, SessionStatus};

use crate::stage::{LEASE, Stage, answer, output, seconds, success};
use crate::store::{Fixture, done};

/// How often two meet in one test: which comes first is the store's to say.
const ROUNDS: usize = 8;

/// How long a session is kept where a test lets that run out. A worker is gone only later.
const IDLE: Duration = Duration::from_secs(20);

/// A session that a run is queued for is leased, and not given up: its worker that says both at once is
/// refused the one.
pub async fn of_an_eviction_and_a_lease_at_once_the_run_is_done(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..ROUNDS {
        let session_id = idle(&stage).await;
        let next = stage.start(stage.new_run_in(session_id)).await;

        let (evicted, leased) = tokio::join!(
            evict(&stage, session_id),
            stage.lease(stage.lease_request())
        );

        assert!(
            matches!(evicted, Err(WriteError::Refused(_))),
            "{evicted:?}"
        );
        let leased = or_now(&stage, leased).await;
        is_resumed(&leased, &next);
        stage.say(&leased.runs[0].run, success(output())).await;
    }
}

/// A run is started in an idle session, or the session is given up: never both, and never neither.
pub async fn of_an_eviction_and_a_start_at_once_one_happens(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..ROUNDS {
        let session_id = idle(&stage).await;

        let (evicted, started) =
            tokio::join!(evict(&stage, session_id), try_start(&stage, session_id));

        match started {
            Some(next) => {
                assert!(
                    matches!(evicted, Err(WriteError::Refused(_))),
                    "{evicted:?}"
                );
                let leased = stage.lease(stage.lease_request()).await;
                is_resumed(&leased, &next);
                stage.say(&leased.runs[0].run, success(output())).await;
            }
            None => {
                let evicted = evicted.expect("it keeps it").session.session;
                assert_eq!(evicted.status(), SessionStatus::Completed);
                assert_eq!(stage.session(session_id).await, evicted);
            }
        }
    }
}

/// An idle session whose clock has run out ends, or is leased with a run that was started in it: never
/// both.
pub async fn of_an_idle_clock_and_a_lease_at_once_one_happens(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.session_idle = IDLE).await;
    for _ in 0..ROUNDS {
        let session_id = idle(&stage).await;
        stage.pass(IDLE);

        let (started, _, leased) = tokio::join!(
            try_start(&stage, session_id),
            stage.sweep(),
            stage.lease(stage.lease_request())
        );

        let Some(next) = started else {
            assert!(leased.runs.is_empty(), "{leased:?}");
            let session = stage.session(session_id).await;
            assert_eq!(session.status(), SessionStatus::Completed);
            continue;
        };
        let leased = or_now(&stage, leased).await;
        stage.sweep().await;
        is_resumed(&leased, &next);
        assert_eq!(stage.run(next.id).await, leased.runs[0].run);
        let session = stage.session(session_id).await;
        assert_eq!(session.status(), SessionStatus::Running);
        stage.say(&leased.runs[0].run, success(output())).await;
    }
}

/// A run that asks is given back, or its answer is heard by the agent that asked: never both, and never
/// neither.
pub async fn of_an_answer_and_a_handing_over_at_once_one_is_heard(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..ROUNDS {
        let run = stage.asking(Some("step 3")).await;

        let (answered, released) = tokio::join!(
            stage.command(run.id, answer(&run)),
            stage.try_say(
                run.id,
                run.epoch,
                WorkerCommand::ReleaseAsking { attempt: None },
                None
            )
        );

        let after = stage.run(run.id).await;
        match (answered, released) {
            (Ok(answered), Err(WriteError::Refused(_))) => {
                assert_eq!(after, answered.run.run);
                assert_eq!((after.status(), after.epoch), (Status::Running, run.epoch));
                stage.say(&after, success(output())).await;
            }
            (Err(WriteError::Refused(_)), Ok(released)) => {
                assert_eq!(after, released.run.run);
                let has_checkpoint = matches!(
                    after.state,
                    RunState::Queued {
                        checkpoint: Some(_),
                        ..
                    }
                );
                assert!(has_checkpoint, "{after:?}");
                let again = stage.next().await.expect("it waits").run;
                assert_eq!((again.id, again.epoch.0), (run.id, run.epoch.0 + 1));
                stage.say(&again, success(output())).await;
            }
            both => panic!("one is heard: {both:?}"),
        }
    }
}

/// A lease that has run out is lost, or its run's end is heard: never both, and never neither.
pub async fn of_a_lost_lease_and_a_finish_at_once_one_happens(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..ROUNDS {
        let run = stage.begun().await;
        stage.pass(LEASE + seconds(1));

        let (_, finished) = tokio::join!(
            stage.sweep(),
            stage.try_say(run.id, run.epoch, success(output()), None)
        );

        let session = stage.session(run.session_id).await.status();
        let status = stage.status(run.id).await;
        match finished {
            Ok(finished) => {
                assert_eq!(finished.run.run.status(), Status::Completed);
                assert_eq!((status, session), (Status::Completed, SessionStatus::Idle));
            }
            Err(WriteError::Refused(Refusal::LeaseOver { .. })) => {
                assert_eq!((status, session), (Status::Failed, SessionStatus::Failed));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// A session that the worker keeps, and nobody waits for.
async fn idle(stage: &Stage<'_>) -> SessionId {
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    run.session_id
}

async fn evict(stage: &Stage<'_>, id: SessionId) -> Result<SessionCommanded, WriteError> {
    let evicted = SessionCommand::Evicted {
        holder: stage.worker,
    };
    let sessions = &stage.fixture.ports.sessions;
    let commanded = sessions.command(stage.worker_write(), id, evicted).await;
    commanded.map(done)
}

/// A run that was started in the session; None where the session had ended.
async fn try_start(stage: &Stage<'_>, session_id: SessionId) -> Option<Run> {
    let start = stage.new_run_in(session_id);
    let write = stage.fixture.write();
    match stage.fixture.ports.runs.start(write, start).await {
        Ok(Written::Done(started)) => Some(started.run.run),
        Err(WriteError::Refused(Refusal::SessionEnded { .. })) => None,
        other => panic!("{other:?}"),
    }
}

/// What a lease call brought, or the next one does where it brought nothing: a store may pass over a run
/// whose session somebody else changes at that moment.
async fn or_now(stage: &Stage<'_>, leased: Leased) -> Leased {
    if leased.runs.is_empty() {
        stage.lease(stage.lease_request()).await
    } else {
        leased
    }
}

/// The run alone came, with what its session has.
fn is_resumed(leased: &Leased, run: &Run) {
    let came: Vec<_> = leased
        .runs
        .iter()
        .map(|it| (it.run.id, it.resumed()))
        .collect();
    assert_eq!(came, [(run.id, true)]);
}
