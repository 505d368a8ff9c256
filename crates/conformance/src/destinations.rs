//! What the port `Destinations` promises.

use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::ports::deliveries::DeliveryFilter;
use windlass_application::random::random;
use windlass_application::{Created, OrganizationContext};
use windlass_domain::delivery::{Attempt, Next};
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, EventPattern, RetryProfile,
};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::DestinationId;

use crate::store::{Fixture, done, first_page};

/// What was created is what is read, with what is sealed in it; it makes no event.
pub async fn a_new_destination_is_read_back(fixture: &Fixture) {
    let full = fixture.new_destination();
    fixture.next_second();
    let mut narrow = fixture.new_destination();
    narrow.status = DestinationStatus::Inactive;
    narrow.events = EventFilter::Some(vec![
        EventPattern::Family("task_run"),
        EventPattern::Type(EventType::StorageCreated),
    ]);
    let Configuration::Webhook(webhook) = &mut narrow.configuration;
    webhook.retry_profile = RetryProfile::Deck;
    webhook.custom_headers = None;
    let destinations = &fixture.ports.destinations;

    for destination in [&full, &narrow] {
        let created = destinations
            .create(fixture.write(), destination.clone())
            .await;

        assert_eq!(&done(created.expect("it is new")), destination);
        let read = destinations.get(fixture.organization, destination.id).await;
        assert_eq!(read.expect("a read").as_ref(), Some(destination));
    }
    let listed = destinations
        .list(fixture.organization, Created::default(), first_page())
        .await;
    assert_eq!(listed.expect("a list").items, [narrow, full]);
    assert_eq!(fixture.event_types().await, []);
}

/// Another organization neither sees nor deletes a destination, and its events do not go there.
pub async fn a_destination_belongs_to_its_organization(fixture: &Fixture) {
    let destination = fixture.destination().await;
    let destinations = &fixture.ports.destinations;

    let read = destinations.get(fixture.stranger, destination.id).await;
    let listed = destinations
        .list(fixture.stranger, Created::default(), first_page())
        .await;
    let deleted = destinations
        .delete(fixture.write_of(fixture.stranger), destination.id)
        .await;
    let theirs = fixture.new_agent("agt_theirs");
    let created = fixture
        .ports
        .agents
        .create(fixture.write_of(fixture.stranger), theirs)
        .await;

    assert_eq!(read.expect("a read"), None);
    assert_eq!(listed.expect("a list").items, []);
    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
    done(created.expect("it is new"));
    let ours = destinations.get(fixture.organization, destination.id).await;
    assert_eq!(ours.expect("a read").as_ref(), Some(&destination));
    assert_eq!(
        delivered(fixture, fixture.organization, destination.id).await,
        []
    );
}

/// Each event that an active destination wants has one delivery there, due at once; one of before
/// it, of another type, or of an inactive destination has none.
pub async fn an_event_is_delivered_where_it_is_wanted(fixture: &Fixture) {
    fixture.agent("agt_before").await;
    let all = fixture.destination().await;
    let sources = with(fixture, |destination| {
        destination.events = EventFilter::Some(vec![EventPattern::Family("source")]);
    })
    .await;
    let inactive = with(fixture, |destination| {
        destination.status = DestinationStatus::Inactive;
    })
    .await;
    fixture.next_second();

    fixture.agent("agt_after").await;
    fixture.source("src_power").await;

    let organization = fixture.organization;
    assert_eq!(
        delivered(fixture, organization, all.id).await,
        [EventType::AgentCreated, EventType::SourceCreated]
    );
    assert_eq!(
        delivered(fixture, organization, sources.id).await,
        [EventType::SourceCreated]
    );
    assert_eq!(delivered(fixture, organization, inactive.id).await, []);
    let deliveries = &fixture.ports.deliveries;
    let leased = deliveries
        .lease(10, 10, &[], Duration::from_secs(60))
        .await
        .expect("a lease");
    assert_eq!(leased.len(), 3, "all are due: {leased:?}");
    let events = fixture.events_of(organization).await;
    for due in &leased {
        assert!(events.contains(&due.event), "{due:?}");
        assert_eq!(due.delivery.event_id, due.event.id);
        assert_eq!(due.delivery.created_at, due.event.created_at);
        assert_eq!(due.delivery.attempts, 0);
    }
}

/// A change that is refused delivers nothing.
pub async fn a_refused_change_delivers_nothing(fixture: &Fixture) {
    fixture.agent("agt_billing").await;
    let destination = fixture.destination().await;
    let agent = fixture.new_agent("agt_billing");

    let refused = fixture.ports.agents.create(fixture.write(), agent).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    assert_eq!(
        delivered(fixture, fixture.organization, destination.id).await,
        []
    );
}

