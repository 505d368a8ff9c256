//! What the port `Organizations` promises.

use windlass_application::ports::WriteError;
use windlass_application::random::random;
use windlass_domain::id::OrganizationId;
use windlass_domain::organization::{Environment, Organization};

use crate::keys::new_key;
use crate::store::Fixture;

/// What was created is what is found by its name.
pub async fn a_new_organization_is_found_by_its_name(fixture: &Fixture) {
    let mut suspended = organization(fixture, "tests");
    suspended.environment = Environment::Test;
    suspended.suspended = true;
    let organizations = &fixture.ports.organizations;

    let created = organizations
        .create(fixture.operator(), suspended.clone())
        .await;

    created.expect("it is new");
    let found = organizations.find("tests").await;
    assert_eq!(found.expect("a read"), Some(suspended));
    let unknown = organizations.find("nobody").await;
    assert_eq!(unknown.expect("a read"), None);
}

/// The second organization of a name changes nothing.
pub async fn an_organizations_name_is_taken_once(fixture: &Fixture) {
    let first = organization(fixture, "tests");
    let second = organization(fixture, "tests");
    let organizations = &fixture.ports.organizations;
    let created = organizations
        .create(fixture.operator(), first.clone())
        .await;
    created.expect("it is new");

    let refused = organizations.create(fixture.operator(), second).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let found = organizations.find("tests").await;
    assert_eq!(found.expect("a read"), Some(first));
}

/// An organization is suspended and goes on; its keys say so at once, and another's do not.
pub async fn a_suspended_organization_is_known_by_its_keys(fixture: &Fixture) {
    let ports = &fixture.ports;
    let (ours, theirs) = (fixture.organization, fixture.stranger);
    for (organization, hash) in [(ours, 1), (theirs, 2)] {
        let mut key = new_key(fixture, hash);
        key.organization_id = organization.organization_id();
        let created = ports.keys.create(fixture.operator(), key).await;
        created.expect("it is new");
    }
    let suspended = async || {
        let mut suspended = Vec::new();
        for hash in [1, 2] {
            let found = ports.keys.find([hash; 32]).await.expect("a read");
            suspended.push(found.expect("it is there").1.suspended);
        }
        suspended
    };
    let set = async |id, suspended| {
        let operator = fixture.operator();
        ports
            .organizations
            .set_suspended(operator, id, suspended)
            .await
    };

    for (to, expected) in [
        (true, [true, false]),
        (true, [true, false]),
        (false, [false; 2]),
    ] {
        set(ours.organization_id(), to).await.expect("it is there");

        assert_eq!(suspended().await, expected);
    }
    let unknown = set(OrganizationId::new(fixture.now(), random()), true).await;
    assert!(matches!(unknown, Err(WriteError::NotFound)), "{unknown:?}");
}

/// Organizations are listed oldest first.
pub async fn organizations_are_listed_oldest_first(fixture: &Fixture) {
    let organizations = &fixture.ports.organizations;
    for name in ["zeta", "alpha"] {
        fixture.next_second();
        let created = organizations
            .create(fixture.operator(), organization(fixture, name))
            .await;
        created.expect("it is new");
    }

    let listed = organizations.list().await.expect("a list");

    let names: Vec<&str> = listed
        .iter()
        .map(|organization| organization.name.as_str())
        .collect();
    // The first two are the fixture's own, of one moment.
    assert_eq!(names.len(), 4);
    assert_eq!(names[2..], ["zeta", "alpha"]);
}

fn organization(fixture: &Fixture, name: &str) -> Organization {
    Organization {
        id: OrganizationId::new(fixture.now(), random()),
        name: name.to_owned(),
        environment: Environment::Live,
        suspended: false,
        created_at: fixture.now(),
    }
}
