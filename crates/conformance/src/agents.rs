//! What the port `Agents` promises.

use windlass_application::Created;
use windlass_application::ports::WriteError;
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::event::{EventData, EventType};

use crate::store::{Fixture, done, first_page};

/// What was created is what is read.
pub async fn a_new_agent_is_read_back(fixture: &Fixture) {
    let mut agent = fixture.new_agent("agt_billing");
    agent.description = None;

    let created = fixture
        .ports
        .agents
        .create(fixture.write(), agent.clone())
        .await;

    let expected = AgentWithTasks {
        agent: agent.clone(),
        tasks: Vec::new(),
    };
    assert_eq!(done(created.expect("it is new")), expected);
    let agents = &fixture.ports.agents;
    let read = agents.get(fixture.organization, &agent.id).await;
    assert_eq!(read.expect("it is read"), Some(expected.clone()));
    let listed = agents
        .list(fixture.organization, Created::default(), first_page())
        .await;
    assert_eq!(listed.expect("it is listed").items, [expected]);
    let events = fixture.events_of(fixture.organization).await;
    let [event] = &events[..] else {
        panic!("one event, not {events:?}");
    };
    assert_eq!(event.event_type, EventType::AgentCreated);
    assert_eq!(event.created_at, agent.created_at);
    assert_eq!(event.data, EventData::Agent(agent));
}

/// The second agent of an id changes nothing.
pub async fn an_agents_id_is_taken_once(fixture: &Fixture) {
    let first = fixture.agent("agt_billing").await;
    let mut second = fixture.new_agent("agt_billing");
    second.name = "Other".to_owned();

    let refused = fixture.ports.agents.create(fixture.write(), second).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let agents = &fixture.ports.agents;
    let read = agents.get(fixture.organization, &first.id).await;
    assert_eq!(
        read.expect("it is read").map(|read| read.agent),
        Some(first)
    );
    assert_eq!(fixture.event_types().await, [EventType::AgentCreated]);
}

/// Ids that callers choose are unique in their organization only, and none sees another's.
pub async fn an_agents_id_belongs_to_its_organization(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let agents = &fixture.ports.agents;

    let read = agents.get(fixture.stranger, &agent.id).await;
    let listed = agents
        .list(fixture.stranger, Created::default(), first_page())
        .await;
    let deleted = agents
        .delete(fixture.write_of(fixture.stranger), &agent.id)
        .await;

    assert_eq!(read.expect("a read"), None);
    assert_eq!(listed.expect("a list").items, []);
    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
    let theirs = agents
        .create(fixture.write_of(fixture.stranger), agent.clone())
        .await;
    done(theirs.expect("the id is free there"));
    let ours = agents.get(fixture.organization, &agent.id).await;
    assert!(ours.expect("a read").is_some(), "ours is still there");
    assert_eq!(fixture.event_types().await, [EventType::AgentCreated]);
}

/// An agent comes with its tasks, oldest first.
pub async fn an_agent_shows_its_tasks_oldest_first(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let other = fixture.agent("agt_other").await;
    fixture.task("task_b", &agent.id).await;
    fixture.next_second();
    fixture.task("task_a", &agent.id).await;
    fixture.task("task_c", &other.id).await;
    let agents = &fixture.ports.agents;

    let read = agents.get(fixture.organization, &agent.id).await;
    let listed = agents
        .list(fixture.organization, Created::default(), first_page())
        .await;

    let ids = |agent: &AgentWithTasks| -> Vec<String> {
        agent.tasks.iter().map(|task| task.id.to_string()).collect()
    };
    let read = read.expect("a read").expect("it is there");
    assert_eq!(ids(&read), ["task_b", "task_a"]);
    assert_eq!(read.tasks[0].name, "Latest bill");
    let listed = listed.expect("a list").items;
    assert_eq!(
        listed.iter().map(ids).collect::<Vec<_>>(),
        [vec!["task_c"], vec!["task_b", "task_a"]],
    );
}

/// The refusal counts the tasks, and nothing changes.
pub async fn an_agent_with_tasks_is_in_use(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let agents = &fixture.ports.agents;
    fixture.task("task_1", &agent.id).await;
    let one = agents.delete(fixture.write(), &agent.id).await;
    fixture.task("task_2", &agent.id).await;
    fixture.task("task_3", &agent.id).await;

    let three = agents.delete(fixture.write(), &agent.id).await;

    assert!(
        matches!(&one, Err(WriteError::InUse { by }) if by == "1 task"),
        "{one:?}"
    );
    assert!(
        matches!(&three, Err(WriteError::InUse { by }) if by == "3 tasks"),
        "{three:?}"
    );
    let read = agents.get(fixture.organization, &agent.id).await;
    assert!(read.expect("a read").is_some(), "it is still there");
    let types = fixture.event_types().await;
    assert!(!types.contains(&EventType::AgentDeleted), "{types:?}");
}

/// A deleted agent is gone, and its last event is later than its first, also in one millisecond.
pub async fn a_deleted_agent_is_gone(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let agents = &fixture.ports.agents;

    let deleted = agents.delete(fixture.write(), &agent.id).await;

    done(deleted.expect("nothing needs it"));
    let read = agents.get(fixture.organization, &agent.id).await;
    assert_eq!(read.expect("a read"), None);
    let events = fixture.events_of(fixture.organization).await;
    let types: Vec<EventType> = events.iter().map(|event| event.event_type).collect();
    assert_eq!(types, [EventType::AgentCreated, EventType::AgentDeleted]);
    assert!(events[0].created_at < events[1].created_at, "{events:?}");
    assert_eq!(events[1].data, EventData::Agent(agent.clone()));
    let again = agents.delete(fixture.write(), &agent.id).await;
    assert!(matches!(again, Err(WriteError::NotFound)), "{again:?}");
}
