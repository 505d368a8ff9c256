//! What the port `Credentials` promises.

use windlass_application::ports::WriteError;
use windlass_application::ports::credentials::CredentialFilter;
use windlass_application::problem::Resource;
use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{CredentialId, SourceId};

use crate::store::{Fixture, done, first_page};

/// What was created is what is read, with what is sealed in it.
pub async fn a_new_credential_is_read_back(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let full = fixture.new_credential(&source.id);
    let mut empty = fixture.new_credential(&source.id);
    empty.credential.auth_method = AuthMethod::None;
    empty.credential.external_id = None;
    empty.credential.secret = None;
    let credentials = &fixture.ports.credentials;

    for view in [full, empty] {
        let created = credentials.create(fixture.write(), view.clone()).await;

        assert_eq!(done(created.expect("it is new")), view);
        let read = credentials
            .get(fixture.organization, view.credential.id)
            .await;
        assert_eq!(read.expect("a read"), Some(view.credential));
    }
}

/// The event of a credential has nothing that is sealed.
pub async fn a_credentials_event_holds_no_contents(fixture: &Fixture) {
    let source = fixture.source("src_power").await;

    let credential = fixture.credential(&source.id).await;

    let events = fixture.events_of(fixture.organization).await;
    let event = events.last().expect("events");
    assert_eq!(event.event_type, EventType::CredentialCreated);
    assert_eq!(
        event.data,
        EventData::Credential(Credential {
            summary: None,
            secret: None,
            ..credential
        })
    );
}

/// A credential for a source that is gone is not kept.
pub async fn a_credential_needs_its_source(fixture: &Fixture) {
    let gone = SourceId::parse("src_gone").expect("well-formed");
    let view = fixture.new_credential(&gone);
    let id = view.credential.id;
    let credentials = &fixture.ports.credentials;

    let refused = credentials.create(fixture.write(), view).await;

    assert!(
        matches!(
            refused,
            Err(WriteError::ReferenceGone {
                what: Resource::Source
            })
        ),
        "{refused:?}"
    );
    let read = credentials.get(fixture.organization, id).await;
    assert_eq!(read.expect("a read"), None);
    assert_eq!(fixture.event_types().await, []);
}

/// A source of another organization is none.
pub async fn a_credential_takes_no_strangers_source(fixture: &Fixture) {
    let source = fixture.new_source("src_theirs");
    let write = fixture.write_of(fixture.stranger);
    let created = fixture.ports.sources.create(write, source.clone()).await;
    done(created.expect("it is new"));
    let view = fixture.new_credential(&source.id);

    let refused = fixture
        .ports
        .credentials
        .create(fixture.write(), view)
        .await;

    assert!(
        matches!(refused, Err(WriteError::ReferenceGone { .. })),
        "{refused:?}"
    );
}

/// Another organization neither sees nor deletes a credential.
pub async fn a_credential_belongs_to_its_organization(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let credential = fixture.credential(&source.id).await;
    let credentials = &fixture.ports.credentials;

    let read = credentials.get(fixture.stranger, credential.id).await;
    let filter = CredentialFilter::default();
    let listed = credentials
        .list(fixture.stranger, filter, first_page())
        .await;
    let deleted = credentials
        .delete(fixture.write_of(fixture.stranger), credential.id)
        .await;

    assert_eq!(read.expect("a read"), None);
    assert_eq!(listed.expect("a list").items, []);
    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
    let ours = credentials.get(fixture.organization, credential.id).await;
    assert_eq!(ours.expect("a read"), Some(credential));
}

/// A deletion erases the contents at once; the record stays, and the event comes once.
pub async fn a_deleted_credential_has_no_contents(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let credential = fixture.credential(&source.id).await;
    let credentials = &fixture.ports.credentials;

    let first = credentials.delete(fixture.write(), credential.id).await;
    let read = credentials.get(fixture.organization, credential.id).await;
    fixture.next_second();
    let second = credentials.delete(fixture.write(), credential.id).await;
    let again = credentials.get(fixture.organization, credential.id).await;

    done(first.expect("it is there"));
    done(second.expect("it is there still"));
    let read = read.expect("a read").expect("its record stays");
    assert_eq!(read.status, CredentialStatus::Deleted);
    assert_eq!((&read.summary, &read.secret), (&None, &None));
    assert!(read.updated_at > credential.updated_at);
    assert_eq!(again.expect("a read"), Some(read.clone()), "as it was");
    let filter = CredentialFilter::default();
    let listed = credentials
        .list(fixture.organization, filter, first_page())
        .await;
    assert_eq!(listed.expect("a list").items, std::slice::from_ref(&read));
    let events = fixture.events_of(fixture.organization).await;
    let deletions: Vec<_> = events
        .iter()
        .filter(|event| event.event_type == EventType::CredentialDeleted)
        .collect();
    assert_eq!(deletions.len(), 1);
    assert_eq!(deletions[0].created_at, read.updated_at);
    assert_eq!(deletions[0].data, EventData::Credential(read));
}

/// What was never there is not deleted.
pub async fn an_unknown_credential_is_not_deleted(fixture: &Fixture) {
    let id = CredentialId::new(fixture.now(), windlass_application::random::random());

    let deleted = fixture.ports.credentials.delete(fixture.write(), id).await;

    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
}

/// Filters go together: each leaves out what it does not match.
pub async fn credentials_are_listed_by_source_status_and_person(fixture: &Fixture) {
    let power = fixture.source("src_power").await;
    let water = fixture.source("src_water").await;
    let gas = fixture.source("src_gas").await;
    let of_power = fixture.credential(&power.id).await;
    let of_water = fixture.credential(&water.id).await;
    let of_gas = fixture.credential(&gas.id).await;
    let mut of_other = fixture.new_credential(&power.id);
    of_other.credential.external_id = Some("person-8".to_owned());
    let credentials = &fixture.ports.credentials;
    let created = credentials.create(fixture.write(), of_other.clone()).await;
    let of_other = done(created.expect("it is new")).credential;
    let deleted = credentials.delete(fixture.write(), of_gas.id).await;
    done(deleted.expect("it is there"));
    let list = async |filter: CredentialFilter| {
        let listed = credentials
            .list(fixture.organization, filter, first_page())
            .await;
        let mut ids: Vec<CredentialId> = listed
            .expect("a list")
            .items
            .iter()
            .map(|credential| credential.id)
            .collect();
        ids.sort();
        ids
    };
    let sorted = |mut ids: Vec<CredentialId>| {
        ids.sort();
        ids
    };

    let of_sources = list(CredentialFilter {
        source_ids: vec![power.id, water.id],
        ..CredentialFilter::default()
    })
    .await;
    let deleted = list(CredentialFilter {
        statuses: vec![CredentialStatus::Deleted, CredentialStatus::Invalid],
        ..CredentialFilter::default()
    })
    .await;
    let of_person = list(CredentialFilter {
        external_id: Some("person-7".to_owned()),
        statuses: vec![CredentialStatus::Unverified],
        ..CredentialFilter::default()
    })
    .await;

    assert_eq!(
        of_sources,
        sorted(vec![of_power.id, of_water.id, of_other.id])
    );
    assert_eq!(deleted, [of_gas.id]);
    assert_eq!(of_person, sorted(vec![of_power.id, of_water.id]));
}
