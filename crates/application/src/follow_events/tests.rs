//! What readers of events are given.

use std::sync::atomic::{AtomicUsize, Ordering};

use windlass_domain::Timestamp;
use windlass_domain::agent::Agent;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{AgentId, Random};

use super::*;
use crate::ports::events::{MockEvents, News};
use crate::ports::signals::{Listener, MockSignals};

/// Events that were committed, and how often was looked for new ones.
#[derive(Default)]
struct Log {
    events: Mutex<Vec<(OrganizationId, Event)>>,
    looks: AtomicUsize,
}

impl Log {
    /// Commits so many events of an organization.
    fn commit(&self, organization: OrganizationContext, count: u64) {
        let mut events = self.events.lock().unwrap();
        let organization_id = organization.organization_id();
        let mut own = events.iter().filter(|(owner, _)| *owner == organization_id);
        let last = own.next_back().map_or(0, |(_, event)| event.sequence);
        let new = last + 1..=last + count;
        events.extend(new.map(|sequence| (organization_id, event(sequence))));
    }

    fn after(&self, organization_id: OrganizationId, sequence: u64, at_most: u32) -> Vec<Event> {
        let events = self.events.lock().unwrap();
        let own = events.iter().filter(|(owner, _)| *owner == organization_id);
        let after = own.filter(|(_, event)| event.sequence > sequence);
        let after = after.map(|(_, event)| event.clone());
        after.take(usize::try_from(at_most).unwrap()).collect()
    }
}

/// Each third tells of a deletion.
fn event(sequence: u64) -> Event {
    let at = Timestamp::EPOCH;
    Event {
        id: EventId::new(at, random(sequence)),
        event_type: match sequence % 3 {
            0 => EventType::AgentDeleted,
            _ => EventType::AgentCreated,
        },
        sequence,
        created_at: at,
        data: EventData::Agent(Agent {
            id: AgentId::new(at, random(sequence)),
            name: "Bills".to_owned(),
            description: None,
            created_at: at,
            updated_at: at,
        }),
    }
}

fn random(number: u64) -> Random {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    Random(bytes)
}

fn organization(number: u64) -> OrganizationContext {
    let id = OrganizationId::new(Timestamp::EPOCH, random(number));
    OrganizationContext::of_server(id)
}

/// Of the event that is of nobody else's business.
fn broken() -> StoreError {
    StoreError::Failed("a row that cannot be".into())
}

/// A follower of what is committed to `log`. The events of `unreadable` cannot be read.
fn follower(log: &Arc<Log>, unreadable: Option<OrganizationContext>) -> Arc<FollowEvents> {
    struct Silent;
    #[async_trait::async_trait]
    impl Listener for Silent {
        async fn heard(&mut self) {
            std::future::pending::<()>().await;
        }
    }
    let mut signals = MockSignals::new();
    signals.expect_listen().returning(|_| Box::new(Silent));
    let mut events = MockEvents::new();
    let newest = Arc::clone(log);
    events
        .expect_end_of_events()
        .returning(move |organization| {
            let all = newest.after(organization.organization_id(), 0, u32::MAX);
            Ok(all.last().map(EventPlace::behind).unwrap_or_default())
        });
    let get = Arc::clone(log);
    events.expect_get().returning(move |organization, id| {
        let all = get.after(organization.organization_id(), 0, u32::MAX);
        Ok(all.into_iter().find(|event| event.id == id))
    });
    let after = Arc::clone(log);
    events
        .expect_after()
        .returning(move |organization, filter, sequence, at_most| {
            let mut all = after.after(organization.organization_id(), sequence, u32::MAX);
            all.retain(|event| filter.matches(event));
            all.truncate(usize::try_from(at_most).unwrap());
            Ok(all)
        });
    let news = Arc::clone(log);
    events.expect_news().returning(move |since, at_most| {
        news.looks.fetch_add(1, Ordering::Relaxed);
        let of = |(id, sequence): &(OrganizationId, u64)| -> News {
            let is_broken = unreadable.is_some_and(|it| it.organization_id() == *id);
            let events = news.after(*id, *sequence, at_most);
            (*id, if is_broken { Err(broken()) } else { Ok(events) })
        };
        Ok(since.iter().map(of).collect())
    });
    Arc::new(FollowEvents::new(Arc::new(events), Arc::new(signals)))
}

async fn reader(
    follow: &Arc<FollowEvents>,
    organization: OrganizationContext,
    after: Option<u64>,
) -> EventReader {
    let after = after.map(|sequence| event(sequence).id);
    let filter = EventFilter::default();
    let reader = follow.execute(organization, filter, after).await;
    reader.expect("a reader")
}

/// Reads up to this number.
async fn read_to(reader: &mut EventReader, last: u64) -> Vec<u64> {
    let mut sequences = Vec::new();
    while sequences.last().is_none_or(|sequence| *sequence < last) {
        let events = reader.next().await.expect("they can be read");
        assert!(events.len() <= usize::try_from(EVENTS_A_READ).unwrap());
        sequences.extend(events.iter().map(|event| event.sequence));
    }
    sequences
}

/// Whether nothing comes, now that all that is ready has had its turn.
async fn is_silent(reader: &mut EventReader) -> bool {
    tokio::select! {
        biased;
        _ = reader.next() => false,
        () = tokio::task::yield_now() => true,
    }
}

#[tokio::test]
async fn a_reader_begins_with_what_commits_after_it_came() {
    let log = Arc::new(Log::default());
    log.commit(organization(1), 5);
    let follow = follower(&log, None);

    let mut reader = reader(&follow, organization(1), None).await;
    let first = reader.passed();
    log.commit(organization(1), 3);
    follow.look().await.unwrap();

    assert_eq!(first, Some(event(5).id));
    assert_eq!(read_to(&mut reader, 8).await, [6, 7, 8]);
    assert!(is_silent(&mut reader).await);
}

