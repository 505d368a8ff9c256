//! What the outbox promises.

use std::time::Duration;

use windlass_application::PageRequest;
use windlass_application::ports::deliveries::{
    DeliveryFilter, DeliveryStatus, DeliveryView, DueDelivery,
};
use windlass_domain::delivery::{Attempt, DeliveryState, Next};
use windlass_domain::destination::{Destination, DestinationStatus};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::DestinationId;

use crate::stage::seconds;
use crate::store::{Fixture, first_page};

/// How long a dispatcher has what it leases.
const LENGTH: Duration = Duration::from_secs(60);

/// How long a parked delivery is kept, from its event.
const PARKED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// A delivery that is due comes with its event and its destination, secrets still sealed.
pub async fn a_due_delivery_has_all_that_is_sent(fixture: &Fixture) {
    let destination = fixture.destination().await;
    fixture.agent("agt_1").await;

    let due = lease(fixture).await;

    let [due] = due.as_slice() else {
        panic!("{due:?}");
    };
    let events = fixture.events_of(fixture.organization).await;
    assert_eq!(events.last(), Some(&due.event));
    assert_eq!(due.organization_id, fixture.organization.organization_id());
    assert_eq!(due.destination, destination);
    assert_eq!(due.delivery.event_id, due.event.id);
    assert_eq!(due.delivery.event_type, EventType::AgentCreated);
    assert_eq!(due.delivery.destination_id, destination.id);
    assert_eq!(due.delivery.attempts, 0);
}

/// A leased delivery is one dispatcher's; if that one dies, it is due again.
pub async fn a_delivery_that_is_never_recorded_is_due_again(fixture: &Fixture) {
    fixture.destination().await;
    fixture.agent("agt_1").await;
    let first = lease(fixture).await;

    let meanwhile = lease(fixture).await;
    fixture.clock.advance(LENGTH);
    let again = lease(fixture).await;

    assert_eq!(meanwhile, []);
    assert_eq!((first.len(), again.len()), (1, 1));
    assert_eq!(again[0].delivery.id, first[0].delivery.id);
    assert_eq!(
        again[0].delivery.attempts, 0,
        "nobody said that it was tried"
    );
}

/// A lease takes so many in all and of each destination, and none of a busy one.
pub async fn a_lease_is_bounded_by_destination(fixture: &Fixture) {
    let (a, b) = (fixture.destination().await, fixture.destination().await);
    for number in 0..4 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let deliveries = &fixture.ports.deliveries;

    let few = deliveries
        .lease(3, 2, &[], LENGTH)
        .await
        .expect("the store leases");
    let not_b = deliveries
        .lease(10, 10, &[b.id], LENGTH)
        .await
        .expect("the store leases");
    let rest = lease(fixture).await;

    assert_eq!((of(&few, &a) + of(&few, &b), few.len()), (3, 3));
    assert!(of(&few, &a) <= 2 && of(&few, &b) <= 2, "{few:?}");
    assert_eq!(of(&not_b, &a), 4 - of(&few, &a));
    assert_eq!(of(&not_b, &b), 0);
    assert_eq!(of(&rest, &b), 4 - of(&few, &b));
    assert_eq!(of(&rest, &a), 0);
}

/// Destinations take turns, so that none waits behind another's backlog.
pub async fn destinations_take_turns(fixture: &Fixture) {
    let (a, b) = (fixture.destination().await, fixture.destination().await);
    for number in 0..4 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let deliveries = &fixture.ports.deliveries;

    let mut leased = Vec::new();
    for _ in 0..4 {
        leased.extend(
            deliveries
                .lease(1, 1, &[], LENGTH)
                .await
                .expect("the store leases"),
        );
    }

    assert_eq!((of(&leased, &a), of(&leased, &b)), (2, 2));
}

/// A delivery that was taken is over, and shows its attempts.
pub async fn a_delivered_event_is_not_sent_again(fixture: &Fixture) {
    let destination = fixture.destination().await;
    fixture.agent("agt_1").await;
    let due = lease(fixture).await;

    record(
        fixture,
        &due[0],
        Some(503),
        Next::Retry { after: seconds(5) },
    )
    .await;
    fixture.clock.advance(seconds(6));
    let again = lease(fixture).await;
    record(fixture, &again[0], None, Next::Delivered).await;
    fixture.clock.advance(seconds(1_000_000));

    assert_eq!(lease(fixture).await, []);
    let views = list(fixture, destination.id, DeliveryFilter::default()).await;
    let [view] = views.as_slice() else {
        panic!("{views:?}");
    };
    assert!(matches!(view.delivery.state, DeliveryState::Success { .. }));
    assert_eq!(view.delivery.attempts, 2);
    let codes: Vec<_> = view.attempt_log.iter().map(|it| it.status_code).collect();
    assert_eq!(codes, [Some(503), Some(200)]);
    assert_eq!(
        view.attempt_log[0].error.as_deref(),
        Some("The receiver answered 503.")
    );
    assert_eq!(view.attempt_log[0].duration, Duration::from_millis(40));
}

