//! What changes of agents, sources and tasks promise.

use futures_util::future::join_all;
use serde_json::json;
use windlass_application::ports::WriteError;
use windlass_domain::agent::AgentEdit;
use windlass_domain::edit::Edit;
use windlass_domain::event::{EventData, EventType, TaskEventSummary};
use windlass_domain::id::TaskId;
use windlass_domain::source::SourceEdit;
use windlass_domain::task::{Task, TaskEdit, TaskSettingsEdit, TaskStatus};

use crate::store::{Fixture, done};

/// How many writers meet in one test.
const WRITERS: u32 = 8;

/// What was changed is what is read, its tasks beside it; what was not named stays. The event comes
/// after the one before it, also in one millisecond.
pub async fn a_changed_agent_is_read_back(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let agents = &fixture.ports.agents;
    let edit = AgentEdit {
        description: Edit::Clear,
        ..AgentEdit::default()
    };

    let changed = agents.update(fixture.write(), &agent.id, edit).await;

    let changed = done(changed.expect("it is there"));
    assert_eq!(changed.agent.name, agent.name);
    assert_eq!(changed.agent.description, None);
    assert_eq!(changed.agent.created_at, agent.created_at);
    assert!(changed.agent.updated_at > agent.updated_at);
    assert_eq!(changed.tasks[0].id, task.id);
    let read = agents.get(fixture.organization, &agent.id).await;
    assert_eq!(read.expect("a read"), Some(changed.clone()));
    let event = last_event(fixture).await;
    assert_eq!(event.0, EventType::AgentUpdated);
    assert_eq!(event.1, EventData::Agent(changed.agent));
}

/// The same of a source.
pub async fn a_changed_source_is_read_back(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let sources = &fixture.ports.sources;
    let edit = SourceEdit {
        name: Edit::Set("Power".to_owned()),
        url: Some("https://power.example/new".to_owned()),
    };

    let changed = sources.update(fixture.write(), &source.id, edit).await;

    let changed = done(changed.expect("it is there"));
    assert_eq!(changed.name.as_deref(), Some("Power"));
    assert_eq!(changed.url, "https://power.example/new");
    assert!(changed.updated_at > source.updated_at);
    let read = sources.get(fixture.organization, &source.id).await;
    assert_eq!(read.expect("a read"), Some(changed.clone()));
    let event = last_event(fixture).await;
    assert_eq!(
        event,
        (EventType::SourceUpdated, EventData::Source(changed))
    );
}

/// A changed task is its next version, and the one before stays as it was.
pub async fn a_changed_task_is_its_next_version(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let tasks = &fixture.ports.tasks;
    let edit = TaskEdit {
        name: Some("Every bill".to_owned()),
        input_schema: Edit::Set(json!({"type": "object"})),
        output_schema: Edit::Clear,
        settings: TaskSettingsEdit {
            max_attempts: Some(3),
            ..TaskSettingsEdit::default()
        },
        ..TaskEdit::default()
    };

    let changed = tasks.update(fixture.write(), &task.id, edit.clone()).await;

    let changed = done(changed.expect("it is there"));
    let expected = task.edited(&edit, fixture.now()).expect("it changes");
    assert_eq!(changed, expected);
    assert_eq!(newest(fixture, &task.id).await, changed);
    assert_eq!(version(fixture, &task.id, 2).await, Some(changed.clone()));
    assert_eq!(version(fixture, &task.id, 1).await, Some(task));
    let event = last_event(fixture).await;
    let summary = TaskEventSummary::from(&changed);
    assert_eq!(event, (EventType::TaskUpdated, EventData::Task(summary)));
}

/// A reset is a version too, with an event of its own.
pub async fn a_reset_task_learns_again(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let mut live = fixture.new_task("task_bill", &agent.id);
    live.status = TaskStatus::Live;
    let tasks = &fixture.ports.tasks;
    let live = done(tasks.create(fixture.write(), live).await.expect("new"));

    let reset = tasks.reset(fixture.write(), &live.id).await;

    let reset = done(reset.expect("it is there"));
    assert_eq!((reset.status, reset.version), (TaskStatus::Learning, 2));
    assert_eq!(newest(fixture, &live.id).await, reset);
    assert_eq!(version(fixture, &live.id, 1).await, Some(live));
    let event = last_event(fixture).await;
    let summary = TaskEventSummary::from(&reset);
    assert_eq!(event, (EventType::TaskReset, EventData::Task(summary)));
}

