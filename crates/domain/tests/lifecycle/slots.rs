//! One run at a time has a session: who is next, and when nobody is.

use windlass_domain::id::{Random, SessionId};
use windlass_domain::lifecycle::{Command, Missing, Scene, SceneWorker, Signal, decide};
use windlass_domain::run::{Epoch, Refusal, Run, RunState, Status, Waiting};
use windlass_domain::session::{SessionCommand, SessionState, SessionStatus};
use windlass_domain::task::Priority;

use crate::asked::Asked;
use crate::fixture::{
    STARTED, after, credential_id, entered, holder, is_running, lease_to, names, queued, run,
    run_id, running, scene, seconds, session_entered, session_id, soon, to,
};
use crate::situation::Situation;

fn waiting(run: &Run) -> Option<Waiting> {
    match &run.state {
        RunState::Queued { waiting, .. } => Some(*waiting),
        _ => None,
    }
}

#[test]
fn a_start_opens_a_session_and_the_session_is_told_first() {
    let nothing = Scene {
        session: None,
        runs: vec![],
        more_wait: false,
        credential: None,
        worker: None,
    };
    let run = Box::new(queued(1, Waiting::ForSession));

    let changes = decide(&nothing, Command::Start { run }, soon()).expect("a run starts");

    assert_eq!(names(&changes), ["session.queued", "task_run.queued"]);
    let session = changes.session.expect("it is new");
    assert_eq!((session.id, session.version), (session_id(), 1));
    assert_eq!(session.credential_id, Some(credential_id()));
    let run = &changes.runs[0];
    assert!(run.opened_session);
    assert_eq!((run.version, run.epoch, run.attempts), (1, Epoch::NONE, 0));
    assert_eq!(
        run.created_at,
        run.id.created_at(),
        "lists by id are lists by moment"
    );
    assert_eq!(run.updated_at, soon());
    assert_eq!(waiting(run), Some(Waiting::ForWorker));
    let ready = Signal::Ready {
        pool: run.pool.clone(),
    };
    assert!(changes.signals.contains(&ready));
}

#[test]
fn a_start_in_a_session_waits_while_another_run_has_it() {
    let idle = SessionState::Idle {
        holder: holder(1),
        ends_at: Some(STARTED + seconds(600)),
        secrets_version: None,
    };
    for (state, runs, expected) in [
        (idle, vec![], Waiting::ForWorker),
        (
            idle,
            vec![Situation::ReviewRequired.run(1)],
            Waiting::ForWorker,
        ),
        (
            idle,
            vec![queued(1, Waiting::ForWorker)],
            Waiting::ForSession,
        ),
        (
            SessionState::Queued,
            vec![queued(1, Waiting::ForWorker)],
            Waiting::ForSession,
        ),
        (is_running(), vec![running(1)], Waiting::ForSession),
    ] {
        let run = Box::new(queued(2, Waiting::ForWorker));

        let changes = decide(&scene(state, runs), Command::Start { run }, soon()).expect("starts");

        assert_eq!(waiting(&changes.runs[0]), Some(expected), "{state:?}");
        assert!(!changes.runs[0].opened_session, "it found one");
        assert_eq!(session_entered(&changes.events), []);
        if matches!(
            state,
            SessionState::Idle {
                ends_at: Some(_),
                ..
            }
        ) {
            let state = changes.session.expect("its idle clock stops").state;
            assert!(matches!(state, SessionState::Idle { ends_at: None, .. }));
        }
    }
}

#[test]
fn a_session_that_ends_takes_no_run() {
    for state in [
        SessionState::Completing { holder: None },
        SessionState::Completed,
        SessionState::Failed,
    ] {
        let run = Box::new(queued(2, Waiting::ForWorker));

        let refused = decide(&scene(state, vec![]), Command::Start { run }, soon());

        let status = state.status();
        assert_eq!(refused, Err(Refusal::SessionEnded { status }));
    }
}

#[test]
fn the_next_run_goes_by_priority_and_then_by_age() {
    let mut urgent = queued(4, Waiting::ForSession);
    urgent.settings.priority = Priority::new(9).expect("9 is a priority");
    let runs = vec![
        running(1),
        queued(2, Waiting::ForSession),
        queued(3, Waiting::ForSession),
        urgent,
    ];
    let (scene, _) = after(
        &scene(is_running(), runs),
        to(1, Asked::FinishSuccess.command()),
        soon(),
    );
    let slots: Vec<_> = scene.runs.iter().map(waiting).collect();
    let (session, worker) = (Some(Waiting::ForSession), Some(Waiting::ForWorker));
    assert_eq!(slots, [None, session, session, worker]);

    let (scene, changes) = after(&scene, to(4, Asked::Cancel.command()), soon());
    assert_eq!(waiting(&scene.runs[1]), worker, "the older of two");
    assert_eq!(waiting(&scene.runs[2]), session);
    assert_eq!(
        changes.runs[0].id,
        run_id(4),
        "the run of the command stands first"
    );
    assert_eq!(session_entered(&changes.events), []);
}

