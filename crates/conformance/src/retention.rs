//! What the port `Retention` promises: what is over goes, step by step, and nothing else does.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use windlass_application::ports::blobs::OwnedBlob;
use windlass_application::ports::deliveries::DeliveryFilter;
use windlass_application::ports::retention::Captured;
use windlass_application::ports::runs::Attachment;
use windlass_application::random::random;
use windlass_domain::Timestamp;
use windlass_domain::agent::AgentEdit;
use windlass_domain::file::StoredFile;
use windlass_domain::id::{RunId, SessionId, StorageId};
use windlass_domain::run::{AfterRun, Finish, FinishOutcome, Run, Status, WorkerCommand};
use windlass_domain::screenshot::Screenshot;

use crate::idempotency::replayed;
use crate::keeping::Keeping;
use crate::run_activities::new_file;
use crate::screenshots::new_screenshot;
use crate::stage::{Stage, output};
use crate::store::done;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many keys a busy organization may use in a day.
const KEYS: u32 = 10_000;

/// How many requests are under way at once.
const CALLERS: usize = 64;

/// How many answers retention drops at once.
const STEP: u32 = 500;

/// Files and screenshots of before a moment are gone, each once and the oldest first; their rows say
/// so and stay.
pub async fn contents_expire_by_their_age(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let mut files = Vec::new();
    let mut screenshots = Vec::new();
    for step in 1..=3 {
        stage.pass(Duration::from_secs(1));
        files.push(file(&stage, &run).await);
        screenshots.push(screenshot(&stage, &run, step).await);
    }
    let before = files[2].created_at;
    let owner = keeping.organization_id();

    let mut steps = Vec::new();
    for what in [Captured::Files, Captured::Files, Captured::Screenshots] {
        let limit = if what == Captured::Files { 1 } else { 10 };
        let expired = keeping.retention.expire(what, before, limit).await;
        steps.push(expired.expect("a step"));
    }

    let expected: [Vec<OwnedBlob>; 3] = [
        vec![(owner, files[0].id.into())],
        vec![(owner, files[1].id.into())],
        vec![
            (owner, screenshots[0].id.into()),
            (owner, screenshots[1].id.into()),
        ],
    ];
    steps[2].sort();
    assert_eq!(steps, expected);
    let again = keeping.retention.expire(Captured::Files, before, 10).await;
    assert_eq!(again.expect("a step"), []);
    for (file, expired_at) in files
        .iter()
        .zip([Some(fixture.now()), Some(fixture.now()), None])
    {
        let found = fixture.ports.files.find(file.id).await.expect("a read");
        assert_eq!(found.expect("its row stays").1.expired_at, expired_at);
    }
    let found = fixture.ports.screenshots.find(screenshots[0].id).await;
    let (_, found) = found.expect("a read").expect("its row stays");
    assert_eq!(found.expired_at, Some(fixture.now()));
}

/// A run that had ended before a moment goes with its files, screenshots, input, output and timeline;
/// one that ended later, or has not, stays.
pub async fn ended_runs_go_with_all_that_is_theirs(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let stage = Stage::new(fixture).await;
    let old = stage.begun().await;
    let late = stage.begun().await;
    let file = file(&stage, &old).await;
    let screenshot = screenshot(&stage, &old, 1).await;
    let expired = keeping
        .retention
        .expire(Captured::Screenshots, fixture.now() + DAY, 10);
    expired.await.expect("a step");
    end(&stage, &old).await;
    stage.pass(DAY);
    let before = fixture.now();
    end(&stage, &late).await;
    let queued = stage.started().await;
    stage.pass(DAY);

    let dropped = drop_all_runs(keeping, before).await;

    assert_eq!(
        dropped,
        (1, vec![(keeping.organization_id(), file.id.into())])
    );
    assert_eq!(stage.view_of(fixture.organization, old.id).await, None);
    assert_eq!(stage.status(late.id).await, Status::Completed);
    assert_eq!(stage.status(queued.id).await, Status::Queued);
    let runs = &fixture.ports.runs;
    assert_eq!(
        runs.input(fixture.organization, old.id)
            .await
            .expect("a read"),
        None
    );
    assert_eq!(keeping.count("run_output").await, 1, "of the late run");
    let found = fixture.ports.files.find(file.id).await.expect("a read");
    assert_eq!(found, None);
    let found = fixture.ports.screenshots.find(screenshot.id).await;
    assert_eq!(found.expect("a read"), None);
}