/// What says what is so already writes no event and moves no moment.
pub async fn what_changes_nothing_writes_nothing(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let source = fixture.source("src_power").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let before = fixture.event_types().await;
    fixture.next_second();
    let ports = &fixture.ports;
    let of_agent = AgentEdit {
        name: Some(agent.name.clone()),
        ..AgentEdit::default()
    };
    let of_task = TaskEdit {
        storage: Edit::Clear,
        ..TaskEdit::default()
    };

    let agents = ports.agents.update(fixture.write(), &agent.id, of_agent);
    let (of_agent, of_source, of_task) = (
        agents.await,
        ports
            .sources
            .update(fixture.write(), &source.id, SourceEdit::default())
            .await,
        ports.tasks.update(fixture.write(), &task.id, of_task).await,
    );

    assert_eq!(done(of_agent.expect("it is there")).agent, agent);
    assert_eq!(done(of_source.expect("it is there")), source);
    assert_eq!(done(of_task.expect("it is there")), task);
    assert_eq!(fixture.event_types().await, before);
}

/// What is another organization's is not there to be changed.
pub async fn nobody_changes_what_is_anothers(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let source = fixture.source("src_power").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let before = fixture.event_types().await;
    let ports = &fixture.ports;
    let write = || fixture.write_of(fixture.stranger);
    let named = || Some("Theirs".to_owned());
    let of_agent = AgentEdit {
        name: named(),
        ..AgentEdit::default()
    };
    let of_source = SourceEdit {
        name: Edit::Clear,
        ..SourceEdit::default()
    };
    let of_task = TaskEdit {
        name: named(),
        ..TaskEdit::default()
    };

    let refused = [
        ports
            .agents
            .update(write(), &agent.id, of_agent)
            .await
            .err(),
        ports
            .sources
            .update(write(), &source.id, of_source)
            .await
            .err(),
        ports.tasks.update(write(), &task.id, of_task).await.err(),
        ports.tasks.reset(write(), &task.id).await.err(),
    ];

    for refused in refused {
        assert!(matches!(refused, Some(WriteError::NotFound)), "{refused:?}");
    }
    assert_eq!(newest(fixture, &task.id).await, task);
    assert_eq!(fixture.event_types().await, before);
}

/// Changes that meet are made one after the other: each is over what the one before it left.
pub async fn changes_at_once_are_all_kept(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let ports = &fixture.ports;
    let name = AgentEdit {
        name: Some("Bills".to_owned()),
        ..AgentEdit::default()
    };
    let description = AgentEdit {
        description: Edit::Set("All of them.".to_owned()),
        ..AgentEdit::default()
    };
    let edits = (0..WRITERS).map(|number| TaskEdit {
        prompt: Edit::Set(format!("Way {number}.")),
        ..TaskEdit::default()
    });
    let of_tasks = join_all(edits.map(|edit| ports.tasks.update(fixture.write(), &task.id, edit)));

    let (one, other, of_tasks) = tokio::join!(
        ports.agents.update(fixture.write(), &agent.id, name),
        ports.agents.update(fixture.write(), &agent.id, description),
        of_tasks,
    );

    one.expect("it is there");
    other.expect("it is there");
    let read = ports.agents.get(fixture.organization, &agent.id).await;
    let read = read.expect("a read").expect("it is there").agent;
    assert_eq!(read.name, "Bills");
    assert_eq!(read.description.as_deref(), Some("All of them."));
    let mut versions: Vec<u32> = of_tasks
        .into_iter()
        .map(|changed| done(changed.expect("it is there")).version)
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=WRITERS + 1).collect::<Vec<_>>());
    assert_eq!(newest(fixture, &task.id).await.version, WRITERS + 1);
}

async fn newest(fixture: &Fixture, id: &TaskId) -> Task {
    let read = fixture.ports.tasks.get(fixture.organization, id).await;
    read.expect("a read").expect("it is there")
}

async fn version(fixture: &Fixture, id: &TaskId, version: u32) -> Option<Task> {
    let tasks = &fixture.ports.tasks;
    let read = tasks.get_version(fixture.organization, id, version).await;
    read.expect("a read")
}

async fn last_event(fixture: &Fixture) -> (EventType, EventData) {
    let mut events = fixture.events_of(fixture.organization).await;
    let last = events.pop().expect("events");
    let before = events.last().expect("one before it");
    assert!(before.sequence < last.sequence);
    (last.event_type, last.data)
}