#[test]
fn priority_never_takes_a_slot_that_another_run_has() {
    let mut urgent = queued(2, Waiting::ForWorker);
    urgent.settings.priority = Priority::new(9).expect("9 is a priority");
    let before = scene(SessionState::Queued, vec![queued(1, Waiting::ForWorker)]);

    let (scene, _) = after(
        &before,
        Command::Start {
            run: Box::new(urgent),
        },
        soon(),
    );

    assert_eq!(waiting(&scene.runs[0]), Some(Waiting::ForWorker));
    assert_eq!(waiting(&scene.runs[1]), Some(Waiting::ForSession));
    let refused = decide(&scene, to(2, lease_to(holder(1), true)), soon());
    let status = Status::Queued;
    assert_eq!(refused, Err(Refusal::RunNotRunning { status }));
}

#[test]
fn an_idle_session_is_leased_by_the_worker_that_keeps_it_alone() {
    let idle = SessionState::Idle {
        holder: holder(2),
        ends_at: None,
        secrets_version: None,
    };
    let scene = scene(idle, vec![queued(1, Waiting::ForWorker)]);

    let refused = decide(&scene, to(1, lease_to(holder(1), true)), soon());

    let status = SessionStatus::Idle;
    assert_eq!(refused, Err(Refusal::SessionNotReady { status }));
}

#[test]
fn the_idle_clock_starts_when_the_last_queued_run_is_canceled() {
    let idle = SessionState::Idle {
        holder: holder(1),
        ends_at: None,
        secrets_version: None,
    };
    let runs = vec![
        queued(1, Waiting::ForWorker),
        queued(2, Waiting::ForSession),
    ];
    let (scene, changes) = after(&scene(idle, runs), to(1, Asked::Cancel.command()), soon());
    assert_eq!(changes.session, None, "another run is queued for it");

    let (_, changes) = after(&scene, to(2, Asked::Cancel.command()), soon());

    let ends_at = Some(soon() + seconds(600));
    let resting = SessionState::Idle {
        holder: holder(1),
        ends_at,
        secrets_version: None,
    };
    assert_eq!(changes.session.map(|session| session.state), Some(resting));
    assert_eq!(session_entered(&changes.events), []);
}

#[test]
fn an_idle_session_that_a_run_waits_for_is_not_evicted() {
    let idle = SessionState::Idle {
        holder: holder(1),
        ends_at: None,
        secrets_version: None,
    };
    let wanted = scene(idle, vec![queued(1, Waiting::ForWorker)]);
    let evicted = Command::Session(SessionCommand::Evicted { holder: holder(1) });

    let status = SessionStatus::Idle;
    assert_eq!(
        decide(&wanted, evicted.clone(), soon()),
        Err(Refusal::SessionNotReady { status })
    );
    assert!(decide(&scene(idle, vec![]), evicted, soon()).is_ok());
}

#[test]
fn an_idle_session_ends_with_its_workers_drain_whoever_waits_for_it() {
    let idle = SessionState::Idle {
        holder: holder(1),
        ends_at: None,
        secrets_version: None,
    };
    let runs = vec![
        queued(1, Waiting::ForWorker),
        queued(2, Waiting::ForSession),
    ];
    let drained = |number| {
        let holder = holder(number);
        Command::Session(SessionCommand::Drained { holder })
    };

    let changes = decide(&scene(idle, runs.clone()), drained(1), soon()).expect("it is its own");

    let ends = [SessionStatus::Completing, SessionStatus::Completed];
    assert_eq!(session_entered(&changes.events), ends);
    for number in [1, 2] {
        assert_eq!(entered(&changes.events, run_id(number)), [Status::Failed]);
    }
    let status = SessionStatus::Idle;
    assert_eq!(
        decide(&scene(idle, runs), drained(2), soon()),
        Err(Refusal::SessionNotReady { status }),
        "the drain of another worker"
    );
}

#[test]
fn a_worker_that_leaves_keeps_no_session_whatever_it_says() {
    let mut scene = scene(
        is_running(),
        vec![running(1), queued(2, Waiting::ForSession)],
    );
    scene.worker = Some(SceneWorker::Leaves);

    let kept = to(1, Asked::FinishSuccess.command());
    let changes = decide(&scene, kept.clone(), soon()).expect("it is held");

    assert_eq!(entered(&changes.events, run_id(1)), [Status::Completed]);
    let ends = [SessionStatus::Completing, SessionStatus::Completed];
    assert_eq!(session_entered(&changes.events), ends);
    assert_eq!(entered(&changes.events, run_id(2)), [Status::Failed]);

    scene.worker = None;
    let missing = Missing::Worker;
    assert_eq!(
        decide(&scene, kept, soon()),
        Err(Refusal::NotLoaded { missing }),
        "nobody is taken to stay"
    );
}

#[test]
fn a_run_of_another_session_is_not_in_the_scene() {
    let scene = scene(is_running(), vec![running(1)]);
    let unknown = to(9, Asked::Cancel.command());
    assert_eq!(decide(&scene, unknown, soon()), Err(Refusal::NotInScene));

    let mut stranger = run(2, RunState::Completed);
    stranger.session_id = SessionId::new(soon(), Random([2; 10]));
    let start = Command::Start {
        run: Box::new(stranger),
    };
    assert_eq!(decide(&scene, start, soon()), Err(Refusal::NotInScene));
}
