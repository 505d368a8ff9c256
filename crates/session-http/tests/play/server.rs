//! Windlass as an agent sees it: remembers what it was told, and answers as the test says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use secrecy::{SecretSlice, SecretString};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use windlass_demo_site::Phone;
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, Random, RunId, SessionId, SourceId, StorageId, TaskId};
use windlass_domain::run::{Epoch, Status};
use windlass_domain::task::{Engine, TaskSettings};
use windlass_worker::lease::{LeasedRun, LeasedSource, LeasedTask};
use windlass_worker::protocol::{
    Answer, Begun, CapturedFile, CapturedScreenshot, FinishReport, Heard, Kept, LeaseKey,
    LeaseRequest, Leases, Progress, Question, Registration, Renewal,
};
use windlass_worker::{OpenedCredential, Protocol, ProtocolError, RunContext};

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_607_300_000)
}

const RANDOM: Random = Random([7; 10]);

/// A file that was kept: name, type, length.
pub(crate) type KeptFile = (String, String, Value, usize);

#[derive(Default)]
pub(crate) struct Server {
    pub(crate) username: &'static str,
    pub(crate) password: Option<&'static str>,
    /// Whether a run has logged in with the credential before.
    pub(crate) was_tried: bool,
    /// What the authenticator holds; `site::TOTP_SECRET` where the test does not say.
    pub(crate) totp_secret: Option<&'static str>,
    /// Where codes come from when the test has not set them.
    pub(crate) phone: Option<Phone>,
    pub(crate) codes: Mutex<VecDeque<&'static str>>,
    /// The site's count of requests, looked at when the run begins.
    pub(crate) hits: Arc<AtomicUsize>,
    pub(crate) hits_at_begin: Mutex<Vec<usize>>,
    pub(crate) progress: Mutex<Vec<String>>,
    pub(crate) questions: Mutex<Vec<Question>>,
    pub(crate) files: Mutex<Vec<KeptFile>>,
    pub(crate) screenshots: Mutex<Vec<CapturedScreenshot>>,
}

/// A run of this playbook on this source.
pub(crate) struct Run {
    pub(crate) source_url: String,
    pub(crate) playbook: Value,
    /// Its credential was deleted after it had started.
    pub(crate) is_credential_deleted: bool,
    pub(crate) output_schema: Option<Value>,
    pub(crate) files_kept: bool,
    pub(crate) resumed: bool,
    pub(crate) engine: Engine,
    pub(crate) checkpoint: Option<SecretSlice<u8>>,
    pub(crate) canceled: CancellationToken,
    pub(crate) lost: CancellationToken,
}

impl Run {
    pub(crate) fn new(source_url: String, steps: &Value) -> Self {
        Self {
            source_url,
            playbook: json!({"title": "Latest bill", "steps": steps}),
            is_credential_deleted: false,
            output_schema: None,
            files_kept: true,
            resumed: false,
            engine: Engine::Auto,
            checkpoint: None,
            canceled: CancellationToken::new(),
            lost: CancellationToken::new(),
        }
    }

    /// The same, led on from where the run asked last.
    pub(crate) fn from(self, server: &Server) -> Self {
        let questions = server.questions.lock().unwrap();
        let checkpoint = questions.last().and_then(|last| last.checkpoint.clone());
        assert!(checkpoint.is_some(), "every question leaves a checkpoint");
        Self { checkpoint, ..self }
    }

    pub(crate) fn context(self, server: &Arc<Server>) -> RunContext {
        let has_credential = server.password.is_some() || self.is_credential_deleted;
        let leased = LeasedRun {
            run_id: RunId::new(now(), RANDOM),
            session_id: SessionId::new(now(), RANDOM),
            resumed: self.resumed,
            task: LeasedTask {
                id: TaskId::new(now(), RANDOM),
                name: "Latest bill".to_owned(),
                prompt: None,
                input_schema: None,
                output_schema: self.output_schema,
                files_kept: self.files_kept,
                extraction: None,
                settings: TaskSettings {
                    engine: self.engine,
                    ..TaskSettings::default()
                },
            },
            input: json!({"page": 2}),
            source: Some(LeasedSource {
                id: SourceId::new(now(), RANDOM),
                url: self.source_url,
            }),
            credential_id: has_credential.then(|| CredentialId::new(now(), RANDOM)),
            playbook: Some(self.playbook),
            checkpoint: self.checkpoint,
            epoch: Epoch(1),
            begun: false,
            lease_expires_at: now(),
            trace_parent: None,
        };
        let protocol = Arc::clone(server) as Arc<dyn Protocol>;
        RunContext::new(leased, protocol, self.canceled, self.lost)
    }
}

