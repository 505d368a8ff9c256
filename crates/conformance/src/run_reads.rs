//! What lists, files, timelines and statuses of runs promise.

use windlass_application::ports::runs::{Attachment, ProgressLine, RunFilter, TimelineKind};
use windlass_application::{Created, Key, PageRequest, Position};
use windlass_domain::id::RunId;
use windlass_domain::run::{Holder, Outcome, Run, Status, WorkerCommand};

use crate::run_activities::new_file;
use crate::stage::{Stage, cancel, output, question, seconds, success};
use crate::store::{Fixture, first_page};

/// Runs are listed newest first, in pages that fit together.
pub async fn runs_are_listed_newest_first(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let mut newest_first = Vec::new();
    for _ in 0..5 {
        newest_first.insert(0, stage.started().await);
        stage.pass(seconds(1));
    }
    let page = |limit, position| PageRequest { limit, position };

    let first = list_page(&stage, page(2, Position::Start)).await;
    let second = list_page(&stage, page(2, Position::After(key(&first.0[1])))).await;
    let third = list_page(&stage, page(2, Position::After(key(&second.0[1])))).await;
    let back = list_page(&stage, page(2, Position::Before(key(&third.0[0])))).await;

    assert_eq!(first, (newest_first[..2].to_vec(), true));
    assert_eq!(second, (newest_first[2..4].to_vec(), true));
    assert_eq!(third, (newest_first[4..].to_vec(), false));
    assert_eq!(back, (newest_first[2..4].to_vec(), true));
}

