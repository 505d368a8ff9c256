//! Starts a run of a task.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_domain::credential::{Credential, CredentialStatus};
use windlass_domain::id::{CredentialId, RunId, SessionId, SourceId, TaskId};
use windlass_domain::pool::Pool;
use windlass_domain::run::{Epoch, Metadata, Run, RunState, Waiting};
use windlass_domain::session::Session;
use windlass_domain::task::{SourceRequirement, Task};

use crate::announce::Announcer;
use crate::command::announced;
use crate::contents;
use crate::error::CallError;
use crate::field;
use crate::ports::runs::{NewRun, RunView};
use crate::ports::{Clock, Credentials, Playbooks, Runs, Sessions, Sources, Tasks, Vault};
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::random::random;
use crate::schema::Schemas;
use crate::write::{OrganizationContext, Write, Written};

/// The most pairs of a run's metadata.
const MAX_METADATA: usize = 50;
/// The longest key of a run's metadata, in characters.
const MAX_METADATA_KEY: usize = 40;
/// The longest value of a run's metadata, in characters.
const MAX_METADATA_VALUE: usize = 500;

/// A run as its caller gives it.
#[derive(Debug, Clone, Default)]
pub struct NewTaskRun {
    /// Who is to be logged in; follows from the session where left out.
    pub credential_id: Option<String>,
    /// Where it is done; follows from the session or the credential where left out.
    pub source_id: Option<String>,
    /// The session that it goes on in; a new one where left out.
    pub session_id: Option<String>,
    /// What the task takes; `{}` where left out.
    pub input: Option<Value>,
    /// The caller's own pairs.
    pub metadata: Metadata,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Starts a run of a task.
pub struct StartRun {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) playbooks: Arc<dyn Playbooks>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) announcer: Announcer,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a run refers to, once all of it was found.
#[derive(Default)]
struct References {
    session: Option<Session>,
    credential: Option<Credential>,
    source_id: Option<SourceId>,
}