impl Server {
    /// What a run said that it does, the last of it with its end.
    pub(crate) async fn told(&self, context: &RunContext) -> Vec<String> {
        let last = context.take_progress().await;
        let mut told = self.progress.lock().unwrap().clone();
        told.extend(last.into_iter().filter_map(|line| line.message));
        told
    }
}

fn unused<T>() -> Result<T, ProtocolError> {
    Err(ProtocolError::Refused {
        message: "no agent makes this call".to_owned(),
    })
}

#[async_trait]
impl Protocol for Server {
    async fn register(&self, _: &str, _: Option<&str>) -> Result<Registration, ProtocolError> {
        unused()
    }

    async fn lease(&self, _: LeaseRequest) -> Result<Leases, ProtocolError> {
        unused()
    }

    async fn renew(&self, _: LeaseKey) -> Result<Renewal, ProtocolError> {
        unused()
    }

    async fn begin(&self, _: LeaseKey) -> Result<Begun, ProtocolError> {
        self.hits_at_begin
            .lock()
            .unwrap()
            .push(self.hits.load(Ordering::SeqCst));
        let credential = self.password.map(|password| OpenedCredential {
            login: None,
            id: CredentialId::new(now(), RANDOM),
            was_tried: self.was_tried,
            username: Some(self.username.to_owned()),
            password: Some(SecretString::from(password)),
            totp_secret: Some(SecretString::from(
                self.totp_secret.unwrap_or(crate::site::TOTP_SECRET),
            )),
            source_fields: Default::default(),
        });
        Ok(Begun {
            credential,
            cancel: false,
        })
    }

    async fn progress(&self, _: LeaseKey, lines: Vec<Progress>) -> Result<Heard, ProtocolError> {
        let messages = lines.into_iter().filter_map(|line| line.message);
        self.progress.lock().unwrap().extend(messages);
        Ok(Heard { cancel: false })
    }

    async fn store_file(&self, _: LeaseKey, mut file: CapturedFile) -> Result<Kept, ProtocolError> {
        let mut length = 0;
        while let Some(chunk) = file.content.next().await {
            length += chunk
                .map_err(|error| ProtocolError::Refused {
                    message: error.to_string(),
                })?
                .len();
        }
        self.files.lock().unwrap().push((
            file.file_name,
            file.file_type,
            json!(file.metadata),
            length,
        ));
        Ok(Kept {
            storage_id: Some(StorageId::new(now(), RANDOM)),
            cancel: false,
        })
    }

    async fn store_screenshot(
        &self,
        _: LeaseKey,
        screenshot: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError> {
        self.screenshots.lock().unwrap().push(screenshot);
        Ok(Heard { cancel: false })
    }

    async fn interact(&self, _: LeaseKey, question: Question) -> Result<Heard, ProtocolError> {
        self.questions.lock().unwrap().push(question);
        Ok(Heard { cancel: false })
    }

    async fn withdraw(&self, _: LeaseKey, _: u32) -> Result<Heard, ProtocolError> {
        unused()
    }

    async fn answer(&self, _: LeaseKey, _: Duration) -> Result<Answer, ProtocolError> {
        let set = self.codes.lock().unwrap().pop_front().map(str::to_owned);
        let code = set.or_else(|| self.phone.as_ref()?.latest_code(self.username));
        let asked = self.questions.lock().unwrap();
        let field = asked.last().and_then(|question| question.fields.first());
        let name = field.map_or("code", |field| &field.name).to_owned();
        let answers = code.map(|code| vec![(name, SecretString::from(code))]);
        Ok(Answer {
            cancel: answers.is_none(),
            answers,
        })
    }

    async fn finish(&self, _: LeaseKey, _: FinishReport) -> Result<Status, ProtocolError> {
        unused()
    }

    async fn release(&self, _: LeaseKey) -> Result<Status, ProtocolError> {
        unused()
    }

    async fn release_asking(&self, _: LeaseKey, _: u32) -> Result<Status, ProtocolError> {
        unused()
    }

    async fn evict(&self, _: &str, _: u32, _: SessionId) -> Result<(), ProtocolError> {
        unused()
    }

    async fn drain(&self, _: &str, _: u32) -> Result<(), ProtocolError> {
        unused()
    }
}
