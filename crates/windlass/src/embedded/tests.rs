//! Runs from start to end inside one process: the real store, vault, files and queue, a worker,
//! and an agent that touches nothing.

mod checkpoint;

use std::collections::BTreeMap;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use windlass_application::answer_interaction::Reply;
use windlass_application::create_agent::NewAgent;
use windlass_application::create_credential::{NewContents, NewCredential};
use windlass_application::create_source::NewSource;
use windlass_application::create_task::NewTask;
use windlass_application::issue_key::NewKey;
use windlass_application::page::{PageRequest, Position};
use windlass_application::ports::PlaybookRules;
use windlass_application::ports::files::FileFilter;
use windlass_application::ports::runs::{RunView, TimelineKind};
use windlass_application::start_run::NewTaskRun;
use windlass_application::task_settings::NewTaskSettings;
use windlass_application::{Operator, Ports, Problem, Settings, Write, Written};
use windlass_blobs::Folder;
use windlass_domain::credential::CredentialStatus;
use windlass_domain::file::Extraction;
use windlass_domain::id::{CredentialId, RunId, SessionId, TaskId};
use windlass_domain::key::Scope;
use windlass_domain::organization::Environment;
use windlass_domain::pool::Pool;
use windlass_domain::run::{AfterRun, CredentialReport, ErrorCode, Field, RunState};
use windlass_domain::task::StorageSettings;
use windlass_egress::Policy;
use windlass_queue_local::{LocalLimits, LocalQueue, LocalSignals};
use windlass_store_sqlite::{SqliteStore, SystemClock};
use windlass_vault::KeyVault;
use windlass_vault::key_file::{self, Database};
use windlass_worker::{Agent, Outcome, RunContext, RunFailure, Worker, WorkerError};

use super::*;

/// Nothing here takes that long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Does what the run's input says, without any website.
#[derive(Default)]
struct TestAgent {
    waiting: Notify,
}

#[async_trait]
impl Agent for TestAgent {
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
        if context.run.input["do"] == "wait without beginning" {
            self.waiting.notify_one();
            return Err(context.stopped().await.into());
        }
        let credential = context.begin().await?;
        if context.run.input["do"] == "wait" {
            self.waiting.notify_one();
            return Err(context.stopped().await.into());
        }
        context.progress(1, "log in")?;
        let code = Field {
            name: "code".to_owned(),
            kind: "string".to_owned(),
            label: "Code".to_owned(),
            options: None,
            required: true,
        };
        let checkpoint = context.run.input["checkpoint"].as_str();
        let checkpoint = checkpoint.map(|it| it.as_bytes().to_vec().into());
        let answers = context
            .ask("mfa", "Enter the code.", vec![code], checkpoint)
            .await?;
        let kept = context
            .store_file(CapturedFile {
                file_name: "../bill.pdf".to_owned(),
                file_type: "application/pdf".to_owned(),
                metadata: json!({"page": 2}).as_object().cloned(),
                extraction: match &context.run.task.extraction {
                    Some(asked) => Extraction::Taken(json!({"prompt": asked.prompt})),
                    None => Extraction::None,
                },
                content: stream::iter([Ok(Bytes::from_static(b"%PDF"))]).boxed(),
            })
            .await?;
        let left = context.run.checkpoint.as_ref();
        let left = left.map(|left| String::from_utf8_lossy(left.expose_secret()).into_owned());
        let password = credential.and_then(|credential| credential.password);
        Ok(Outcome {
            output: json!({
                "password_is_right": password.is_some_and(|it| it.expose_secret() == "hunter2"),
                "code": answers[0].1.expose_secret(),
                "file": kept.map(|id| id.to_string()),
                "goes_on_from": left,
            }),
            credential: Some(CredentialReport::Verified),
            session: AfterRun::End,
            login: None,
        })
    }

    async fn end_session(&self, _: SessionId) {}
}

/// No playbook comes here.
struct AnyPlaybook;

impl PlaybookRules for AnyPlaybook {
    fn check(&self, _: &Value) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}

/// A server without its HTTP, and its embedded worker.
struct World {
    application: Application,
    write: Write,
    agent: Arc<TestAgent>,
    stop: CancellationToken,
    worker: JoinHandle<Result<(), WorkerError>>,
    _folder: TempDir,
}

fn done<T>(written: Written<T>) -> T {
    match written {
        Written::Done(done) => done,
        Written::Replayed(_) => panic!("nothing here has an idempotency key"),
    }
}

