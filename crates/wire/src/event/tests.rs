//! What each kind of event looks like on the wire, key by key.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;
use windlass_domain::agent::Agent;
use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::delivery::DeliverySummary;
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, RetryProfile, Webhook,
};
use windlass_domain::event::{
    Event, EventData, EventType, RunSummary, SessionSummary, TaskEventSummary,
};
use windlass_domain::file::FileSummary;
use windlass_domain::id::{
    AgentId, CredentialId, DeliveryId, DestinationId, EventId, RunId, SessionId, SourceId,
    StorageId, TaskId,
};
use windlass_domain::run::{Outcome, Status};
use windlass_domain::sealed::Sealed;
use windlass_domain::session::SessionStatus;
use windlass_domain::source::Source;
use windlass_domain::task::TaskStatus;
use windlass_domain::time::Timestamp;

use super::EventBody;

/// The body that docs/guides/receive-webhooks.md has a signature for.
const COMPLETED: &str = concat!(
    r#"{"id":"evt_0324ygbdkStCcrXpLbuINk","object":"event","type":"task_run.completed","#,
    r#""data":{"id":"trun_0324ygTmLd1GBzfqb28m5Y","object":"task_run","status":"completed","#,
    r#""result":"success","task_id":"task_0324ygQdO37zLKt2nQcsFk","#,
    r#""credential_id":"cred_0324ygP3uH5Kw9XTMUxbAS","agent_id":"agt_0324ygLuwpuEqQLXlTfeFw","#,
    r#""source_id":"src_0324ygNUQd6U8RxXTH1COe","runtime_ms":18277,"#,
    r#""created_at":"2026-01-05T10:01:40.000Z","updated_at":"2026-01-05T10:02:19.967Z","#,
    r#""session_id":"sess_0324ygSCrnoc7Ek8y5PBgq","version":6,"metadata":{}},"#,
    r#""sequence":2048,"created_at":"2026-01-05T10:02:19.967Z"}"#,
);

const RUN: &str = "trun_0324ygTmLd1GBzfqb28m5Y";
const TASK: &str = "task_0324ygQdO37zLKt2nQcsFk";
const CREDENTIAL: &str = "cred_0324ygP3uH5Kw9XTMUxbAS";
const AGENT: &str = "agt_0324ygLuwpuEqQLXlTfeFw";
const SOURCE: &str = "src_0324ygNUQd6U8RxXTH1COe";
const SESSION: &str = "sess_0324ygSCrnoc7Ek8y5PBgq";
const EVENT: &str = "evt_0324ygbdkStCcrXpLbuINk";
const DESTINATION: &str = "evtd_0324ygdDEMqQFGrdSsCLN3";
const MADE: &str = "2026-01-05T10:01:40.000Z";
const CHANGED: &str = "2026-01-05T10:02:19.967Z";

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn event(event_type: EventType, data: EventData) -> Event {
    Event {
        id: EventId::parse(EVENT).unwrap(),
        event_type,
        sequence: 2048,
        created_at: moment(CHANGED),
        data,
    }
}