/// Each filter leaves what it names, and together they leave what all of them name.
pub async fn runs_are_listed_by_what_they_are(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let other_task = stage.task_with("task_other", |_| {}).await;
    let completed = stage.begun().await;
    stage.say(&completed, success(output())).await;
    stage.pass(seconds(10));
    let canceled = stage.started().await;
    stage
        .command(canceled.id, cancel())
        .await
        .expect("it waits");
    stage.pass(seconds(10));
    let mut start = stage.new_run_of(&other_task);
    start.run.source_id = None;
    start.run.credential_id = None;
    let queued = stage.start(start).await;
    let all = RunFilter::default();

    for (filter, expected) in [
        (all.clone(), vec![queued.id, canceled.id, completed.id]),
        (
            RunFilter {
                statuses: vec![Status::Queued, Status::Completed],
                ..all.clone()
            },
            vec![queued.id, completed.id],
        ),
        (
            RunFilter {
                results: vec![Outcome::Success, Outcome::Unknown],
                ..all.clone()
            },
            vec![canceled.id, completed.id],
        ),
        (
            RunFilter {
                source_ids: vec![stage.source.id.clone()],
                ..all.clone()
            },
            vec![canceled.id, completed.id],
        ),
        (
            RunFilter {
                credential_id: Some(stage.credential.id),
                statuses: vec![Status::Canceled],
                ..all.clone()
            },
            vec![canceled.id],
        ),
        (
            RunFilter {
                agent_id: Some(stage.task.agent_id.clone()),
                ..all.clone()
            },
            vec![queued.id, canceled.id, completed.id],
        ),
        (
            RunFilter {
                task_id: Some(other_task.id.clone()),
                ..all.clone()
            },
            vec![queued.id],
        ),
        (
            RunFilter {
                session_id: Some(completed.session_id),
                ..all.clone()
            },
            vec![completed.id],
        ),
        (
            RunFilter {
                created: Created {
                    after: Some(completed.created_at),
                    before: Some(queued.created_at),
                },
                ..all.clone()
            },
            vec![canceled.id],
        ),
    ] {
        let runs = list(&stage, filter.clone()).await;
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
}

/// A list shows an output where the run shows it, and is its organization's alone.
pub async fn a_list_shows_what_a_run_shows(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    let runs = &fixture.ports.runs;

    let own = runs
        .list(fixture.organization, RunFilter::default(), first_page())
        .await;
    let strange = runs
        .list(fixture.stranger, RunFilter::default(), first_page())
        .await;

    let own = own.expect("the store reads").items;
    assert_eq!(own, [stage.view(run.id).await]);
    assert_eq!(own[0].output, Some(output()));
    assert_eq!(strange.expect("the store reads").items, []);
}

/// Whoever waits for many runs sees in one look which of them stand where that matters.
pub async fn runs_of_a_status_are_found_at_once(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let completed = stage.begun().await;
    stage.say(&completed, success(output())).await;
    let queued = stage.started().await;
    // Nobody asks for it.
    stage.started().await;
    let unknown = stage.new_run().run.id;

    let runs = &fixture.ports.runs;
    let asked = [queued.id, unknown, completed.id];
    let of = async |statuses: &[Status]| {
        let found = runs.of_status(&asked, statuses).await;
        let mut found = found.expect("the store reads");
        found.sort();
        found
    };
    let mut both = [completed.id, queued.id];
    both.sort();
    assert_eq!(of(&[Status::Queued, Status::Completed]).await, both);
    assert_eq!(of(&[Status::Completed]).await, [completed.id]);
    assert_eq!(of(&[Status::Running, Status::Failed]).await, []);
    assert_eq!(of(&[]).await, []);
    let none = runs.of_status(&[], &Status::ALL).await;
    assert_eq!(none.expect("the store reads"), []);
}

/// A worker that does not say what it holds is told by what the store knows: of this start alone, and of
/// what it still holds.
pub async fn a_start_of_a_worker_has_its_runs_by_their_statuses(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let running = stage.begun().await;
    let asking = stage.asking(None).await;
    let canceling = stage.begun().await;
    let canceled = stage.command(canceling.id, cancel()).await;
    canceled.expect("the run is canceled");
    let completed = stage.begun().await;
    stage.say(&completed, success(output())).await;
    stage.started().await;

    let runs = &fixture.ports.runs;
    let of = async |organization, holder, statuses: &[Status]| {
        let found = runs.held_by(organization, holder, statuses).await;
        let mut found = found.expect("the store reads");
        found.sort();
        found
    };
    let (ours, theirs) = (Some(fixture.organization), Some(fixture.stranger));
    let mut going_on = [running.id, asking.id];
    going_on.sort();
    let both = [Status::Running, Status::InteractionRequired];
    assert_eq!(of(None, stage.worker, &both).await, going_on);
    assert_eq!(of(ours, stage.worker, &both).await, going_on);
    assert_eq!(
        of(ours, stage.worker, &[Status::Canceling]).await,
        [canceling.id]
    );
    let over = [Status::Queued, Status::Completed];
    assert_eq!(of(None, stage.worker, &over).await, []);
    assert_eq!(
        of(theirs, stage.worker, &Status::ALL).await,
        [],
        "another's"
    );
    let other = Holder {
        incarnation: stage.worker.incarnation + 1,
        ..stage.worker
    };
    assert_eq!(of(None, other, &Status::ALL).await, [], "another start's");
}

/// A worker that says what it holds is told which of them it does not: what is over, what is another
/// start's by now, and what is nobody's.
pub async fn a_start_of_a_worker_learns_what_it_does_not_hold(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let lost = stage.begun().await;
    let workers = &fixture.ports.workers;
    let next = workers.register(None, "embedded", None).await;
    let holder = next.expect("a second start").holder;
    let running = stage.leased_by(holder).await;
    let asking = stage.leased_by(holder).await;
    stage.say(&asking, question(1, None)).await;
    let canceling = stage.leased_by(holder).await;
    let canceled = stage.command(canceling.id, cancel()).await;
    canceled.expect("the run is canceled");
    let unknown = stage.new_run().run.id;

    let runs = &fixture.ports.runs;
    let told = [running.id, asking.id, canceling.id, lost.id, unknown];
    let going_on = [Status::Running, Status::InteractionRequired];
    let of = async |organization, holder| {
        let found = runs.not_held_by(organization, holder, &told, &going_on);
        let found = found.await.expect("the store reads");
        told.map(|id| found.contains(&id))
    };
    let (ours, theirs) = (Some(fixture.organization), Some(fixture.stranger));
    let stops = [false, false, true, true, true];
    assert_eq!(of(None, holder).await, stops);
    assert_eq!(of(ours, holder).await, stops);
    assert_eq!(of(theirs, holder).await, [true; 5], "another's");
    assert_eq!(of(None, stage.worker).await, [true; 5], "another start's");
    let none = runs.not_held_by(None, holder, &[], &going_on).await;
    assert_eq!(none.expect("the store reads"), []);
}

/// The embedded worker learns whose a run is.
pub async fn a_run_says_whose_it_is(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;

    let runs = &fixture.ports.runs;
    let owner = runs.organization_of(run.id).await;
    let nobody = runs.organization_of(stage.new_run().run.id).await;

    let organization_id = fixture.organization.organization_id();
    assert_eq!(owner.expect("the store reads"), Some(organization_id));
    assert_eq!(nobody.expect("the store reads"), None);
}

/// The timeline has statuses, the agent's words, files and questions in the order of their moments.
pub async fn a_timeline_tells_what_happened_in_its_order(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    stage.pass(seconds(1));
    let line = |message: &str, step| ProgressLine {
        message: Some(message.to_owned()),
        step,
    };
    let progress = Attachment::Progress(vec![line("logging in", Some(2)), line("waiting", None)]);
    let touch = WorkerCommand::Touch;
    let said = stage
        .try_say(run.id, run.epoch, touch.clone(), Some(progress))
        .await;
    said.expect("it is running");
    stage.pass(seconds(1));
    let file = Attachment::File(new_file(&stage, run.id));
    let sent = stage.try_say(run.id, run.epoch, touch, Some(file)).await;
    sent.expect("it is running");
    stage.pass(seconds(1));
    stage.say(&run, question(1, None)).await;

    let timeline = fixture
        .ports
        .runs
        .timeline(fixture.organization, run.id)
        .await;

    let timeline = timeline.expect("the store reads");
    let told: Vec<_> = timeline
        .iter()
        .map(|line| {
            (
                line.kind,
                line.message.as_deref().unwrap_or_default(),
                line.step,
            )
        })
        .collect();
    let expected = [
        (TimelineKind::Event, "task_run.queued", None),
        (TimelineKind::Event, "task_run.running", None),
        (TimelineKind::Progress, "logging in", Some(2)),
        (TimelineKind::Progress, "waiting", None),
        (TimelineKind::File, "bill.pdf", None),
        (TimelineKind::Event, "task_run.interaction_required", None),
        (TimelineKind::Interaction, "Enter the code", None),
    ];
    assert_eq!(told, expected);
    assert!(timeline.is_sorted_by_key(|line| line.at));
}

fn key(run: &Run) -> Key {
    Key {
        created_at: run.created_at,
        id: run.id.to_string(),
    }
}

async fn list(stage: &Stage<'_>, filter: RunFilter) -> Vec<Run> {
    let runs = &stage.fixture.ports.runs;
    let page = runs
        .list(stage.fixture.organization, filter, first_page())
        .await;
    let page = page.expect("the store reads");
    page.items.into_iter().map(|view| view.run).collect()
}

/// The runs of a page, and whether there is more.
async fn list_page(stage: &Stage<'_>, page: PageRequest) -> (Vec<Run>, bool) {
    let runs = &stage.fixture.ports.runs;
    let page = runs
        .list(stage.fixture.organization, RunFilter::default(), page)
        .await;
    let page = page.expect("the store reads");
    let runs = page.items.into_iter().map(|view| view.run);
    (runs.collect(), page.has_more)
}
