//! What a caller sees of a worker's work: questions, and files at signed addresses.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde_json::json;
use windlass_application::ports::runs::{Attachment, LeaseRequest};
use windlass_application::random::random;
use windlass_application::{Actor, OrganizationContext, Write};
use windlass_domain::file::{MAX_FILE_BYTES, StoredFile};
use windlass_domain::id::{RequestId, RunId, StorageId};
use windlass_domain::pool::Pool;
use windlass_domain::run::{Epoch, Field, RunCommand, WorkerCommand};

use crate::fixture::Fixture;

/// A run that a worker holds.
struct Held<'a> {
    fixture: &'a Fixture,
    run_id: RunId,
    epoch: Epoch,
    organization: OrganizationContext,
}

impl<'a> Held<'a> {
    async fn new(fixture: &'a Fixture) -> Self {
        fixture.run().await;
        let ports = &fixture.application.ports;
        let start = ports.workers.register(None, "scraper").await.unwrap();
        let leased = ports
            .runs
            .lease(LeaseRequest {
                organization: None,
                holder: start.holder,
                pools: vec![Pool::default_pool()],
                capacity: 1,
                explicit_begin: false,
                sessions: Vec::new(),
                length: Duration::from_secs(60),
            })
            .await
            .unwrap();
        let run = &leased.runs[0].run;
        Self {
            fixture,
            run_id: run.id,
            epoch: run.epoch,
            organization: OrganizationContext::of_server(run.organization_id),
        }
    }

    async fn say(&self, command: WorkerCommand, attachment: Option<Attachment>) {
        let ports = &self.fixture.application.ports;
        let write = Write {
            organization: self.organization,
            actor: Actor::Server,
            request_id: RequestId::new(ports.clock.now(), random()),
            trace_parent: None,
            idempotency: None,
        };
        let command = RunCommand::Worker {
            epoch: self.epoch,
            command,
        };
        let said = ports
            .runs
            .command(write, self.run_id, command, attachment)
            .await;
        said.expect("the run is held");
    }

    async fn ask_for_a_code(&self) {
        let field = Field {
            name: "code".to_owned(),
            kind: "string".to_owned(),
            label: "Code".to_owned(),
            options: None,
            required: true,
        };
        let ask = WorkerCommand::Interact {
            attempt: 1,
            kind: "mfa".to_owned(),
            message: "Code from the text message".to_owned(),
            fields: vec![field],
            checkpoint: None,
            random: random(),
        };
        self.say(ask, None).await;
    }

    async fn store(&self, content: &'static [u8]) -> StorageId {
        let ports = &self.fixture.application.ports;
        let id = StorageId::new(ports.clock.now(), random());
        let content = Box::pin(stream::iter([Ok(Bytes::from_static(content))]));
        let organization_id = self.organization.organization_id();
        let facts = ports
            .blobs
            .put(organization_id, id, content, MAX_FILE_BYTES)
            .await
            .unwrap();
        let file = StoredFile {
            id,
            run_id: self.run_id,
            file_name: "faktura \"2025\".pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            file_size: facts.bytes,
            sha256: facts.sha256,
            extraction: None,
            created_at: ports.clock.now(),
            expired_at: None,
        };
        self.say(WorkerCommand::Touch, Some(Attachment::File(file)))
            .await;
        id
    }
}

#[tokio::test]
async fn a_question_is_shown_and_answered() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;
    let path = format!("/v2/task-runs/{}", held.run_id);

    let asked = fixture.get(&format!("{path}?wait=60")).await.body();
    let missing = fixture
        .post(&format!("{path}/interaction"), json!({"input": {}}))
        .await;
    let unknown = fixture
        .post(
            &format!("{path}/interaction"),
            json!({"input": {"code": "1", "pin": "2"}}),
        )
        .await;
    let cancel = fixture
        .call(Method::POST, &format!("{path}/cancel"))
        .send()
        .await;
    let answered = fixture
        .post(
            &format!("{path}/interaction"),
            json!({"inputs": {"code": "604218"}}),
        )
        .await;

    assert_eq!(asked["status"], "interaction_required");
    assert_eq!(
        asked["interaction"]["fields"],
        json!([{"name": "code", "type": "string", "label": "Code"}])
    );
    assert_eq!(asked["interaction"]["attempt"], 1);
    assert_eq!(missing.error(), (400, "input_missing".to_owned()));
    assert_eq!(missing.body()["errors"][0]["field"], "code");
    assert_eq!(unknown.error(), (400, "input_unknown".to_owned()));
    assert_eq!(cancel.error(), (409, "run_not_cancelable".to_owned()));
    assert_eq!(answered.status, 200);
    assert_eq!(answered.body()["status"], "running");
    assert_eq!(answered.body()["interaction"], json!(null));
}

#[tokio::test]
async fn a_repeated_answer_is_no_second_answer() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;
    let path = format!("/v2/task-runs/{}/interaction", held.run_id);

    let answer = async || {
        let call = fixture
            .call(Method::POST, &path)
            .header("idempotency-key", "once");
        call.json(&json!({"input": {"code": "604218"}}))
            .send()
            .await
    };
    let (first, second) = (answer().await, answer().await);

    assert_eq!(first.status, 200);
    assert_eq!(second.bytes, first.bytes);
}

#[tokio::test]
async fn a_decline_fails_the_run() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    held.ask_for_a_code().await;

    let path = format!("/v2/task-runs/{}/interaction", held.run_id);
    let declined = fixture.post(&path, json!({"decline": true})).await.body();

    assert_eq!(declined["status"], "failed");
    assert_eq!(declined["result"], "failure");
    assert_eq!(declined["errors"][0]["code"], "interaction_declined");
}

#[tokio::test]
async fn a_file_is_read_at_its_signed_address_alone() {
    let fixture = Fixture::new().await;
    let held = Held::new(&fixture).await;
    let id = held.store(b"%PDF-1.7 a bill").await;

    let listed = fixture
        .get(&format!("/v2/task-runs/{}/storage", held.run_id))
        .await
        .body();
    let alone = fixture.get(&format!("/v2/storage/{id}")).await.body();
    let url = listed["data"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix("http://localhost:8080").unwrap();
    let whole = fixture.open(Method::GET, path).send().await;
    let part = fixture
        .open(Method::GET, path)
        .header("range", "bytes=5-7")
        .send()
        .await;
    let outside = fixture
        .open(Method::GET, path)
        .header("range", "bytes=99-")
        .send()
        .await;
    let changed = fixture.open(Method::GET, &format!("{path}x")).send().await;

    assert_eq!(alone["sha256"], listed["data"][0]["sha256"]);
    assert_eq!(
        (alone["file_size"].as_u64(), alone["purpose"].as_str()),
        (Some(15), Some("output"))
    );
    assert_eq!(whole.bytes, b"%PDF-1.7 a bill");
    assert_eq!(whole.headers["content-type"], "application/pdf");
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    assert!(
        whole.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment;")
    );
    assert_eq!((part.status.as_u16(), &part.bytes[..]), (206, &b"1.7"[..]));
    assert_eq!(part.headers["content-range"], "bytes 5-7/15");
    assert_eq!(outside.status.as_u16(), 416);
    assert_eq!(changed.error(), (404, "storage_not_found".to_owned()));
}
