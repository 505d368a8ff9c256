//! What the port `Playbooks` promises.

use serde_json::{Value, json};
use windlass_application::ports::WriteError;
use windlass_application::problem::Resource;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{SourceId, TaskId};
use windlass_domain::playbook::Playbook;
use windlass_domain::task::{Task, TaskStatus};

use crate::store::{Fixture, done};

/// Each write is the next version, and the newest is read.
pub async fn a_playbook_is_kept_in_versions(fixture: &Fixture) {
    let (task_id, source_id) = task_and_source(fixture).await;
    let playbooks = &fixture.ports.playbooks;
    let written_at = fixture.now();
    let put = playbooks
        .put(fixture.write(), &task_id, &source_id, document("First"))
        .await;
    let first = done(put.expect("both are there"));
    fixture.next_second();

    let put = playbooks
        .put(fixture.write(), &task_id, &source_id, document("Second"))
        .await;

    let second = done(put.expect("both are there"));
    assert_eq!(
        first,
        Playbook {
            task_id: task_id.clone(),
            source_id: source_id.clone(),
            version: 1,
            document: document("First"),
            created_at: written_at,
            updated_at: written_at,
        }
    );
    assert_eq!(
        second,
        Playbook {
            version: 2,
            document: document("Second"),
            updated_at: fixture.now(),
            ..first
        }
    );
    let read = playbooks
        .get(fixture.organization, &task_id, &source_id)
        .await;
    assert_eq!(read.expect("a read"), Some(second));
}

/// A task's playbooks are listed by source.
pub async fn playbooks_are_listed_by_source(fixture: &Fixture) {
    let (task_id, power) = task_and_source(fixture).await;
    let water = fixture.source("src_water").await.id;
    let playbooks = &fixture.ports.playbooks;
    for source_id in [&water, &power, &water] {
        let put = playbooks
            .put(fixture.write(), &task_id, source_id, document("Bill"))
            .await;
        done(put.expect("both are there"));
    }

    let listed = playbooks.list(fixture.organization, &task_id).await;

    let listed: Vec<(SourceId, u32)> = listed
        .expect("a list")
        .into_iter()
        .map(|playbook| (playbook.source_id, playbook.version))
        .collect();
    assert_eq!(listed, [(power, 1), (water, 2)]);
}

/// A playbook leads a task through a source: without one of them it is not kept.
pub async fn a_playbook_needs_its_task_and_its_source(fixture: &Fixture) {
    let (task_id, source_id) = task_and_source(fixture).await;
    let no_task = TaskId::parse("task_gone").expect("well-formed");
    let no_source = SourceId::parse("src_gone").expect("well-formed");
    let playbooks = &fixture.ports.playbooks;

    let without_task = playbooks
        .put(fixture.write(), &no_task, &source_id, document("Bill"))
        .await;
    let without_source = playbooks
        .put(fixture.write(), &task_id, &no_source, document("Bill"))
        .await;

    assert!(
        matches!(without_task, Err(WriteError::NotFound)),
        "{without_task:?}"
    );
    assert!(
        matches!(
            without_source,
            Err(WriteError::ReferenceGone {
                what: Resource::Source
            })
        ),
        "{without_source:?}"
    );
    let listed = playbooks.list(fixture.organization, &task_id).await;
    assert_eq!(listed.expect("a list"), []);
}

/// A deleted playbook is gone; the next one begins anew.
pub async fn a_deleted_playbook_is_gone(fixture: &Fixture) {
    let (task_id, source_id) = task_and_source(fixture).await;
    let playbooks = &fixture.ports.playbooks;
    let put = playbooks
        .put(fixture.write(), &task_id, &source_id, document("First"))
        .await;
    done(put.expect("both are there"));

    let first = playbooks
        .delete(fixture.write(), &task_id, &source_id)
        .await;
    let read = playbooks
        .get(fixture.organization, &task_id, &source_id)
        .await;
    let second = playbooks
        .delete(fixture.write(), &task_id, &source_id)
        .await;
    fixture.next_second();
    let put = playbooks
        .put(fixture.write(), &task_id, &source_id, document("Anew"))
        .await;

    done(first.expect("it is there"));
    assert_eq!(read.expect("a read"), None);
    assert!(matches!(second, Err(WriteError::NotFound)), "{second:?}");
    let anew = done(put.expect("both are there"));
    assert_eq!(anew.created_at, fixture.now());
    assert_eq!(anew.document, document("Anew"));
}