impl StartRun {
    /// Checks what the run refers to and its input, and queues it.
    ///
    /// # Errors
    /// `NotFound` of the task; all that is wrong with the request; a session that is not the
    /// credential's or source's, or has ended; a credential that was deleted.
    pub async fn execute(
        &self,
        write: Write,
        task_id: &TaskId,
        new: NewTaskRun,
    ) -> Result<Written<RunView>, CallError> {
        let organization = write.organization;
        let task = self.tasks.get(organization, task_id).await?;
        let task = task.ok_or(CallError::NotFound(Resource::Task))?;
        let mut problems = Vec::new();
        let found = self.find(organization, &new, &mut problems).await?;
        // What was named and cannot be found, or read, might have had the source.
        let all_found = problems.is_empty() && !new.wrong.iter().any(is_reference);
        let input = new.input.unwrap_or_else(|| json!({}));
        problems.extend(
            self.schemas
                .input_problems(organization.organization_id(), &task, &input),
        );
        check_metadata(&new.metadata, &mut problems);
        if all_found
            && found.source_id.is_none()
            && task.settings.source == SourceRequirement::Required
        {
            problems.push(Problem::of(
                ProblemKind::Missing,
                "source_id",
                "`source_id` is missing; give it, or a `credential_id` or `session_id` that has one.",
            ));
        }
        let problems = with_form(new.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        if let Some(credential) = &found.credential
            && credential.status == CredentialStatus::Deleted
        {
            return Err(CallError::CredentialDeleted);
        }
        let task_created_at = task.created_at;
        let run = self.run(organization, task, found).await?;
        let vault = self.vault.of(organization.organization_id()).await?;
        let start = NewRun {
            task_created_at,
            input: contents::seal_input(&*vault, run.id, &input),
            metadata: new.metadata,
            run,
        };
        let written = self
            .runs
            .start(write, start)
            .await
            .map_err(|error| CallError::of_write(error, Resource::Session))?;
        Ok(announced(&self.announcer, written).await)
    }

    async fn find(
        &self,
        organization: OrganizationContext,
        new: &NewTaskRun,
        problems: &mut Vec<Problem>,
    ) -> Result<References, CallError> {
        let session = self.session(organization, new, problems).await?;
        let credential_id = new.credential_id.as_deref().and_then(|given| {
            field::reference(
                "credential_id",
                given,
                CredentialId::parse,
                Resource::Credential,
                problems,
            )
        });
        let source_id = new.source_id.as_deref().and_then(|given| {
            field::reference(
                "source_id",
                given,
                SourceId::parse,
                Resource::Source,
                problems,
            )
        });
        let of_session = session.as_ref().and_then(|session| session.credential_id);
        let credential = match credential_id.or(of_session) {
            None => None,
            Some(id) => {
                let credential = self.credentials.get(organization, id).await?;
                // A session's own credential has its record as long as the session.
                if credential.is_none() && credential_id.is_some() {
                    problems.push(field::unknown("credential_id", Resource::Credential));
                }
                credential
            }
        };
        if let Some(source_id) = &source_id
            && self.sources.get(organization, source_id).await?.is_none()
        {
            problems.push(field::unknown("source_id", Resource::Source));
        }
        if !problems.is_empty() {
            return Ok(References::default());
        }
        if let Some(session) = &session
            && new.wrong.is_empty()
        {
            matches_session(session, credential_id, source_id.as_ref())?;
        }
        if let (Some(credential), Some(source_id)) = (&credential, &source_id)
            && credential.source_id != *source_id
        {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "source_id",
                "`source_id` is not the source of this credential; leave it out.",
            ));
        }
        let source_id = source_id
            .or_else(|| {
                session
                    .as_ref()
                    .and_then(|session| session.source_id.clone())
            })
            .or_else(|| {
                credential
                    .as_ref()
                    .map(|credential| credential.source_id.clone())
            });
        Ok(References {
            session,
            credential,
            source_id,
        })
    }

    async fn session(
        &self,
        organization: OrganizationContext,
        new: &NewTaskRun,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Session>, CallError> {
        let Some(given) = new.session_id.as_deref() else {
            return Ok(None);
        };
        let parsed = field::reference(
            "session_id",
            given,
            SessionId::parse,
            Resource::Session,
            problems,
        );
        let Some(id) = parsed else { return Ok(None) };
        let session = self.sessions.get(organization, id).await?;
        if session.is_none() {
            problems.push(field::unknown("session_id", Resource::Session));
        }
        Ok(session)
    }

    async fn run(
        &self,
        organization: OrganizationContext,
        task: Task,
        found: References,
    ) -> Result<Run, CallError> {
        let playbook_version = match &found.source_id {
            None => None,
            Some(source_id) => self
                .playbooks
                .get(organization, &task.id, source_id)
                .await?
                .map(|playbook| playbook.version),
        };
        let pool = match (&found.session, &task.settings.pool, playbook_version) {
            // Only the worker that keeps the session may have the run, and it leases from there.
            (Some(session), _, _) => session.pool.clone(),
            (None, Some(pool), _) => pool.clone(),
            (None, None, Some(_)) => Pool::builtin(),
            (None, None, None) => Pool::default_pool(),
        };
        let now = self.clock.now();
        let session_id = found.session.as_ref().map(|session| session.id);
        Ok(Run {
            id: RunId::new(now, random()),
            organization_id: organization.organization_id(),
            opened_session: session_id.is_none(),
            session_id: session_id.unwrap_or_else(|| SessionId::new(now, random())),
            task_id: task.id,
            task_version: task.version,
            agent_id: task.agent_id,
            source_id: found.source_id,
            credential_id: found.credential.map(|credential| credential.id),
            playbook_version,
            pool,
            settings: task.settings,
            state: RunState::Queued {
                waiting: Waiting::ForWorker,
                checkpoint: None,
                secrets_version: None,
            },
            version: 1,
            epoch: Epoch::NONE,
            attempts: 0,
            losses: 0,
            runtime: Duration::ZERO,
            finished: None,
            created_at: now,
            updated_at: now,
        })
    }
}

/// Whether a problem is about what a run refers to.
fn is_reference(problem: &Problem) -> bool {
    matches!(
        problem.field.as_deref(),
        Some("credential_id" | "source_id" | "session_id")
    )
}

/// What is given beside a session must be the session's.
fn matches_session(
    session: &Session,
    credential_id: Option<CredentialId>,
    source_id: Option<&SourceId>,
) -> Result<(), CallError> {
    if credential_id.is_some() && credential_id != session.credential_id {
        return Err(CallError::SessionMismatch { what: "credential" });
    }
    if source_id.is_some() && source_id != session.source_id.as_ref() {
        return Err(CallError::SessionMismatch { what: "source" });
    }
    Ok(())
}

fn check_metadata(metadata: &Metadata, problems: &mut Vec<Problem>) {
    if metadata.len() > MAX_METADATA {
        let given = metadata.len();
        problems.push(Problem::of(
            ProblemKind::Invalid,
            "metadata",
            format!("`metadata` must have {MAX_METADATA} pairs at most; it has {given}."),
        ));
    }
    for (key, value) in metadata.iter().take(MAX_METADATA) {
        if key.is_empty() || key.chars().count() > MAX_METADATA_KEY {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "metadata",
                format!("A key of `metadata` must have 1 to {MAX_METADATA_KEY} characters."),
            ));
        }
        if value.chars().count() > MAX_METADATA_VALUE {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                format!("metadata.{key}"),
                format!("A value of `metadata` must have {MAX_METADATA_VALUE} characters at most."),
            ));
        }
    }
}

#[cfg(test)]
mod tests;
