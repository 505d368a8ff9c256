//! What runs hold of what a caller has set up, and what of it stays for them.

use serde_json::json;
use windlass_application::Written;
use windlass_application::ports::WriteError;
use windlass_domain::task::Review;

use crate::stage::{Stage, cancel, seconds, success};
use crate::store::{Fixture, done};

/// A run that is not final holds its task and its source, whatever it waits for; a final one does
/// not.
pub async fn unfinished_runs_hold_their_task_and_source(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.review = Review::Required).await;
    let reviewed = stage.begun().await;
    stage.say(&reviewed, success(json!({}))).await;
    stage.leased().await;
    let queued = stage.started().await;
    let parked = stage.start(stage.new_run_in(queued.session_id)).await;
    let tasks = &fixture.ports.tasks;
    let sources = &fixture.ports.sources;

    let task = tasks.delete(fixture.write(), &stage.task.id).await;
    let source = sources.delete(fixture.write(), &stage.source.id).await;
    for run in [&parked, &queued] {
        let canceled = stage.command(run.id, cancel()).await;
        canceled.expect("it is queued");
    }
    let later = tasks.delete(fixture.write(), &stage.task.id).await;

    assert_eq!(holders(task), "4 task runs");
    assert_eq!(holders(source), "1 credential and 4 task runs");
    assert_eq!(holders(later), "2 task runs");
    let read = tasks.get(fixture.organization, &stage.task.id).await;
    assert_eq!(read.expect("a read"), Some(stage.task));
}

/// The version that a run started with stays when its task is deleted, also when another task
/// takes the id: that begins above it.
pub async fn a_deleted_tasks_versions_stay_for_its_runs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    let canceled = stage.command(run.id, cancel()).await;
    canceled.expect("it is queued");
    let tasks = &fixture.ports.tasks;

    let deleted = tasks.delete(fixture.write(), &stage.task.id).await;
    let mut other = fixture.new_task("task_stage", &stage.task.agent_id);
    other.name = "Other".to_owned();
    let created = tasks.create(fixture.write(), other).await;

    done(deleted.expect("its run is over"));
    let created = done(created.expect("the id is free"));
    assert_eq!(created.version, 2);
    for (version, name) in [(1, &stage.task.name), (2, &created.name)] {
        let kept = tasks
            .get_version(fixture.organization, &stage.task.id, version)
            .await;
        let kept = kept.expect("a read").expect("it is kept");
        assert_eq!(&kept.name, name);
    }
    let newest = tasks.get(fixture.organization, &stage.task.id).await;
    assert_eq!(newest.expect("a read"), Some(created));
}

/// A playbook's versions stay while runs of its task may have started with them.
pub async fn a_deleted_playbooks_versions_stay_for_runs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (task_id, source_id) = (&stage.task.id, &stage.source.id);
    let playbooks = &fixture.ports.playbooks;
    let put = playbooks
        .put(
            fixture.write(),
            task_id,
            source_id,
            json!({"title": "First"}),
        )
        .await;
    let first = done(put.expect("both are there"));
    let mut start = stage.new_run();
    start.run.playbook_version = Some(first.version);
    stage.start(start).await;

    let deleted = playbooks.delete(fixture.write(), task_id, source_id).await;
    let put = playbooks
        .put(
            fixture.write(),
            task_id,
            source_id,
            json!({"title": "Second"}),
        )
        .await;

    done(deleted.expect("it is there"));
    assert_eq!(done(put.expect("both are there")).version, 2);
    let leased = stage.next().await.expect("the run waits");
    assert_eq!(leased.playbook, Some(json!({"title": "First"})));
}

/// A run that read a playbook before it was deleted, and is kept after that, plays what it read,
/// also where another playbook has been put since.
pub async fn a_run_plays_the_version_that_it_read(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (task_id, source_id) = (&stage.task.id, &stage.source.id);
    let playbooks = &fixture.ports.playbooks;
    let put = async |title: &str| {
        let document = json!({"title": title});
        let put = playbooks.put(fixture.write(), task_id, source_id, document);
        done(put.await.expect("both are there"))
    };
    let first = put("First").await;
    let mut start = stage.new_run();
    start.run.playbook_version = Some(first.version);

    let deleted = playbooks.delete(fixture.write(), task_id, source_id).await;
    let second = put("Second").await;
    stage.start(start).await;

    done(deleted.expect("it is there"));
    assert_eq!(second.version, 2);
    let leased = stage.next().await.expect("the run waits");
    assert_eq!(leased.playbook, Some(json!({"title": "First"})));
}

/// As [`a_run_plays_the_version_that_it_read`], where both happen at the same moment.
pub async fn a_run_that_starts_as_its_playbook_goes_can_be_leased(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (task_id, source_id) = (&stage.task.id, &stage.source.id);
    let playbooks = &fixture.ports.playbooks;
    for round in 1..=8 {
        let document = json!({"title": round});
        let put = playbooks.put(fixture.write(), task_id, source_id, document.clone());
        let put = done(put.await.expect("both are there"));
        let mut start = stage.new_run();
        start.run.playbook_version = Some(put.version);

        let (run, deleted) = tokio::join!(
            stage.start(start),
            playbooks.delete(fixture.write(), task_id, source_id),
        );

        done(deleted.expect("it is there"));
        let leased = stage.next().await.expect("the run waits");
        assert_eq!(leased.run.id, run.id);
        assert_eq!((put.version, leased.playbook), (round, Some(document)));
    }
}

/// With a task that has no runs its playbooks' versions go: another task of its id begins anew.
pub async fn a_deleted_task_without_runs_takes_its_playbooks_versions_along(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (task_id, source_id) = (&stage.task.id, &stage.source.id);
    let playbooks = &fixture.ports.playbooks;
    let put = || {
        playbooks.put(
            fixture.write(),
            task_id,
            source_id,
            json!({"title": "Bill"}),
        )
    };
    done(put().await.expect("both are there"));
    let deleted = playbooks.delete(fixture.write(), task_id, source_id).await;
    done(deleted.expect("it is there"));

    stage.pass(seconds(1));
    let tasks = &fixture.ports.tasks;
    let deleted = tasks.delete(fixture.write(), task_id).await;
    let created = tasks.create(fixture.write(), stage.task.clone()).await;

    done(deleted.expect("nothing holds it"));
    done(created.expect("the id is free"));
    assert_eq!(done(put().await.expect("both are there")).version, 1);
}

/// A credential is deleted whatever runs with it, and they go on without it.
pub async fn a_credential_is_never_in_use(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    stage.started().await;
    let credentials = &fixture.ports.credentials;

    let deleted = credentials
        .delete(fixture.write(), stage.credential.id)
        .await;

    done(deleted.expect("it is there"));
    let leased = stage.next().await.expect("the run waits");
    assert_eq!(leased.credential, None);
    assert_eq!(leased.run.credential_id, Some(stage.credential.id));
}

/// By what it is held.
fn holders(deleted: Result<Written<()>, WriteError>) -> String {
    match deleted {
        Err(WriteError::InUse { by }) => by,
        other => panic!("it is in use, not {other:?}"),
    }
}
