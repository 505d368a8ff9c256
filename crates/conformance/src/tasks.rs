//! What the port `Tasks` promises.

use std::time::Duration;

use serde_json::json;
use windlass_application::ports::WriteError;
use windlass_application::ports::tasks::TaskFilter;
use windlass_application::problem::Resource;
use windlass_domain::event::{EventData, EventType, TaskEventSummary};
use windlass_domain::id::{AgentId, TaskId};
use windlass_domain::pool::Pool;
use windlass_domain::task::{
    Concurrency, Engine, Priority, Review, SourceRequirement, StorageSettings, Task, TaskSettings,
    TaskStatus,
};

use crate::store::{Fixture, done, first_page};

/// What was created is what is read, whatever of it is set.
pub async fn a_new_task_is_read_back(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let plain = fixture.new_task("task_plain", &agent.id);
    let full = with_everything(fixture.new_task("task_full", &agent.id));
    let tasks = &fixture.ports.tasks;

    for task in [plain, full] {
        let created = tasks.create(fixture.write(), task.clone()).await;

        assert_eq!(done(created.expect("it is new")), task);
        let read = tasks.get(fixture.organization, &task.id).await;
        assert_eq!(read.expect("a read"), Some(task.clone()));
        let version = tasks.get_version(fixture.organization, &task.id, 1).await;
        assert_eq!(version.expect("a read"), Some(task.clone()));
        let next = tasks.get_version(fixture.organization, &task.id, 2).await;
        assert_eq!(next.expect("a read"), None);
    }
}

/// The event of a task has its summary.
pub async fn a_tasks_event_holds_its_summary(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;

    let task = fixture.task("task_bill", &agent.id).await;

    let events = fixture.events_of(fixture.organization).await;
    let event = events.last().expect("events");
    assert_eq!(event.event_type, EventType::TaskCreated);
    assert_eq!(
        event.data,
        EventData::Task(TaskEventSummary {
            id: task.id,
            name: task.name,
            status: task.status,
            agent_id: agent.id,
            created_at: task.created_at,
            updated_at: task.updated_at,
        })
    );
}

/// The second task of an id changes nothing.
pub async fn a_tasks_id_is_taken_once(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let first = fixture.task("task_bill", &agent.id).await;
    let second = with_everything(fixture.new_task("task_bill", &agent.id));
    let tasks = &fixture.ports.tasks;

    let refused = tasks.create(fixture.write(), second).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let read = tasks.get(fixture.organization, &first.id).await;
    assert_eq!(read.expect("a read"), Some(first));
}

/// A task of an agent that is gone, or that is a stranger's, is not kept.
pub async fn a_task_needs_its_agent(fixture: &Fixture) {
    let theirs = fixture.new_agent("agt_theirs");
    let write = fixture.write_of(fixture.stranger);
    let created = fixture.ports.agents.create(write, theirs.clone()).await;
    done(created.expect("it is new"));
    let gone = AgentId::parse("agt_gone").expect("well-formed");
    let tasks = &fixture.ports.tasks;

    for agent_id in [&gone, &theirs.id] {
        let task = fixture.new_task("task_bill", agent_id);
        let refused = tasks.create(fixture.write(), task.clone()).await;

        assert!(
            matches!(
                refused,
                Err(WriteError::ReferenceGone {
                    what: Resource::Agent
                })
            ),
            "{refused:?}"
        );
        let read = tasks.get(fixture.organization, &task.id).await;
        assert_eq!(read.expect("a read"), None);
    }
    assert_eq!(fixture.event_types().await, []);
}

/// Another organization neither sees nor deletes a task.
pub async fn a_task_belongs_to_its_organization(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let tasks = &fixture.ports.tasks;

    let read = tasks.get(fixture.stranger, &task.id).await;
    let version = tasks.get_version(fixture.stranger, &task.id, 1).await;
    let listed = tasks
        .list(fixture.stranger, TaskFilter::default(), first_page())
        .await;
    let deleted = tasks
        .delete(fixture.write_of(fixture.stranger), &task.id)
        .await;

    assert_eq!(read.expect("a read"), None);
    assert_eq!(version.expect("a read"), None);
    assert_eq!(listed.expect("a list").items, []);
    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
    let ours = tasks.get(fixture.organization, &task.id).await;
    assert_eq!(ours.expect("a read"), Some(task));
}

