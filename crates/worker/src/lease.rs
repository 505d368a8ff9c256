//! A leased run: all that an agent needs to know of it.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::Value;
use windlass_domain::Timestamp;
use windlass_domain::id::{CredentialId, RunId, SessionId, SourceId, TaskId};
use windlass_domain::run::Epoch;
use windlass_domain::task::TaskSettings;

use crate::protocol::LeaseKey;

/// A run that this worker holds.
#[derive(Clone)]
pub struct LeasedRun {
    /// The run.
    pub run_id: RunId,
    /// The session that it is done in.
    pub session_id: SessionId,
    /// Whether the worker has that session's state from a run before; else it starts from nothing,
    /// even where it knows the id.
    pub resumed: bool,
    /// What is to be done.
    pub task: LeasedTask,
    /// What the caller gave, checked against the task's input schema. A secret of the caller's.
    pub input: Value,
    /// Where it is to be done.
    pub source: Option<LeasedSource>,
    /// Who is to be logged in; its secrets come with `begin`.
    pub credential_id: Option<CredentialId>,
    /// The way through the source, where one is recorded.
    pub playbook: Option<Value>,
    /// Where to go on, if an earlier lease of this run left word.
    pub checkpoint: Option<SecretSlice<u8>>,
    /// The lease's number; every call carries it.
    pub epoch: Epoch,
    /// Whether the run has begun by being leased.
    pub begun: bool,
    /// When the lease is lost, unless it is renewed.
    pub lease_expires_at: Timestamp,
    /// The trace that the run's start was a part of, as a `traceparent` header has it.
    pub trace_parent: Option<String>,
}

impl LeasedRun {
    /// Which lease this is.
    pub fn lease(&self) -> LeaseKey {
        LeaseKey {
            run_id: self.run_id,
            epoch: self.epoch,
        }
    }
}

/// A task as its runs see it: the version that the run started with.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedTask {
    /// Its id.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// What a model is told to do.
    pub prompt: Option<String>,
    /// What the input matches.
    pub input_schema: Option<Value>,
    /// What the output must match.
    pub output_schema: Option<Value>,
    /// Whether files that the agent downloads are kept.
    pub files_kept: bool,
    /// What is to be taken out of each file; None where nothing is.
    pub extraction: Option<FileExtraction>,
    /// Clocks, engine and the like.
    pub settings: TaskSettings,
}

/// What a task wants taken out of its runs' files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FileExtraction {
    /// What the data must match; None where its shape is the agent's choice.
    pub schema: Option<Value>,
    /// What a model is told to take out.
    pub prompt: Option<String>,
    /// The fields by which the task knows a file again, which belong to what is taken out.
    pub deduplication_schema: Option<Value>,
}

/// A source as runs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedSource {
    /// Its id.
    pub id: SourceId,
    /// Where work starts.
    pub url: String,
}

/// A credential with its secrets, for the agent alone.
#[derive(Clone)]
pub struct OpenedCredential {
    /// Its id.
    pub id: CredentialId,
    /// Whether a run has logged in with it before, or was refused.
    pub was_tried: bool,
    /// The user name; None where it only links a person.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The base32 secret of a TOTP authenticator.
    pub totp_secret: Option<SecretString>,
    /// What else the source asks for.
    pub source_fields: BTreeMap<String, String>,
    /// What the source knew the person by in an earlier session, where the task keeps logins: a new
    /// session may start from it.
    pub login: Option<Login>,
}

/// What a source knows a person by who is logged in, such as cookies: the agent's own bytes, which
/// the server seals with the credential.
#[derive(Clone)]
pub struct Login(SecretSlice<u8>);

impl Login {
    /// A login of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// Its bytes, as they were given.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login(..)")
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}
