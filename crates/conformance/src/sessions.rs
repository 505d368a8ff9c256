//! What sessions and the commands to them promise.

use windlass_application::ports::WriteError;
use windlass_application::ports::sessions::{SHOWN_RUNS, SessionCommanded, SessionView};
use windlass_application::random::random;
use windlass_application::{Created, Key, PageRequest, Position, Written};
use windlass_domain::event::EventData;
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::{Holder, Run, RunCommand, Status};
use windlass_domain::session::{SessionCommand, SessionStatus};
use windlass_domain::task::Review;

use crate::stage::{GRACE, Stage, output, seconds, success};
use crate::store::{Fixture, done};

/// A session is seen with the newest of its runs, newest first, whatever became of them.
pub async fn a_session_is_seen_with_its_newest_runs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.started().await;
    let mut started = vec![first.id];
    for _ in 0..SHOWN_RUNS {
        stage.pass(seconds(1));
        let next = stage.start(stage.new_run_in(first.session_id)).await;
        started.push(next.id);
    }
    let newest = *started.last().expect("some are started");
    let cancel = RunCommand::Cancel { grace: GRACE };
    stage.command(newest, cancel).await.expect("it is queued");

    let other = stage.started().await;

    let seen = view(&stage, first.session_id).await;
    let all = PageRequest {
        limit: 10,
        position: Position::Start,
    };
    let sessions = &fixture.ports.sessions;
    let listed = sessions.list(fixture.organization, Created::default(), all);
    let listed = listed.await.expect("a list");

    let newest_first: Vec<RunId> = started[1..].iter().rev().copied().collect();
    assert_eq!(ids(&seen), newest_first);
    assert_eq!(seen.runs[0].status(), Status::Canceled);
    assert_eq!(seen.session, stage.session(first.session_id).await);
    let others = view(&stage, other.session_id).await;
    assert_eq!(
        listed.items,
        [others, seen],
        "a list shows the same of each"
    );
}

/// Another organization's session is neither seen nor ended.
pub async fn a_strangers_session_is_not_found(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let (stranger, sessions) = (fixture.stranger, &fixture.ports.sessions);

    let seen = sessions.view(stranger, run.session_id).await;
    let write = fixture.write_of(stranger);
    let ended = sessions.command(write, run.session_id, end()).await;

    assert_eq!(seen.expect("the store reads"), None);
    assert!(matches!(ended, Err(WriteError::NotFound)), "{ended:?}");
    assert_eq!(stage.run(run.id).await, run, "it is as it was");
}

/// A session that nobody has ends at once, and all that waits for it is canceled.
pub async fn an_end_of_a_queued_session_cancels_its_runs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.started().await;
    let second = stage.start(stage.new_run_in(first.session_id)).await;
    stage.pass(seconds(5));

    let ended = end_of(&stage, first.session_id).await;

    assert_eq!(
        ended.session.session.status(),
        SessionStatus::Completed,
        "nobody has to stop"
    );
    assert_eq!(ended.session, view(&stage, first.session_id).await);
    let events = events(fixture).await;
    for run in [&first, &second] {
        let changed = Signal::RunChanged { run_id: run.id };
        assert!(ended.signals.contains(&changed), "{:?}", ended.signals);
        assert_eq!(stage.status(run.id).await, Status::Canceled);
    }
    let told = |about: &str| -> Vec<&str> {
        let of_it = events.iter().filter(|(subject, _)| subject == about);
        of_it.map(|(_, event_type)| *event_type).collect()
    };
    for run in [&first, &second] {
        let expected = ["task_run.queued", "task_run.canceling", "task_run.canceled"];
        assert_eq!(told(&run.id.to_string()), expected);
    }
    let expected = ["session.queued", "session.completing", "session.completed"];
    assert_eq!(told(&first.session_id.to_string()), expected);
    assert_eq!(stage.next().await, None, "nothing may be leased");
}

/// An idle session ends at once; its finished run stays as it is.
pub async fn an_end_of_an_idle_session_completes_it(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let finished = stage.say(&run, success(output())).await;

    let ended = end_of(&stage, run.session_id).await;

    assert_eq!(ended.session.session.status(), SessionStatus::Completed);
    assert_eq!(stage.run(run.id).await, finished);
    let refused = start_in(&stage, run.session_id).await;
    assert!(
        matches!(refused, Err(WriteError::Refused(_))),
        "{refused:?}"
    );
}

