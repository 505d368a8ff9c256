//! Clocks: when each has run out, what it says, and which goes first.

use rstest::rstest;
use windlass_domain::Timestamp;
use windlass_domain::lifecycle::{Command, check_at, decide, due};
use windlass_domain::pool::Pool;
use windlass_domain::run::{Clock, RunCommand, RunState, Waiting, WorkerCommand, machine};
use windlass_domain::session::{self, SessionCommand, SessionState};

use crate::asked::Asked;
use crate::fixture::{
    STARTED, holder, late, queued, run_id, running, scene, seconds, soon, worker,
};
use crate::situation::Situation;

fn timed_out(clock: Clock) -> Command {
    Command::Run {
        run_id: run_id(1),
        command: RunCommand::TimedOut(clock),
    }
}

#[rstest]
#[case(Situation::QueuedForWorker, Clock::Queue, 1800)]
#[case(Situation::QueuedForSession, Clock::Queue, 1800)]
#[case(Situation::RunningBegun, Clock::Lease, 30)]
#[case(Situation::RunningBegun, Clock::Inactivity, 1800)]
#[case(Situation::RunningBegun, Clock::Run, 3600)]
#[case(Situation::Asking, Clock::Lease, 30)]
#[case(Situation::Asking, Clock::Interaction, 900)]
#[case(Situation::ReviewRequired, Clock::Review, 86_400)]
#[case(Situation::Canceling, Clock::Lease, 30)]
#[case(Situation::Canceling, Clock::CancelGrace, 30)]
fn a_clock_runs_out_at_its_moment_and_not_before(
    #[case] situation: Situation,
    #[case] clock: Clock,
    #[case] after: u64,
) {
    let scene = scene(situation.session_state(), vec![situation.run(1)]);
    let at = STARTED + seconds(after);

    assert!(decide(&scene, timed_out(clock), at - seconds(1)).is_err());
    assert!(decide(&scene, timed_out(clock), at).is_ok());
}

#[rstest]
#[case(
    Situation::QueuedForWorker,
    Clock::Queue,
    "session/timeout",
    "from the pool `builtin` for 1800 s"
)]
#[case(
    Situation::QueuedForSession,
    Clock::Queue,
    "session/timeout",
    "the session for 1800 s"
)]
#[case(
    Situation::RunningBegun,
    Clock::Inactivity,
    "task/timeout",
    "no activity for 1800 s"
)]
#[case(
    Situation::RunningBegun,
    Clock::Run,
    "task/timeout",
    "timeout of 3600 s"
)]
#[case(
    Situation::Asking,
    Clock::Interaction,
    "interaction/interaction_timeout",
    "for 900 s"
)]
#[case(
    Situation::ReviewRequired,
    Clock::Review,
    "task/review_timeout",
    "for 86400 s"
)]
#[case(
    Situation::RunningBegun,
    Clock::Lease,
    "session/session_lost",
    "was lost after the run had begun"
)]
fn a_run_that_timed_out_says_which_clock_and_how_long(
    #[case] situation: Situation,
    #[case] clock: Clock,
    #[case] code: &str,
    #[case] message: &str,
) {
    let scene = scene(situation.session_state(), vec![situation.run(1)]);

    let changes = decide(&scene, timed_out(clock), late()).expect("it has run out");

    let RunState::Failed { errors } = &changes.runs[0].state else {
        panic!("{:?}", changes.runs[0].state);
    };
    let name = format!(
        "{}/{}",
        errors[0].code.error_type().as_str(),
        errors[0].code.as_str()
    );
    assert_eq!(name, code);
    assert!(errors[0].message.contains(message), "{}", errors[0].message);
}

/// A playbook helps where it changes the pool: where the task names none, and the run has a source.
#[rstest]
#[case("default", None, true, "this pool, or add a playbook.")]
#[case("default", Some("default"), true, "this pool.")]
#[case("default", None, false, "this pool.")]
#[case("builtin", None, true, "this pool.")]
#[case("scrapers", Some("scrapers"), true, "this pool.")]
fn a_playbook_is_advised_only_where_it_helps(
    #[case] pool: &str,
    #[case] named: Option<&str>,
    #[case] has_source: bool,
    #[case] advice: &str,
) {
    let mut run = queued(1, Waiting::ForWorker);
    run.pool = Pool::parse(pool).expect("a pool");
    run.settings.pool = named.map(|name| Pool::parse(name).expect("a pool"));
    if !has_source {
        run.source_id = None;
    }

    let transition = machine::apply(&run, RunCommand::TimedOut(Clock::Queue), late());

    let RunState::Failed { errors } = transition.expect("it has run out").run.state else {
        panic!("it fails");
    };
    let message = &errors[0].message;
    assert!(
        message.ends_with(&format!("start a worker for {advice}")),
        "{message}"
    );
}

