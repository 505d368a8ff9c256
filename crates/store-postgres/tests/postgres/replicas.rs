//! What holds where several replicas share a database, and where a row of it is broken.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_application::ports::Clock;
use windlass_application::ports::deliveries::DueDelivery;
use windlass_application::random::random;
use windlass_conformance::store::{Fixture, Ports};
use windlass_domain::id::KeyId;
use windlass_domain::key::{ApiKey, Scope};
use windlass_store_postgres::PostgresStore;

use crate::conformance::open;
use crate::server::Database;

const LENGTH: Duration = Duration::from_secs(60);

/// Another replica on the same database, by the same clock.
async fn second(fixture: &Fixture, database: &Database) -> Ports {
    let clock = Arc::clone(&fixture.clock) as Arc<dyn Clock>;
    let store = PostgresStore::connect(database.url(), Some(clock)).await;
    Ports::of(&Arc::new(store.expect("the database is there")))
}

async fn lease(ports: &Ports) -> Vec<DueDelivery> {
    let leased = ports.deliveries.lease(3, 2, &[], LENGTH).await;
    leased.expect("the store leases")
}

#[tokio::test]
async fn dispatchers_of_two_replicas_share_nothing() {
    let (fixture, database) = open().await;
    let second = second(&fixture, &database).await;
    for _ in 0..3 {
        fixture.destination().await;
    }
    for number in 0..4 {
        fixture.agent(&format!("agt_{number}")).await;
    }
    let (mut leased, mut seen) = (0, BTreeSet::new());

    while leased < 12 {
        let looks = tokio::join!(lease(&fixture.ports), lease(&second));
        let both = [looks.0, looks.1].concat();
        assert!(
            !both.is_empty(),
            "{leased} of 12 are leased, and no more come"
        );
        leased += both.len();
        seen.extend(both.into_iter().map(|it| it.delivery.id));
    }

    assert_eq!((leased, seen.len()), (12, 12));
}

#[tokio::test]
async fn what_another_replica_wrote_and_did_not_send_is_sent_within_seconds() {
    let (fixture, database) = open().await;
    let second = second(&fixture, &database).await;
    fixture.destination().await;
    assert_eq!(lease(&second).await, []);
    fixture.agent("agt_1").await;
    let began = Instant::now();

    second.deliveries.due(Duration::from_secs(600)).await;

    assert_eq!(lease(&second).await.len(), 1);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_broken_event_keeps_no_other_from_being_sent() {
    let (fixture, database) = open().await;
    fixture.destination().await;
    fixture.agent("agt_1").await;
    let broken = sqlx::query("UPDATE event SET detail = '{}'")
        .execute(database.outside())
        .await;
    assert_eq!(broken.expect("a broken row").rows_affected(), 1);
    fixture.next_second();
    fixture.agent("agt_2").await;

    let leased = lease(&fixture.ports).await;
    let again = lease(&fixture.ports).await;

    assert_eq!(leased.len(), 1);
    assert_eq!(again, [], "the broken one has had its turn");
}

#[tokio::test]
async fn a_key_that_is_used_often_is_written_once_a_minute() {
    let (fixture, database) = open().await;
    let key = ApiKey {
        id: KeyId::new(fixture.now(), random()),
        organization_id: fixture.organization.organization_id(),
        scope: Scope::Full,
        hash: [7; 32],
        hint: "sk_live_abcd".to_owned(),
        created_at: fixture.now(),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    };
    let keys = &fixture.ports.keys;
    keys.create(fixture.operator(), key.clone())
        .await
        .expect("it is new");
    let mut versions = BTreeSet::new();

    for seconds in 0..120 {
        let at = fixture.now() + Duration::from_secs(seconds);
        keys.used(key.id, at).await.expect("it is there");
        let version: String = sqlx::query_scalar("SELECT xmin::text FROM api_key")
            .fetch_one(database.outside())
            .await
            .expect("the row");
        versions.insert(version);
    }

    assert_eq!(versions.len(), 2, "10:00 and 10:01");
}