#[tokio::test]
async fn a_reader_that_comes_back_is_given_what_it_missed_and_what_comes_once() {
    let log = Arc::new(Log::default());
    log.commit(organization(1), 1_000);
    let follow = follower(&log, None);
    let mut back = reader(&follow, organization(1), Some(300)).await;

    let mut read = read_to(&mut back, 500).await;
    log.commit(organization(1), 100);
    follow.look().await.unwrap();
    read.extend(read_to(&mut back, 1_100).await);

    assert_eq!(read, (301..=1_100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_that_is_slow_falls_behind_what_is_shared_and_misses_nothing() {
    let log = Arc::new(Log::default());
    let follow = follower(&log, None);
    let mut slow = reader(&follow, organization(1), None).await;
    let mut quick = reader(&follow, organization(1), None).await;

    let mut of_quick = Vec::new();
    for round in 1..=20 {
        log.commit(organization(1), 100);
        follow.look().await.unwrap();
        of_quick.extend(read_to(&mut quick, round * 100).await);
        follow.forget_what_is_old();
    }
    let of_slow = read_to(&mut slow, 2_000).await;

    assert_eq!(of_quick, (1..=2_000).collect::<Vec<_>>());
    assert_eq!(of_slow, of_quick);
}

#[tokio::test]
async fn what_the_filter_leaves_out_is_passed() {
    let log = Arc::new(Log::default());
    log.commit(organization(1), 300);
    let follow = follower(&log, None);
    let filter = EventFilter {
        types: vec![EventType::AgentDeleted],
        ..EventFilter::default()
    };
    let after = Some(event(1).id);
    let reader = follow.execute(organization(1), filter, after).await;
    let mut reader = reader.expect("a reader");

    let of_store = read_to(&mut reader, 300).await;
    log.commit(organization(1), 100);
    follow.look().await.unwrap();
    let shared = read_to(&mut reader, 399).await;

    let thirds = |numbers: std::ops::RangeInclusive<u64>| -> Vec<u64> {
        numbers.filter(|number| number % 3 == 0).collect()
    };
    assert_eq!(of_store, thirds(2..=300));
    assert_eq!(shared, thirds(301..=400));
    assert!(is_silent(&mut reader).await);
    assert_eq!(reader.passed(), Some(event(400).id));
}

#[tokio::test]
async fn one_look_serves_all_readers_and_ends_with_them() {
    let log = Arc::new(Log::default());
    let follow = follower(&log, None);
    let mut readers = Vec::new();
    for number in 0..300 {
        readers.push(reader(&follow, organization(number % 30), None).await);
    }
    for number in 0..30 {
        log.commit(organization(number), 2);
    }

    follow.look().await.unwrap();

    assert_eq!(log.looks.load(Ordering::Relaxed), 1);
    for reader in &mut readers {
        assert_eq!(read_to(reader, 2).await, [1, 2]);
    }
    drop(readers);
    follow.look().await.unwrap();
    assert_eq!(log.looks.load(Ordering::Relaxed), 1, "nobody follows");
}

#[tokio::test]
async fn events_that_cannot_be_read_keep_nobody_else_from_theirs() {
    let log = Arc::new(Log::default());
    let follow = follower(&log, Some(organization(1)));
    let mut broken = reader(&follow, organization(1), None).await;
    let mut sound = reader(&follow, organization(2), None).await;
    log.commit(organization(1), 1);
    log.commit(organization(2), 1);

    follow.look().await.unwrap();

    assert_eq!(read_to(&mut sound, 1).await, [1]);
    assert!(is_silent(&mut broken).await);
}

#[tokio::test]
async fn nobody_follows_behind_an_event_that_is_not_theirs() {
    let log = Arc::new(Log::default());
    log.commit(organization(1), 1);
    let follow = follower(&log, None);

    let theirs = follow
        .execute(organization(2), EventFilter::default(), Some(event(1).id))
        .await;

    assert!(matches!(
        theirs.err(),
        Some(CallError::NotFound(Resource::Event))
    ));
    assert!(!follow.is_followed());
}

/// The loop looks when it is stirred, long before its second is over.
#[tokio::test]
async fn what_happened_here_is_told_at_once() {
    let log = Arc::new(Log::default());
    let follow = follower(&log, None);
    let stop = CancellationToken::new();
    let looking = tokio::spawn({
        let (follow, stop) = (Arc::clone(&follow), stop.clone());
        async move { follow.look_until(&stop).await }
    });
    let mut reader = reader(&follow, organization(1), None).await;
    for last in 1..=20 {
        log.commit(organization(1), 1);
        follow.stir();
        assert_eq!(read_to(&mut reader, last).await, [last]);
    }

    stop.cancel();
    looking.await.unwrap();
}

#[tokio::test]
async fn what_is_shared_is_bounded_and_goes_by_itself() {
    let log = Arc::new(Log::default());
    let follow = follower(&log, None);
    let _reader = reader(&follow, organization(1), None).await;
    log.commit(organization(1), 10_000);
    let shared = || -> usize {
        let followed = follow.lock();
        followed.values().map(|it| it.tail.kept()).sum()
    };

    follow.look().await.unwrap();
    assert_eq!(shared(), 256);
    follow.forget_what_is_old();
    assert_eq!(shared(), 256, "whoever keeps up has a second for it");
    follow.forget_what_is_old();
    assert_eq!(shared(), 0);
}
