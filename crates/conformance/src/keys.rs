//! What the port `Keys` promises.

use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::random::random;
use windlass_domain::Timestamp;
use windlass_domain::id::KeyId;
use windlass_domain::key::{ApiKey, Scope};

use crate::store::Fixture;

/// What was created is what is found by its hash, with its organization.
pub async fn a_new_key_is_found_by_its_hash(fixture: &Fixture) {
    let mut key = new_key(fixture, 1);
    key.scope = Scope::Worker;
    key.expires_at = Some(fixture.now() + Duration::from_secs(3600));
    let keys = &fixture.ports.keys;

    let created = keys.create(fixture.operator(), key.clone()).await;

    created.expect("it is new");
    let found = keys.find(key.hash).await.expect("a read");
    let (found, organization) = found.expect("it is there");
    assert_eq!(found, key);
    assert_eq!(organization.id, key.organization_id);
    assert_eq!(organization.name, "acme");
    let unknown = keys.find([9; 32]).await;
    assert_eq!(unknown.expect("a read"), None);
}

/// The second key of a hash changes nothing.
pub async fn a_keys_hash_is_taken_once(fixture: &Fixture) {
    let first = new_key(fixture, 1);
    let mut second = new_key(fixture, 1);
    second.organization_id = fixture.stranger.organization_id();
    let keys = &fixture.ports.keys;
    let created = keys.create(fixture.operator(), first.clone()).await;
    created.expect("it is new");

    let refused = keys.create(fixture.operator(), second).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let found = keys.find(first.hash).await.expect("a read");
    assert_eq!(found.map(|(key, _)| key), Some(first));
}

/// All keys are listed, oldest first, with the organization of each.
pub async fn keys_are_listed_oldest_first(fixture: &Fixture) {
    let ours = new_key(fixture, 1);
    fixture.next_second();
    let mut theirs = new_key(fixture, 2);
    theirs.organization_id = fixture.stranger.organization_id();
    let keys = &fixture.ports.keys;
    for key in [&theirs, &ours] {
        let created = keys.create(fixture.operator(), key.clone()).await;
        created.expect("it is new");
    }

    let listed = keys.list().await.expect("a list");

    let listed: Vec<_> = listed
        .into_iter()
        .map(|(key, organization)| (key, organization.name))
        .collect();
    assert_eq!(
        listed,
        [(ours, "acme".to_owned()), (theirs, "stranger".to_owned())]
    );
}

/// A key is revoked once: the moment of the first time stays.
pub async fn a_revoked_key_stays_as_it_is(fixture: &Fixture) {
    let key = new_key(fixture, 1);
    let keys = &fixture.ports.keys;
    let created = keys.create(fixture.operator(), key.clone()).await;
    created.expect("it is new");
    let revoked_at = fixture.now();

    let first = keys.revoke(fixture.operator(), key.id).await;
    fixture.next_second();
    let second = keys.revoke(fixture.operator(), key.id).await;
    let unknown = keys
        .revoke(fixture.operator(), KeyId::new(fixture.now(), random()))
        .await;

    first.expect("it is there");
    second.expect("it is there still");
    assert!(matches!(unknown, Err(WriteError::NotFound)), "{unknown:?}");
    let found = keys.find(key.hash).await.expect("a read");
    let (found, _) = found.expect("it is there");
    assert_eq!(found.revoked_at, Some(revoked_at));
}

/// The last use of a key is kept to the minute, and never goes back.
pub async fn a_keys_last_use_is_kept_to_the_minute(fixture: &Fixture) {
    let key = new_key(fixture, 1);
    let keys = &fixture.ports.keys;
    let created = keys.create(fixture.operator(), key.clone()).await;
    created.expect("it is new");
    let minute = Timestamp::parse("2026-01-05T11:07:00Z").expect("a moment");
    let mut kept = Vec::new();

    for after in [59, 61, 0] {
        let used = keys.used(key.id, minute + Duration::from_secs(after)).await;
        used.expect("it is there");
        let found = keys.find(key.hash).await.expect("a read");
        kept.push(found.expect("it is there").0.last_used_at);
    }

    let next = minute + Duration::from_secs(60);
    assert_eq!(kept, [Some(minute), Some(next), Some(next)]);
}

pub(crate) fn new_key(fixture: &Fixture, hash: u8) -> ApiKey {
    ApiKey {
        id: KeyId::new(fixture.now(), random()),
        organization_id: fixture.organization.organization_id(),
        scope: Scope::Full,
        hash: [hash; 32],
        hint: "sk_live_abcd".to_owned(),
        created_at: fixture.now(),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    }
}