/// A step looks at so many runs and no more, whether or not they are over, and says where it ended.
pub async fn runs_are_gone_through_in_steps(keeping: &Keeping) {
    let stage = Stage::new(&keeping.fixture).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        stage.pass(Duration::from_secs(1));
        runs.push(stage.begun().await);
    }
    end(&stage, &runs[0]).await;
    end(&stage, &runs[2]).await;
    stage.pass(DAY);
    let before = keeping.fixture.now();
    let step = async |after| {
        let step = keeping.retention.drop_runs(after, before, 1).await;
        let step = step.expect("a step");
        (step.dropped, step.next)
    };

    assert_eq!(step(None).await, (1, Some(runs[0].id)));
    assert_eq!(step(Some(runs[0].id)).await, (0, Some(runs[1].id)));
    assert_eq!(step(Some(runs[1].id)).await, (1, Some(runs[2].id)));
    assert_eq!(step(Some(runs[2].id)).await, (0, None));
}

/// A session goes once it has ended and its last run has gone.
pub async fn a_session_goes_after_its_runs(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    end(&stage, &run).await;
    stage.pass(DAY);
    let before = fixture.now();
    let drop_sessions = async || {
        let step = keeping
            .retention
            .drop_sessions(None::<SessionId>, before, 10);
        step.await.expect("a step").dropped
    };

    let with_its_run = drop_sessions().await;
    let runs = drop_all_runs(keeping, before).await.0;
    let without = drop_sessions().await;

    assert_eq!((with_its_run, runs, without), (0, 1, 1));
    let sessions = &fixture.ports.sessions;
    let found = sessions.get(fixture.organization, run.session_id).await;
    assert_eq!(found.expect("a read"), None);
}

/// The versions of a deleted task stay for as long as a run of it.
pub async fn a_deleted_tasks_versions_go_with_its_last_run(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let stage = Stage::new(fixture).await;
    let (one, two) = (stage.begun().await, stage.begun().await);
    end(&stage, &one).await;
    stage.pass(DAY);
    let between = fixture.now();
    end(&stage, &two).await;
    let tasks = &fixture.ports.tasks;
    let task_id = stage.task.id.clone();
    let deleted = tasks.delete(fixture.write(), &task_id).await;
    done(deleted.expect("no run needs it"));
    stage.pass(DAY);

    assert_eq!(drop_all_runs(keeping, between).await.0, 1);
    assert_eq!(
        keeping.count("task_version").await,
        1,
        "the second run needs it"
    );
    assert_eq!(drop_all_runs(keeping, fixture.now()).await.0, 1);
    assert_eq!(keeping.count("task_version").await, 0);
}

/// Events and deliveries of before a moment go, in steps.
pub async fn events_and_deliveries_go_by_their_age(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let destination = fixture.destination().await;
    for number in 0..3 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let old = fixture.events_of(fixture.organization).await.len();
    fixture.next_second();
    let before = fixture.now();
    fixture.agent("agt_late").await;
    let deliveries = async || {
        let page = crate::store::first_page();
        let listed = fixture.ports.deliveries.list(
            fixture.organization,
            destination.id,
            DeliveryFilter::default(),
            page,
        );
        listed.await.expect("a list").items.len()
    };
    let delivered = deliveries().await;

    let mut steps = Vec::new();
    for _ in 0..3 {
        let dropped = keeping.retention.drop_deliveries(before, 2).await;
        steps.push(dropped.expect("a step"));
    }
    let events = keeping.retention.drop_events(before, 100).await;

    assert_eq!(steps, [2, 1, 0]);
    assert_eq!((delivered, deliveries().await), (4, 1));
    assert_eq!(events.expect("a step") as usize, old);
    assert_eq!(fixture.events_of(fixture.organization).await.len(), 1);
}

/// Kept answers go once their keys are forgotten, of every organization.
pub async fn forgotten_answers_go(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    for number in 0..3 {
        let write = fixture.write_once(&format!("key-{number}"), "body");
        let agent = fixture.new_agent(&format!("agt_{number}"));
        done(
            fixture
                .ports
                .agents
                .create(write, agent)
                .await
                .expect("it is new"),
        );
    }
    let drop_answers = async || {
        let dropped = keeping.retention.drop_answers(2).await;
        dropped.expect("a step")
    };

    let remembered = drop_answers().await;
    fixture.clock.advance(DAY);

    assert_eq!(remembered, 0);
    assert_eq!(
        [
            drop_answers().await,
            drop_answers().await,
            drop_answers().await
        ],
        [2, 1, 0]
    );
}

