//! What the port `Sources` promises.

use serde_json::json;
use windlass_application::ports::WriteError;
use windlass_application::ports::sources::SourceFilter;
use windlass_domain::event::{EventData, EventType};

use crate::store::{Fixture, done, first_page};

/// What was created is what is read.
pub async fn a_new_source_is_read_back(fixture: &Fixture) {
    let mut source = fixture.new_source("src_power");
    source.name = None;
    let sources = &fixture.ports.sources;

    let created = sources.create(fixture.write(), source.clone()).await;

    assert_eq!(done(created.expect("it is new")), source);
    let read = sources.get(fixture.organization, &source.id).await;
    assert_eq!(read.expect("a read"), Some(source.clone()));
    let listed = sources
        .list(fixture.organization, SourceFilter::default(), first_page())
        .await;
    assert_eq!(listed.expect("a list").items, [source.clone()]);
    let events = fixture.events_of(fixture.organization).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_type, EventType::SourceCreated);
    assert_eq!(events[0].data, EventData::Source(source));
}

/// The second source of an id changes nothing.
pub async fn a_sources_id_is_taken_once(fixture: &Fixture) {
    let first = fixture.source("src_power").await;
    let mut second = fixture.new_source("src_power");
    second.url = "https://other.example/".to_owned();
    let sources = &fixture.ports.sources;

    let refused = sources.create(fixture.write(), second).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let read = sources.get(fixture.organization, &first.id).await;
    assert_eq!(read.expect("a read"), Some(first));
    assert_eq!(fixture.event_types().await, [EventType::SourceCreated]);
}

/// Another organization neither sees nor deletes a source.
pub async fn a_source_belongs_to_its_organization(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let sources = &fixture.ports.sources;

    let read = sources.get(fixture.stranger, &source.id).await;
    let listed = sources
        .list(fixture.stranger, SourceFilter::default(), first_page())
        .await;
    let deleted = sources
        .delete(fixture.write_of(fixture.stranger), &source.id)
        .await;

    assert_eq!(read.expect("a read"), None);
    assert_eq!(listed.expect("a list").items, []);
    assert!(matches!(deleted, Err(WriteError::NotFound)), "{deleted:?}");
    let ours = sources.get(fixture.organization, &source.id).await;
    assert_eq!(ours.expect("a read"), Some(source));
}

/// A list can be narrowed to a name.
pub async fn sources_are_listed_by_name(fixture: &Fixture) {
    fixture.source("src_power").await;
    let mut water = fixture.new_source("src_water");
    water.name = Some("City water".to_owned());
    let sources = &fixture.ports.sources;
    let created = sources.create(fixture.write(), water.clone()).await;
    done(created.expect("it is new"));

    let filter = SourceFilter {
        name: Some("City water".to_owned()),
        ..SourceFilter::default()
    };
    let listed = sources
        .list(fixture.organization, filter, first_page())
        .await;

    assert_eq!(listed.expect("a list").items, [water]);
}

/// Credentials hold a source, deleted ones do not.
pub async fn a_source_with_credentials_is_in_use(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let first = fixture.credential(&source.id).await;
    let second = fixture.credential(&source.id).await;
    let sources = &fixture.ports.sources;
    let credentials = &fixture.ports.credentials;

    let two = sources.delete(fixture.write(), &source.id).await;
    let deleted = credentials.delete(fixture.write(), first.id).await;
    done(deleted.expect("a credential is never in use"));
    let one = sources.delete(fixture.write(), &source.id).await;
    let deleted = credentials.delete(fixture.write(), second.id).await;
    done(deleted.expect("a credential is never in use"));
    let none = sources.delete(fixture.write(), &source.id).await;

    assert!(
        matches!(&two, Err(WriteError::InUse { by }) if by == "2 credentials"),
        "{two:?}"
    );
    assert!(
        matches!(&one, Err(WriteError::InUse { by }) if by == "1 credential"),
        "{one:?}"
    );
    done(none.expect("nothing needs it"));
    let read = credentials.get(fixture.organization, first.id).await;
    let read = read.expect("a read").expect("it stays readable");
    assert_eq!(read.source_id, source.id);
}

/// With a source go the playbooks that lead through it.
pub async fn a_deleted_source_takes_its_playbooks_along(fixture: &Fixture) {
    let agent = fixture.agent("agt_billing").await;
    let task = fixture.task("task_bill", &agent.id).await;
    let source = fixture.source("src_power").await;
    let other = fixture.source("src_water").await;
    let playbooks = &fixture.ports.playbooks;
    for source_id in [&source.id, &other.id] {
        let document = json!({"title": "Bill", "steps": []});
        let put = playbooks
            .put(fixture.write(), &task.id, source_id, document)
            .await;
        done(put.expect("both are there"));
    }

    let deleted = fixture
        .ports
        .sources
        .delete(fixture.write(), &source.id)
        .await;

    done(deleted.expect("nothing needs it"));
    let events = fixture.events_of(fixture.organization).await;
    let last = events.last().expect("events");
    assert_eq!(last.event_type, EventType::SourceDeleted);
    assert!(last.created_at > source.created_at);
    fixture.source("src_power").await;
    let left = playbooks.list(fixture.organization, &task.id).await;
    let left: Vec<_> = left.expect("a list").into_iter().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].source_id, other.id);
}
