//! What rows hold of events, pinned: it is read again by every later version.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, EventPattern, RetryProfile, Webhook,
};
use windlass_domain::id::{CredentialId, Random, RunId, SessionId};
use windlass_domain::run::{Outcome, Status};
use windlass_domain::sealed::Sealed;
use windlass_domain::session::SessionStatus;

use super::*;

const AT: Timestamp = Timestamp::EPOCH;

fn random() -> Random {
    Random([7; 10])
}

fn run_facts() -> RunFacts {
    RunFacts {
        id: RunId::new(AT, random()),
        task_id: TaskId::new(AT, random()),
        credential_id: Some(CredentialId::new(AT, random())),
        agent_id: AgentId::new(AT, random()),
        source_id: Some(SourceId::new(AT, random())),
        session_id: SessionId::new(AT, random()),
        metadata: BTreeMap::from([("tenant".to_owned(), "acme".to_owned())]),
        created_at: AT,
    }
}

fn session_facts() -> SessionFacts {
    SessionFacts {
        id: SessionId::new(AT, random()),
        credential_id: None,
        source_id: Some(SourceId::new(AT, random())),
        created_at: AT,
    }
}

fn destination(events: EventFilter) -> Destination {
    Destination {
        id: DestinationId::new(AT, random()),
        name: "Billing".to_owned(),
        status: DestinationStatus::Inactive,
        events,
        configuration: Configuration::Webhook(Webhook {
            url: "https://example.com/hook".to_owned(),
            retry_profile: RetryProfile::Deck,
            secret: Sealed::from_bytes(b"signing secret".to_vec()),
            custom_headers: Some(Sealed::from_bytes(b"token".to_vec())),
        }),
        created_at: AT,
        updated_at: Timestamp::from_millis(5),
    }
}

fn credential(status: CredentialStatus) -> Credential {
    Credential {
        id: CredentialId::new(AT, random()),
        source_id: SourceId::new(AT, random()),
        auth_method: AuthMethod::UsernamePassword,
        external_id: Some("person 1".to_owned()),
        status,
        summary: Some(Sealed::from_bytes(b"user name".to_vec())),
        secret: Some(Sealed::from_bytes(b"password".to_vec())),
        secrets_version: 2,
        created_at: AT,
        updated_at: Timestamp::from_millis(5),
    }
}

/// Data of each kind of event, as it was given and as it is read back.
fn examples() -> Vec<(EventType, EventData)> {
    vec![
        (
            EventType::CredentialInvalid,
            EventData::Credential(Credential {
                summary: None,
                secret: None,
                ..credential(CredentialStatus::Invalid)
            }),
        ),
        (
            EventType::AgentCreated,
            EventData::Agent(Agent {
                id: AgentId::new(AT, random()),
                name: "Bills".to_owned(),
                description: None,
                created_at: AT,
                updated_at: AT,
            }),
        ),
        (
            EventType::SourceDeleted,
            EventData::Source(Source {
                id: SourceId::new(AT, random()),
                name: Some("Power".to_owned()),
                url: "https://power.example".to_owned(),
                created_at: AT,
                updated_at: AT,
            }),
        ),
        (
            EventType::TaskUpdated,
            EventData::Task(TaskEventSummary {
                id: TaskId::new(AT, random()),
                name: "Latest bill".to_owned(),
                status: TaskStatus::Live,
                agent_id: AgentId::new(AT, random()),
                created_at: AT,
                updated_at: AT,
            }),
        ),
        (
            EventType::DeliveryParked,
            EventData::Delivery(DeliverySummary {
                id: DeliveryId::new(AT, random()),
                event_id: EventId::new(AT, random()),
                event_type: EventType::RunCompleted,
                destination_id: DestinationId::new(AT, random()),
                attempts: 10,
            }),
        ),
    ]
}

fn read_back(data: &EventData) -> Result<EventData, Impossible> {
    let json = crate::write(&EventDetail::of(data).expect("it is kept with the event"));
    let detail: EventDetail = crate::read(&json).expect("the shape");
    detail.into_data()
}

#[test]
fn the_data_of_every_kind_of_event_reads_back() {
    for (event_type, data) in examples() {
        assert_eq!(read_back(&data), Ok(data), "{event_type}");
    }
}

#[test]
fn a_destination_reads_back_without_what_is_sealed() {
    let given = destination(EventFilter::Some(vec![EventPattern::Family("session")]));
    let data = EventData::Destination(given.clone());

    let read = read_back(&data);

    let Ok(EventData::Destination(read)) = read else {
        panic!("{read:?}");
    };
    let Configuration::Webhook(webhook) = &read.configuration;
    assert_eq!(webhook.url, "https://example.com/hook");
    assert_eq!(webhook.secret.as_bytes(), b"");
    assert_eq!(webhook.custom_headers, None);
    assert_eq!(
        (read.id, &read.name, read.status, &read.events),
        (given.id, &given.name, given.status, &given.events)
    );
}

#[test]
fn the_json_of_each_kind_starts_with_its_family() {
    for (event_type, data) in examples() {
        let json = crate::write(&EventDetail::of(&data));
        let start = format!(r#"{{"object":"{}","id":""#, event_type.family());
        assert!(json.starts_with(&start), "{json}");
    }
}

#[test]
fn nothing_sealed_is_kept_with_an_event() {
    let credential = credential(CredentialStatus::Verified);
    for data in [
        EventData::Credential(credential),
        EventData::Destination(destination(EventFilter::All)),
    ] {
        let detail = EventDetail::of(&data);
        let json = crate::write(&detail);
        for key in ["secret", "summary", "custom_headers"] {
            assert!(!json.contains(&format!("\"{key}\":")), "{json}");
        }
    }
}

#[test]
fn an_event_of_a_run_is_read_from_the_run() {
    let at = Timestamp::from_millis(9);
    let runtime = Duration::from_millis(1_234);

    let summary = run_facts().summary(EventType::RunFailed, at, 4, runtime);

    let summary = summary.expect("a run's event");
    assert_eq!(
        (summary.status, summary.result),
        (Status::Failed, Some(Outcome::Failure))
    );
    assert_eq!((summary.version, summary.runtime), (4, runtime));
    assert_eq!((summary.created_at, summary.updated_at), (AT, at));
    assert_eq!(summary.metadata, run_facts().metadata);
    assert_eq!(EventDetail::of(&EventData::Run(summary)), None);
}

#[test]
fn an_event_of_a_session_is_read_from_the_session() {
    let at = Timestamp::from_millis(9);

    let summary = session_facts().summary(EventType::SessionIdle, at, 3, Duration::ZERO);

    let summary = summary.expect("a session's event");
    assert_eq!(summary.status, SessionStatus::Idle);
    assert_eq!((summary.created_at, summary.updated_at), (AT, at));
    assert_eq!(EventDetail::of(&EventData::Session(summary)), None);
}

#[test]
fn an_event_about_something_else_names_the_rule() {
    let run = run_facts().summary(EventType::SessionIdle, AT, 1, Duration::ZERO);
    let session = session_facts().summary(EventType::RunFailed, AT, 1, Duration::ZERO);

    assert_eq!(run, Err(Impossible::new("`session.idle` is about a run")));
    assert_eq!(
        session,
        Err(Impossible::new("`task_run.failed` is about a session"))
    );
}
