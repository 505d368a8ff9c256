//! What is promised of a destination that changes, and of what is sent once more.

use std::sync::Arc;
use std::time::Duration;

use windlass_application::Written;
use windlass_application::ports::WriteError;
use windlass_application::ports::deliveries::{
    DeliveryFilter, DeliveryStatus, DueDelivery, Replay,
};
use windlass_application::problem::Resource;
use windlass_domain::delivery::{DeliveryState, Next};
use windlass_domain::destination::{
    Configuration, Destination, DestinationEdit, DestinationStatus, EventFilter, EventPattern,
    RetryProfile, WebhookEdit,
};
use windlass_domain::edit::Edit;
use windlass_domain::event::{EventData, EventType};

use crate::deliveries::{destination, lease, list, of, only, record};
use crate::stage::sealed;
use crate::store::{Fixture, done};

/// What was changed is what is read, field by field; a change that says what is so writes nothing.
pub async fn a_changed_destination_is_read_back(fixture: &Fixture) {
    let before = fixture.destination().await;
    let edit = DestinationEdit {
        name: Some("Billing".to_owned()),
        events: Some(EventFilter::Some(vec![EventPattern::Family("agent")])),
        webhook: WebhookEdit {
            retry_profile: Some(RetryProfile::Deck),
            custom_headers: Edit::Clear,
            ..WebhookEdit::default()
        },
        ..DestinationEdit::default()
    };

    let changed = change(fixture, &before, edit.clone()).await;
    fixture.next_second();
    let again = change(fixture, &before, edit).await;

    let (Configuration::Webhook(old), Configuration::Webhook(new)) =
        (&before.configuration, &changed.configuration);
    assert_eq!(changed.name, "Billing");
    assert_eq!(new.retry_profile, RetryProfile::Deck);
    assert_eq!((&new.url, &new.secret), (&old.url, &old.secret));
    assert_eq!(new.custom_headers, None);
    assert!(changed.updated_at > before.updated_at);
    assert_eq!(destination(fixture, before.id).await, changed);
    assert_eq!(again, changed);
    assert_eq!(fixture.event_types().await, []);
    fixture.agent("agt_1").await;
    fixture.source("src_1").await;
    assert_eq!(
        of(&lease(fixture).await, &changed),
        1,
        "it wants agents alone"
    );
}

/// Another organization changes nothing of it, nor sends anything to it.
pub async fn nobody_changes_anothers_destination(fixture: &Fixture) {
    let before = fixture.destination().await;
    let ports = &fixture.ports;
    let write = || fixture.write_of(fixture.stranger);

    let edit = with_status(DestinationStatus::Inactive);
    let changed = ports.destinations.update(write(), before.id, edit).await;
    let rotate = Arc::new(|_: &Destination, _| Ok(sealed("theirs")));
    let rotated = ports.destinations.rotate_secret(write(), before.id, rotate);
    let rotated = rotated.await;
    let replayed = ports
        .deliveries
        .replay(write(), everything(fixture, &before));
    let replayed = replayed.await;

    assert!(matches!(changed, Err(WriteError::NotFound)), "{changed:?}");
    assert!(matches!(rotated, Err(WriteError::NotFound)), "{rotated:?}");
    assert!(
        matches!(replayed, Err(WriteError::NotFound)),
        "{replayed:?}"
    );
    assert_eq!(destination(fixture, before.id).await, before);
}

/// No delivery is made for events of the time when a destination was inactive; what was pending
/// rests, and goes out when it is active again. Both changes are told, also to itself once it hears.
pub async fn an_inactive_destination_misses_what_happens(fixture: &Fixture) {
    let (a, b) = (fixture.destination().await, fixture.destination().await);
    fixture.agent("agt_before").await;

    let ended = change(fixture, &a, with_status(DestinationStatus::Inactive)).await;
    fixture.agent("agt_meanwhile").await;
    let meanwhile = lease(fixture).await;
    let begun = change(fixture, &a, with_status(DestinationStatus::Active)).await;
    let after = lease(fixture).await;

    assert_eq!(of(&meanwhile, &a), 0);
    let mut types: Vec<&str> = meanwhile
        .iter()
        .map(|it| it.event.event_type.as_str())
        .collect();
    types.sort_unstable();
    let expected = [
        "agent.created",
        "agent.created",
        "event_destination.deactivated",
    ];
    assert_eq!(types, expected, "b hears all");
    assert!(
        meanwhile.iter().any(|due| tells_of(due, &ended)),
        "{meanwhile:?}"
    );
    let of_a = |due: &&DueDelivery| due.destination.id == a.id;
    let mut to_a: Vec<&DueDelivery> = after.iter().filter(of_a).collect();
    to_a.sort_by_key(|due| due.event.sequence);
    let [first, second] = to_a.as_slice() else {
        panic!("what was pending and its own activation, not {to_a:?}");
    };
    assert_eq!(first.event.event_type, EventType::AgentCreated);
    assert_eq!(second.event.event_type, EventType::DestinationActivated);
    assert!(tells_of(second, &begun), "{second:?}");
    assert_eq!(of(&after, &b), 1);
}