#[test]
fn renewing_is_no_activity() {
    let mut run = running(1);
    let renew = worker(WorkerCommand::Renew {
        length: seconds(10_000),
    });
    let command = Command::Run {
        run_id: run.id,
        command: renew,
    };
    let scene_of = |run| scene(SessionState::Running { holder: holder(1) }, vec![run]);

    run = decide(&scene_of(run), command, STARTED + seconds(1799))
        .expect("it is held")
        .runs
        .remove(0);

    assert_eq!(
        check_at(&run),
        Some(STARTED + seconds(1800)),
        "the inactivity clock"
    );
}

#[test]
fn an_activity_moves_the_inactivity_clock_and_begins_the_lease() {
    for asked in [Asked::Begin, Asked::Touch] {
        let scene = scene(
            SessionState::Running { holder: holder(1) },
            vec![Situation::RunningNotBegun.run(1)],
        );

        let changes = decide(
            &scene,
            Command::Run {
                run_id: run_id(1),
                command: asked.command(),
            },
            STARTED + seconds(100),
        )
        .expect("it is held");

        let run = &changes.runs[0];
        assert_eq!(run.attempts, 1);
        assert_eq!(
            (run.version, run.updated_at),
            (3, STARTED),
            "no status was entered"
        );
        let RunState::Running {
            lease, active_at, ..
        } = &run.state
        else {
            panic!("{:?}", run.state);
        };
        assert!(lease.begun);
        assert_eq!(*active_at, STARTED + seconds(100));
        assert_eq!(changes.events, []);
    }
}

#[test]
fn the_run_clock_is_summed_over_pauses_and_attempts() {
    let mut run = running(1);
    run.runtime = seconds(3000);
    let RunState::Running { lease, .. } = &mut run.state else {
        panic!("a running run");
    };
    lease.expires_at = late();

    assert_eq!(check_at(&run), Some(STARTED + seconds(600)));
}

#[test]
fn the_earliest_clock_goes_first() {
    let mut first = running(1);
    first.settings.inactivity_timeout = seconds(20);
    let scene = scene(
        SessionState::Running { holder: holder(1) },
        vec![first, queued(2, Waiting::ForSession)],
    );

    assert_eq!(due(&scene, soon()), None);
    assert_eq!(due(&scene, late()), Some(timed_out(Clock::Inactivity)));
}

#[test]
fn an_idle_session_times_out_when_its_clock_has_run_out() {
    let ends_at = STARTED + seconds(600);
    let idle = |ends_at: Option<Timestamp>| SessionState::Idle {
        holder: holder(1),
        ends_at,
        secrets_version: None,
    };
    let resting = scene(idle(Some(ends_at)), vec![]);

    assert_eq!(due(&resting, ends_at - seconds(1)), None);
    let command = due(&resting, ends_at).expect("it has run out");
    assert_eq!(command, Command::Session(SessionCommand::IdleTimedOut));
    assert!(
        decide(&resting, command.clone(), ends_at - seconds(1)).is_err(),
        "a sweep too early"
    );
    assert!(decide(&resting, command, ends_at).is_ok());

    let wanted = scene(idle(None), vec![]);
    assert_eq!(due(&wanted, late()), None, "a run is queued for it");
    assert_eq!(wanted.session.as_ref().and_then(session::check_at), None);
}

#[test]
fn each_status_that_can_time_out_is_swept_to_an_end() {
    for situation in Situation::ALL {
        let mut scene = scene(situation.session_state(), vec![situation.run(1)]);
        let mut sweeps = 0;
        let mut now = late();
        while let Some(command) = due(&scene, now) {
            let changes = decide(&scene, command, now).expect("what is due is taken");
            scene.session = changes.session.or(scene.session);
            scene.runs = changes
                .runs
                .into_iter()
                .filter(|run| !run.status().is_final())
                .collect();
            now = now + seconds(1_000_000);
            sweeps += 1;
            assert!(sweeps < 20, "{situation:?} goes round");
        }
        assert!(
            scene.runs.is_empty() || situation.status().is_final(),
            "{situation:?} is stuck"
        );
    }
}