fn run() -> RunSummary {
    RunSummary {
        id: RunId::parse(RUN).unwrap(),
        status: Status::Completed,
        result: Some(Outcome::Success),
        task_id: TaskId::parse(TASK).unwrap(),
        credential_id: Some(CredentialId::parse(CREDENTIAL).unwrap()),
        agent_id: AgentId::parse(AGENT).unwrap(),
        source_id: Some(SourceId::parse(SOURCE).unwrap()),
        session_id: SessionId::parse(SESSION).unwrap(),
        runtime: Duration::from_micros(18_277_900),
        version: 6,
        metadata: BTreeMap::new(),
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn session() -> SessionSummary {
    SessionSummary {
        id: SessionId::parse(SESSION).unwrap(),
        status: SessionStatus::Idle,
        credential_id: None,
        source_id: None,
        runtime: Duration::from_millis(18_277),
        version: 3,
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn credential() -> Credential {
    Credential {
        id: CredentialId::parse(CREDENTIAL).unwrap(),
        source_id: SourceId::parse(SOURCE).unwrap(),
        auth_method: AuthMethod::UsernamePassword,
        external_id: Some("tenant-9/user-31".to_owned()),
        status: CredentialStatus::Verified,
        summary: Some(Sealed::from_bytes(b"sentinel-summary".to_vec())),
        secret: Some(Sealed::from_bytes(b"sentinel-secret".to_vec())),
        secrets_version: 1,
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn destination() -> Destination {
    Destination {
        id: DestinationId::parse(DESTINATION).unwrap(),
        name: "Billing".to_owned(),
        status: DestinationStatus::Inactive,
        events: EventFilter::All,
        configuration: Configuration::Webhook(Webhook {
            url: "https://hooks.bolig.example/sentinel-url".to_owned(),
            retry_profile: RetryProfile::Durable,
            secret: Sealed::from_bytes(b"sentinel-secret".to_vec()),
            custom_headers: Some(Sealed::from_bytes(b"sentinel-headers".to_vec())),
        }),
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn file() -> FileSummary {
    FileSummary {
        id: StorageId::parse("stor_0324ygWvJAh4Zk8gsToV1V").unwrap(),
        run_id: RunId::parse(RUN).unwrap(),
        file_name: "faktura-2025-12.pdf".to_owned(),
        file_type: "application/pdf".to_owned(),
        file_size: 48_211,
        created_at: moment(CHANGED),
    }
}

fn agent() -> Agent {
    Agent {
        id: AgentId::parse(AGENT).unwrap(),
        name: "Utility bills".to_owned(),
        description: None,
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn source() -> Source {
    Source {
        id: SourceId::parse(SOURCE).unwrap(),
        name: None,
        url: "https://my.nordlys.example/login".to_owned(),
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn task() -> TaskEventSummary {
    TaskEventSummary {
        id: TaskId::parse(TASK).unwrap(),
        name: "Latest bill".to_owned(),
        status: TaskStatus::Learning,
        agent_id: AgentId::parse(AGENT).unwrap(),
        created_at: moment(MADE),
        updated_at: moment(CHANGED),
    }
}

fn delivery() -> DeliverySummary {
    DeliverySummary {
        id: DeliveryId::parse("edlv_0324yggMBhQPd3IXHd3Uiq").unwrap(),
        event_id: EventId::parse(EVENT).unwrap(),
        event_type: EventType::RunCompleted,
        destination_id: DestinationId::parse(DESTINATION).unwrap(),
        attempts: 10,
    }
}

/// The data of an event as text, so that the order of its keys is compared too.
fn data(data: EventData) -> String {
    let body = EventBody::from(&event(EventType::AgentCreated, data));
    serde_json::to_string(&body.data).unwrap()
}

#[test]
fn a_delivery_carries_these_bytes() {
    let body = EventBody::from(&event(EventType::RunCompleted, EventData::Run(run())));

    assert_eq!(String::from_utf8(body.to_bytes()).unwrap(), COMPLETED);
}

#[test]
fn a_value_that_is_not_there_is_null() {
    let live = RunSummary {
        status: Status::Running,
        result: None,
        credential_id: None,
        source_id: None,
        metadata: BTreeMap::from([("order".to_owned(), "31".to_owned())]),
        ..run()
    };

    let shown: Value = serde_json::from_str(&data(EventData::Run(live))).unwrap();

    assert_eq!(shown["result"], Value::Null);
    let keys = shown.as_object().unwrap();
    assert!(keys.contains_key("credential_id") && keys.contains_key("source_id"));
    assert_eq!(shown["metadata"], json!({"order": "31"}));
}

#[test]
fn each_resource_has_its_own_summary() {
    let shown = [
        (
            EventData::Session(session()),
            concat!(
                r#"{"id":"sess_0324ygSCrnoc7Ek8y5PBgq","object":"session","status":"idle","#,
                r#""runtime_ms":18277,"created_at":"2026-01-05T10:01:40.000Z","#,
                r#""updated_at":"2026-01-05T10:02:19.967Z","credential_id":null,"#,
                r#""source_id":null,"version":3}"#,
            ),
        ),
        (
            EventData::Credential(credential()),
            concat!(
                r#"{"id":"cred_0324ygP3uH5Kw9XTMUxbAS","object":"credential","#,
                r#""status":"verified","source_id":"src_0324ygNUQd6U8RxXTH1COe","#,
                r#""auth_method":"username_password","external_id":"tenant-9/user-31","#,
                r#""created_at":"2026-01-05T10:01:40.000Z","#,
                r#""updated_at":"2026-01-05T10:02:19.967Z"}"#,
            ),
        ),
        (
            EventData::Agent(agent()),
            concat!(
                r#"{"id":"agt_0324ygLuwpuEqQLXlTfeFw","object":"agent","name":"Utility bills","#,
                r#""description":null,"created_at":"2026-01-05T10:01:40.000Z","#,
                r#""updated_at":"2026-01-05T10:02:19.967Z"}"#,
            ),
        ),
        (
            EventData::Source(source()),
            concat!(
                r#"{"id":"src_0324ygNUQd6U8RxXTH1COe","object":"source","name":null,"#,
                r#""type":"website","website":{"url":"https://my.nordlys.example/login"},"#,
                r#""created_at":"2026-01-05T10:01:40.000Z","#,
                r#""updated_at":"2026-01-05T10:02:19.967Z"}"#,
            ),
        ),
        (
            EventData::Task(task()),
            concat!(
                r#"{"id":"task_0324ygQdO37zLKt2nQcsFk","object":"task","name":"Latest bill","#,
                r#""status":"learning","agent_id":"agt_0324ygLuwpuEqQLXlTfeFw","#,
                r#""created_at":"2026-01-05T10:01:40.000Z","#,
                r#""updated_at":"2026-01-05T10:02:19.967Z"}"#,
            ),
        ),
        (
            EventData::File(file()),
            concat!(
                r#"{"id":"stor_0324ygWvJAh4Zk8gsToV1V","object":"storage","#,
                r#""file_name":"faktura-2025-12.pdf","file_type":"application/pdf","#,
                r#""file_size":48211,"purpose":"output","#,
                r#""task_run_id":"trun_0324ygTmLd1GBzfqb28m5Y","#,
                r#""created_at":"2026-01-05T10:02:19.967Z"}"#,
            ),
        ),
        (
            EventData::Destination(destination()),
            concat!(
                r#"{"id":"evtd_0324ygdDEMqQFGrdSsCLN3","object":"event_destination","#,
                r#""name":"Billing","type":"webhook","status":"inactive","#,
                r#""created_at":"2026-01-05T10:01:40.000Z","#,
                r#""updated_at":"2026-01-05T10:02:19.967Z"}"#,
            ),
        ),
        (
            EventData::Delivery(delivery()),
            concat!(
                r#"{"id":"edlv_0324yggMBhQPd3IXHd3Uiq","object":"event_delivery","#,
                r#""event_id":"evt_0324ygbdkStCcrXpLbuINk","event_type":"task_run.completed","#,
                r#""event_destination_id":"evtd_0324ygdDEMqQFGrdSsCLN3","attempts":10}"#,
            ),
        ),
    ];

    for (given, expected) in shown {
        assert_eq!(data(given), expected);
    }
}

#[test]
fn the_schema_requires_each_key_and_lets_null_be_where_it_may() {
    let schema = serde_json::to_value(super::RunEventData::schema()).unwrap();
    let written: Map<String, Value> = serde_json::from_str(&data(EventData::Run(run()))).unwrap();

    let required = schema["required"].as_array().unwrap();
    for key in written.keys() {
        assert!(required.contains(&json!(key)), "{key}");
    }
    assert_eq!(required.len(), written.len());
    assert_eq!(
        schema["properties"]["result"]["type"],
        json!(["string", "null"])
    );
    assert_eq!(schema["properties"]["task_id"]["type"], json!("string"));
}