/// A failed attempt is repeated after its wait, counted from its end, and no earlier.
pub async fn a_failed_attempt_is_repeated_after_its_wait(fixture: &Fixture) {
    fixture.destination().await;
    fixture.agent("agt_1").await;
    let due = lease(fixture).await;
    let after = seconds(300);

    record(fixture, &due[0], Some(503), Next::Retry { after }).await;
    fixture.clock.advance(after);
    let early = lease(fixture).await;
    fixture.clock.advance(Duration::from_millis(40));
    let again = lease(fixture).await;

    assert_eq!(early, [], "the attempt took 40 ms");
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].delivery.attempts, 1);
}

/// A parked delivery is told to every destination but the one that it is about.
pub async fn a_parked_delivery_is_told_to_the_others(fixture: &Fixture) {
    let (a, b) = (fixture.destination().await, fixture.destination().await);
    fixture.agent("agt_1").await;
    let due = lease(fixture).await;
    let to_a = due
        .iter()
        .find(|it| it.destination.id == a.id)
        .expect("both want it");

    record(fixture, to_a, Some(503), Next::Park { deactivate: false }).await;

    let events = fixture.events_of(fixture.organization).await;
    let parked = events.last().expect("there are events");
    assert_eq!(parked.event_type, EventType::DeliveryParked);
    let EventData::Delivery(summary) = &parked.data else {
        panic!("{parked:?}");
    };
    assert_eq!(summary.id, to_a.delivery.id);
    assert_eq!((summary.event_id, summary.attempts), (to_a.event.id, 1));
    let told: Vec<_> = lease(fixture).await;
    assert_eq!((told.len(), of(&told, &b)), (1, 1));
    assert_eq!(told[0].event, *parked);
    let parked = only(DeliveryStatus::Failure);
    let views = list(fixture, a.id, parked).await;
    let until = to_a.event.created_at + PARKED_FOR;
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].delivery.state, DeliveryState::Parked { until });
    assert_eq!(
        destination(fixture, a.id).await.status,
        DestinationStatus::Active
    );
}

/// A destination that is given up has nothing sent to it, nothing made for it, and all others hear.
pub async fn a_deactivated_destination_gets_nothing(fixture: &Fixture) {
    let (a, b) = (fixture.destination().await, fixture.destination().await);
    fixture.agent("agt_1").await;
    fixture.agent("agt_2").await;
    let deliveries = &fixture.ports.deliveries;
    let due = deliveries
        .lease(1, 1, &[b.id], LENGTH)
        .await
        .expect("the store leases");

    record(fixture, &due[0], Some(410), Next::Park { deactivate: true }).await;
    fixture.agent("agt_3").await;
    let rest = lease(fixture).await;

    assert_eq!(of(&rest, &a), 0, "its pending delivery rests");
    let mut types: Vec<_> = rest.iter().map(|it| it.event.event_type.as_str()).collect();
    types.sort_unstable();
    let expected = [
        "agent.created",
        "agent.created",
        "agent.created",
        "event_delivery.parked",
        "event_destination.deactivated",
    ];
    assert_eq!(types, expected);
    let given_up = destination(fixture, a.id).await;
    assert_eq!(given_up.status, DestinationStatus::Inactive);
    assert!(given_up.updated_at > a.updated_at);
    let views = list(fixture, a.id, DeliveryFilter::default()).await;
    assert_eq!(views.len(), 2, "none was made for what came after");
}

/// What is said of a delivery that is over, or gone with its destination, changes nothing.
pub async fn a_late_attempt_changes_nothing(fixture: &Fixture) {
    let (a, b) = (fixture.destination().await, fixture.destination().await);
    fixture.agent("agt_1").await;
    let due = lease(fixture).await;
    let to = |destination: &Destination| {
        let found = due.iter().find(|it| it.destination.id == destination.id);
        found.expect("both want it")
    };
    record(fixture, to(&a), None, Next::Delivered).await;
    let before = list(fixture, a.id, DeliveryFilter::default()).await;
    let deleted = fixture
        .ports
        .destinations
        .delete(fixture.write(), b.id)
        .await;
    deleted.expect("it is deleted");
    let events = fixture.event_types().await;

    record(fixture, to(&a), Some(503), Next::Park { deactivate: true }).await;
    record(fixture, to(&b), Some(503), Next::Park { deactivate: true }).await;

    assert_eq!(list(fixture, a.id, DeliveryFilter::default()).await, before);
    assert_eq!(destination(fixture, a.id).await, a);
    assert_eq!(fixture.event_types().await, events);
}