/// With a destination goes what was not delivered to it; others keep theirs.
pub async fn a_deleted_destination_gets_nothing_more(fixture: &Fixture) {
    let deleted = fixture.destination().await;
    let kept = fixture.destination().await;
    fixture.agent("agt_billing").await;
    let destinations = &fixture.ports.destinations;

    let first = destinations.delete(fixture.write(), deleted.id).await;
    let second = destinations.delete(fixture.write(), deleted.id).await;
    fixture.source("src_power").await;
    sweep(fixture, 100).await;

    done(first.expect("it is there"));
    assert!(matches!(second, Err(WriteError::NotFound)), "{second:?}");
    let read = destinations.get(fixture.organization, deleted.id).await;
    assert_eq!(read.expect("a read"), None);
    let organization = fixture.organization;
    assert_eq!(delivered(fixture, organization, deleted.id).await, []);
    assert_eq!(
        delivered(fixture, organization, kept.id).await,
        [EventType::AgentCreated, EventType::SourceCreated]
    );
    let deliveries = &fixture.ports.deliveries;
    let leased = deliveries
        .lease(10, 10, &[], Duration::from_secs(60))
        .await
        .expect("a lease");
    assert!(
        leased.iter().all(|due| due.destination.id == kept.id),
        "{leased:?}"
    );
    let agents = leased
        .iter()
        .filter(|due| matches!(due.event.data, EventData::Agent(_)));
    assert_eq!(agents.count(), 1);
}

/// What was not delivered to a deleted destination is dropped in steps, whether it was to be tried
/// again or had no attempt left. None of it is sent meanwhile, and what was delivered stays.
pub async fn what_a_deleted_destination_left_is_dropped_in_steps(fixture: &Fixture) {
    let destination = fixture.destination().await;
    let kept = fixture.destination().await;
    for number in 0..7 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let deliveries = &fixture.ports.deliveries;
    let minute = Duration::from_secs(60);
    let leased = deliveries.lease(100, 100, &[kept.id], minute).await;
    let leased = leased.expect("a lease");
    let nexts = [
        Next::Delivered,
        Next::Park { deactivate: false },
        Next::Park { deactivate: false },
        Next::Retry { after: minute },
    ];
    for (due, next) in leased.iter().zip(nexts) {
        let attempt = Attempt {
            at: fixture.now(),
            status_code: Some(503),
            duration: Duration::from_millis(40),
            error: None,
            retry_after: None,
        };
        let recorded = deliveries.record(due.delivery.id, attempt, next).await;
        recorded.expect("the store records");
    }

    let destinations = &fixture.ports.destinations;
    let deleted = destinations.delete(fixture.write(), destination.id).await;
    done(deleted.expect("it is there"));
    let mut left = listed(fixture, destination.id).await;
    fixture.clock.advance(Duration::from_secs(3600));
    let sent = deliveries.lease(100, 100, &[kept.id], minute).await;
    for _ in 0..10 {
        let more = destinations.sweep(2).await.expect("a sweep");
        let now = listed(fixture, destination.id).await;
        assert!(now + 2 >= left, "{left} became {now}");
        left = now;
        if !more {
            break;
        }
    }

    assert_eq!(sent.expect("a lease"), []);
    assert_eq!(left, 1, "the one that was delivered");
    assert!(!destinations.sweep(2).await.expect("a sweep"));
    assert_eq!(listed(fixture, kept.id).await, 9, "with what was parked");
}

/// What was never there is not deleted.
pub async fn an_unknown_destination_is_not_deleted(fixture: &Fixture) {
    let id = DestinationId::new(fixture.now(), random());

    let deleted = fixture.ports.destinations.delete(fixture.write(), id).await;

    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
}

/// Drops what is left of deleted destinations.
async fn sweep(fixture: &Fixture, limit: u32) {
    let destinations = &fixture.ports.destinations;
    while destinations.sweep(limit).await.expect("a sweep") {}
}

/// How many deliveries to a destination are kept.
async fn listed(fixture: &Fixture, id: DestinationId) -> usize {
    delivered(fixture, fixture.organization, id).await.len()
}

async fn with(fixture: &Fixture, change: impl FnOnce(&mut Destination)) -> Destination {
    let mut destination = fixture.new_destination();
    change(&mut destination);
    let created = fixture
        .ports
        .destinations
        .create(fixture.write(), destination)
        .await;
    done(created.expect("it is new"))
}

/// The types of the events that have a delivery to a destination, sorted by name.
async fn delivered(
    fixture: &Fixture,
    organization: OrganizationContext,
    id: DestinationId,
) -> Vec<EventType> {
    let listed = fixture
        .ports
        .deliveries
        .list(organization, id, DeliveryFilter::default(), first_page())
        .await
        .expect("a list");
    let mut types: Vec<EventType> = listed
        .items
        .iter()
        .map(|view| view.delivery.event_type)
        .collect();
    types.sort_by_key(|event_type| event_type.as_str());
    types
}