/// Another organization neither sees, writes nor deletes a playbook.
pub async fn a_playbook_belongs_to_its_organization(fixture: &Fixture) {
    let (task_id, source_id) = task_and_source(fixture).await;
    let playbooks = &fixture.ports.playbooks;
    let put = playbooks
        .put(fixture.write(), &task_id, &source_id, document("Ours"))
        .await;
    let ours = done(put.expect("both are there"));
    let write = || fixture.write_of(fixture.stranger);

    let read = playbooks.get(fixture.stranger, &task_id, &source_id).await;
    let listed = playbooks.list(fixture.stranger, &task_id).await;
    let put = playbooks
        .put(write(), &task_id, &source_id, document("Theirs"))
        .await;
    let deleted = playbooks.delete(write(), &task_id, &source_id).await;

    assert_eq!(read.expect("a read"), None);
    assert_eq!(listed.expect("a list"), []);
    assert!(matches!(put, Err(WriteError::NotFound)), "{put:?}");
    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
    let read = playbooks
        .get(fixture.organization, &task_id, &source_id)
        .await;
    assert_eq!(read.expect("a read"), Some(ours));
}

/// The first playbook makes a task live, and what takes its last one away, be it the deletion of the
/// source, makes it learn again: each time by a version, with an event. What is between changes nothing.
pub async fn a_task_is_live_while_it_has_a_playbook(fixture: &Fixture) {
    let (task_id, power) = task_and_source(fixture).await;
    let water = fixture.source("src_water").await.id;
    let learning = newest(fixture, &task_id).await;
    let playbooks = &fixture.ports.playbooks;
    fixture.next_second();

    put(fixture, &task_id, &power).await;
    let live = newest(fixture, &task_id).await;
    put(fixture, &task_id, &power).await;
    put(fixture, &task_id, &water).await;
    let deleted = playbooks.delete(fixture.write(), &task_id, &power).await;
    done(deleted.expect("it is there"));
    assert_eq!(newest(fixture, &task_id).await, live);
    let deleted = fixture.ports.sources.delete(fixture.write(), &water).await;
    done(deleted.expect("nothing holds it"));
    let without = newest(fixture, &task_id).await;
    put(fixture, &task_id, &power).await;
    let deleted = playbooks.delete(fixture.write(), &task_id, &power).await;
    done(deleted.expect("it is there"));

    let now = fixture.now();
    assert_eq!(learning.status, TaskStatus::Learning);
    assert_eq!(Some(&live), learning.with_playbook(now).as_ref());
    assert_eq!(Some(&without), live.without_playbooks(now).as_ref());
    let last = newest(fixture, &task_id).await;
    assert_eq!((last.status, last.version), (TaskStatus::Learning, 5));
    let told = told(fixture).await;
    let (is_live, learns) = (TaskStatus::Live, TaskStatus::Learning);
    assert_eq!(told, [is_live, learns, is_live, learns]);
}

/// A reset leaves the playbooks that a caller has written, and the next one makes the task live again.
pub async fn a_task_that_was_reset_is_live_with_the_next_playbook(fixture: &Fixture) {
    let (task_id, source_id) = task_and_source(fixture).await;
    put(fixture, &task_id, &source_id).await;
    let reset = fixture.ports.tasks.reset(fixture.write(), &task_id).await;
    let reset = done(reset.expect("it is there"));

    put(fixture, &task_id, &source_id).await;

    assert_eq!(reset.status, TaskStatus::Learning);
    let live = newest(fixture, &task_id).await;
    assert_eq!((live.status, live.version), (TaskStatus::Live, 4));
}

async fn put(fixture: &Fixture, task_id: &TaskId, source_id: &SourceId) {
    let playbooks = &fixture.ports.playbooks;
    let put = playbooks
        .put(fixture.write(), task_id, source_id, document("Bill"))
        .await;
    done(put.expect("both are there"));
}

async fn newest(fixture: &Fixture, task_id: &TaskId) -> Task {
    let task = fixture.ports.tasks.get(fixture.organization, task_id).await;
    task.expect("a read").expect("it is there")
}

/// The statuses that changes of tasks told of, oldest first.
async fn told(fixture: &Fixture) -> Vec<TaskStatus> {
    let events = fixture.events_of(fixture.organization).await;
    let changes = events
        .into_iter()
        .filter(|event| event.event_type == EventType::TaskUpdated);
    let statuses = changes.map(|event| match event.data {
        EventData::Task(task) => task.status,
        other => panic!("{other:?}"),
    });
    statuses.collect()
}

async fn task_and_source(fixture: &Fixture) -> (TaskId, SourceId) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let source = fixture.source("src_power").await;
    (task.id, source.id)
}

fn document(title: &str) -> Value {
    json!({"title": title, "steps": [{"type": "navigate", "url": "{{source.url}}"}]})
}
