//! What the port `DataKeys` promises.

use windlass_application::ports::vault::WrappedKey;
use windlass_domain::sealed::Sealed;

use crate::store::Fixture;

/// Of two keys of one version the first is kept, and both are answered it.
pub async fn the_first_data_key_of_a_version_is_kept(fixture: &Fixture) {
    let organization_id = fixture.organization.organization_id();
    let data_keys = &fixture.ports.data_keys;

    let first = data_keys.insert(organization_id, key(1, "first")).await;
    let second = data_keys.insert(organization_id, key(1, "second")).await;

    assert_eq!(first.expect("a write"), [key(1, "first")]);
    assert_eq!(second.expect("a write"), [key(1, "first")]);
}

/// Versions are listed oldest first, each organization's own.
pub async fn data_keys_are_listed_by_version(fixture: &Fixture) {
    let ours = fixture.organization.organization_id();
    let theirs = fixture.stranger.organization_id();
    let data_keys = &fixture.ports.data_keys;
    for (organization_id, version) in [(ours, 10), (ours, 9), (theirs, 1)] {
        let key = key(version, "key");
        let inserted = data_keys.insert(organization_id, key).await;
        inserted.expect("a write");
    }

    let listed = data_keys.list(ours).await;

    assert_eq!(listed.expect("a list"), [key(9, "key"), key(10, "key")]);
}

/// A database has one canary: the first.
pub async fn the_first_canary_stays(fixture: &Fixture) {
    let canary = |text: &str| Sealed::from_bytes(text.as_bytes().to_vec());
    let data_keys = &fixture.ports.data_keys;

    let none = data_keys.canary().await;
    let first = data_keys.plant_canary(canary("first")).await;
    let second = data_keys.plant_canary(canary("second")).await;

    assert_eq!(none.expect("a read"), None);
    assert_eq!(first.expect("a write"), canary("first"));
    assert_eq!(second.expect("a write"), canary("first"));
    let read = data_keys.canary().await;
    assert_eq!(read.expect("a read"), Some(canary("first")));
}

fn key(version: u32, text: &str) -> WrappedKey {
    WrappedKey {
        version,
        wrapped: Sealed::from_bytes(text.as_bytes().to_vec()),
        seals: true,
    }
}