/// The worker of the live run is told to stop, and when it has, the session is over; what waits
/// is canceled at once.
pub async fn an_end_stops_the_live_run_and_cancels_those_that_wait(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let live = stage.begun().await;
    stage.pass(seconds(1));
    let waiting = stage.start(stage.new_run_in(live.session_id)).await;

    let ended = end_of(&stage, live.session_id).await;

    assert_eq!(ended.session.session.status(), SessionStatus::Completing);
    let stop = Signal::Stop {
        holder: stage.worker,
        run_id: live.id,
    };
    assert!(ended.signals.contains(&stop), "{:?}", ended.signals);
    let statuses: Vec<Status> = ended.session.runs.iter().map(Run::status).collect();
    assert_eq!(statuses, [Status::Canceled, Status::Canceling]);
    assert_eq!(stage.status(waiting.id).await, Status::Canceled);
    let late = stage.say(&live, success(output())).await;
    assert_eq!(late.status(), Status::Canceled, "it never completes");
    let session = stage.session(live.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

/// A run that waits for a person cannot be canceled, but its session can be ended.
pub async fn an_end_stops_a_run_that_waits_for_a_person(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let asking = stage.asking(Some("page 3")).await;

    end_of(&stage, asking.session_id).await;

    assert_eq!(stage.status(asking.id).await, Status::Canceling);
    stage.pass(GRACE);
    stage.sweep().await;
    assert_eq!(stage.status(asking.id).await, Status::Canceled);
    let session = stage.session(asking.session_id).await;
    assert_eq!(session.status(), SessionStatus::Failed, "it was forced");
}

/// What waits for a review is done: it outlives its session, and is reviewed after it.
pub async fn a_review_outlives_its_session(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.review = Review::Required).await;
    let run = stage.begun().await;
    let reviewed = stage.say(&run, success(output())).await;

    end_of(&stage, run.session_id).await;

    assert_eq!(stage.run(run.id).await, reviewed);
    let approve = RunCommand::Approve { output: None };
    let approved = stage.command(run.id, approve).await;
    let approved = approved.expect("it waits for a review").run;
    assert_eq!(approved.run.status(), Status::Completed);
    assert_eq!(approved.output, Some(output()));
}

/// A session that is ending or has ended is answered as it is.
pub async fn a_repeated_end_changes_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let first = end_of(&stage, run.session_id).await;
    let events = stage.events().await;
    stage.pass(seconds(5));

    let second = end_of(&stage, run.session_id).await;
    stage.say(&run, success(output())).await;
    let ended = view(&stage, run.session_id).await;
    let third = end_of(&stage, run.session_id).await;

    assert_eq!(second.session, first.session);
    assert_eq!(second.signals, []);
    assert_eq!(third.session, ended);
    assert_eq!(stage.events().await[..events.len()], events);
    assert_eq!(
        stage.events().await[events.len()..],
        ["task_run.canceled", "session.completed"]
    );
}

/// A second request with the key gets the first answer.
pub async fn an_end_is_done_once_per_idempotency_key(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let sessions = &fixture.ports.sessions;

    let first = fixture.write_once("k", "");
    let first = sessions.command(first, run.session_id, end()).await;
    let second = fixture.write_once("k", "");
    let second = sessions.command(second, run.session_id, end()).await;

    done(first.expect("the session is there"));
    let Written::Replayed(answer) = second.expect("it is answered") else {
        panic!("it was done a second time");
    };
    let expected = format!("{} by ", run.session_id);
    let body = answer.body.as_bytes();
    assert!(body.starts_with(expected.as_bytes()), "{answer:?}");
}