impl World {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let store = SqliteStore::open(&folder.path().join("windlass.db"), clock.clone()).await;
        let store = Arc::new(store.unwrap());
        let master_key = key_file::open(&folder.path().join("master.key"), Database::New).unwrap();
        let ports = Ports {
            agents: store.clone(),
            sources: store.clone(),
            credentials: store.clone(),
            tasks: store.clone(),
            playbooks: store.clone(),
            runs: store.clone(),
            sessions: store.clone(),
            files: store.clone(),
            screenshots: store.clone(),
            events: store.clone(),
            destinations: store.clone(),
            deliveries: store.clone(),
            organizations: store.clone(),
            keys: store.clone(),
            tokens: store.clone(),
            workers: store.clone(),
            blobs: Arc::new(Folder::open(&folder.path().join("files")).unwrap()),
            vault: Arc::new(KeyVault::new(&master_key[0], store)),
            queue: Arc::new(LocalQueue::default()),
            signals: Arc::new(LocalSignals::default()),
            limits: Arc::new(LocalLimits::default()),
            egress: Arc::new(Policy::default()),
            playbook_rules: Arc::new(AnyPlaybook),
            webhooks: None,
            clock,
        };
        let application = Application::new(ports, Settings::default());
        let key = NewKey {
            organization: "nordlys".to_owned(),
            environment: Environment::Test,
            scope: Scope::Full,
            expires_at: None,
            chosen: None,
        };
        let operator = Operator::now(application.ports.clock.now(), None);
        let issued = application.issue_key.execute(&operator, key).await;
        let key = issued.unwrap().record;
        let write = Write {
            organization: OrganizationContext::of_server(key.organization_id),
            actor: Actor::Key(key.id),
            request_id: RequestId::new(application.ports.clock.now(), random()),
            address: None,
            trace_parent: None,
            idempotency: None,
        };
        let agent = Arc::new(TestAgent::default());
        let stop = CancellationToken::new();
        Self {
            worker: start_worker(&application, &agent, &stop),
            application,
            write,
            agent,
            stop,
            _folder: folder,
        }
    }

    async fn task(&self, output_schema: Option<Value>) -> TaskId {
        let new = NewAgent {
            id: None,
            name: "Bills".to_owned(),
            description: None,
            wrong: Vec::new(),
        };
        let agent = self
            .application
            .create_agent
            .execute(self.write.clone(), new);
        let new = NewTask {
            id: None,
            name: "Latest bill".to_owned(),
            agent_id: done(agent.await.unwrap()).agent.id.to_string(),
            prompt: None,
            input_schema: None,
            output_schema,
            storage: Some(StorageSettings {
                enabled: true,
                extraction: true,
                extraction_schema: Some(json!({"required": ["prompt"]})),
                extraction_prompt: Some("The number.".to_owned()),
                deduplication: false,
                deduplication_schema: None,
            }),
            settings: NewTaskSettings {
                source: Some("none".to_owned()),
                ..NewTaskSettings::default()
            },
            wrong: Vec::new(),
        };
        let task = self
            .application
            .create_task
            .execute(self.write.clone(), new);
        done(task.await.unwrap()).id
    }

    async fn credential(&self) -> CredentialId {
        let new = NewSource {
            id: None,
            name: None,
            url: "https://nordlys.invalid/login".to_owned(),
            wrong: Vec::new(),
        };
        let source = self
            .application
            .create_source
            .execute(self.write.clone(), new);
        let new = NewCredential {
            source_id: done(source.await.unwrap()).id.to_string(),
            auth_method: Some("username_password".to_owned()),
            contents: NewContents {
                username: Some("ada".to_owned()),
                password: Some(SecretString::from("hunter2")),
                totp_secret: None,
                source_fields: BTreeMap::new(),
            },
            external_id: None,
            wrong: Vec::new(),
        };
        let create = &self.application.create_credential;
        let credential = create.execute(self.write.clone(), new).await;
        done(credential.unwrap()).credential.id
    }

    async fn start(&self, task_id: &TaskId, run: NewTaskRun) -> RunId {
        let start = &self.application.start_run;
        let started = start.execute(self.write.clone(), task_id, run).await;
        done(started.unwrap()).run.id
    }

    /// The run, once it needs somebody or has ended.
    async fn wait(&self, run_id: RunId) -> RunView {
        let organization = self.write.organization;
        let wait = &self.application.wait_for_run;
        let stop = CancellationToken::new();
        let waited = wait.execute(organization, run_id, PATIENCE, &stop).await;
        waited.unwrap()
    }

    async fn answer(&self, run_id: RunId) {
        let answers = BTreeMap::from([("code".to_owned(), SecretString::from("123456"))]);
        let answer = &self.application.answer_interaction;
        let answered = answer.execute(self.write.clone(), run_id, Reply::Answers(answers));
        answered.await.unwrap();
    }

    async fn end(self) {
        self.stop.cancel();
        self.worker.await.unwrap().unwrap();
    }
}

/// A start of the embedded worker.
fn start_worker(
    application: &Application,
    agent: &Arc<TestAgent>,
    stop: &CancellationToken,
) -> JoinHandle<Result<(), WorkerError>> {
    let worker = Worker {
        name: "embedded".to_owned(),
        pools: vec![Pool::default_pool()],
        capacity: 4,
        kept_sessions: 1,
        drain: Duration::ZERO,
        protocol: protocol(application),
        agent: Arc::clone(agent) as Arc<dyn Agent>,
    };
    let told = stop.clone();
    tokio::spawn(async move { worker.run(told).await })
}

