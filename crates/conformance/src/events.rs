//! What the port `Events` promises, shown on what a caller sets up.

use windlass_application::Created;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::random::random;
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::id::EventId;

use crate::store::{Fixture, done, first_page};

/// The number of an event rises in the order of commits, each organization's by itself from 1.
pub async fn events_are_numbered_in_the_order_of_commits(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let theirs = fixture.new_source("src_theirs");
    let write = fixture.write_of(fixture.stranger);
    let created = fixture.ports.sources.create(write, theirs).await;
    done(created.expect("it is new"));
    fixture.task("task_bill", &agent.id).await;
    fixture.source("src_power").await;

    let ours = fixture.events_of(fixture.organization).await;
    let theirs = fixture.events_of(fixture.stranger).await;

    let numbered: Vec<(u64, EventType)> = ours
        .iter()
        .map(|event| (event.sequence, event.event_type))
        .collect();
    assert_eq!(
        numbered,
        [
            (1, EventType::AgentCreated),
            (2, EventType::TaskCreated),
            (3, EventType::SourceCreated),
        ],
        "also within one millisecond"
    );
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].sequence, 1);
}

/// An event is read by its id, in its organization only.
pub async fn an_event_belongs_to_its_organization(fixture: &Fixture) {
    fixture.agent("agt_billing").await;
    let events = fixture.events_of(fixture.organization).await;
    let event = &events[0];
    let port = &fixture.ports.events;

    let read = port.get(fixture.organization, event.id).await;
    let of_stranger = port.get(fixture.stranger, event.id).await;
    let unknown = port
        .get(fixture.organization, EventId::new(fixture.now(), random()))
        .await;

    assert_eq!(read.expect("a read").as_ref(), Some(event));
    assert_eq!(of_stranger.expect("a read"), None);
    assert_eq!(unknown.expect("a read"), None);
    assert_eq!(fixture.events_of(fixture.stranger).await, []);
}

/// An event shows its resource as it was, also when that is gone.
pub async fn an_event_outlives_what_it_is_about(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let deleted = fixture
        .ports
        .agents
        .delete(fixture.write(), &agent.id)
        .await;
    done(deleted.expect("nothing needs it"));

    let events = fixture.events_of(fixture.organization).await;

    assert_eq!(events[0].data, EventData::Agent(agent));
}

/// Types narrow a list, and either end may come first.
pub async fn events_are_listed_by_type_from_either_end(fixture: &Fixture) {
    for number in 0..3 {
        fixture.agent(&format!("agt_{number}")).await;
        fixture.source(&format!("src_{number}")).await;
        fixture.next_second();
    }
    let of_sources = EventFilter {
        types: vec![EventType::SourceCreated, EventType::SourceDeleted],
        ..EventFilter::default()
    };

    let oldest = list(fixture, of_sources.clone(), Order::OldestFirst).await;
    let newest = list(fixture, of_sources, Order::NewestFirst).await;

    let sequences =
        |events: &[Event]| -> Vec<u64> { events.iter().map(|event| event.sequence).collect() };
    assert_eq!(sequences(&oldest), [2, 4, 6]);
    assert_eq!(sequences(&newest), [6, 4, 2]);
}

/// Both ends of a range over moments are exclusive.
pub async fn a_range_of_events_excludes_its_ends(fixture: &Fixture) {
    for number in 0..4 {
        fixture.agent(&format!("agt_{number}")).await;
        fixture.next_second();
    }
    let all = fixture.events_of(fixture.organization).await;
    let created = Created {
        after: Some(all[0].created_at),
        before: Some(all[3].created_at),
    };
    let filter = EventFilter {
        created,
        ..EventFilter::default()
    };

    let between = list(fixture, filter, Order::OldestFirst).await;

    assert_eq!(between, all[1..3]);
}

async fn list(fixture: &Fixture, filter: EventFilter, order: Order) -> Vec<Event> {
    let events = &fixture.ports.events;
    let listed = events
        .list(fixture.organization, filter, order, first_page())
        .await;
    listed.expect("a list").items
}