/// The secrets are those that are made of the ones that it has, in the same transaction.
pub async fn a_rotated_secret_is_kept(fixture: &Fixture) {
    let before = fixture.destination().await;
    let rotate = Arc::new(|it: &Destination, _| {
        let Configuration::Webhook(webhook) = &it.configuration;
        let old = String::from_utf8_lossy(webhook.secret.as_bytes()).into_owned();
        Ok(sealed(&format!("new, {old}")))
    });
    let destinations = &fixture.ports.destinations;

    let rotated = destinations.rotate_secret(fixture.write(), before.id, rotate.clone());
    let rotated = done(rotated.await.expect("it is there"));
    let other = destinations.rotate_secret(fixture.write(), before.id, rotate.clone());
    let third = destinations.rotate_secret(fixture.write(), before.id, rotate);
    let (other, third) = tokio::join!(other, third);

    let secret = |it: &Destination| {
        let Configuration::Webhook(webhook) = &it.configuration;
        String::from_utf8_lossy(webhook.secret.as_bytes()).into_owned()
    };
    assert_eq!(secret(&rotated), "new, sealed signing secret");
    assert!(rotated.updated_at > before.updated_at);
    other.expect("it is there");
    third.expect("it is there");
    let last = destination(fixture, before.id).await;
    assert_eq!(secret(&last), "new, new, new, sealed signing secret");
}

/// A delivery is read by its id, and sent once more with its attempts behind it.
pub async fn a_delivery_is_sent_once_more(fixture: &Fixture) {
    let to = fixture.destination().await;
    fixture.agent("agt_1").await;
    let due = lease(fixture).await;
    record(fixture, &due[0], None, Next::Delivered).await;
    let deliveries = &fixture.ports.deliveries;
    let id = due[0].delivery.id;

    let theirs = deliveries
        .redeliver(fixture.write_of(fixture.stranger), id)
        .await;
    let sent = deliveries.redeliver(fixture.write(), id).await;
    let read = deliveries.get(fixture.organization, id).await;
    let again = lease(fixture).await;

    assert!(matches!(theirs, Err(WriteError::NotFound)), "{theirs:?}");
    let sent = done(sent.expect("it is there"));
    assert!(matches!(sent.delivery.state, DeliveryState::Pending { .. }));
    assert_eq!((sent.delivery.attempts, sent.attempt_log.len()), (1, 1));
    assert_eq!(read.expect("a read"), Some(sent));
    assert_eq!(
        deliveries.get(fixture.stranger, id).await.expect("a read"),
        None
    );
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].delivery.id, again[0].delivery.attempts), (id, 1));
    record(fixture, &again[0], None, Next::Delivered).await;
    let deleted = fixture
        .ports
        .destinations
        .delete(fixture.write(), to.id)
        .await;
    deleted.expect("it is there");
    let gone = deliveries.redeliver(fixture.write(), id).await;
    let what = Resource::EventDestination;
    let is_refused = matches!(&gone, Err(WriteError::ReferenceGone { what: it }) if *it == what);
    assert!(is_refused, "{gone:?}");
}