/// A list can be narrowed to an agent and to statuses.
pub async fn tasks_are_listed_by_agent_and_status(fixture: &Fixture) {
    let billing = fixture.agent("agt_billing").await;
    let other = fixture.agent("agt_other").await;
    let learning = fixture.task("task_learning", &billing.id).await;
    let of_other = fixture.task("task_other", &other.id).await;
    let mut live = fixture.new_task("task_live", &billing.id);
    live.status = TaskStatus::Live;
    let tasks = &fixture.ports.tasks;
    let created = tasks.create(fixture.write(), live).await;
    let live = done(created.expect("it is new"));
    let list = async |filter: TaskFilter| {
        let listed = tasks.list(fixture.organization, filter, first_page()).await;
        listed.expect("a list").items
    };

    let of_billing = list(TaskFilter {
        agent_id: Some(billing.id.clone()),
        ..TaskFilter::default()
    })
    .await;
    let replayed = list(TaskFilter {
        agent_id: Some(billing.id),
        statuses: vec![TaskStatus::Live, TaskStatus::Test],
        ..TaskFilter::default()
    })
    .await;
    let learned = list(TaskFilter {
        statuses: vec![TaskStatus::Learning],
        ..TaskFilter::default()
    })
    .await;

    // Of one moment: by id, downwards.
    assert_eq!(of_billing, [live.clone(), learning.clone()]);
    assert_eq!(replayed, [live]);
    assert_eq!(learned, [of_other, learning]);
}

/// Tasks of one id, one after another, never share a version and a moment of creation, so that these
/// name one content for good: also where the clock stands still.
pub async fn a_task_made_anew_is_told_apart(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let tasks = &fixture.ports.tasks;
    let mut made = Vec::new();

    for clock in [Duration::ZERO, Duration::ZERO, Duration::from_millis(1)] {
        fixture.clock.advance(clock);
        let task = fixture.task("task_bill", &agent.id).await;
        let read = tasks.get(fixture.organization, &task.id).await;
        assert_eq!(read.expect("a read"), Some(task.clone()));
        let deleted = tasks.delete(fixture.write(), &task.id).await;
        done(deleted.expect("nothing needs it"));
        made.push((task.version, task.created_at));
    }

    let versions: Vec<_> = made.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert!(made.is_sorted_by_key(|(_, created_at)| *created_at));
    made.dedup_by_key(|(_, created_at)| *created_at);
    assert_eq!(made.len(), 3, "each has a moment of its own: {made:?}");
}

/// A deleted task is gone with its playbooks, holds its agent no longer, and its id is free.
pub async fn a_deleted_task_is_gone(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let source = fixture.source("src_power").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let tasks = &fixture.ports.tasks;
    let playbooks = &fixture.ports.playbooks;
    let put = playbooks
        .put(fixture.write(), &task.id, &source.id, json!({"steps": []}))
        .await;
    done(put.expect("both are there"));
    fixture.clock.advance(Duration::from_secs(1));

    let deleted = tasks.delete(fixture.write(), &task.id).await;

    done(deleted.expect("nothing needs it"));
    let read = tasks.get(fixture.organization, &task.id).await;
    assert_eq!(read.expect("a read"), None);
    let version = tasks.get_version(fixture.organization, &task.id, 1).await;
    assert_eq!(version.expect("a read"), None, "no run needs it");
    let events = fixture.events_of(fixture.organization).await;
    let event = events.last().expect("events");
    assert_eq!(event.event_type, EventType::TaskDeleted);
    assert!(event.created_at > task.updated_at);
    let again = fixture.task("task_bill", &agent.id).await;
    assert_eq!(again.version, 1);
    let left = playbooks.list(fixture.organization, &task.id).await;
    assert_eq!(left.expect("a list"), []);
    let deleted = tasks.delete(fixture.write(), &again.id).await;
    done(deleted.expect("nothing needs it"));
    let deleted = fixture
        .ports
        .agents
        .delete(fixture.write(), &agent.id)
        .await;
    done(deleted.expect("it has no tasks"));
}

/// What was never there is not deleted.
pub async fn an_unknown_task_is_not_deleted(fixture: &Fixture) {
    let id = TaskId::parse("task_unknown").expect("well-formed");

    let deleted = fixture.ports.tasks.delete(fixture.write(), &id).await;

    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
}

/// Every field away from its default.
fn with_everything(task: Task) -> Task {
    Task {
        name: "Latest bill, \"in full\"; DROP TABLE task".to_owned(),
        prompt: Some("Öffne die Rechnung.\n".to_owned()),
        status: TaskStatus::Test,
        input_schema: Some(json!({"type": "object", "required": ["month"]})),
        output_schema: Some(json!(true)),
        storage: Some(StorageSettings {
            enabled: true,
            extraction: true,
            extraction_schema: Some(json!({"type": "object"})),
            extraction_prompt: Some("The total.".to_owned()),
            deduplication: true,
            deduplication_schema: Some(json!({"required": ["number"]})),
        }),
        settings: TaskSettings {
            inactivity_timeout: Duration::from_secs(1),
            timeout: Some(Duration::from_secs(2)),
            interaction_timeout: Duration::from_secs(3),
            queue_timeout: Duration::from_secs(4),
            review_timeout: Some(Duration::from_secs(5)),
            review: Review::Required,
            pool: Some(Pool::default_pool()),
            max_attempts: 6,
            priority: Priority::new(9).expect("0 to 9"),
            concurrency: Some(Concurrency {
                per_credential: Some(1),
                per_source: Some(7),
            }),
            keep_login: true,
            session_idle: Duration::ZERO,
            source: SourceRequirement::None,
            engine: Engine::Http,
        },
        ..task
    }
}