/// Deliveries are listed newest first, by how they stand and by type, in pages.
pub async fn deliveries_are_listed_by_how_they_stand(fixture: &Fixture) {
    let receiver = fixture.destination().await;
    for number in 0..3 {
        fixture.agent(&format!("agt_{number}")).await;
        fixture.next_second();
    }
    let due = lease(fixture).await;
    record(fixture, &due[0], None, Next::Delivered).await;
    record(
        fixture,
        &due[1],
        Some(503),
        Next::Park { deactivate: false },
    )
    .await;

    let all = list(fixture, receiver.id, DeliveryFilter::default()).await;
    let ids =
        |views: &[DeliveryView]| -> Vec<_> { views.iter().map(|view| view.delivery.id).collect() };
    let expected: Vec<_> = due.iter().rev().map(|it| it.delivery.id).collect();

    assert_eq!(ids(&all), expected, "newest first");
    for (status, index) in [
        (DeliveryStatus::Success, 0),
        (DeliveryStatus::Failure, 1),
        (DeliveryStatus::Pending, 2),
    ] {
        let views = list(fixture, receiver.id, only(status)).await;
        assert_eq!(ids(&views), [due[index].delivery.id], "{status:?}");
    }
    let sources = DeliveryFilter {
        types: vec![EventType::SourceCreated],
        ..DeliveryFilter::default()
    };
    assert_eq!(list(fixture, receiver.id, sources).await, []);
    let one = PageRequest {
        limit: 1,
        ..first_page()
    };
    let deliveries = &fixture.ports.deliveries;
    let filter = DeliveryFilter::default;
    let page = deliveries
        .list(fixture.organization, receiver.id, filter(), one)
        .await;
    let page = page.expect("the store reads");
    assert_eq!(
        (ids(&page.items), page.has_more),
        (expected[..1].to_vec(), true)
    );
    let strange = deliveries
        .list(fixture.stranger, receiver.id, filter(), first_page())
        .await;
    assert_eq!(strange.expect("the store reads").items, []);
}

/// Whoever waits for deliveries is woken by the next one, and by the moment of the next attempt.
pub async fn a_waiting_dispatcher_is_woken(fixture: &Fixture) {
    let long = Duration::from_secs(600);
    fixture.destination().await;
    lease(fixture).await;
    let deliveries = &fixture.ports.deliveries;

    tokio::join!(deliveries.due(long), fixture.agent("agt_1"));
    let due = lease(fixture).await;
    record(
        fixture,
        &due[0],
        Some(503),
        Next::Retry { after: seconds(5) },
    )
    .await;
    fixture.clock.advance(seconds(6));
    deliveries.due(long).await;

    assert_eq!((due.len(), lease(fixture).await.len()), (1, 1));
}

/// Whoever waits for deliveries looks again after a while, whatever happens.
pub async fn a_waiting_dispatcher_looks_again(fixture: &Fixture) {
    lease(fixture).await;

    fixture
        .ports
        .deliveries
        .due(Duration::from_millis(20))
        .await;

    assert_eq!(lease(fixture).await, []);
}

pub(crate) async fn lease(fixture: &Fixture) -> Vec<DueDelivery> {
    let deliveries = &fixture.ports.deliveries;
    let leased = deliveries.lease(100, 100, &[], LENGTH).await;
    leased.expect("the store leases")
}

/// Keeps an attempt of 40 ms that begins now. `failed` is the status of a receiver that refused.
pub(crate) async fn record(fixture: &Fixture, due: &DueDelivery, failed: Option<u16>, next: Next) {
    let attempt = Attempt {
        at: fixture.now(),
        status_code: failed.or(Some(200)),
        duration: Duration::from_millis(40),
        error: failed.map(|status| format!("The receiver answered {status}.")),
        retry_after: None,
    };
    let recorded = fixture
        .ports
        .deliveries
        .record(due.delivery.id, attempt, next)
        .await;
    recorded.expect("the store records");
}

pub(crate) fn of(leased: &[DueDelivery], destination: &Destination) -> usize {
    let of_one = leased
        .iter()
        .filter(|it| it.destination.id == destination.id);
    of_one.count()
}

pub(crate) fn only(status: DeliveryStatus) -> DeliveryFilter {
    DeliveryFilter {
        statuses: vec![status],
        ..DeliveryFilter::default()
    }
}

pub(crate) async fn list(
    fixture: &Fixture,
    destination_id: DestinationId,
    filter: DeliveryFilter,
) -> Vec<DeliveryView> {
    let deliveries = &fixture.ports.deliveries;
    let page = deliveries.list(fixture.organization, destination_id, filter, first_page());
    page.await.expect("the store reads").items
}

pub(crate) async fn destination(fixture: &Fixture, id: DestinationId) -> Destination {
    let destinations = &fixture.ports.destinations;
    let destination = destinations.get(fixture.organization, id).await;
    destination.expect("the store reads").expect("it is kept")
}