/// A replay sends what was delivered, what was parked and what was missed, each once; what is pending
/// it leaves as it is. Neither end of the period is in it, nor what the destination does not want.
pub async fn a_replay_sends_a_period_once_more(fixture: &Fixture) {
    let to = fixture.destination().await;
    fixture.agent("agt_early").await;
    fixture.next_second();
    fixture.agent("agt_delivered").await;
    fixture.agent("agt_parked").await;
    for due in lease(fixture).await {
        let next = match &due.event.data {
            EventData::Agent(agent) if agent.id.as_str() == "agt_parked" => {
                Next::Park { deactivate: false }
            }
            _ => Next::Delivered,
        };
        let is_parked = next != Next::Delivered;
        record(fixture, &due, is_parked.then_some(503), next).await;
    }
    change(fixture, &to, with_status(DestinationStatus::Inactive)).await;
    fixture.agent("agt_missed").await;
    fixture.source("src_missed").await;
    change(fixture, &to, with_status(DestinationStatus::Active)).await;
    let pending = lease(fixture).await;
    let early = fixture.events_of(fixture.organization).await[0].created_at;
    fixture.next_second();
    fixture.agent("agt_late").await;
    let late = fixture.events_of(fixture.organization).await;
    let late = late.last().expect("events").created_at;
    let replay = || Replay {
        destination_id: to.id,
        after: early,
        before: late,
        types: EventFilter::Some(vec![EventPattern::Family("agent")]),
    };
    let deliveries = &fixture.ports.deliveries;

    let first = deliveries.replay(fixture.write(), replay()).await;
    let second = deliveries.replay(fixture.write(), replay()).await;

    assert_eq!(pending.len(), 1, "its own activation");
    assert_eq!(done(first.expect("it is there")), 3);
    assert_eq!(done(second.expect("it is there")), 0, "all are pending");
    let mut sent: Vec<String> = lease(fixture)
        .await
        .iter()
        .filter_map(|due| match &due.event.data {
            EventData::Agent(agent) => Some(agent.id.to_string()),
            _ => None,
        })
        .collect();
    sent.sort();
    let expected = ["agt_delivered", "agt_late", "agt_missed", "agt_parked"];
    assert_eq!(sent, expected);
    let parked = list(fixture, to.id, only(DeliveryStatus::Failure)).await;
    assert_eq!(parked, []);
}

/// Of replays that meet one sends, and no event is sent by two deliveries.
pub async fn replays_at_once_send_once(fixture: &Fixture) {
    let to = fixture.destination().await;
    let ended = with_status(DestinationStatus::Inactive);
    change(fixture, &to, ended).await;
    for number in 0..8 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let events = fixture.event_types().await.len();
    let deliveries = &fixture.ports.deliveries;
    let replay = || deliveries.replay(fixture.write(), everything(fixture, &to));

    let (one, other, third) = tokio::join!(replay(), replay(), replay());

    let sent: u32 = [one, other, third]
        .into_iter()
        .map(|replayed: Result<Written<u32>, WriteError>| done(replayed.expect("it is there")))
        .sum();
    assert_eq!(usize::try_from(sent), Ok(events));
    let made = list(fixture, to.id, DeliveryFilter::default()).await;
    assert_eq!(made.len(), events);
}

/// A destination that takes nothing for five days, over twenty attempts, is given up; a success, or a
/// caller who makes it active again, counts anew.
pub async fn a_destination_that_fails_for_days_is_given_up(fixture: &Fixture) {
    let to = fixture.destination().await;
    fixture.agent("agt_1").await;
    let again = Next::Retry {
        after: Duration::from_secs(1),
    };
    let attempt = async |status: Option<u16>| {
        fixture.clock.advance(Duration::from_secs(6 * 3600));
        let due = lease(fixture).await;
        record(fixture, &due[0], status, again).await;
    };

    for _ in 0..20 {
        attempt(Some(503)).await;
    }
    attempt(None).await;
    for _ in 0..20 {
        attempt(Some(503)).await;
    }
    let still = destination(fixture, to.id).await;
    attempt(Some(503)).await;
    let given_up = destination(fixture, to.id).await;
    change(fixture, &to, with_status(DestinationStatus::Active)).await;
    attempt(Some(503)).await;

    assert_eq!(still.status, DestinationStatus::Active, "20 in 4.75 days");
    assert_eq!(given_up.status, DestinationStatus::Inactive);
    let types = fixture.event_types().await;
    let expected = [
        EventType::AgentCreated,
        EventType::DestinationDeactivated,
        EventType::DestinationActivated,
    ];
    assert_eq!(types, expected);
    let forgiven = destination(fixture, to.id).await;
    assert_eq!(forgiven.status, DestinationStatus::Active);
}

fn with_status(status: DestinationStatus) -> DestinationEdit {
    DestinationEdit {
        status: Some(status),
        ..DestinationEdit::default()
    }
}

async fn change(fixture: &Fixture, it: &Destination, edit: DestinationEdit) -> Destination {
    let destinations = &fixture.ports.destinations;
    let changed = destinations.update(fixture.write(), it.id, edit).await;
    done(changed.expect("it is there"))
}

/// All that ever happened.
fn everything(fixture: &Fixture, to: &Destination) -> Replay {
    let hour = Duration::from_secs(3600);
    Replay {
        destination_id: to.id,
        after: windlass_domain::Timestamp::EPOCH,
        before: fixture.now() + hour,
        types: EventFilter::All,
    }
}

/// Whether an event shows a destination as it was then.
fn tells_of(due: &DueDelivery, it: &Destination) -> bool {
    let EventData::Destination(told) = &due.event.data else {
        return false;
    };
    (told.id, told.status, told.updated_at) == (it.id, it.status, it.updated_at)
}
