//! A run that a worker holds, and what the worker says of it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use windlass_application::ports::runs::{Attachment, LeaseRequest};
use windlass_application::random::random;
use windlass_application::{Actor, OrganizationContext, Write};
use windlass_domain::file::{Extraction, MAX_FILE_BYTES, StoredFile};
use windlass_domain::id::{RequestId, RunId, ScreenshotId, StorageId};
use windlass_domain::pool::Pool;
use windlass_domain::run::{
    AfterRun, Epoch, Field, Finish, FinishOutcome, RunCommand, WorkerCommand,
};
use windlass_domain::screenshot::{MAX_SCREENSHOT_BYTES, Screenshot};

use crate::fixture::Fixture;

/// A run that a worker holds.
pub(crate) struct Held<'a> {
    fixture: &'a Fixture,
    pub(crate) run_id: RunId,
    epoch: Epoch,
    organization: OrganizationContext,
}

impl<'a> Held<'a> {
    pub(crate) async fn new(fixture: &'a Fixture) -> Self {
        fixture.run().await;
        Self::next(fixture).await
    }

    /// The run that waits.
    pub(crate) async fn next(fixture: &'a Fixture) -> Self {
        let ports = &fixture.application.ports;
        let start = ports.workers.register(None, "scraper", None).await.unwrap();
        let leased = ports
            .runs
            .lease(LeaseRequest {
                organization: None,
                holder: start.holder,
                pools: vec![Pool::default_pool()],
                capacity: 1,
                explicit_begin: false,
                sessions: Vec::new(),
                held: vec![],
                heard: None,
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
            address: None,
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

    pub(crate) async fn ask_for_a_code(&self) {
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

    pub(crate) async fn succeed(&self, output: Value) {
        let success = WorkerCommand::Finish(Finish {
            digest: [1; 32],
            outcome: FinishOutcome::Success { output },
            credential: None,
            session: AfterRun::Keep,
            login: None,
        });
        self.say(success, None).await;
    }

    pub(crate) async fn store(&self, content: &'static [u8]) -> StorageId {
        let ports = &self.fixture.application.ports;
        let id = StorageId::new(ports.clock.now(), random());
        let content = Box::pin(stream::iter([Ok(Bytes::from_static(content))]));
        let organization_id = self.organization.organization_id();
        let facts = ports
            .blobs
            .put(organization_id, id.into(), content, MAX_FILE_BYTES)
            .await
            .unwrap();
        let file = StoredFile {
            id,
            run_id: self.run_id,
            file_name: "faktura \"2025\".pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            file_size: facts.bytes,
            sha256: facts.sha256,
            metadata: json!({"page": 2}).as_object().cloned(),
            extraction: Extraction::Taken(json!({"amount": 1249.5})),
            fields_sha256: None,
            created_at: ports.clock.now(),
            expired_at: None,
        };
        self.say(WorkerCommand::Touch, Some(Attachment::File(file)))
            .await;
        id
    }

    pub(crate) async fn see(&self, step: u32, content: &'static [u8]) -> ScreenshotId {
        let ports = &self.fixture.application.ports;
        let created_at = ports.clock.now() + Duration::from_secs(step.into());
        let id = ScreenshotId::new(created_at, random());
        let content = Box::pin(stream::iter([Ok(Bytes::from_static(content))]));
        let organization_id = self.organization.organization_id();
        let put = ports
            .blobs
            .put(organization_id, id.into(), content, MAX_SCREENSHOT_BYTES);
        let facts = put.await.unwrap();
        let screenshot = Screenshot {
            id,
            run_id: self.run_id,
            file_name: format!("step-{step:02}.html"),
            file_type: "text/html; charset=utf-8".to_owned(),
            file_size: facts.bytes,
            width: None,
            height: None,
            reasoning: Some("click \"Next\"".to_owned()),
            step: Some(step),
            sha256: facts.sha256,
            created_at,
            expired_at: None,
        };
        self.say(
            WorkerCommand::Touch,
            Some(Attachment::Screenshot(screenshot)),
        )
        .await;
        id
    }
}