/// Whichever comes first, both are heard, and the session is over.
pub async fn of_an_end_and_a_finish_at_once_both_are_heard(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;

    let (_, finished) = tokio::join!(
        end_of(&stage, run.session_id),
        stage.say(&run, success(output()))
    );

    let status = finished.status();
    assert!(
        matches!(status, Status::Completed | Status::Canceled),
        "{status}"
    );
    assert_eq!(stage.status(run.id).await, status);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

/// An idle session ends when the start of a worker that keeps it gives it up, and no other.
pub async fn an_idle_session_is_given_up_by_who_keeps_it(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    let idle = stage.session(run.session_id).await;
    let registered = fixture.ports.workers.register(None, "other", None).await;
    let other = registered.expect("a first start").holder;

    let by_other = evict(&stage, other, run.session_id).await;
    let unchanged = stage.session(run.session_id).await;
    let evicted = evict(&stage, stage.worker, run.session_id).await;

    let is_refused = matches!(by_other, Err(WriteError::Refused(_)));
    assert!(is_refused, "{by_other:?}");
    assert_eq!(unchanged, idle);
    let evicted = evicted.expect("it keeps it");
    assert_eq!(evicted.session.session.status(), SessionStatus::Completed);
    assert_eq!(evicted.session, view(&stage, run.session_id).await);
    let events = stage.events().await;
    assert_eq!(
        events[events.len() - 2..],
        ["session.completing", "session.completed"]
    );
}

/// A session that a run is done in, or is queued for, stays.
pub async fn a_session_that_is_wanted_or_at_work_is_not_given_up(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let at_work = evict(&stage, stage.worker, run.session_id).await;
    let next = stage.start(stage.new_run_in(run.session_id)).await;
    stage.say(&run, success(output())).await;

    let wanted = evict(&stage, stage.worker, run.session_id).await;

    for refused in [at_work, wanted] {
        assert!(
            matches!(refused, Err(WriteError::Refused(_))),
            "{refused:?}"
        );
    }
    let leased = stage.next().await.expect("it may be leased");
    assert_eq!((leased.run.id, leased.resumed()), (next.id, true));
}

/// The embedded worker asks whose a session is that it keeps.
pub async fn a_session_says_whose_it_is(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let sessions = &fixture.ports.sessions;
    let unknown = SessionId::new(fixture.now(), random());

    let known = sessions.organization_of(run.session_id).await;
    let unknown = sessions.organization_of(unknown).await;

    let organization_id = fixture.organization.organization_id();
    assert_eq!(known.expect("the store reads"), Some(organization_id));
    assert_eq!(unknown.expect("the store reads"), None);
}

async fn evict(
    stage: &Stage<'_>,
    holder: Holder,
    id: SessionId,
) -> Result<SessionCommanded, WriteError> {
    let sessions = &stage.fixture.ports.sessions;
    let evicted = SessionCommand::Evicted { holder };
    let commanded = sessions.command(stage.worker_write(), id, evicted).await;
    commanded.map(done)
}

/// What each event of a run or a session is about, and its type, oldest first.
async fn events(fixture: &Fixture) -> Vec<(String, &'static str)> {
    let events = fixture.events_of(fixture.organization).await;
    let about = events.iter().filter_map(|event| {
        let subject = match &event.data {
            EventData::Run(run) => run.id.to_string(),
            EventData::Session(session) => session.id.to_string(),
            _ => return None,
        };
        Some((subject, event.event_type.as_str()))
    });
    about.collect()
}

fn end() -> SessionCommand {
    SessionCommand::End { grace: GRACE }
}

fn ids(view: &SessionView) -> Vec<RunId> {
    view.runs.iter().map(|run| run.id).collect()
}

/// Ends a session as its caller does.
async fn end_of(stage: &Stage<'_>, id: SessionId) -> SessionCommanded {
    let sessions = &stage.fixture.ports.sessions;
    let ended = sessions.command(stage.fixture.write(), id, end()).await;
    done(ended.expect("the session is there"))
}

async fn view(stage: &Stage<'_>, id: SessionId) -> SessionView {
    let sessions = &stage.fixture.ports.sessions;
    let view = sessions.view(stage.fixture.organization, id).await;
    view.expect("the store reads").expect("the session is kept")
}

async fn start_in(stage: &Stage<'_>, id: SessionId) -> Result<(), WriteError> {
    let runs = &stage.fixture.ports.runs;
    let start = stage.new_run_in(id);
    runs.start(stage.fixture.write(), start).await.map(|_| ())
}

/// Sessions are listed newest first, each with its runs, in pages; nobody sees another's.
pub async fn sessions_are_listed_newest_first(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.started().await;
    fixture.next_second();
    let second = stage.started().await;
    let sessions = &fixture.ports.sessions;
    let page = |position| PageRequest { limit: 1, position };
    let all = Created::default();

    let newest = sessions.list(fixture.organization, all, page(Position::Start));
    let newest = newest.await.expect("a list");
    let key = Key {
        created_at: newest.items[0].session.created_at,
        id: newest.items[0].session.id.to_string(),
    };
    let next = sessions.list(fixture.organization, all, page(Position::After(key)));
    let next = next.await.expect("a list");
    let theirs = sessions.list(fixture.stranger, all, page(Position::Start));
    let theirs = theirs.await.expect("a list");

    assert_eq!(newest.items[0].session.id, second.session_id);
    assert_eq!(newest.items[0].runs, [second]);
    assert!(newest.has_more);
    assert_eq!(next.items[0].session.id, first.session_id);
    assert_eq!(next.items[0].runs, [first]);
    assert!(!next.has_more);
    assert_eq!(theirs.items, []);
}
