//! A lease as the server tells it, and as an agent gets it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{SecretSlice, SecretString};
use serde::Deserialize;
use serde_json::Value;
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, RunId, SessionId, SourceId, TaskId};
use windlass_domain::pool::Pool;
use windlass_domain::run::Epoch;
use windlass_domain::task::{
    Concurrency, Engine as PlayedBy, Priority, Review, SourceRequirement, TaskSettings,
};
use windlass_wire::worker::credential::OpenedCredentialBody;

use crate::lease::{FileExtraction, LeasedRun, LeasedSource, LeasedTask, Login, OpenedCredential};

/// What is answered to a lease call. Each lease is read by itself, so that one which is not understood
/// keeps no other from being done.
#[derive(Deserialize)]
pub(super) struct Leased {
    pub(super) leases: Vec<Value>,
    pub(super) ended_sessions: Vec<String>,
    pub(super) stopping: Vec<String>,
    pub(super) brought: u32,
}

/// What cannot be understood of a lease, such as the name of a field. Never a value: some are secret.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not understood")]
pub(super) struct NotUnderstood(&'static str);

#[derive(Deserialize)]
struct Lease {
    run: Run,
    task: Task,
    input: Value,
    source: Option<Source>,
    session: Session,
    playbook: Option<Value>,
    checkpoint: Option<String>,
    epoch: u32,
    begun: bool,
    lease_expires_at: String,
}

#[derive(Deserialize)]
struct Run {
    id: String,
    credential_id: Option<String>,
    trace_parent: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    resumed: bool,
}

#[derive(Deserialize)]
struct Source {
    id: String,
    website: Website,
}

#[derive(Deserialize)]
struct Website {
    url: String,
}

#[derive(Deserialize)]
struct Task {
    id: String,
    name: String,
    prompt: Option<String>,
    input_schema: Option<Value>,
    output_schema: Option<Value>,
    storage: Option<Storage>,
    settings: Settings,
}

#[derive(Deserialize)]
struct Storage {
    enabled: bool,
    extraction: bool,
    extraction_schema: Option<Value>,
    extraction_prompt: Option<String>,
    deduplication_schema: Option<Value>,
}

#[derive(Deserialize)]
struct Settings {
    inactivity_timeout_seconds: u64,
    timeout_seconds: Option<u64>,
    interaction_timeout_seconds: u64,
    queue_timeout_seconds: u64,
    review_timeout_seconds: Option<u64>,
    review: String,
    pool: Option<String>,
    max_attempts: u32,
    priority: u8,
    concurrency: Option<Limits>,
    keep_login: bool,
    session_idle_seconds: u64,
    source: String,
    engine: String,
}

#[derive(Deserialize)]
struct Limits {
    per_credential: Option<u32>,
    per_source: Option<u32>,
}

/// Reads one lease.
pub(super) fn leased_run(lease: Value) -> Result<LeasedRun, NotUnderstood> {
    let lease: Lease = serde_json::from_value(lease).map_err(|_| NotUnderstood("its form"))?;
    let checkpoint = match &lease.checkpoint {
        Some(text) => Some(bytes(text).ok_or(NotUnderstood("checkpoint"))?),
        None => None,
    };
    let credential_id = lease.run.credential_id.as_deref().map(CredentialId::parse);
    Ok(LeasedRun {
        run_id: RunId::parse(&lease.run.id).map_err(|_| NotUnderstood("run.id"))?,
        session_id: SessionId::parse(&lease.session.id).map_err(|_| NotUnderstood("session.id"))?,
        resumed: lease.session.resumed,
        task: task(lease.task)?,
        input: lease.input,
        source: lease.source.map(source).transpose()?,
        credential_id: credential_id
            .transpose()
            .map_err(|_| NotUnderstood("run.credential_id"))?,
        playbook: lease.playbook,
        checkpoint,
        epoch: Epoch(lease.epoch),
        begun: lease.begun,
        lease_expires_at: Timestamp::parse(&lease.lease_expires_at)
            .map_err(|_| NotUnderstood("lease_expires_at"))?,
        trace_parent: lease.run.trace_parent,
    })
}

fn source(source: Source) -> Result<LeasedSource, NotUnderstood> {
    Ok(LeasedSource {
        id: SourceId::parse(&source.id).map_err(|_| NotUnderstood("source.id"))?,
        url: source.website.url,
    })
}

fn task(task: Task) -> Result<LeasedTask, NotUnderstood> {
    Ok(LeasedTask {
        id: TaskId::parse(&task.id).map_err(|_| NotUnderstood("task.id"))?,
        name: task.name,
        prompt: task.prompt,
        input_schema: task.input_schema,
        output_schema: task.output_schema,
        files_kept: task.storage.as_ref().is_none_or(|storage| storage.enabled),
        extraction: task.storage.and_then(extraction),
        settings: settings(task.settings)?,
    })
}

fn extraction(storage: Storage) -> Option<FileExtraction> {
    (storage.enabled && storage.extraction).then_some(FileExtraction {
        schema: storage.extraction_schema,
        prompt: storage.extraction_prompt,
        deduplication_schema: storage.deduplication_schema,
    })
}

fn settings(told: Settings) -> Result<TaskSettings, NotUnderstood> {
    let pool = told.pool.as_deref().map(Pool::parse).transpose();
    Ok(TaskSettings {
        inactivity_timeout: Duration::from_secs(told.inactivity_timeout_seconds),
        timeout: told.timeout_seconds.map(Duration::from_secs),
        interaction_timeout: Duration::from_secs(told.interaction_timeout_seconds),
        queue_timeout: Duration::from_secs(told.queue_timeout_seconds),
        review_timeout: told.review_timeout_seconds.map(Duration::from_secs),
        review: Review::parse(&told.review).ok_or(NotUnderstood("task.settings.review"))?,
        pool: pool.map_err(|_| NotUnderstood("task.settings.pool"))?,
        max_attempts: told.max_attempts,
        priority: Priority::new(told.priority).ok_or(NotUnderstood("task.settings.priority"))?,
        concurrency: told.concurrency.map(|limits| Concurrency {
            per_credential: limits.per_credential,
            per_source: limits.per_source,
        }),
        keep_login: told.keep_login,
        session_idle: Duration::from_secs(told.session_idle_seconds),
        source: SourceRequirement::parse(&told.source)
            .ok_or(NotUnderstood("task.settings.source"))?,
        engine: PlayedBy::parse(&told.engine).ok_or(NotUnderstood("task.settings.engine"))?,
    })
}

/// Reads an opened credential.
pub(super) fn opened(told: OpenedCredentialBody) -> Result<OpenedCredential, NotUnderstood> {
    let login = match &told.login {
        Some(text) => {
            let bytes = STANDARD.decode(text);
            Some(Login::new(bytes.map_err(|_| NotUnderstood("login"))?))
        }
        None => None,
    };
    let secrets = told.auth_credentials;
    Ok(OpenedCredential {
        id: CredentialId::parse(&told.id).map_err(|_| NotUnderstood("credential.id"))?,
        was_tried: told.status != "unverified",
        username: secrets.username,
        password: secrets.password.map(SecretString::from),
        totp_secret: secrets.totp_secret.map(SecretString::from),
        source_fields: secrets.source_fields,
        login,
    })
}

/// Bytes that stand in base64; None where it is none.
fn bytes(text: &str) -> Option<SecretSlice<u8>> {
    STANDARD.decode(text).ok().map(SecretSlice::from)
}
