//! What the port `Events` promises, shown on what a caller sets up.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use windlass_application::Created;
use windlass_application::ports::events::{EventFilter, EventPlace, Order};
use windlass_application::random::random;
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::id::{EventId, OrganizationId, RunId};

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

/// Behind a number come the events with larger ones, in their order; behind the newest none.
pub async fn events_follow_each_other_behind_a_number(fixture: &Fixture) {
    let port = &fixture.ports.events;
    let before = port
        .end_of_events(fixture.organization)
        .await
        .expect("a read");
    for number in 0..3 {
        fixture.agent(&format!("agt_{number}")).await;
        fixture.source(&format!("src_{number}")).await;
    }
    let of_sources = EventFilter {
        types: vec![EventType::SourceCreated],
        ..EventFilter::default()
    };
    let of_a_run = EventFilter {
        run_id: Some(RunId::new(fixture.now(), random())),
        ..EventFilter::default()
    };
    let after = async |filter: &EventFilter, sequence, at_most| -> Vec<u64> {
        let events = port
            .after(fixture.organization, filter.clone(), sequence, at_most)
            .await
            .expect("a read");
        events.iter().map(|event| event.sequence).collect()
    };
    let all = EventFilter::default();

    let newest = port
        .end_of_events(fixture.organization)
        .await
        .expect("a read");
    let of_stranger = port.end_of_events(fixture.stranger).await.expect("a read");

    assert_eq!(before, EventPlace::default());
    assert_eq!(of_stranger, EventPlace::default());
    assert_eq!(after(&all, 0, 100).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(after(&all, 2, 3).await, [3, 4, 5]);
    assert_eq!(after(&of_sources, 2, 3).await, [4, 6]);
    assert_eq!(after(&of_a_run, 0, 3).await, [0; 0]);
    assert_eq!(after(&all, newest.sequence, 100).await, [0; 0]);
    assert_eq!(after(&all, u64::MAX, 100).await, [0; 0]);
    let sixth = fixture.events_of(fixture.organization).await;
    let sixth = sixth.iter().max_by_key(|event| event.sequence);
    assert_eq!(Some(newest), sixth.map(EventPlace::behind));
    let theirs = port.after(fixture.stranger, all, 0, 100).await;
    assert_eq!(theirs.expect("a read"), []);
}

/// One look tells what is new in each of several organizations, and leaves out those without any.
pub async fn what_is_new_is_told_by_organization(fixture: &Fixture) {
    for number in 0..3 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let theirs = fixture.new_source("src_theirs");
    let write = fixture.write_of(fixture.stranger);
    let created = fixture.ports.sources.create(write, theirs).await;
    done(created.expect("it is new"));
    let ours = fixture.organization.organization_id();
    let theirs = fixture.stranger.organization_id();
    let nobody = OrganizationId::new(fixture.now(), random());
    let news = async |since: &[(OrganizationId, u64)], at_most| {
        let news = fixture.ports.events.news(since, at_most).await;
        let news = news.expect("a read").into_iter().map(|(id, events)| {
            let events = events.expect("they can be read");
            let sequences = events.iter().map(|event| event.sequence);
            (id, sequences.collect::<Vec<_>>())
        });
        news.collect::<BTreeMap<_, _>>()
    };

    let all = news(&[(ours, 0), (theirs, 0), (nobody, 0)], 100).await;
    let some = news(&[(ours, 1), (theirs, 1)], 1).await;

    assert_eq!(
        all,
        BTreeMap::from([(ours, vec![1, 2, 3]), (theirs, vec![1])])
    );
    assert_eq!(some, BTreeMap::from([(ours, vec![2])]));
    assert_eq!(news(&[], 100).await, BTreeMap::new());
    assert_eq!(news(&[(ours, 3), (theirs, 1)], 100).await, BTreeMap::new());
}

/// Whoever has read an event never finds one with a smaller number later, however many write at
/// once: reading on behind the last number leaves none out.
pub async fn whoever_follows_events_misses_none_that_commits_meanwhile(fixture: &Fixture) {
    const WRITERS: usize = 8;
    const EACH: usize = 5;
    let last = u64::try_from(WRITERS * EACH).expect("a few");
    let writing = join_all((0..WRITERS).map(async |writer| {
        for number in 0..EACH {
            fixture.agent(&format!("agt_{writer}_{number}")).await;
        }
    }));
    let port = &fixture.ports.events;
    let reading = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&last) {
            let behind = seen.last().copied().unwrap_or(0);
            let events = port
                .after(fixture.organization, EventFilter::default(), behind, 7)
                .await
                .expect("a read");
            seen.extend(events.iter().map(|event| event.sequence));
            // A store in memory does not give way by itself.
            tokio::task::yield_now().await;
        }
        seen
    };

    let (_, seen) = tokio::join!(writing, reading);

    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
}

async fn list(fixture: &Fixture, filter: EventFilter, order: Order) -> Vec<Event> {
    let events = &fixture.ports.events;
    let listed = events
        .list(fixture.organization, filter, order, first_page())
        .await;
    listed.expect("a list").items
}