/// Many keys of a day are told apart. Once they are forgotten the next request does not pay for them,
/// and retention drops them in steps.
pub async fn ten_thousand_keys_are_told_apart_and_forgotten(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let agent = fixture.agent("agt_1").await;
    let ask = |key: u32| {
        let write = fixture.write_once(&format!("k{key}"), "body");
        let agents = &fixture.ports.agents;
        // It changes nothing, and its answer is kept all the same.
        agents.update(write, &agent.id, AgentEdit::default())
    };
    let at_once = |keys: Vec<u32>| {
        let asked = stream::iter(keys).map(ask).buffer_unordered(CALLERS);
        asked.collect::<Vec<_>>()
    };

    let first = at_once((0..KEYS).collect()).await;
    let again = at_once((0..KEYS).step_by(100).collect()).await;
    fixture.clock.advance(DAY);
    done(ask(0).await.expect("its key is forgotten"));
    let mut steps = Vec::new();
    while steps.last() != Some(&0) {
        let dropped = keeping.retention.drop_answers(STEP).await;
        steps.push(dropped.expect("a step"));
    }

    for written in first {
        done(written.expect("each key is another"));
    }
    for written in again {
        replayed(written);
    }
    let dropped: u32 = steps.iter().sum();
    let taken_away = KEYS - dropped;
    assert!((1..=100).contains(&taken_away), "{taken_away} by a request");
    assert!(steps.iter().all(|step| *step <= STEP), "{steps:?}");
    replayed(ask(0).await);
}

/// A worker goes that has said nothing for long and holds nothing; it may come back as a new one.
pub async fn silent_workers_that_hold_nothing_go(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let stage = Stage::new(fixture).await;
    stage.leased().await;
    let workers = &fixture.ports.workers;
    let silent = workers.register(None, "silent", None).await;
    let silent = silent.expect("it registers").holder;
    stage.pass(DAY);
    let late = workers.register(None, "late", None).await;
    let late = late.expect("it registers").holder;

    let dropped = keeping.retention.drop_workers(fixture.now(), 10).await;

    assert_eq!(dropped.expect("a step"), 1, "not the one that holds a run");
    let again = workers
        .register(None, "late", None)
        .await
        .expect("it is known")
        .holder;
    assert_eq!(again.worker_id, late.worker_id);
    let anew = workers
        .register(None, "silent", None)
        .await
        .expect("it is new")
        .holder;
    assert_ne!(anew.worker_id, silent.worker_id);
}

/// A content is an orphan where no row of its organization tells of it, or one that says it is gone.
pub async fn contents_without_a_row_are_orphans(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let gone = file(&stage, &run).await;
    stage.pass(Duration::from_secs(1));
    let expired = keeping.retention.expire(Captured::Files, fixture.now(), 10);
    assert_eq!(expired.await.expect("a step").len(), 1);
    let (kept, shown) = (file(&stage, &run).await, screenshot(&stage, &run, 1).await);
    let (owner, stranger) = (
        keeping.organization_id(),
        fixture.stranger.organization_id(),
    );
    let unknown = StorageId::new(fixture.now(), random());
    let contents = vec![
        (owner, gone.id.into()),
        (owner, kept.id.into()),
        (stranger, kept.id.into()),
        (owner, shown.id.into()),
        (owner, unknown.into()),
    ];

    let orphans = keeping.retention.orphans(contents).await;

    let expected: [OwnedBlob; 3] = [
        (owner, gone.id.into()),
        (stranger, kept.id.into()),
        (owner, unknown.into()),
    ];
    assert_eq!(orphans.expect("a read"), expected);
}

/// All runs that had ended before this moment, as a pass drops them.
async fn drop_all_runs(keeping: &Keeping, before: Timestamp) -> (u32, Vec<OwnedBlob>) {
    let (mut dropped, mut contents, mut after) = (0, Vec::new(), None::<RunId>);
    loop {
        let step = keeping.retention.drop_runs(after, before, 10).await;
        let step = step.expect("a step");
        dropped += step.dropped;
        contents.extend(step.contents);
        after = step.next;
        if after.is_none() {
            return (dropped, contents);
        }
    }
}

async fn end(stage: &Stage<'_>, run: &Run) {
    let finish = WorkerCommand::Finish(Finish {
        digest: [1; 32],
        outcome: FinishOutcome::Success { output: output() },
        credential: None,
        session: AfterRun::End,
        login: None,
    });
    stage.say(run, finish).await;
}

async fn file(stage: &Stage<'_>, run: &Run) -> StoredFile {
    let file = new_file(stage, run.id);
    bring(stage, run, Attachment::File(file.clone())).await;
    file
}

async fn screenshot(stage: &Stage<'_>, run: &Run, step: u8) -> Screenshot {
    let screenshot = new_screenshot(stage, run.id, step);
    bring(stage, run, Attachment::Screenshot(screenshot.clone())).await;
    screenshot
}

async fn bring(stage: &Stage<'_>, run: &Run, attachment: Attachment) {
    let kept = stage.try_say(run.id, run.epoch, WorkerCommand::Touch, Some(attachment));
    kept.await.expect("the run is held");
}
