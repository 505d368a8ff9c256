//! What a run's command means for its session, and a session's for its runs.

use windlass_domain::lifecycle::{Command, decide};
use windlass_domain::run::{AfterRun, Finish, RunState, Status, Waiting, WorkerCommand};
use windlass_domain::session::{SessionCommand, SessionState, SessionStatus};

use crate::asked::Asked;
use crate::fixture::{
    entered, finish, holder, queued, run_id, running, scene, seconds, session_entered, soon,
    success, worker,
};
use crate::run_table::{ForSession, ROWS, Row};
use crate::situation::Situation;

fn ask(run: u8, asked: Asked) -> Command {
    Command::Run {
        run_id: run_id(run),
        command: asked.command(),
    }
}

/// Each situation and command of the table, but for what a session says itself.
fn each_row(mut check: impl FnMut(&Row, Situation, Asked)) {
    for row in ROWS {
        for situation in row.from {
            for asked in row.asked {
                if !matches!(asked, Asked::SessionEnded | Asked::SessionFailed) {
                    check(row, *situation, *asked);
                }
            }
        }
    }
}

#[test]
fn a_session_hears_what_the_table_says() {
    each_row(|row, situation, asked| {
        let run = asked.prepare(situation.run(1));
        let scene = scene(situation.session_state(), vec![run]);

        let changes = decide(&scene, ask(1, asked), asked.now()).expect("a row is taken");

        let expected: &[SessionStatus] = match row.session {
            ForSession::Nothing => &[],
            ForSession::Lease => &[SessionStatus::Running],
            ForSession::NotAwaited if situation == Situation::QueuedForSession => &[],
            ForSession::NotAwaited | ForSession::RunOverAndEnds => {
                &[SessionStatus::Completing, SessionStatus::Completed]
            }
            ForSession::RunOver => &[SessionStatus::Idle],
            ForSession::RunRequeued => &[SessionStatus::Queued],
            ForSession::RunForced => &[SessionStatus::Failed],
        };
        assert_eq!(
            session_entered(&changes.events),
            expected,
            "{situation:?} × {asked:?}"
        );
    });
}

#[test]
fn a_run_that_waits_for_the_session_learns_what_became_of_it() {
    each_row(|row, situation, asked| {
        let run = asked.prepare(situation.run(1));
        let scene = scene(
            situation.session_state(),
            vec![run, queued(2, Waiting::ForSession)],
        );

        let changes = decide(&scene, ask(1, asked), asked.now()).expect("a row is taken");

        let pair = format!("{situation:?} × {asked:?}");
        let next = changes.runs.iter().find(|run| run.id == run_id(2));
        let fails = [Status::Failed];
        match row.session {
            ForSession::RunOverAndEnds | ForSession::RunForced => {
                assert_eq!(entered(&changes.events, run_id(2)), fails, "{pair}");
                let event = &changes.events.last().expect("there are events").event_type;
                assert_eq!(
                    event.as_str(),
                    "task_run.failed",
                    "{pair}: after the session's own"
                );
            }
            ForSession::RunOver => {
                let next = next.unwrap_or_else(|| panic!("{pair} frees the session"));
                assert!(is_for_worker(&next.state), "{pair}");
                assert_eq!(entered(&changes.events, run_id(2)), [], "{pair}");
            }
            ForSession::NotAwaited if situation == Situation::QueuedForWorker => {
                let next = next.unwrap_or_else(|| panic!("{pair} frees the session"));
                assert!(is_for_worker(&next.state), "{pair}");
                assert_eq!(session_entered(&changes.events), [], "{pair}");
            }
            // A run that waits again keeps the session's slot.
            ForSession::NotAwaited | ForSession::RunRequeued | ForSession::Lease => {
                assert_eq!(next, None, "{pair}");
            }
            // A session that is idle is the waiting run's whatever happens.
            ForSession::Nothing => {}
        }
    });
}

fn is_for_worker(state: &RunState) -> bool {
    matches!(
        state,
        RunState::Queued {
            waiting: Waiting::ForWorker,
            ..
        }
    )
}

#[test]
fn a_worker_that_ends_the_session_fails_what_waits_for_it() {
    let running_session = SessionState::Running { holder: holder(1) };
    let scene = scene(
        running_session,
        vec![running(1), queued(2, Waiting::ForSession)],
    );
    let ends = worker(WorkerCommand::Finish(Finish {
        session: AfterRun::End,
        ..finish(success())
    }));

    let changes = decide(
        &scene,
        Command::Run {
            run_id: run_id(1),
            command: ends,
        },
        soon(),
    )
    .expect("a running run finishes");

    let names: Vec<&str> = changes
        .events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "task_run.completed",
            "session.completing",
            "session.completed",
            "task_run.failed",
        ]
    );
    let waiting = changes
        .runs
        .iter()
        .find(|run| run.id == run_id(2))
        .expect("it changed");
    assert!(
        matches!(&waiting.state, RunState::Failed { errors } if errors[0].code.as_str() == "session_failed")
    );
}

#[test]
fn end_cancels_queued_and_leased_runs_and_leaves_reviews() {
    for situation in [Situation::RunningBegun, Situation::AskingWithCheckpoint] {
        let scene = scene(
            SessionState::Running { holder: holder(1) },
            vec![
                situation.run(1),
                Situation::ReviewRequired.run(2),
                queued(3, Waiting::ForSession),
            ],
        );

        let ended = decide(
            &scene,
            Command::Session(SessionCommand::End { grace: seconds(30) }),
            soon(),
        )
        .expect("a running session may be ended");

        assert_eq!(session_entered(&ended.events), [SessionStatus::Completing]);
        assert_eq!(entered(&ended.events, run_id(1)), [Status::Canceling]);
        assert_eq!(entered(&ended.events, run_id(2)), []);
        assert_eq!(
            entered(&ended.events, run_id(3)),
            [Status::Canceling, Status::Canceled]
        );
    }
}

#[test]
fn end_completes_at_once_where_no_run_is_leased() {
    let idle = SessionState::Idle {
        holder: holder(1),
        ends_at: None,
        secrets_version: None,
    };
    for state in [SessionState::Queued, idle] {
        let scene = scene(state, vec![queued(1, Waiting::ForWorker)]);

        let ended = decide(
            &scene,
            Command::Session(SessionCommand::End { grace: seconds(30) }),
            soon(),
        )
        .expect("it may be ended");

        let both = [SessionStatus::Completing, SessionStatus::Completed];
        assert_eq!(session_entered(&ended.events), both);
        let canceled = [Status::Canceling, Status::Canceled];
        assert_eq!(entered(&ended.events, run_id(1)), canceled);
    }
}

#[test]
fn what_a_session_says_to_its_runs_nobody_else_does() {
    for asked in [Asked::SessionEnded, Asked::SessionFailed] {
        for situation in Situation::ALL {
            let scene = scene(situation.session_state(), vec![situation.run(1)]);

            assert!(
                decide(&scene, ask(1, asked), asked.now()).is_err(),
                "{situation:?}"
            );
        }
    }
}

#[test]
fn what_follows_for_several_runs_follows_in_the_order_of_their_ids() {
    let others = [4, 2, 3].map(|number| queued(number, Waiting::ForSession));
    let mut runs = vec![running(1)];
    runs.extend(others);
    let scene = scene(SessionState::Running { holder: holder(1) }, runs);

    let changes = decide(&scene, ask(1, Asked::WorkerGone), soon()).expect("it is held");

    let order: Vec<_> = changes.runs.iter().map(|run| run.id).collect();
    assert_eq!(order, [1, 2, 3, 4].map(run_id));
}