fn told(what: &str) -> NewTaskRun {
    NewTaskRun {
        input: Some(json!({"do": what})),
        ..NewTaskRun::default()
    }
}

#[tokio::test]
async fn a_run_goes_from_start_to_output_by_way_of_a_person() {
    let world = World::begin().await;
    let task_id = world
        .task(Some(json!({"required": ["code", "file"]})))
        .await;
    let credential_id = world.credential().await;
    let run = NewTaskRun {
        credential_id: Some(credential_id.to_string()),
        ..NewTaskRun::default()
    };
    let run_id = world.start(&task_id, run).await;

    let asking = world.wait(run_id).await;
    assert_eq!(asking.run.status(), Status::InteractionRequired);
    world.answer(run_id).await;
    let ended = world.wait(run_id).await;

    assert_eq!(ended.run.status(), Status::Completed, "{ended:?}");
    let output = ended.output.unwrap();
    assert_eq!(output["password_is_right"], true);
    assert_eq!(output["code"], "123456");
    let ports = &world.application.ports;
    let organization = world.write.organization;
    let page = PageRequest {
        limit: 10,
        position: Position::Start,
    };
    let files = ports
        .files
        .list(organization, FileFilter::default(), page)
        .await;
    let files = files.unwrap().items;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].file_name, "bill.pdf");
    assert_eq!(output["file"], files[0].id.to_string());
    let metadata = json!({"page": 2}).as_object().cloned();
    assert_eq!(files[0].metadata, metadata);
    let taken = Extraction::Taken(json!({"prompt": "The number."}));
    assert_eq!(files[0].extraction, taken);
    let credential = ports.credentials.get(organization, credential_id).await;
    let credential = credential.unwrap().unwrap();
    assert_eq!(credential.status, CredentialStatus::Verified);
    let timeline = ports.runs.timeline(organization, run_id).await.unwrap();
    let progress = timeline
        .iter()
        .find(|line| line.kind == TimelineKind::Progress);
    assert_eq!(progress.unwrap().message.as_deref(), Some("log in"));
    world.end().await;
}

#[tokio::test]
async fn an_output_that_breaks_the_schema_fails_the_run() {
    let world = World::begin().await;
    let schema = json!({"properties": {"code": {"type": "integer"}}});
    let task_id = world.task(Some(schema)).await;
    let run_id = world.start(&task_id, NewTaskRun::default()).await;

    world.wait(run_id).await;
    world.answer(run_id).await;
    let ended = world.wait(run_id).await;

    let RunState::Failed { errors } = &ended.run.state else {
        panic!("{ended:?}");
    };
    assert_eq!(errors[0].code, ErrorCode::OutputInvalid);
    assert_eq!(errors[0].field.as_deref(), Some("/code"));
    assert_eq!(ended.output, None);
    world.end().await;
}

#[tokio::test]
async fn a_cancel_reaches_the_agent_long_before_its_next_renewal() {
    let world = World::begin().await;
    let task_id = world.task(None).await;
    let run_id = world.start(&task_id, told("wait")).await;
    world.agent.waiting.notified().await;
    let asked_at = Instant::now();

    let cancel = &world.application.cancel_run;
    let canceled = cancel.execute(world.write.clone(), run_id).await;
    assert_eq!(done(canceled.unwrap()).run.status(), Status::Canceling);
    let ended = world.wait(run_id).await;

    assert_eq!(ended.run.status(), Status::Canceled);
    assert!(asked_at.elapsed() < Settings::default().lease / 3);
    world.end().await;
}

#[tokio::test]
async fn a_drain_gives_back_what_has_not_begun() {
    let world = World::begin().await;
    let task_id = world.task(None).await;
    let run_id = world.start(&task_id, told("wait without beginning")).await;
    world.agent.waiting.notified().await;

    world.stop.cancel();
    world.worker.await.unwrap().unwrap();

    let runs = &world.application.ports.runs;
    let run = runs.get(world.write.organization, run_id).await;
    let run = run.unwrap().unwrap().run;
    assert_eq!(run.status(), Status::Queued);
    assert_eq!(run.attempts, 0);
}

#[tokio::test]
async fn a_new_start_loses_what_the_one_before_it_had_begun() {
    let world = World::begin().await;
    let task_id = world.task(None).await;
    let run_id = world.start(&task_id, told("wait")).await;
    world.agent.waiting.notified().await;

    let next = protocol(&world.application);
    let registration = next.register("embedded", None).await.unwrap();

    assert_eq!(registration.lost_leases, 1);
    let ended = world.wait(run_id).await;
    let RunState::Failed { errors } = &ended.run.state else {
        panic!("{ended:?}");
    };
    assert_eq!(errors[0].code, ErrorCode::SessionLost);
    let old = world.worker.await.unwrap();
    assert!(
        matches!(old, Err(WorkerError::Superseded { .. })),
        "{old:?}"
    );
}
