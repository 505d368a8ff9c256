//! What a decision leaves behind, for the store that saves it.

use std::collections::HashMap;

use windlass_application::ports::StoreError;
use windlass_domain::credential::Credential;
use windlass_domain::event::EventData;
use windlass_domain::id::{CredentialId, OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{Changes, LifecycleEvent, Scene, Subject};
use windlass_domain::run::{Holder, Metadata, Run, RunCommand};
use windlass_domain::session::Session;

use crate::rows::corrupt;
use crate::{NewEvent, RunFacts, SessionFacts};

/// Runs by their ids: a session may have thousands, and an end of it changes all of them.
pub fn by_id(runs: &[Run]) -> HashMap<RunId, &Run> {
    runs.iter().map(|run| (run.id, run)).collect()
}

/// The start of a worker whose word a command is, where it holds the run.
pub fn caller_of(runs: &[Run], run_id: RunId, command: &RunCommand) -> Option<Holder> {
    let RunCommand::Worker { .. } = command else {
        return None;
    };
    let run = runs.iter().find(|run| run.id == run_id)?;
    run.state.lease().map(|lease| lease.holder)
}

/// The session of a run as a decision leaves it.
///
/// # Errors
/// `Corrupt` where there is none.
pub fn session_after<'a>(
    scene: &'a Scene,
    changes: &'a Changes,
    run_id: RunId,
) -> Result<&'a Session, StoreError> {
    let session = changes.session.as_ref().or(scene.session.as_ref());
    session.ok_or_else(|| corrupt("run", &run_id, &"a run has a session"))
}

/// The credential that entered a status, if one did. [`EnteredStatuses`] tells it as it is saved.
pub fn credential_told(changes: &Changes) -> Option<CredentialId> {
    changes.events.iter().find_map(|event| match event.subject {
        Subject::Credential { credential_id } => Some(credential_id),
        Subject::Run { .. } | Subject::Session { .. } => None,
    })
}

/// What a decision changed, to tell of the statuses that it entered.
#[derive(Debug)]
pub struct EnteredStatuses<'a> {
    /// What it changed.
    pub changes: &'a Changes,
    /// The callers' own pairs, by run.
    pub metadata: &'a HashMap<RunId, Metadata>,
    /// The credential of [`credential_told`] as it is saved, with whose it is.
    pub credential: Option<(OrganizationId, Credential)>,
}

impl EnteredStatuses<'_> {
    /// An event for each status entered, in their order.
    ///
    /// # Errors
    /// `Corrupt` where it is told of what has not changed.
    pub fn events(&self) -> Result<Vec<NewEvent>, StoreError> {
        let runs = by_id(&self.changes.runs);
        let events = self.changes.events.iter();
        events.map(|event| self.event(&runs, event)).collect()
    }

    fn event(
        &self,
        runs: &HashMap<RunId, &Run>,
        event: &LifecycleEvent,
    ) -> Result<NewEvent, StoreError> {
        let (organization_id, data) = match event.subject {
            Subject::Run {
                run_id,
                version,
                runtime,
            } => {
                let (organization_id, facts) = self.run_facts(runs, run_id)?;
                let summary = facts.summary(event.event_type, event.at, version, runtime);
                let summary = summary.map_err(|error| corrupt("run", &run_id, &error))?;
                (organization_id, EventData::Run(summary))
            }
            Subject::Session {
                session_id,
                version,
                runtime,
            } => {
                let (organization_id, facts) = self.session_facts(session_id)?;
                let summary = facts.summary(event.event_type, event.at, version, runtime);
                let summary = summary.map_err(|error| corrupt("session", &session_id, &error))?;
                (organization_id, EventData::Session(summary))
            }
            Subject::Credential { credential_id } => {
                let (organization_id, credential) = self.credential(credential_id)?;
                (organization_id, EventData::Credential(credential))
            }
        };
        Ok(NewEvent {
            organization_id,
            event_type: event.event_type,
            at: event.at,
            data,
        })
    }

    fn run_facts(
        &self,
        runs: &HashMap<RunId, &Run>,
        run_id: RunId,
    ) -> Result<(OrganizationId, RunFacts), StoreError> {
        let run = runs.get(&run_id).ok_or_else(|| {
            let rule = "a run that enters a status changes";
            corrupt("run", &run_id, &rule)
        })?;
        let metadata = self.metadata.get(&run_id).cloned().unwrap_or_default();
        Ok((run.organization_id, RunFacts::of(run, metadata)))
    }

    fn session_facts(
        &self,
        session_id: SessionId,
    ) -> Result<(OrganizationId, SessionFacts), StoreError> {
        let session = self.changes.session.as_ref().ok_or_else(|| {
            let rule = "a session that enters a status changes";
            corrupt("session", &session_id, &rule)
        })?;
        Ok((session.organization_id, SessionFacts::of(session)))
    }

    fn credential(
        &self,
        credential_id: CredentialId,
    ) -> Result<(OrganizationId, Credential), StoreError> {
        let told = self.credential.as_ref();
        let told = told.filter(|(_, credential)| credential.id == credential_id);
        told.cloned().ok_or_else(|| {
            let rule = "a session's credential is kept";
            corrupt("credential", &credential_id, &rule)
        })
    }
}
